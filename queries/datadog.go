package queries

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// datadog reads one metric query of Datadog:
//
//	sum:trace.http.request.errors{service:checkout} by {pod_name}.as_count()
//	count(v: v>0.5):trace.http.request{service:checkout}.as_count()
//	p99:trace.http.request{service:checkout}
func (a *arithmetic) datadog() meaning {
	p := Part{From: a.at}
	p.Func = a.while(func(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' })
	threshold := p.Func == "count" && a.at < len(a.text) && a.text[a.at] == '('
	switch {
	case p.Func == "":
		return a.fail("a query begins with how it is aggregated, as in sum:requests{service:checkout}.as_count()")
	case threshold:
		bound := regexp.MustCompile(`^\( ?v ?: ?v ?(<=|>=|<|>) ?([0-9]+(?:\.[0-9]+)?) ?\)`).FindStringSubmatch(a.text[a.at:])
		if bound == nil {
			return a.fail("a threshold is written count(v: v>0.5):metric{…}")
		}
		a.at += len(bound[0])
		p.Func = "count(v: v" + bound[1] + bound[2] + ")"
	case a.at < len(a.text) && a.text[a.at] == '(':
		return a.failAt(p.From, fmt.Sprintf("the function %s() is not taken; + - * / stand between metrics, and what has no data is a gap, or 0 errors where there are requests", p.Func))
	case !aggregates(p.Func):
		return a.failAt(p.From, fmt.Sprintf("%q is none of sum, avg, min, max, count and percentiles such as p99", p.Func))
	}
	if !a.has(":") {
		return a.fail("a : and the metric's name are missing after " + p.Func)
	}
	if p.Name = a.while(isName); p.Name == "" || !isLetter(p.Name[0]) {
		return a.fail("the metric's name is missing")
	}
	return a.datadogTail(p)
}

// datadogTail reads what follows the name: the filter, the groups, the modifiers.
func (a *arithmetic) datadogTail(p Part) meaning {
	from := a.at
	filter, ok := a.braces()
	if !ok {
		return cannot("")
	}
	if p.Filter = strings.Join(strings.Fields(filter), " "); p.Filter == "" {
		return a.failAt(from, "the braces are empty; {*} is everything")
	}
	if err := checkFilter(p.Filter); err != nil {
		return a.failAt(from, err.Error())
	}
	a.groups(&p)
	made := ""
	for a.fault == nil && a.has(".") {
		at := a.at - 1
		name := a.while(isLetter)
		args, _, closed := strings.Cut(a.text[a.at:], ")")
		if !closed || !strings.HasPrefix(args, "(") {
			return a.failAt(at, "a modifier is written with parentheses, as in .as_count()")
		}
		a.at += len(args) + 1
		switch args = strings.TrimSpace(args[1:]); name {
		case "as_count":
			p.Count = true
		case "as_rate":
			made = "as_rate() is no count; write as_count()"
		case "rollup":
			if method, _, _ := strings.Cut(args, ","); strings.TrimSpace(method) != "sum" {
				made = "its rollup is not a sum"
			}
		case "fill":
			if args != "null" {
				return a.failAt(at, "fill() makes up values where there are none; leave it out")
			}
		default:
			return a.failAt(at, fmt.Sprintf("the modifier .%s() is not taken; there are .as_count(), .as_rate() and .rollup()", name))
		}
	}
	p.To = a.at
	return a.datadogMeaning(p, made)
}

// groups reads an optional "by {tag, tag}".
func (a *arithmetic) groups(p *Part) {
	before := a.at
	a.space()
	if !a.has("by") {
		a.at = before
		return
	}
	tags, ok := a.braces()
	if !ok {
		return
	}
	for tag := range strings.SplitSeq(tags, ",") {
		tag = strings.TrimSpace(tag)
		if !tagName(tag) {
			a.failAt(before, fmt.Sprintf("%q is no tag to group by", tag))
			return
		}
		p.By = append(p.By, tag)
	}
}

// datadogMeaning says whether a part counts events.
func (a *arithmetic) datadogMeaning(p Part, made string) meaning {
	m := a.took(p)
	percentile := strings.HasPrefix(p.Func, "p")
	switch {
	case percentile:
		return cannot(p.Func + " of one block cannot be put together with that of another; count(v: v>0.5):… counts what is slower")
	case made != "":
		return cannot(made)
	case p.Func != "sum" && !strings.HasPrefix(p.Func, "count"):
		return cannot(fmt.Sprintf("%s: loses how many events there were; sum: with .as_count() counts them", p.Func))
	case !p.Count:
		return cannot("without .as_count() it is interpolated and averaged, which no count survives")
	}
	if p.Func == "sum" {
		m.num[0].name = eventless(p.Name)
	}
	return m
}

// aggregates reports whether Datadog aggregates by a word.
func aggregates(f string) bool {
	return slices.Contains([]string{"sum", "avg", "min", "max", "count"}, f) ||
		regexp.MustCompile(`^p[0-9]{1,2}(\.[0-9]{1,2})?$`).MatchString(f)
}

func tagName(s string) bool {
	return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]{0,199}$`).MatchString(s)
}

// tagValue returns a tag's value as Datadog keeps it: in lower case.
func tagValue(s string) (string, error) {
	if !regexp.MustCompile(`^[A-Za-z0-9_./:-]{1,200}$`).MatchString(s) {
		return "", fmt.Errorf("%q cannot be a tag's value: Datadog keeps letters, digits and _ - : . / only", s)
	}
	return strings.ToLower(s), nil
}

// checkFilter refuses a filter that says something else than it seems to.
func checkFilter(f string) error {
	switch {
	case strings.ContainsAny(f, `{}"'$`+"\x00"):
		return errors.New("a filter lists tags, as in {service:checkout,env:prod}; quotes and $variables have no meaning here")
	case strings.Count(f, "(") != strings.Count(f, ")"):
		return errors.New("the filter's parentheses do not close")
	}
	depth := 0
	for _, c := range f {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return errors.New("the filter's parentheses do not close")
			}
		}
	}
	return nil
}

