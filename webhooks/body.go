package webhooks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	maxBody  = 1 << 20 // bytes
	maxDepth = 32      // of objects and lists
)

// readBody reads the whole body before anything else looks at it, so that the
// limit holds for chunked bodies too.
func readBody(c echo.Context) ([]byte, error) { return readUpTo(c, maxBody) }

// readUpTo is [readBody] with another limit, in bytes.
func readUpTo(c echo.Context, most int64) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, c.Request().Body, most))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return nil, &HTTPError{
			Code: http.StatusRequestEntityTooLarge, Public: fmt.Sprintf("the body is larger than %d KiB", big.Limit>>10), Next: "send less", Err: err,
		}
	case err != nil:
		return nil, &HTTPError{Code: http.StatusBadRequest, Public: "the body could not be read", Next: "send it again", Err: err}
	}
	return b, nil
}

// decoding says how strictly a body is read.
type decoding int

const (
	// strict refuses fields that are not known: a misspelt field must not be a
	// silent default.
	strict decoding = iota
	// tolerant lets unknown fields pass, for bodies that a controller writes, which
	// may grow in its next version.
	tolerant
)

// decode reads one JSON object into v, a pointer to a struct. Every fault is a 400
// that says where.
func decode(body []byte, v any, d decoding) error {
	const next = "correct the body; GET /openapi.json shows its form"
	if len(bytes.TrimSpace(body)) == 0 {
		return bad(next, "the body is empty; a JSON object is expected")
	}
	if err := checkSyntax(body); err != nil {
		return bad(next, "%s", err)
	}
	w := walker{dec: json.NewDecoder(bytes.NewReader(body)), strict: d == strict}
	w.dec.UseNumber()
	if err := w.value(reflect.TypeOf(v).Elem(), ""); err != nil {
		return bad(next, "%s", err)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return bad(next, "%s", typeFault(err))
	}
	return nil
}

// checkSyntax finds the first fault of the JSON and its line and column.
func checkSyntax(body []byte) error {
	var raw json.RawMessage
	err := json.Unmarshal(body, &raw)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		at := min(max(int(syntax.Offset)-1, 0), len(body))
		line := 1 + bytes.Count(body[:at], []byte("\n"))
		column := at - bytes.LastIndexByte(body[:at], '\n')
		return fmt.Errorf("the body is not JSON: line %d, column %d: %w", line, column, err)
	case err != nil:
		return fmt.Errorf("the body is not JSON: %w", err)
	case bytes.TrimSpace(body)[0] != '{':
		return errors.New("the body is JSON, but not an object")
	}
	return nil
}

// typeFault says which field has a value of the wrong type.
func typeFault(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		field := wrong.Field
		if field == "" {
			field = "the body"
		}
		return fmt.Sprintf("%s: a JSON %s cannot be a %s", field, wrong.Value, kindWord(wrong.Type))
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// kindWord says a Go type in JSON's words.
func kindWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float64, reflect.Int:
		return "number"
	case reflect.Slice:
		return "list"
	}
	return "object"
}

// walker compares a JSON document with the type that it will be read into, for
// what encoding/json lets pass: unknown fields without their path, names in
// another case, the same name twice, and depth.
type walker struct {
	dec    *json.Decoder
	strict bool
	depth  int
}

// value walks one value. A nil type is one of which nothing is known.
func (w *walker) value(t reflect.Type, path string) error {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	tok, err := w.dec.Token()
	if err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	switch tok := tok.(type) {
	case json.Delim:
		if w.depth++; w.depth > maxDepth {
			return fmt.Errorf("%s: nested more than %d deep", pathWord(path), maxDepth)
		}
		defer func() { w.depth-- }()
		if tok == '{' {
			return w.object(t, path)
		}
		return w.list(t, path)
	case string:
		if t != reflect.TypeFor[time.Time]() {
			return nil
		}
		if _, err := time.Parse(time.RFC3339, tok); err != nil {
			return fmt.Errorf("%s: %s is not an RFC 3339 time; write for example 2026-01-31T15:04:05Z", pathWord(path), quoted(tok))
		}
	case nil:
		// null leaves a zero value behind, which would be a silent default.
		if w.strict {
			return fmt.Errorf("%s: null is not a value; leave the field out", pathWord(path))
		}
	}
	return nil
}

func (w *walker) object(t reflect.Type, path string) error {
	seen := map[string]bool{}
	for w.dec.More() {
		tok, err := w.dec.Token()
		if err != nil {
			return fmt.Errorf("the body is not JSON: %w", err)
		}
		name, _ := tok.(string)
		at := join(path, name)
		if seen[name] {
			return fmt.Errorf("%s: given twice", at)
		}
		seen[name] = true
		member, err := w.member(t, name, at)
		if err != nil {
			return err
		}
		if err := w.value(member, at); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

// member returns the type of an object's member.
func (w *walker) member(t reflect.Type, name, at string) (reflect.Type, error) {
	switch {
	case t == nil || reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return nil, nil
	case t.Kind() == reflect.Map:
		return t.Elem(), nil
	case t.Kind() != reflect.Struct:
		return nil, nil // the wrong type, which reading it will say
	}
	var known []string
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == name {
			return f.Type, nil
		}
		known = append(known, tag)
	}
	if !w.strict {
		return nil, nil
	}
	slices.Sort(known)
	return nil, fmt.Errorf("%s: unknown field; known here are %s", oneLine(at, 100), strings.Join(known, ", "))
}

func (w *walker) list(t reflect.Type, path string) error {
	var item reflect.Type
	if t != nil && t.Kind() == reflect.Slice {
		item = t.Elem()
	}
	for i := 0; w.dec.More(); i++ {
		if err := w.value(item, path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func pathWord(path string) string {
	if path == "" {
		return "the body"
	}
	return oneLine(path, 100)
}

// quoted quotes a caller's text for an error, shortened.
func quoted(text string) string { return strconv.Quote(oneLine(text, 60)) }

// writeJSON writes one JSON object. It is made whole first, so that what cannot be
// written (a number that is not finite, say) becomes an error and never half an
// answer.
func writeJSON(c echo.Context, code int, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return c.Blob(code, echo.MIMEApplicationJSON, b.Bytes())
}
