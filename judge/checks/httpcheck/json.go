package httpcheck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/serin-canary/serin/judge/checks"
)

// comparison is of a document with what is wanted.
type comparison struct {
	known []string // credentials, which no sentence shows
}

// difference returns the first difference between what is wanted and what came, as
// a clause: $.status is "degraded", want "ok". It is empty where there is none.
//
// An object may have more members than are wanted, except where it must be exact:
// within an array, which is compared by equality.
func (c comparison) difference(at string, want, got any, exact bool) string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			member, ok := object[key]
			if !ok {
				return fmt.Sprintf("%s is missing, want %s", under(at, key), wanted(want[key]))
			}
			if d := c.difference(under(at, key), want[key], member, exact); d != "" {
				return d
			}
		}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if _, ok := want[key]; exact && !ok {
				return fmt.Sprintf("%s is %s, want no such member", under(at, key), c.show(under(at, key), object[key]))
			}
		}
		return ""
	case []any:
		list, ok := got.([]any)
		if !ok {
			break
		}
		for i := range min(len(want), len(list)) {
			if d := c.difference(fmt.Sprintf("%s[%d]", at, i), want[i], list[i], true); d != "" {
				return d
			}
		}
		if len(want) != len(list) {
			return fmt.Sprintf("%s has %d elements, want %d", at, len(list), len(want))
		}
		return ""
	case json.Number:
		if number, ok := got.(json.Number); ok && sameNumber(string(want), string(number)) {
			return ""
		}
	default: // string, bool, nil
		if want == got {
			return ""
		}
	}
	return fmt.Sprintf("%s is %s, want %s", at, c.show(at, got), wanted(want))
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// under returns the path of a member.
func under(at, key string) string {
	if plainKey.MatchString(key) {
		return at + "." + key
	}
	return at + "[" + checks.Line(strconv.QuoteToGraphic(key), 60) + "]"
}

// show writes what came, without credentials.
func (c comparison) show(at string, v any) string { return checks.Shown(at, v, mostShown, c.known) }

// wanted writes what the plan wants, which is shown with the plan: only what templates
// put into it may be hidden, and is by the veil of the run.
func wanted(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "unreadable" // not reached: it was JSON
	}
	return checks.Line(b.String(), mostShown)
}

// mostShown is how many characters of a value a sentence shows.
const mostShown = 60

// sameNumber compares two JSON numbers by value, exactly: 1.50e1 is 15, and
// 9007199254740993 is not 9007199254740992.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	x, ok := parseNumber(a)
	y, ok2 := parseNumber(b)
	return ok && ok2 && x == y
}

// number is a decimal: digits × 10^exponent, without zeros at either end of digits.
// Zero has no digits and no sign.
type number struct {
	negative bool
	digits   string
	exponent int64
}

// parseNumber reads a JSON number. It works on its digits, so that 1e999999999 is
// as cheap as 1. It fails for an exponent beyond an int32, which only equals itself.
func parseNumber(s string) (number, bool) {
	var n number
	s, n.negative = strings.CutPrefix(s, "-")
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i+1:]
		e, err := strconv.ParseInt(exponent, 10, 32)
		if err != nil {
			return number{}, false
		}
		n.exponent = e
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	n.digits = strings.TrimLeft(whole+fraction, "0")
	n.exponent -= int64(len(fraction))
	short := strings.TrimRight(n.digits, "0")
	n.exponent += int64(len(n.digits) - len(short))
	n.digits = short
	if n.digits == "" {
		return number{}, true
	}
	return n, true
}