// boolean reports whether a filter is written with AND, OR, NOT and parentheses
// rather than as a list.
func boolean(f string) bool {
	return regexp.MustCompile(`(?i)[()]|\b(and|or|not|in)\b`).MatchString(f)
}

// withTags narrows a filter to an arm's tags.
func (p Part) withTags(matchers []Matcher) (Part, error) {
	var items []string
	wide := p.Filter == "*"
	asList := !boolean(p.Filter)
	if !wide {
		items = []string{"(" + p.Filter + ")"}
		if asList {
			items = listOf(p.Filter)
		}
	}
	for _, m := range matchers {
		tag, err := tagOf(m)
		if err != nil {
			return Part{}, err
		}
		if asList {
			if err := contradicts(items, m); err != nil {
				return Part{}, err
			}
		}
		if !slices.Contains(items, tag) {
			items = append(items, tag)
		}
	}
	if len(items) == 0 {
		return p, nil
	}
	glue := ","
	if slices.ContainsFunc(items, boolean) {
		glue = " AND "
		for i, item := range items {
			if bare, not := strings.CutPrefix(item, "!"); not {
				items[i] = "NOT " + bare
			}
		}
	}
	p.Filter = strings.Join(items, glue)
	return p, nil
}

func listOf(filter string) []string {
	var out []string
	for item := range strings.SplitSeq(filter, ",") {
		if item = strings.TrimSpace(item); item != "" && item != "*" {
			out = append(out, item)
		}
	}
	return out
}

// contradicts refuses a filter that asks for another value of an arm's tag.
func contradicts(items []string, m Matcher) error {
	for _, item := range items {
		key, value, _ := strings.Cut(item, ":")
		if key == m.Label && m.Op == Equal && !strings.Contains(value, "*") && value != strings.ToLower(m.Value) {
			return fmt.Errorf("the query asks for %s, which contradicts the arm's %s:%s: remove it from the query, or scope by another tag", item, m.Label, strings.ToLower(m.Value))
		}
	}
	return nil
}

// tagOf writes a matcher as Datadog filters. Of regular expressions it has
// alternatives and a * for anything.
func tagOf(m Matcher) (string, error) {
	if !tagName(m.Label) {
		return "", fmt.Errorf("%q is no name of a tag", m.Label)
	}
	pattern := m.Op == Match || m.Op == NotMatch
	negated := m.Op == NotEqual || m.Op == NotMatch
	var values []string
	for alternative := range strings.SplitSeq(m.Value, "|") {
		text, star := alternative, ""
		if pattern {
			if before, found := strings.CutSuffix(alternative, ".*"); found {
				text, star = before, "*"
			}
			text = strings.ReplaceAll(text, `\.`, ".")
		}
		v, err := tagValue(text)
		if err != nil || !pattern && alternative != m.Value {
			return "", fmt.Errorf("%s%s%q cannot be asked of Datadog, which knows values, a|b and a trailing .*; narrow by a tag such as version", m.Label, m.Op, m.Value)
		}
		values = append(values, v+star)
	}
	tag := m.Label + ":" + values[0]
	if len(values) > 1 {
		tag = "(" + m.Label + ":" + strings.Join(values, " OR "+m.Label+":") + ")"
	}
	switch {
	case negated && len(values) > 1:
		return "NOT " + tag, nil
	case negated:
		return "!" + tag, nil
	}
	return tag, nil
}
