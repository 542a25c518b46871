package plan

import (
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// checks builds the plan's checks.
func (b *builder) checks() {
	names := map[string]string{}
	for i, c := range b.f.Checks {
		path := fmt.Sprintf("checks[%d]", i)
		spec := checks.Spec{
			Name:     value(c.Name, ""),
			When:     checks.When(value(c.When, string(checks.EachLook))),
			Required: value(c.Required, true),
			Critical: value(c.Critical, false),
			Retries:  value(c.Retries, 1),
		}
		b.name(path+".name", c.Name)
		b.once(names, "check", spec.Name, path)
		b.probe(c, &spec, path)
		b.p.Checks = append(b.p.Checks, spec)
	}
}

// longestAnswer bounds within, so that one check cannot outlast a look.
const longestAnswer = 5 * time.Minute

func (b *builder) http(h httpFile, path string) *checks.HTTP {
	method, address, at := b.request(h, path)
	out := &checks.HTTP{
		Method: method, URL: address, Headers: h.Headers, Body: value(h.Body, ""), Status: h.Status,
		Within: b.within(h.Within, path),
	}
	if out.Status == nil {
		out.Status = []int{200}
	}
	if h.JSON != nil {
		out.JSON = h.JSON.value
		b.jsonTemplates(path+".json", out.JSON)
	}
	if h.Follow != nil {
		n := int(*h.Follow)
		out.Redirects = &n
	}
	b.form(h, out, path)
	out.Assert = b.asserts(h.Assert, path+".assert")
	if method == "HEAD" && h.JSON != nil {
		b.at(path+".json", "the answer to HEAD has no body; use get")
	}
	if at != "" {
		b.address(at, address)
	}
	for name, text := range h.Headers {
		if !regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$").MatchString(name) {
			b.at(path+".headers."+name, "%q is no name of a header", name)
		}
		if strings.ContainsAny(text, "\r\n") {
			b.at(path+".headers."+name, "has a line break in it, which no header may have; write it on one line")
		}
		b.template(path+".headers."+name, text)
	}
	if h.Body != nil {
		b.template(path+".body", *h.Body)
	}
	return out
}

// jsonTemplates checks the templates in the texts of an expected document.
func (b *builder) jsonTemplates(path string, v any) {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "{{") {
			b.template(path, v)
		}
	case []any:
		for i, e := range v {
			b.jsonTemplates(fmt.Sprintf("%s[%d]", path, i), e)
		}
	case map[string]any:
		for k, e := range v {
			b.jsonTemplates(joinPath(path, k), e)
		}
	}
}

// request reads which method a check uses on which URL, and which field says so.
func (b *builder) request(h httpFile, path string) (method, address, at string) {
	var given []string
	for _, v := range []struct {
		key string
		url *string
	}{{"get", h.Get}, {"head", h.Head}, {"post", h.Post}, {"put", h.Put}, {"patch", h.Patch}, {"delete", h.Delete}, {"url", h.URL}} {
		if v.url != nil {
			given = append(given, v.key)
			method, address, at = strings.ToUpper(v.key), *v.url, path+"."+v.key
		}
	}
	switch {
	case len(given) > 1:
		b.at(path, "has %s; a check makes one request: keep one of them", strings.Join(given, " and "))
		return method, address, ""
	case len(given) == 0:
		if !b.faulty(path) {
			b.at(path, `has no URL; write for example get: "{{ .Canary.URL }}/health"`)
		}
		return "GET", "", ""
	case method != "URL" && h.Method != nil:
		b.at(path+".method", "%s says the method already; delete this line, or write method and url", strings.ToLower(method))
	case method == "URL":
		method = value(h.Method, "GET")
		if !regexp.MustCompile("^[A-Z]{1,20}$").MatchString(method) {
			b.at(path+".method", "%q is no HTTP method; write it in capitals: OPTIONS", method)
		}
	}
	return method, address, at
}

// address checks that a URL's template gives the URL of a request.
func (b *builder) address(path, text string) {
	out, ok := b.template(path, text)
	if !ok {
		return
	}
	u, err := url.Parse(strings.TrimSpace(out))
	switch {
	case err != nil:
		b.at(path, "is not a URL; write for example {{ .Canary.URL }}/health or http://host/path")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		b.at(path, "begins with no http:// or https:// and a host; write for example {{ .Canary.URL }}/health")
	case u.User != nil:
		b.at(path, "has a user or password in it, which would be shown wherever the plan is; send them as a header")
	}
}

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
	}
	var out strings.Builder
	if err := t.Execute(&limitedWriter{to: &out, left: 1 << 16}, sample()); err != nil {
		_, after, _ := strings.Cut(err.Error(), ">: ")
		b.at(path, "its template fails: %s; facts are .Service, .Namespace, .Revision, and of .Canary and .Baseline: .URL, .Workload, .Namespace, .Version, .Labels", orWord(after, "it does not end"))
		return "", false
	}
	return out.String(), true
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
		Canary: arm("canary"), Baseline: arm("baseline"),
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
