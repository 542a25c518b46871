package synthetics

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"

	"github.com/serin-canary/serin/judge/checks"
)

var secretCall = regexp.MustCompile(`\{\{[^}]*\bsecret\b`)

// leftOut collects what a test cannot say.
type leftOut []string

func (l *leftOut) add(format string, args ...any) { *l = append(*l, fmt.Sprintf(format, args...)) }

// assertionsOf says of an answer what the check says, as far as Datadog can.
func assertionsOf(h checks.HTTP, t checks.Target, left *leftOut) []datadogV1.SyntheticsAssertion {
	var out []datadogV1.SyntheticsAssertion
	switch len(h.Status) {
	case 0:
		out = append(out, number(datadogV1.SYNTHETICSASSERTIONTYPE_STATUS_CODE, datadogV1.SYNTHETICSASSERTIONOPERATOR_IS, 200))
	case 1:
		out = append(out, number(datadogV1.SYNTHETICSASSERTIONTYPE_STATUS_CODE, datadogV1.SYNTHETICSASSERTIONOPERATOR_IS, float64(h.Status[0])))
	default:
		var codes []string
		for _, c := range h.Status {
			codes = append(codes, strconv.Itoa(c))
		}
		out = append(out, text(datadogV1.SYNTHETICSASSERTIONTYPE_STATUS_CODE, datadogV1.SYNTHETICSASSERTIONOPERATOR_MATCHES, "^("+strings.Join(codes, "|")+")$"))
	}
	if h.Within > 0 {
		out = append(out, number(datadogV1.SYNTHETICSASSERTIONTYPE_RESPONSE_TIME, datadogV1.SYNTHETICSASSERTIONOPERATOR_LESS_THAN, float64(h.Within.Milliseconds())))
	}
	out = append(out, document("$", h.JSON, t, left)...)
	for _, a := range h.Assert {
		if one, ok := expression(a); ok {
			out = append(out, one)
		} else {
			left.add("the assertion %s has no counterpart in a test of Datadog's", a)
		}
	}
	return out
}

func number(of datadogV1.SyntheticsAssertionType, op datadogV1.SyntheticsAssertionOperator, target float64) datadogV1.SyntheticsAssertion {
	v := datadogV1.SyntheticsAssertionTargetValueNumberAsSyntheticsAssertionTargetValue(&target)
	return datadogV1.SyntheticsAssertionTargetAsSyntheticsAssertion(datadogV1.NewSyntheticsAssertionTarget(op, v, of))
}

func text(of datadogV1.SyntheticsAssertionType, op datadogV1.SyntheticsAssertionOperator, target string) datadogV1.SyntheticsAssertion {
	v := datadogV1.SyntheticsAssertionTargetValueStringAsSyntheticsAssertionTargetValue(&target)
	return datadogV1.SyntheticsAssertionTargetAsSyntheticsAssertion(datadogV1.NewSyntheticsAssertionTarget(op, v, of))
}

// atPath says that the value at a JSONPath is a text or a number.
func atPath(path string, value datadogV1.SyntheticsAssertionTargetValue) datadogV1.SyntheticsAssertion {
	is := "is"
	a := datadogV1.NewSyntheticsAssertionJSONPathTarget(datadogV1.SYNTHETICSASSERTIONJSONPATHOPERATOR_VALIDATES_JSON_PATH, datadogV1.SYNTHETICSASSERTIONTYPE_BODY)
	a.Target = &datadogV1.SyntheticsAssertionJSONPathTargetTarget{JsonPath: &path, Operator: &is, TargetValue: &value}
	return datadogV1.SyntheticsAssertionJSONPathTargetAsSyntheticsAssertion(a)
}

