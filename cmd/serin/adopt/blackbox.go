package adopt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// blackbox translates the modules of blackbox_exporter.
type blackbox struct {
	docs    []document
	options Options
}

func (x blackbox) drafts() []*draft {
	var out []*draft
	for _, doc := range x.docs {
		modules := doc.root.get("modules")
		switch {
		case !modules.there():
			doc.root.fault("is no configuration of blackbox_exporter: it has no modules")
		case !modules.isMap():
		case x.options.Service == "":
			lacking(modules, "modules do not say which service the plan is for; write --service NAME")
		default:
			out = append(out, x.plan(doc, modules))
		}
	}
	return out
}

// plan makes one plan of a file's modules.
func (x blackbox) plan(doc document, modules tree) *draft {
	d := &draft{command: "blackbox", service: x.options.Service, from: count(len(modules.keys()), "module") + " of " + doc.book.file}
	d.about = []string{
		"Made by serin import blackbox from " + oneLine(d.from) + ".", "",
		"Modules are given their target by whoever scrapes the exporter; here it is the canary's URL. Write the path behind it, and another host where one is meant. " +
			"What was not carried over is said where it would stand. Next: serin check run -f FILE --target URL (docs/check-run.md).",
	}
	d.set("comparison", "checks")
	for _, name := range modules.keys() {
		m := modules.get(name)
		if !m.isMap() {
			continue
		}
		p := &probe{draft: d, module: m, name: oneLine(cut(name, 60)), section: m.get(m.get("prober").text()), r: &row{}}
		p.translate()
	}
	if !slices.ContainsFunc(d.checks, func(r *row) bool { return !r.off }) {
		doc.root.fault("none of its modules can be a check: those of http, tcp, dns and grpc can")
	}
	return d
}

// probe is one module on its way to a check.
type probe struct {
	*draft
	module, section tree
	name            string
	r               *row
	parts           []string // of the check's kind, as they are written
	asserts         []string
	known           []string // keys of the section that were looked at
}

// get returns a value of the section, which is then no longer unknown.
func (p *probe) get(key string) tree {
	p.known = append(p.known, key)
	return p.section.get(key)
}

func (p *probe) part(key, value string) { p.parts = append(p.parts, key+": "+value) }

// text adds a part where the module gives it.
func (p *probe) text(key, value string) {
	if value != "" {
		p.part(key, flow(value))
	}
}

// lose says that something is not carried over.
func (p *probe) lose(t tree, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.r.say("Not carried over: %s", text)
	p.note(t, Left, "%s: %s", p.name, text)
}

func (p *probe) translate() {
	kind := p.module.get("prober").text()
	build := map[string]func() bool{"http": p.http, "tcp": p.tcp, "dns": p.dns, "grpc": p.grpc}[kind]
	switch {
	case kind == "icmp":
		p.leaveRow(&p.checks, p.module, "the module %s: it pings, and Serin does not: an answer to a ping says nothing of a service, and takes rights that a server should not have.", p.name)
		return
	case build == nil:
		p.leaveRow(&p.checks, p.module, "the module %s: there are no checks of the kind %s.", p.name, oneLine(cut(kind, 30)))
		return
	}
	p.r.say("The module %s.", p.name)
	if !build() {
		return
	}
	p.rest()
	if len(p.asserts) > 0 {
		p.part("assert", "["+strings.Join(p.asserts, ", ")+"]")
	}
	if d := p.module.get("timeout").duration(); d > 0 {
		p.part("within", short(min(d, 5*time.Minute)))
	}
	p.r.name = unique(p.checks, slug(p.name, kind))
	p.r.raw(kind, "{ "+strings.Join(p.parts, ", ")+" }")
	p.checks = append(p.checks, p.r)
	p.note(p.module, Carried, "check %s (module %s)", p.r.name, p.name)
}

// rest says of every key that nothing was made of that it is left.
func (p *probe) rest() {
	for _, key := range []string{"preferred_ip_protocol", "ip_protocol_fallback", "source_ip_address"} {
		if v := p.get(key); v.there() {
			p.lose(v, "%s: the address is the system's choice.", key)
		}
	}
	p.tls()
	for _, key := range p.section.keys() {
		if !slices.Contains(p.known, key) {
			p.known = append(p.known, key)
			if secretive.MatchString(key) || key == "oauth2" {
				p.lose(p.section.get(key), "%s: credentials are never copied; send them as a header, by name: {{ secret \"name\" }} (docs/checks.md).", oneLine(cut(key, 40)))
				continue
			}
			p.lose(p.section.get(key), "%s: a check has nothing like it.", oneLine(cut(key, 40)))
		}
	}
}

