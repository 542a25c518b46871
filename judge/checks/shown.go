package checks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const hidden = "(hidden)"

// values says what an assertion that does not hold looked at.
func (e *evaluation) values() string {
	all := e.seen
	for _, v := range e.a.statics(e.of) {
		if !slices.ContainsFunc(all, func(s seen) bool { return s.label == v.label }) {
			all = append(all, v)
		}
	}
	if len(all) == 0 && e.a.named["json"] {
		all = []seen{{"json", e.of.JSON}}
	}
	var parts []string
	for _, v := range all {
		p := v.label + " is " + e.show(v.label, v.value)
		if !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + clip(strings.Join(parts, ", "), 400)
}

// statics are the values that an assertion names outright.
func (a *Assertion) statics(of Answer) []seen {
	all := []seen{{"status", of.Status}, {"proto", of.Proto}, {"latency", of.Latency}, {"body", of.Body},
		{"code", of.Code}, {"value", of.Value}, {"values", of.Values}, {"count", len(of.Values)}}
	if t := of.TLS; t != nil {
		all = append(all, seen{"tls.daysLeft", t.DaysLeft}, seen{"tls.version", t.Version}, seen{"tls.names", t.Names}, seen{"tls.issuer", t.Issuer})
	}
	return slices.DeleteFunc(all, func(s seen) bool { return !a.named[s.label] })
}

// show writes a value in few characters and without credentials.
func (e *evaluation) show(label string, v any) string { return Shown(label, v, 80, e.of.Hidden) }

// Shown writes a value of an answer in at most so many characters, without what is known
// to be a credential or looks like one: by the name under which it stands (label, or a
// member's key), or by itself.
func Shown(label string, v any, most int, known []string) string {
	if secretName.MatchString(label) {
		return hidden
	}
	switch v := v.(type) {
	case time.Duration:
		return v.Round(100 * time.Microsecond).String()
	case float64:
		return strconv.FormatFloat(v, 'g', 6, 64)
	case string:
		return strconv.Quote(clip(oneLine(hide(cutBytes(v), known)), most))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(redacted(v)); err != nil {
		return kindOf(v)
	}
	return clip(oneLine(hide(cutBytes(b.String()), known)), most)
}

// redacted returns a document without what stands under names of credentials.
func redacted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, member := range v {
			if out[key] = redacted(member); secretName.MatchString(key) {
				out[key] = hidden
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = redacted(element)
		}
		return out
	}
	return v
}

// cutBytes keeps the beginning of a long text, before it is searched for credentials.
func cutBytes(s string) string { return s[:min(len(s), 4096)] }

// credentials are parts of the names of credentials.
const credentials = `passw|pwd|secret|token|credential|api[-_]?key|private|authori[sz]|cookie|session|signature|jwt|csrf`

var (
	secretName = regexp.MustCompile(`(?i)(` + credentials + `|\bkey$|sid$)`)
	// secretPair is a name with what it stands for: a text, a list, an object or a word.
	secretPair = regexp.MustCompile(`(?i)("?(?:[\w.-]*(?:` + credentials + `)[\w.-]*|[\w.-]*sid)\\?"?\s*[:=]\s*)` +
		`(\\?"(?:[^"\\]|\\.)*"?|\[[^\]]*\]?|\{(?:[^{}]|\{[^{}]*\}?)*\}?|[^\s,;&}]+)`)
	// secretField is a field of an HTML form with its value, which stands after its name.
	secretField = regexp.MustCompile(`(?i)(\bname\s*=\s*["']?[\w.-]*(?:` + credentials + `|sid\b)[^<>]*?\bvalue\s*=\s*)("[^"]*"?|'[^']*'?|[^\s>]+)`)
	secretWords = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[\w.~+/=-]+|\beyJ[\w-]+\.[\w.-]+|://[^/\s:@]*:[^/\s@]*@`)
)

// hide takes out of a text what is known to be a credential, or looks like one.
func hide(s string, known []string) string {
	s = hideKnown(s, known)
	for _, pair := range []*regexp.Regexp{secretField, secretPair} {
		s = pair.ReplaceAllString(s, "${1}"+hidden)
	}
	return secretWords.ReplaceAllString(s, hidden)
}

// hideKnown takes out of a text what is known to be a credential.
func hideKnown(s string, known []string) string {
	if len(known) == 0 {
		return s
	}
	v := &Veil{}
	v.Learn(known...)
	return v.Hide(s)
}

// kindOf names a value's kind as JSON has it.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a truth"
	case string:
		return "text"
	case int, int64, float64:
		return "a number"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	return fmt.Sprintf("a %T", v)
}

// oneLine makes one printable line of a text.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}

// clip cuts a text to a number of characters.
func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// ReadJSON reads one document. Whole numbers that fit are ints, so that an assertion
// may compare long ones; all other numbers are float64.
func ReadJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	return numbers(v)
}

func numbers(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		if i, err := strconv.Atoi(v.String()); err == nil {
			return i, nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("the number %s is out of range", clip(v.String(), 40))
		}
		return f, nil
	case []any:
		for i := range v {
			if v[i], err = numbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = numbers(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}
