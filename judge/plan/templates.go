package plan

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/serin-canary/serin/judge/checks"
)

// template parses a check's text and tries it on an invented target. Of the template
// language it takes what names facts and chooses between them: nothing that loops, and
// nothing that could make a text of any size.
func (b *builder) template(path, text string) (string, bool) {
	t, err := template.New("text").Parse(text)
	if err != nil {
		b.at(path, "its template does not parse: %s", regexp.MustCompile(`^template: text:(\d+:)* *`).ReplaceAllString(err.Error(), ""))
		return "", false
	}
	for _, tree := range t.Templates() {
		if tree.Tree == nil {
			continue
		}
		if n := refused(tree.Root); n != "" || tree.Name() != "text" {
			b.at(path, "its template uses %s; templates may name facts ({{ .Canary.URL }}) and choose with if, and no more", orWord(n, "define"))
			return "", false
		}
		if !b.speaksOfArms(tree.Root, path) {
			return "", false
		}
	}
	var out strings.Builder
	if err := t.Execute(&limitedWriter{to: &out, left: 1 << 16}, sample()); err != nil {
		_, after, _ := strings.Cut(err.Error(), ">: ")
		b.at(path, "its template fails: %s; facts are .Service, .Namespace, .Revision, and of .Arm, .Canary and .Baseline: .URL, .Workload, .Namespace, .Version, .Labels", orWord(after, "it does not end"))
		return "", false
	}
	return out.String(), true
}

// speaksOfArms notes which arms a text names, and refuses what does not fit the arms that
// the check is run on.
func (b *builder) speaksOfArms(root parse.Node, path string) bool {
	for _, f := range fields(root) {
		switch name := f.Ident[0]; {
		case name == "Arm":
			b.texts.arm = true
		case b.texts.both && (name == "Canary" || name == "Baseline"):
			b.at(path, "names .%s, and arms: both runs the check on each arm; write .Arm, as in {{ .Arm.URL }}", name)
			return false
		}
	}
	return true
}

// fields returns the facts that a template names.
func fields(n parse.Node) []*parse.FieldNode {
	var out []*parse.FieldNode
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			out = fieldsOf(n.Nodes)
		}
	case *parse.ActionNode:
		out = fields(n.Pipe)
	case *parse.IfNode:
		out = fieldsOf([]parse.Node{n.Pipe, n.List, n.ElseList})
	case *parse.PipeNode:
		out = fieldsOf(n.Cmds)
	case *parse.CommandNode:
		out = fieldsOf(n.Args)
	case *parse.FieldNode:
		out = append(out, n)
	}
	return out
}

func fieldsOf[T parse.Node](nodes []T) []*parse.FieldNode {
	var out []*parse.FieldNode
	for _, n := range nodes {
		out = append(out, fields(n)...)
	}
	return out
}

func orWord(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

// refused returns the first part of a template that a check may not use, or "".
func refused(n parse.Node) string {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil { // an if without else
			return ""
		}
		return firstRefused(n.Nodes)
	case *parse.ActionNode:
		return refused(n.Pipe)
	case *parse.IfNode:
		return firstRefused([]parse.Node{n.Pipe, n.List, n.ElseList})
	case *parse.PipeNode:
		return firstRefused(n.Cmds)
	case *parse.CommandNode:
		return firstRefused(n.Args)
	case *parse.IdentifierNode:
		switch n.Ident {
		case "index", "urlquery", "eq", "ne", "and", "or", "not":
			return ""
		}
		return n.Ident
	case *parse.TextNode, *parse.FieldNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.DotNode, *parse.CommentNode:
		return ""
	}
	return n.String()
}

func firstRefused[T parse.Node](nodes []T) string {
	for _, n := range nodes {
		if s := refused(n); s != "" {
			return s
		}
	}
	return ""
}

// sample is the target on which templates are tried.
func sample() checks.Target {
	arm := func(name string) checks.Arm {
		return checks.Arm{
			URL: "http://" + name + ".example:8080", Workload: name, Namespace: "namespace", Version: "v1",
			Labels: map[string]string{},
		}
	}
	return checks.Target{
		Service: "service", Namespace: "namespace", Revision: "revision",
		Canary: arm("canary"), Baseline: arm("baseline"), Arm: arm("arm"),
	}
}

// limitedWriter refuses what is longer than a check's text may be.
type limitedWriter struct {
	to   io.Writer
	left int
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, fmt.Errorf("its text is longer than 64 KiB")
	}
	return w.to.Write(p)
}