// plainKey is a key that JSONPath takes without quotes.
var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// document asserts each value of an expected document by its path.
func document(path string, v any, t checks.Target, left *leftOut) (out []datadogV1.SyntheticsAssertion) {
	switch v := v.(type) {
	case nil:
		if path != "$" {
			left.add("%s must be null, which a test of Datadog's cannot ask", path)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if !plainKey.MatchString(k) {
				left.add("the key %q at %s is not one that a JSONPath takes without quotes", k, path)
				continue
			}
			out = append(out, document(path+"."+k, v[k], t, left)...)
		}
	case string:
		filled, err := checks.Fill("json", v, t)
		if err != nil {
			left.add("the text at %s: %v", path, err)
			return nil
		}
		out = append(out, atPath(path, datadogV1.SyntheticsAssertionTargetValueStringAsSyntheticsAssertionTargetValue(&filled)))
	case int:
		f := float64(v)
		out = append(out, atPath(path, datadogV1.SyntheticsAssertionTargetValueNumberAsSyntheticsAssertionTargetValue(&f)))
	case float64:
		out = append(out, atPath(path, datadogV1.SyntheticsAssertionTargetValueNumberAsSyntheticsAssertionTargetValue(&v)))
	default:
		left.add("what %s must be is neither a text nor a number, and a test of Datadog's asks for no more", path)
	}
	return out
}

// The expressions that have a counterpart.
var (
	ofBody    = regexp.MustCompile(`^\s*body\s+(contains|matches)\s+("(?:[^"\\]|\\.)*")\s*$`)
	ofLatency = regexp.MustCompile(`^\s*latency\s*<\s*duration\(\s*"([^"]+)"\s*\)\s*$`)
	ofHeader  = regexp.MustCompile(`^\s*headers\[\s*"([A-Za-z0-9-]+)"\s*\]\s*(==|contains|matches)\s*("(?:[^"\\]|\\.)*")\s*$`)
	ofJSON    = regexp.MustCompile(`^\s*json((?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s*==\s*("(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?)\s*$`)
)

// expression turns an assertion of a plan into one of Datadog's.
func expression(a string) (datadogV1.SyntheticsAssertion, bool) {
	operators := map[string]datadogV1.SyntheticsAssertionOperator{
		"==": datadogV1.SYNTHETICSASSERTIONOPERATOR_IS, "contains": datadogV1.SYNTHETICSASSERTIONOPERATOR_CONTAINS, "matches": datadogV1.SYNTHETICSASSERTIONOPERATOR_MATCHES,
	}
	if m := ofBody.FindStringSubmatch(a); m != nil {
		s, err := strconv.Unquote(m[2])
		return text(datadogV1.SYNTHETICSASSERTIONTYPE_BODY, operators[m[1]], s), err == nil
	}
	if m := ofLatency.FindStringSubmatch(a); m != nil {
		d, err := time.ParseDuration(m[1])
		return number(datadogV1.SYNTHETICSASSERTIONTYPE_RESPONSE_TIME, datadogV1.SYNTHETICSASSERTIONOPERATOR_LESS_THAN, float64(d.Milliseconds())), err == nil && d >= time.Millisecond
	}
	if m := ofHeader.FindStringSubmatch(a); m != nil {
		s, err := strconv.Unquote(m[3])
		one := text(datadogV1.SYNTHETICSASSERTIONTYPE_HEADER, operators[m[2]], s)
		one.SyntheticsAssertionTarget.SetProperty(m[1])
		return one, err == nil
	}
	if m := ofJSON.FindStringSubmatch(a); m != nil {
		if s, err := strconv.Unquote(m[2]); err == nil {
			return atPath("$"+m[1], datadogV1.SyntheticsAssertionTargetValueStringAsSyntheticsAssertionTargetValue(&s)), true
		}
		f, err := strconv.ParseFloat(m[2], 64)
		return atPath("$"+m[1], datadogV1.SyntheticsAssertionTargetValueNumberAsSyntheticsAssertionTargetValue(&f)), err == nil
	}
	return datadogV1.SyntheticsAssertion{}, false
}
