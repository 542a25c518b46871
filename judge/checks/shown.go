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
func (e *evaluation) show(label string, v any) string {
	if secretName.MatchString(label) {
		return hidden
	}
	text := ""
	switch v := v.(type) {
	case time.Duration:
		return v.Round(100 * time.Microsecond).String()
	case float64:
		return strconv.FormatFloat(v, 'g', 6, 64)
	case string:
		text = strconv.Quote(clip(oneLine(hide(cutBytes(v), e.of.Hidden)), 80))
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return kindOf(v)
		}
		text = clip(oneLine(hide(cutBytes(string(b)), e.of.Hidden)), 80)
	}
	return text
}

// cutBytes keeps the beginning of a long text, before it is searched for credentials.
func cutBytes(s string) string { return s[:min(len(s), 4096)] }

var (
	secretName  = regexp.MustCompile(`(?i)(passw|secret|token|credential|api[-_]?key|private|authori[sz]|cookie|session|signature|\bkey$)`)
	secretPair  = regexp.MustCompile(`(?i)("?[\w.-]*(?:passw|secret|token|credential|api[-_]?key|private|authori[sz]|cookie|session|signature)[\w.-]*\\?"?\s*[:=]\s*)(\\?"(?:[^"\\]|\\.)*"?|[^\s,;&}]+)`)
	secretWords = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[\w.~+/=-]+|\beyJ[\w-]+\.[\w.-]+|://[^/\s:@]*:[^/\s@]*@`)
)

// hide takes out of a text what is known to be a credential, or looks like one.
func hide(s string, known []string) string {
	if len(known) > 0 {
		v := &Veil{}
		v.Learn(known...)
		s = v.Hide(s)
	}
	return secretWords.ReplaceAllString(secretPair.ReplaceAllString(s, "${1}"+hidden), hidden)
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
