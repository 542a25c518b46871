package plan

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/serin-canary/serin/judge/checks"
)

// template parses a check's text and tries it on an invented target. Of the template
// language it takes what names facts and chooses between them: nothing that loops, and
// nothing that could make a text of any size.
func (b *builder) template(path, text string) (string, bool) {
	t, err := template.New("text").Funcs(sampleFuncs()).Parse(text)
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
		if !b.speaksOfArms(tree.Root, path) || !b.speaksOfValues(tree.Root, path) || !b.speaksOfSecrets(tree.Root, path) {
			return "", false
		}
	}
	var out strings.Builder
	if err := t.Execute(&limitedWriter{to: &out, left: 1 << 16}, sample(b.texts.values)); err != nil {
		_, after, _ := strings.Cut(err.Error(), ">: ")
		b.at(path, "its template fails: %s; facts are .Service, .Namespace, .Revision, and of .Arm, .Canary and .Baseline: .URL, .Workload, .Namespace, .Version, .Labels", orWord(after, "it does not end"))
		return "", false
	}
	return out.String(), true
}

// speaksOfArms notes which arms a text names, and refuses what does not fit the arms that
// the check is run on.
func (b *builder) speaksOfArms(root parse.Node, path string) bool {
	for _, f := range partsOf[*parse.FieldNode](root) {
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

// speaksOfValues refuses a value that no step before has extracted.
func (b *builder) speaksOfValues(root parse.Node, path string) bool {
	for _, f := range partsOf[*parse.FieldNode](root) {
		switch {
		case f.Ident[0] != "Values":
			continue
		case b.texts.values == nil:
			b.at(path, "names .Values, which only the steps of a journey have")
		case len(f.Ident) != 2:
			b.at(path, "names .Values, and no value of them; write {{ .Values.token }}")
		case !b.texts.values[f.Ident[1]]:
			b.at(path, "names .Values.%s, and no step before it extracts %s%s", f.Ident[1], f.Ident[1], didYouMean(f.Ident[1], slices.Sorted(maps.Keys(b.texts.values))))
		default:
			continue
		}
		return false
	}
	return true
}

// speaksOfSecrets refuses a secret that is not named outright: a name that is made of
// facts could be anybody's.
func (b *builder) speaksOfSecrets(root parse.Node, path string) bool {
	for _, c := range partsOf[*parse.CommandNode](root) {
		for i, arg := range c.Args {
			if id, ok := arg.(*parse.IdentifierNode); !ok || id.Ident != "secret" {
				continue
			}
			if i == 0 && len(c.Args) == 2 {
				if name, ok := c.Args[1].(*parse.StringNode); ok && checks.SecretName(name.Text) {
					continue
				}
			}
			b.at(path, `its template names no secret; write {{ secret "name" }}, with letters, digits and . - _ in the name`)
			return false
		}
	}
	return true
}

// partsOf returns the nodes of a type below a node, itself among them.
func partsOf[T parse.Node](n parse.Node) []T {
	var out []T
	if t, ok := n.(T); ok {
		out = append(out, t)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			out = append(out, belowEach[T](n.Nodes)...)
		}
	case *parse.ActionNode:
		out = append(out, partsOf[T](n.Pipe)...)
	case *parse.IfNode:
		out = append(out, belowEach[T]([]parse.Node{n.Pipe, n.List, n.ElseList})...)
	case *parse.PipeNode:
		out = append(out, belowEach[T](n.Cmds)...)
	case *parse.CommandNode:
		out = append(out, belowEach[T](n.Args)...)
	}
	return out
}

func belowEach[T, N parse.Node](nodes []N) []T {
	var out []T
	for _, n := range nodes {
		out = append(out, partsOf[T](n)...)
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
		case "index", "urlquery", "eq", "ne", "and", "or", "not", "secret", "basic", "json":
			return ""
		}
		return n.Ident
	case *parse.TextNode, *parse.FieldNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.CommentNode:
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

// sampleFuncs are the functions of templates, with invented secrets.
func sampleFuncs() template.FuncMap {
	funcs := checks.Target{}.TemplateFuncs()
	funcs["secret"] = func(name string) string { return "secret-" + name }
	return funcs
}

// sample is the target on which templates are tried, with invented values of the names
// that are known.
func sample(names map[string]bool) checks.Target {
	values := map[string]string{}
	for name := range names {
		values[name] = "value"
	}
	arm := func(name string) checks.Arm {
		return checks.Arm{
			URL: "http://" + name + ".example:8080", Workload: name, Namespace: "namespace", Version: "v1",
			Labels: map[string]string{},
		}
	}
	return checks.Target{
		Service: "service", Namespace: "namespace", Revision: "revision",
		Canary: arm("canary"), Baseline: arm("baseline"), Arm: arm("arm"),
		Values: values,
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
