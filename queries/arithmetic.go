package queries

import (
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/promql/parser/posrange"
)

// maxNesting bounds how deep a query that is not PromQL may be nested.
const maxNesting = 64

// arithmetic parses + - * / and parentheses between numbers and the parts of a
// language, and follows what they come to. The first fault ends it.
type arithmetic struct {
	text  string
	at    int
	depth int
	part  func() meaning // reads one part of the language at at
	parts []Part
	fault *SyntaxError
}

func (a *arithmetic) whole() meaning {
	m := a.sum()
	if a.space(); a.fault == nil && a.at < len(a.text) {
		return a.fail("this cannot follow here; + - * / stand between what is asked")
	}
	return m
}

// fail notes a fault at the present position.
func (a *arithmetic) fail(why string) meaning { return a.failAt(a.at, why) }

func (a *arithmetic) failAt(at int, why string) meaning {
	if a.fault == nil {
		a.fault = faultAt(a.text, posrange.Pos(at), why)
	}
	return cannot(why)
}

func (a *arithmetic) space() {
	for a.at < len(a.text) && strings.IndexByte(" \t\r\n", a.text[a.at]) >= 0 {
		a.at++
	}
}

// next skips what stands between words, and consumes c where it comes next.
func (a *arithmetic) next(c byte) bool {
	a.space()
	if a.fault != nil || a.at >= len(a.text) || a.text[a.at] != c {
		return false
	}
	a.at++
	return true
}

// must consumes c, or fails.
func (a *arithmetic) must(c byte, where string) bool {
	if a.next(c) {
		return true
	}
	a.fail("a " + strconv.Quote(string(c)) + " is missing " + where)
	return false
}

// has consumes a text that stands exactly here.
func (a *arithmetic) has(text string) bool {
	if !strings.HasPrefix(a.text[a.at:], text) {
		return false
	}
	a.at += len(text)
	return true
}

// while consumes the characters that are accepted.
func (a *arithmetic) while(accept func(c byte) bool) string {
	from := a.at
	for a.at < len(a.text) && accept(a.text[a.at]) {
		a.at++
	}
	return a.text[from:a.at]
}

func (a *arithmetic) sum() meaning {
	m := a.product()
	for a.fault == nil {
		switch {
		case a.next('+'):
			m = both(m, a.product(), func(l, r meaning) meaning { return l.plus(1, r) })
		case a.next('-'):
			m = both(m, a.product(), func(l, r meaning) meaning { return l.plus(-1, r) })
		default:
			return m
		}
	}
	return m
}

func (a *arithmetic) product() meaning {
	m := a.factor()
	for a.fault == nil {
		switch {
		case a.next('*'):
			m = both(m, a.factor(), func(l, r meaning) meaning {
				switch {
				case l.kind == aNumber:
					return r.times(l.number)
				case r.kind == aNumber:
					return l.times(r.number)
				}
				return cannot("counts cannot be followed through this use of *")
			})
		case a.next('/'):
			m = both(m, a.factor(), meaning.over)
		default:
			return m
		}
	}
	return m
}

// both joins two meanings where neither is unreadable.
func both(l, r meaning, join func(l, r meaning) meaning) meaning {
	switch {
	case l.kind == opaque:
		return l
	case r.kind == opaque:
		return r
	}
	return join(l, r)
}

func (a *arithmetic) factor() meaning {
	if a.depth++; a.depth > maxNesting {
		return a.fail("it is nested too deeply")
	}
	defer func() { a.depth-- }()
	switch a.space(); {
	case a.fault != nil:
		return cannot(a.fault.Text)
	case a.at >= len(a.text):
		return a.fail("something to ask for is missing here")
	case a.next('-'):
		return a.factor().times(-1)
	case a.next('('):
		m := a.sum()
		a.must(')', "to close the parenthesis")
		return m
	case a.text[a.at] == '.' || isDigit(a.text[a.at]):
		return a.number()
	}
	return a.part()
}

func (a *arithmetic) number() meaning {
	from := a.at
	text := a.while(func(c byte) bool { return c == '.' || isDigit(c) })
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return a.failAt(from, strconv.Quote(text)+" is no number")
	}
	return meaning{kind: aNumber, number: v, single: true}
}

// took notes a part that has been read, and returns the counter that it is.
func (a *arithmetic) took(p Part) meaning {
	a.parts = append(a.parts, p)
	return meaning{kind: aSum, single: true, num: terms{{selector: p.String(), name: p.Name, factor: 1}}}
}

// braces consumes {…} and returns what stands inside. A quoted brace does not close.
func (a *arithmetic) braces() (string, bool) {
	if !a.must('{', "before what narrows the metric") {
		return "", false
	}
	from, quote := a.at, byte(0)
	for ; a.at < len(a.text); a.at++ {
		switch c := a.text[a.at]; {
		case quote != 0 && c == '\\':
			a.at++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '}':
			a.at++
			return a.text[from : a.at-1], true
		}
	}
	a.failAt(from-1, "this brace is not closed")
	return "", false
}

// dims consumes optional braces with dimensions.
func (a *arithmetic) dims() []Matcher {
	if a.space(); a.at >= len(a.text) || a.text[a.at] != '{' {
		return nil
	}
	from := a.at
	inside, ok := a.braces()
	if !ok {
		return nil
	}
	ms, err := ParseSelector(inside)
	if err != nil {
		a.failAt(from, "these dimensions cannot be read: "+err.Error())
		return nil
	}
	for i, m := range ms {
		if m.Op != Equal {
			a.failAt(from, "dimensions are compared by = only, as in {Service=\"checkout\"}")
			return nil
		}
		for _, o := range ms[:i] {
			if o.Label == m.Label {
				a.failAt(from, "the dimension "+m.Label+" is written twice")
				return nil
			}
		}
	}
	return ms
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func isName(c byte) bool { return isLetter(c) || isDigit(c) || c == '.' || c == '-' || c == '/' }

// quoted writes a text so that PromQL's matchers read it again.
func quoted(s string) string { return strconv.Quote(s) }

// wordOrQuoted writes a name bare where it can be read so.
func wordOrQuoted(s string) string {
	for i := range len(s) {
		if !isName(s[i]) {
			return quoted(s)
		}
	}
	return s
}