// tls says what becomes of tls_config.
func (p *probe) tls() {
	c := p.get("tls_config")
	if !c.there() || !c.isMap() {
		return
	}
	for _, key := range c.keys() {
		v := c.get(key)
		switch key {
		case "insecure_skip_verify":
			if v.truth() {
				p.lose(v, "tls_config.insecure_skip_verify: certificates are always verified here.")
			}
		case "server_name":
			if p.module.get("prober").text() == "grpc" {
				p.text("serverName", v.text())
				continue
			}
			p.lose(v, "tls_config.server_name: the host of the URL is the one that is verified.")
		default:
			p.lose(v, "tls_config.%s: certificates are verified by the system's roots, and none is shown.", oneLine(cut(key, 40)))
		}
	}
}

func (p *probe) tcp() bool {
	p.part("address", flow("{{ .Canary.URL }}"))
	if p.get("tls").truth() {
		p.part("tls", "true")
	}
	for i, q := range p.get("query_response").list() {
		expect := q.get("expect").text()
		if i == 0 && expect != "" && !q.get("send").there() && !q.get("starttls").truth() {
			p.text("banner", expect)
			continue
		}
		p.lose(q, "query_response[%d]: a check of kind tcp reads what the server says first, and sends nothing.", i)
	}
	return true
}

func (p *probe) grpc() bool {
	p.part("address", flow("{{ .Canary.URL }}"))
	p.text("service", p.get("service").text())
	if p.get("tls").truth() {
		p.part("tls", "true")
	}
	p.headers("metadata")
	return true
}

// headers copies what is sent beside a request, but for credentials.
func (p *probe) headers(key string) {
	h := p.get(key)
	if !h.there() {
		return
	}
	var out []string
	for _, name := range h.keys() {
		v := h.get(name)
		values := v.list
		text := ""
		if n := v.resolved(); n != nil && len(n.Content) > 0 { // metadata has lists
			if all := values(); len(all) > 0 {
				text = all[0].text()
			}
			if len(v.n.Content) > 1 {
				p.lose(v, "%s.%s: one value is sent.", key, oneLine(cut(name, 40)))
			}
		} else {
			text = v.text()
		}
		if secretive.MatchString(name) || strings.EqualFold(name, "cookie") || secretive.MatchString(text) {
			p.lose(v, "%s.%s: credentials are never copied; send {{ secret \"name\" }} (docs/checks.md).", key, oneLine(cut(name, 40)))
			continue
		}
		out = append(out, flow(name)+": "+flow(withoutUser(text)))
	}
	if len(out) > 0 {
		p.part(key, "{ "+strings.Join(out, ", ")+" }")
	}
}

func (p *probe) dns() bool {
	name, kind := p.get("query_name").text(), p.get("query_type").text()
	if kind == "" {
		kind = "ANY"
	}
	if !slices.Contains([]string{"A", "AAAA", "CNAME", "TXT"}, kind) {
		p.leaveRow(&p.checks, p.section, "the module %s: it asks for %s; a check of kind dns asks for A, AAAA, CNAME or TXT.", p.name, oneLine(cut(kind, 20)))
		return false
	}
	p.text("name", strings.TrimSuffix(name, "."))
	p.part("type", kind)
	p.r.say("The exporter asks the server that is its target; this asks the system's resolvers. resolver: \"10.0.0.53:53\" names another.")
	p.note(p.section, Changed, "%s: the system's resolvers are asked, not a target", p.name)
	for _, code := range p.get("valid_rcodes").list() {
		if c := code.text(); c != "NOERROR" {
			p.lose(code, "valid_rcodes: %s; an answer must be one.", oneLine(cut(c, 20)))
		}
	}
	for _, key := range []string{"validate_answer_rrs", "validate_authority_rrs", "validate_additional_rrs"} {
		if v := p.get(key); v.there() {
			p.lose(v, "%s: write the answers that are wanted as want: [192.0.2.10].", key)
		}
	}
	return true
}

// code reads a status code.
func (p *probe) code(t tree) (string, bool) {
	v, ok := t.number()
	if !ok || v != float64(int(v)) || v < 100 || v > 599 {
		if ok {
			t.fault("%q is no status code", cut(t.text(), 20))
		}
		return "", false
	}
	return strconv.Itoa(int(v)), true
}

// flow writes text between quotes, for a mapping on one line. What has quotes or
// backslashes itself stays as it is where it can.
func flow(s string) string {
	if strings.ContainsAny(s, `"\`) && !strings.Contains(s, "'") && s == oneLine(s) {
		return "'" + s + "'"
	}
	return strconv.Quote(s) // its escapes are YAML's, too
}
