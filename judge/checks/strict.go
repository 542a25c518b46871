package checks

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/ohler55/ojg/jp"
)

// The functions that expressions are rewritten to.
const (
	fnDocument  = "__document"
	fnMember    = "__member"
	fnHeader    = "__header"
	fnHasHeader = "__hasHeader"
	fnPath      = "__path"
	fnStep      = "__step"
)

// AssertionError is why an assertion cannot be used, and where in its text.
type AssertionError struct {
	Line, Column int // both from 1; columns in characters
	Text         string
}

// Error says where and why.
func (e *AssertionError) Error() string {
	if e.Line > 1 {
		return fmt.Sprintf("at line %d, character %d: %s", e.Line, e.Column, e.Text)
	}
	return fmt.Sprintf("at character %d: %s", e.Column, e.Text)
}

// positioned turns the library's error into ours.
func (w Words) positioned(err error) *AssertionError {
	var f *file.Error
	if errors.As(err, &f) {
		return &AssertionError{Line: max(1, f.Line), Column: f.Column + 1, Text: clip(oneLine(w.hint(f.Message)), 200)}
	}
	return &AssertionError{Line: 1, Column: 1, Text: clip(oneLine(w.hint(err.Error())), 200)}
}

// hint adds the next step to what the library says.
func (w Words) hint(text string) string {
	switch {
	case strings.HasPrefix(text, "unknown name"):
		return text + "; an assertion speaks of " + w.listed()
	case strings.HasPrefix(text, "type checks.TLS has no field "):
		return "tls has no " + strings.TrimPrefix(text, "type checks.TLS has no field ") + "; it has daysLeft, version, names and issuer"
	case strings.HasPrefix(text, "expected bool"):
		return text + "; an assertion must give true or false"
	case strings.Contains(text, "mismatched types") && strings.Contains(text, "time.Duration"):
		return text + `; write a latency as duration("300ms")`
	}
	return text
}

// reasonOf returns what a failed run said, without the library's excerpt of the text.
func reasonOf(err error) string {
	text := err.Error()
	var f *file.Error
	if errors.As(err, &f) {
		text = f.Message
	}
	if strings.HasPrefix(text, "invalid operation: bool(") {
		return "it gives neither true nor false"
	}
	return text
}

// refusing walks a tree for what makes an expression hold by absence, or what only
// the rewriting may name.
type refusing struct{ err *file.Error }

// Visit implements ast.Visitor.
func (r *refusing) Visit(node *ast.Node) {
	text := ""
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if strings.HasPrefix(n.Value, "__") || n.Value == "$env" {
			text = "unknown name " + n.Value
		}
	case *ast.MemberNode:
		if n.Optional {
			text = `?. would make nothing of a missing key; write "key" in json && json.key == …`
		}
	case *ast.BuiltinNode:
		text = refusedBuiltin(n.Name)
	}
	if text != "" && r.err == nil {
		r.err = &file.Error{Location: (*node).Location(), Message: text}
	}
}

func refusedBuiltin(name string) string {
	switch name {
	case "get":
		return "get() makes nothing of a missing key; write json.key or json[0]"
	case "first":
		return "first() makes nothing of an empty list; write list[0]"
	case "last":
		return "last() makes nothing of an empty list; write list[-1]"
	case "find", "findLast":
		return name + "() makes nothing of no match; write filter(list, condition)[0]"
	case "now":
		return "now() is not known here; use latency, or tls.daysLeft"
	}
	return ""
}

// validate parses an expression and refuses what has no place in an assertion.
func validate(text string) error {
	tree, err := parser.Parse(text)
	if err != nil {
		return err
	}
	r := &refusing{}
	ast.Walk(&tree.Node, r)
	if r.err != nil {
		return r.err.Bind(file.NewSource(text))
	}
	return nil
}

// strict rewrites an expression so that nothing that is missing becomes nil.
type strict struct {
	labels map[ast.Node]string // of rewritten nodes: how they were written
	paths  []jp.Expr
	named  map[string]bool
	err    *file.Error
}

// Visit implements ast.Visitor; children come before their parents.
func (s *strict) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		s.named[n.Value] = true
		if n.Value == "json" {
			s.labels[s.patch(node, fnDocument)] = "json"
		}
	case *ast.CallNode:
		s.call(node, n)
	case *ast.BinaryNode:
		if right, ok := n.Right.(*ast.IdentifierNode); ok && n.Operator == "in" && right.Value == "headers" {
			s.patch(node, fnHasHeader, n.Left)
		}
	case *ast.MemberNode:
		s.access(node, n)
	case *ast.PredicateNode:
		body := n.Node
		n.Node = &ast.ConditionalNode{Cond: callOf(fnStep), Exp1: body, Exp2: &ast.NilNode{}}
		n.Node.SetLocation(body.Location())
	}
}

