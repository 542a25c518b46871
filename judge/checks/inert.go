package checks

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Inert writes the beginning of a text that somebody else chose: in one printable line
// of at most a number of characters, without what is known to be a credential or looks
// like one.
func Inert(text string, most int, known []string) string {
	return clip(oneLine(hide(cutBytes(text), known)), most)
}

// ExcerptWithout is [Inert] in quotes.
func ExcerptWithout(text string, most int, known []string) string {
	return strconv.Quote(Inert(text, most, known))
}

var secretHeader = regexp.MustCompile(`(?i)auth|cookie|token|secret|key|passw|session|signature|credential`)

// SecretsOf returns the values of headers that carry credentials by their names, each
// also without the word before it (Bearer), which a server may say again.
func SecretsOf(headers map[string]string) []string {
	var out []string
	for name, value := range headers {
		if secretHeader.MatchString(name) {
			out = append(out, value)
			if _, bare, ok := strings.Cut(value, " "); ok {
				out = append(out, bare)
			}
		}
	}
	return out
}

// FillAll renders the templates in the values of headers.
func FillAll(what string, texts map[string]string, t Target) (map[string]string, error) {
	out := make(map[string]string, len(texts))
	for name, text := range texts {
		filled, err := Fill(what+" "+name, text, t)
		if err != nil {
			return nil, err
		}
		out[name] = filled
	}
	return out, nil
}

// CompileAll reads the assertions of a check.
func (w Words) CompileAll(texts []string) ([]*Assertion, error) {
	var out []*Assertion
	for _, text := range texts {
		a, err := w.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("its assertion %s: %w", clip(oneLine(text), 80), err)
		}
		out = append(out, a)
	}
	return out, nil
}

// Unmet says which assertions do not hold for an answer, "" where all do.
func Unmet(ctx context.Context, all []*Assertion, of Answer) string {
	const most = 5
	var bad []string
	more := 0
	for _, a := range all {
		switch said := a.Check(ctx, of); {
		case said == "":
		case len(bad) < most:
			bad = append(bad, said)
		default:
			more++
		}
	}
	if more > 0 {
		bad = append(bad, fmt.Sprintf("and %d more do not hold", more))
	}
	return strings.Join(bad, "; ")
}
