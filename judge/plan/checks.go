package plan

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
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
			Arms:     checks.Arms(value(c.Arms, "")),
			Repeat:   value(c.Repeat, 0),
			Total:    b.total(c.Total, path),
		}
		b.name(path+".name", c.Name)
		b.once(names, "check", spec.Name, path)
		b.texts = texts{both: spec.Arms == checks.OnBoth}
		b.probe(c, &spec, path)
		if b.texts.both && !b.texts.arm && spec.Kind() != "" && !b.faulty(path) {
			b.at(path+".arms", "is both, and nothing in the check names .Arm, so that both arms would be asked the same; write {{ .Arm.URL }}")
		}
		b.p.Checks = append(b.p.Checks, spec)
	}
}

// texts is what is known of the texts of the check that is being read.
type texts struct {
	both bool // it is run on both arms
	arm  bool // one of them names .Arm
	// values are what earlier steps extract; nil outside of journeys.
	values map[string]bool
}

// longestTotal bounds total.
const longestTotal = 30 * time.Minute

// total reads the longest time of a check as a whole.
func (b *builder) total(t *durationText, path string) time.Duration {
	d := t.or(0)
	if t != nil && !b.faulty(path+".total") && (d == 0 || d > longestTotal) {
		b.at(path+".total", "%s is out of range; write a duration above 0 and up to %s", d, longestTotal)
	}
	return d
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
