package checks

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// Bounds on what a [Veil] can hide. What is shorter would take ordinary words along.
const (
	shortestHidden = 4 // bytes of a text that is hidden as a whole
	gramSize       = 8 // bytes of a piece of one that is hidden wherever it stands
	shortestCut    = 3 // bytes of its beginning that are hidden before a text's cut
)

// Veil hides texts that no sentence may show: secrets, and tokens that a server gave.
// It knows them as they are and as servers echo them: in base64 at each of its three
// alignments, in hexadecimal, escaped for URLs, JSON and HTML, in small letters and
// capitals, and in pieces. It may be used by many goroutines; nil hides nothing.
type Veil struct {
	mu        sync.Mutex
	spellings map[string]bool
	grams     map[string]bool
}

// Learn adds texts to be hidden. Those of fewer than four bytes are not.
func (v *Veil) Learn(texts ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.spellings == nil {
		v.spellings, v.grams = map[string]bool{}, map[string]bool{}
	}
	for _, text := range texts {
		if len(text) < shortestHidden {
			continue
		}
		for _, s := range spellings(text) {
			if s = lower(s); len(s) < shortestHidden || v.spellings[s] {
				continue
			}
			v.spellings[s] = true
			for i := 0; i+gramSize <= len(s); i++ {
				v.grams[s[i:i+gramSize]] = true
			}
		}
	}
}

// Hide returns a text with (hidden) in place of what was learnt.
func (v *Veil) Hide(text string) string {
	if v == nil || text == "" {
		return text
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.spellings) == 0 {
		return text
	}
	low := lower(text)
	covered, any := make([]bool, len(low)), false
	cover := func(from, to int) {
		any = true
		for i := from; i < to; i++ {
			covered[i] = true
		}
	}
	for i := 0; i+gramSize <= len(low); i++ {
		if v.grams[low[i:i+gramSize]] {
			cover(i, i+gramSize)
		}
	}
	for s := range v.spellings {
		if len(s) < gramSize {
			for from := 0; ; {
				i := strings.Index(low[from:], s)
				if i < 0 {
					break
				}
				cover(from+i, from+i+len(s))
				from += i + len(s)
			}
		}
		v.beforeCuts(low, s, cover)
	}
	if !any {
		return text
	}
	return uncovered(text, covered)
}

// beforeCuts covers the beginning of a spelling where the text was cut in its middle.
func (*Veil) beforeCuts(low, spelling string, cover func(from, to int)) {
	for at, rest := 0, low; ; {
		i := strings.Index(rest, "…")
		if i < 0 {
			return
		}
		at += i
		for n := min(len(spelling), at, gramSize-1); n >= shortestCut; n-- {
			if strings.HasSuffix(low[:at], spelling[:n]) {
				cover(at-n, at)
				break
			}
		}
		at += len("…")
		rest = low[at:]
	}
}

// uncovered writes a text with one (hidden) for each run of covered bytes.
func uncovered(text string, covered []bool) string {
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !covered[i]:
			b.WriteByte(text[i])
		case i == 0 || !covered[i-1]:
			b.WriteString(hidden)
		}
	}
	return strings.ToValidUTF8(b.String(), "")
}

// spellings are the ways in which a server may echo a text.
func spellings(text string) []string {
	out := []string{
		text, oneLine(text), url.QueryEscape(text), url.PathEscape(text), hex.EncodeToString([]byte(text)), html.EscapeString(text),
		strings.Trim(strconv.Quote(text), `"`),
	}
	if b, err := json.Marshal(text); err == nil {
		out = append(out, strings.Trim(string(b), `"`))
	}
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 { // bytes of something else in the same group
			s := e.EncodeToString(append(make([]byte, before), text...))
			s = s[[...]int{0, 2, 3}[before]:]
			if (before+len(text))%3 != 0 {
				s = s[:len(s)-1] // its last character depends on what follows
			}
			out = append(out, s)
		}
	}
	return out
}

// lower writes ASCII letters small, and keeps every byte where it is.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// hideAll hides in every text below a value, which is a pointer. Types of text (a
// status, a part) are words of our own, and stay.
func (v *Veil) hideAll(p any) { v.walk(reflect.ValueOf(p)) }

func (v *Veil) walk(x reflect.Value) {
	switch x.Kind() {
	case reflect.Pointer:
		if !x.IsNil() {
			v.walk(x.Elem())
		}
	case reflect.Struct:
		for i := range x.NumField() {
			if x.Type().Field(i).IsExported() {
				v.walk(x.Field(i))
			}
		}
	case reflect.Slice:
		for i := range x.Len() {
			v.walk(x.Index(i))
		}
	case reflect.Map:
		for _, k := range x.MapKeys() {
			if e := x.MapIndex(k); e.Type() == reflect.TypeFor[string]() {
				x.SetMapIndex(k, reflect.ValueOf(v.Hide(e.String())))
			}
		}
	case reflect.String:
		if x.CanSet() && x.Type() == reflect.TypeFor[string]() {
			x.SetString(v.Hide(x.String()))
		}
	}
}
