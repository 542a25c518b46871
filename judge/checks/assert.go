package checks

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
	"github.com/ohler55/ojg/jp"
)

// Bounds on an assertion. Plans are an operator's own, but answers are not.
const (
	maxAssertion = 2000      // bytes of its text
	maxNodes     = 500       // of its syntax tree
	maxSteps     = 1_000_000 // elements that its predicates may look at
)

// Assertion is an expression over an [Answer] that must be true. It may be used by
// many goroutines.
//
// The language is that of expr-lang/expr, made strict: what an answer does not have
// (a key, an element, a header, a certificate) is an error and not nil, so that
// nothing holds by absence.
type Assertion struct {
	text    string
	program *vm.Program
	paths   []jp.Expr
	named   map[string]bool // status, body, json, tls, …, tls.daysLeft
}

// CompileAssertion reads an expression about the answer to an HTTP check.
func CompileAssertion(text string) (*Assertion, error) { return OfHTTP.Compile(text) }

// Compile reads an expression and checks its types. Its error is an [*AssertionError].
func (w Words) Compile(text string) (a *Assertion, err error) {
	defer func() {
		if p := recover(); p != nil { // a library's defect must not end the loading of plans
			a, err = nil, &AssertionError{Line: 1, Column: 1, Text: "cannot be read; write it more simply"}
		}
	}()
	if len(text) > maxAssertion {
		return nil, &AssertionError{Line: 1, Column: 1, Text: fmt.Sprintf("is %d bytes long; write at most %d, or two assertions", len(text), maxAssertion)}
	}
	if err := validate(text); err != nil {
		return nil, w.positioned(err)
	}
	s := &strict{labels: map[ast.Node]string{}, named: map[string]bool{}}
	program, err := expr.Compile(text, expr.Env(w.only((&evaluation{}).env())), expr.AsBool(), expr.MaxNodes(maxNodes), expr.Patch(s))
	if s.err != nil {
		return nil, w.positioned(s.err.Bind(file.NewSource(text)))
	}
	if err != nil {
		return nil, w.positioned(err)
	}
	return &Assertion{text: text, program: program, paths: s.paths, named: s.named}, nil
}

// String returns the expression as it was written.
func (a *Assertion) String() string { return a.text }

// evaluation is one assertion held against one answer.
type evaluation struct {
	ended func() error // why there is no more time, or nil
	a     *Assertion
	of    Answer
	steps int
	seen  []seen
}

// seen is a value that an assertion looked at.
type seen struct {
	label string
	value any
}

// env is what expressions can name. What begins with __ is what they are rewritten to.
func (e *evaluation) env() map[string]any {
	return map[string]any{
		"status": e.of.Status, "proto": e.of.Proto, "headers": e.of.Headers, "body": e.of.Body,
		"latency": e.of.Latency, "tls": e.of.TLS, "json": e.json,
		"code": e.of.Code, "value": e.of.Value, "values": e.of.Values, "count": len(e.of.Values),
		fnDocument: e.document, fnMember: e.member, fnHeader: e.header, fnHasHeader: e.hasHeader, fnPath: e.path, fnStep: e.step,
	}
}

// json is what json("$.a") is type-checked as; it is rewritten to path.
func (e *evaluation) json(string) (any, error) { return nil, errors.New("a path must be a text") }

func (e *evaluation) document() any { return e.of.JSON }

// member returns a member of an object or an element of a list.
func (e *evaluation) member(label string, from, key any) (any, error) {
	v := reflect.ValueOf(from)
	switch v.Kind() {
	case reflect.Map:
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("%s is an object, and its keys are text", label)
		}
		at := v.MapIndex(reflect.ValueOf(name))
		if !at.IsValid() {
			return nil, fmt.Errorf("%s has no key %q", label, clip(name, 60))
		}
		return e.note(labelOf(label, key), at.Interface()), nil
	case reflect.Slice, reflect.Array:
		i, ok := key.(int)
		if !ok {
			return nil, fmt.Errorf("%s is a list, and has no key %q", label, clip(fmt.Sprint(key), 60))
		}
		n := v.Len()
		if i < -n || i >= n {
			return nil, fmt.Errorf("%s has no element %d; it has %d", label, i, n)
		}
		if i < 0 {
			i += n
		}
		return e.note(labelOf(label, key), v.Index(i).Interface()), nil
	}
	return nil, fmt.Errorf("%s is %s, and has no key %q", label, kindOf(from), clip(fmt.Sprint(key), 60))
}

func (e *evaluation) header(name string) (string, error) {
	v, ok := e.of.Headers[strings.ToLower(name)]
	if !ok {
		return "", fmt.Errorf("the answer has no header %s", clip(name, 60))
	}
	e.note("header "+name, v)
	return v, nil
}

func (e *evaluation) hasHeader(name string) bool {
	_, ok := e.of.Headers[strings.ToLower(name)]
	return ok
}

// path returns what a JSONPath finds: one value where it can name one only, else a list.
func (e *evaluation) path(i int) (any, error) {
	p := e.a.paths[i]
	found := p.Get(e.of.JSON)
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("%s is not in the answer's JSON", p)
	case singular(p):
		return e.note(p.String(), found[0]), nil
	}
	return e.note(p.String(), found), nil
}

// step counts an element that a predicate looks at, so that none goes on for ever.
func (e *evaluation) step() (bool, error) {
	if e.steps++; e.steps > maxSteps {
		return false, fmt.Errorf("it looks at more than %d elements", maxSteps)
	}
	if e.ended() != nil {
		return false, errors.New("there was no time left to evaluate it")
	}
	return true, nil
}

// note keeps a value for the sentence, and drops the one that it is a part of.
func (e *evaluation) note(label string, v any) any {
	if n := len(e.seen); n > 0 && partOf(label, e.seen[n-1].label) {
		e.seen = e.seen[:n-1]
	}
	const most = 8
	if len(e.seen) < most {
		e.seen = append(e.seen, seen{label, v})
	}
	return v
}

func partOf(label, of string) bool {
	rest, ok := strings.CutPrefix(label, of)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '[')
}

// Check returns "" where the assertion holds for an answer, else a sentence that
// names it and the values that it saw, without credentials.
func (a *Assertion) Check(ctx context.Context, of Answer) (failure string) {
	said := "the assertion " + clip(oneLine(hideKnown(a.text, of.Hidden)), 160) // the plan's own words, which are shown
	defer func() {
		if recover() != nil {
			failure = said + " could not be evaluated; this is a defect of the server"
		}
	}()
	switch {
	case a.named["tls"] && of.TLS == nil:
		return said + " fails: the answer did not come over TLS"
	case (a.named["body"] || a.named["json"]) && of.Cut != "":
		return said + " fails: " + of.Cut
	case a.named["json"] && of.NoJSON != "":
		return said + " fails: the body is no JSON: " + clip(oneLine(of.NoJSON), 120)
	}
	e := &evaluation{ended: ctx.Err, a: a, of: of}
	got, err := expr.Run(a.program, e.env())
	if err != nil {
		return said + " fails: " + clip(oneLine(hide(reasonOf(err), of.Hidden)), 200)
	}
	switch ok, isBool := got.(bool); {
	case !isBool:
		return said + " gives " + kindOf(got) + ", and must give true or false"
	case ok:
		return ""
	}
	return said + " does not hold" + e.values()
}
