package alerts

import (
	"regexp/syntax"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
)

// matching invents a value that a matcher accepts.
func matching(m *labels.Matcher) (string, bool) {
	switch m.Type {
	case labels.MatchEqual:
		return m.Value, true
	case labels.MatchRegexp:
		re, err := syntax.Parse(m.Value, syntax.Perl)
		if err != nil {
			return "", false
		}
		text := example(re)
		return text, m.Matches(text)
	case labels.MatchNotEqual, labels.MatchNotRegexp:
		for _, text := range [...]string{"some", "other", "x1", ""} {
			if m.Matches(text) {
				return text, true
			}
		}
	}
	return "", false
}

// example writes a short text of a regular language.
func example(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		// A letter or a digit, where the class has one: other characters are legal in
		// few labels.
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for _, r := range [...]rune{'a', '0', 'A'} {
				if re.Rune[i] <= r && r <= re.Rune[i+1] {
					return string(r)
				}
			}
		}
		if len(re.Rune) > 0 {
			return string(re.Rune[0])
		}
		return ""
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "a"
	case syntax.OpCapture, syntax.OpPlus:
		return example(re.Sub[0])
	case syntax.OpRepeat:
		return strings.Repeat(example(re.Sub[0]), max(re.Min, 0))
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range re.Sub {
			b.WriteString(example(sub))
		}
		return b.String()
	case syntax.OpAlternate:
		return example(re.Sub[0])
	case syntax.OpNoMatch, syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary, syntax.OpStar, syntax.OpQuest:
	}
	return ""
}
