package plan

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"

	"github.com/serin-canary/serin/queries"
)

// matcherTemplate is one matcher of a selector, its value cut into text and facts.
type matcherTemplate struct {
	matcher queries.Matcher
	pieces  []piece
}

// piece is literal text, or a fact of an arm by name (Workload, Labels.app).
type piece struct {
	text string
	fact string
}

// parseSelector reads a selector: matchers whose values may mention facts of an arm.
// At least one must, or both arms would get the same series.
func parseSelector(text string) ([]matcherTemplate, error) {
	ms, err := queries.ParseSelector(text)
	if err != nil {
		return nil, err
	}
	out := make([]matcherTemplate, len(ms))
	narrows := false
	for i, m := range ms {
		ps, err := piecesOf(m.Value)
		if err != nil {
			return nil, fmt.Errorf("label %s: %w", m.Label, err)
		}
		out[i] = matcherTemplate{m, ps}
		narrows = narrows || out[i].mayNarrow()
	}
	if !narrows {
		return nil, errors.New(`no matcher with = or =~ mentions the arm, so that the service would be compared with itself; write for example pod=~"{{ .PodPattern }}"`)
	}
	return out, nil
}

// mayNarrow reports whether the matcher chooses series by what the arm is.
func (m matcherTemplate) mayNarrow() bool {
	chooses := m.matcher.Op == queries.Equal || m.matcher.Op == queries.Match
	return chooses && slices.ContainsFunc(m.pieces, func(p piece) bool { return p.fact != "" })
}

// piecesOf cuts a value into text and facts. The syntax is that of text/template, of
// which only the naming of a fact is read: {{ .Workload }}, {{ .Labels.app }} or
// {{ index .Labels "k8s-app" }}.
func piecesOf(value string) ([]piece, error) {
	trees, err := parse.Parse("value", value, "", "", map[string]any{"index": true})
	if err != nil {
		return nil, fmt.Errorf("the template %q does not parse (%s)", value, tidy(err))
	}
	if len(trees) != 1 || trees["value"] == nil || trees["value"].Root == nil {
		return nil, fmt.Errorf("the template %q is more than facts of an arm", value)
	}
	var out []piece
	for _, n := range trees["value"].Root.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			out = append(out, piece{text: string(n.Text)})
			continue
		case *parse.ActionNode:
			if fact, ok := factOf(n.Pipe); ok {
				if !slices.Contains(facts(), strings.SplitN(fact, ".", 2)[0]) || fact == "Labels" {
					return nil, fmt.Errorf("the template %q names %s, which is no fact of an arm%s", value, n, didYouMean(fact, facts()))
				}
				out = append(out, piece{fact: fact})
				continue
			}
		}
		return nil, fmt.Errorf("the template %q is more than facts of an arm; write {{ .Workload }} or {{ index .Labels \"app\" }}", value)
	}
	return out, nil
}

// tidy takes from a template's error what speaks of this package.
func tidy(err error) string {
	return strings.TrimPrefix(err.Error(), "template: value:1: ")
}

// factOf returns the fact that a pipeline names.
func factOf(p *parse.PipeNode) (string, bool) {
	if p == nil || len(p.Cmds) != 1 || len(p.Decl) != 0 {
		return "", false
	}
	args := p.Cmds[0].Args
	switch first := args[0].(type) {
	case *parse.FieldNode:
		fact := strings.Join(first.Ident, ".")
		return fact, len(args) == 1 && (len(first.Ident) == 1 || first.Ident[0] == "Labels" && len(first.Ident) == 2)
	case *parse.IdentifierNode:
		if first.Ident != "index" || len(args) != 3 {
			return "", false
		}
		of, isField := args[1].(*parse.FieldNode)
		key, isText := args[2].(*parse.StringNode)
		if !isField || !isText || of.String() != ".Labels" {
			return "", false
		}
		return "Labels." + key.Text, true
	}
	return "", false
}

// facts are the names that a selector may use.
func facts() []string {
	return []string{"Namespace", "Workload", "PodPattern", "Hash", "Version", "URL", "Labels"}
}

// fact returns an arm's fact by name.
func (a Arm) fact(name string) string {
	switch name {
	case "Namespace":
		return a.Namespace
	case "Workload":
		return a.Workload
	case "PodPattern":
		return a.PodPattern
	case "Hash":
		return a.Hash
	case "Version":
		return a.Version
	case "URL":
		return a.URL
	}
	return a.Labels[strings.TrimPrefix(name, "Labels.")]
}

// render fills a matcher's value with an arm's facts.
func (m matcherTemplate) render(a Arm) (queries.Matcher, error) {
	var value strings.Builder
	for _, p := range m.pieces {
		if p.fact == "" {
			value.WriteString(p.text)
			continue
		}
		fact := a.fact(p.fact)
		if fact == "" {
			return queries.Matcher{}, fmt.Errorf("the selector needs %s for the label %s, and the arm does not say it: an empty value would match other series; let the caller say it, or write it under arms:",
				p.fact, m.matcher.Label)
		}
		value.WriteString(fact)
	}
	out := m.matcher
	out.Value = value.String()
	if out.Op == queries.Match || out.Op == queries.NotMatch {
		if _, err := anchored(out.Value); err != nil {
			return queries.Matcher{}, fmt.Errorf("the label %s would be matched by %q, which is no regular expression: %w", out.Label, out.Value, err)
		}
	}
	return out, nil
}

// anchored compiles a regular expression as PromQL does. It compiles it bare first, so
// that no bracket of it can close the anchors'.
func anchored(text string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(text); err != nil {
		return nil, err
	}
	return regexp.Compile("^(?s:" + text + ")$")
}

// nobody is a value that no label has. A pattern that matches it matches anything.
const nobody = "\U0001F426 nobody is called this"

// narrows reports whether a rendered matcher leaves anything out.
func narrows(m queries.Matcher) bool {
	switch m.Op {
	case queries.Equal:
		return m.Value != ""
	case queries.Match:
		if m.Value == unlabelled {
			return true
		}
		re, err := anchored(m.Value)
		return err == nil && !re.MatchString(nobody) && !re.MatchString("")
	}
	return false
}