// access rewrites a.b and a[b], except of what has a known type.
func (s *strict) access(node *ast.Node, n *ast.MemberNode) {
	if id, ok := n.Node.(*ast.IdentifierNode); ok {
		switch id.Value {
		case "headers":
			s.patch(node, fnHeader, n.Property)
			return
		case "tls":
			if p, ok := n.Property.(*ast.StringNode); ok {
				s.named["tls."+p.Value] = true
				s.labels[n] = "tls." + p.Value
			}
			return
		case "latency":
			return
		}
	}
	label := s.label(n.Node)
	made := s.patch(node, fnMember, &ast.StringNode{Value: label}, n.Node, n.Property)
	switch p := n.Property.(type) {
	case *ast.StringNode:
		s.labels[made] = labelOf(label, p.Value)
	case *ast.IntegerNode:
		s.labels[made] = labelOf(label, p.Value)
	default:
		s.labels[made] = label + "[…]"
	}
}

// call rewrites json("$.a"), whose callee has been rewritten to the document by now.
func (s *strict) call(node *ast.Node, n *ast.CallNode) {
	if s.labels[n.Callee] != "json" {
		return
	}
	text, ok := ast.Node(nil), false
	if len(n.Arguments) == 1 {
		text = n.Arguments[0]
		_, ok = text.(*ast.StringNode)
	}
	if !ok {
		s.fault(n, `json() takes one path, as text: json("$.a.b")`)
		return
	}
	p, err := readPath(text.(*ast.StringNode).Value)
	if err != nil {
		s.fault(text, err.Error())
		return
	}
	s.paths = append(s.paths, p)
	made := s.patch(node, fnPath, &ast.IntegerNode{Value: len(s.paths) - 1})
	s.labels[made] = p.String()
}

func (s *strict) fault(at ast.Node, text string) {
	if s.err == nil {
		s.err = &file.Error{Location: at.Location(), Message: text}
	}
}

// patch puts a call in a node's place.
func (s *strict) patch(node *ast.Node, name string, args ...ast.Node) ast.Node {
	for _, a := range args {
		if a.Location() == (file.Location{}) {
			a.SetLocation((*node).Location())
		}
	}
	made := callOf(name, args...)
	made.Callee.SetLocation((*node).Location())
	ast.Patch(node, made)
	return made
}

func callOf(name string, args ...ast.Node) *ast.CallNode {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
}

// label says how a node was written.
func (s *strict) label(n ast.Node) string {
	if l, ok := s.labels[n]; ok {
		return l
	}
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.PointerNode:
		return "an element"
	}
	return clip(oneLine(n.String()), 60)
}

// labelOf names a member or an element.
func labelOf(of string, key any) string {
	switch key := key.(type) {
	case string:
		if plainKey(key) {
			return of + "." + key
		}
		return fmt.Sprintf("%s[%q]", of, clip(key, 60))
	case int:
		return fmt.Sprintf("%s[%d]", of, key)
	}
	return of
}

func plainKey(key string) bool {
	return key != "" && len(key) <= 60 && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// readPath reads a JSONPath. Filters and scripts are refused, which the language of
// assertions does better; so are two descents, whose cost is a product.
func readPath(text string) (jp.Expr, error) {
	p, err := jp.ParseString(text)
	if err != nil {
		return nil, fmt.Errorf("the path %s cannot be read: %w", clip(oneLine(text), 60), err)
	}
	if len(p) == 0 {
		return nil, errors.New("the path is empty; write for example $.a.b")
	}
	if _, ok := p[0].(jp.Root); !ok {
		return nil, errors.New("a path begins with $: $.a.b")
	}
	descents := 0
	for _, f := range p {
		switch f.(type) {
		case jp.Root, jp.Child, jp.Nth, jp.Wildcard, jp.Slice:
		case jp.Descent:
			descents++
		case jp.Bracket:
		default:
			return nil, errors.New("a path names keys, elements, [*], [1:3] and one ..; for conditions write filter(json.list, .a > 1)")
		}
	}
	if descents > 1 {
		return nil, errors.New("a path may hold one ..; write the keys between")
	}
	return p, nil
}

// singular reports whether a path can name one value only.
func singular(p jp.Expr) bool {
	for _, f := range p {
		switch f.(type) {
		case jp.Root, jp.Child, jp.Nth, jp.Bracket:
		default:
			return false
		}
	}
	return true
}
