package adopt

import (
	"strconv"
	"strings"

	"github.com/serin-canary/serin/judge/checks"
)

func (p *probe) http() bool {
	p.method()
	p.headers("headers")
	if body := p.get("body"); body.there() {
		p.requestBody(body)
	}
	p.status()
	p.redirects()
	p.versions()
	if p.get("fail_if_not_ssl").truth() {
		p.assert(p.section.get("fail_if_not_ssl"), `tls.version != ""`)
	}
	if v := p.get("fail_if_ssl"); v.truth() {
		p.lose(v, "fail_if_ssl: begin the URL with http://.")
	}
	for _, re := range p.get("fail_if_body_matches_regexp").list() {
		p.assert(re, "not (body matches "+strconv.Quote(re.text())+")")
	}
	for _, re := range p.get("fail_if_body_not_matches_regexp").list() {
		p.assert(re, "body matches "+strconv.Quote(re.text()))
	}
	for _, h := range p.get("fail_if_header_matches").list() {
		p.header(h, true)
	}
	for _, h := range p.get("fail_if_header_not_matches").list() {
		p.header(h, false)
	}
	return true
}

func (p *probe) method() {
	url := flow("{{ .Canary.URL }}/")
	switch m := p.get("method").text(); m {
	case "", "GET":
		p.part("get", url)
	case "HEAD", "POST", "PUT", "PATCH", "DELETE":
		p.part(strings.ToLower(m), url)
	default:
		p.part("method", flow(m))
		p.part("url", url)
	}
}

// requestBody copies what is sent. What could hold a credential is left.
func (p *probe) requestBody(body tree) {
	text := body.text()
	switch {
	case secretive.MatchString(text):
		p.lose(body, "body: it may hold a credential; write it again, with {{ secret \"name\" }} for that (docs/checks.md).")
	case strings.Contains(text, "{{"):
		p.lose(body, "body: {{ begins a template here.")
	case text != "":
		p.text("body", text)
	}
}

// status carries the codes over. The exporter takes any 2xx where none is given.
func (p *probe) status() {
	var codes []string
	for _, c := range p.get("valid_status_codes").list() {
		if code, ok := p.code(c); ok {
			codes = append(codes, code)
		}
	}
	if len(codes) == 0 {
		codes = []string{"200", "201", "202", "203", "204", "205", "206"}
		p.r.say("Any 2xx will do; write the one that is meant.")
	}
	p.part("status", "["+strings.Join(codes, ", ")+"]")
}

func (p *probe) redirects() {
	follow := p.get("follow_redirects")
	if p.get("no_follow_redirects").truth() || follow.there() && !follow.truth() {
		p.part("redirects", "never")
	}
}

func (p *probe) versions() {
	var all []string
	v := p.get("valid_http_versions")
	for _, one := range v.list() {
		text := one.text()
		if text == "HTTP/2" {
			text = "HTTP/2.0"
		}
		all = append(all, strconv.Quote(text))
	}
	if len(all) > 0 {
		p.assert(v, "proto in ["+strings.Join(all, ", ")+"]")
	}
}

// header carries over what a header must match, or must not.
func (p *probe) header(h tree, not bool) {
	name, re := h.get("header").text(), h.get("regexp").text()
	if h.get("allow_missing").truth() {
		p.lose(h, "the header %s with allow_missing: a check demands what it names.", oneLine(cut(name, 60)))
		return
	}
	text := "headers[" + strconv.Quote(strings.ToLower(name)) + "] matches " + strconv.Quote(re)
	if not {
		text = "not (" + text + ")"
	}
	p.assert(h, text)
}

// assert adds an assertion that a plan takes; another one is left.
func (p *probe) assert(t tree, text string) {
	if _, err := checks.CompileAssertion(text); err != nil || text != oneLine(text) {
		p.lose(t, "%s: no assertion can be made of it.", oneLine(cut(text, 120)))
		return
	}
	p.asserts = append(p.asserts, flow(text))
}
