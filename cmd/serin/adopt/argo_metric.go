package adopt

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// analysisMetric is a metric of a template where it is used.
type analysisMetric struct {
	at       tree
	name     string
	template string
	args     map[string]argument
	dry      bool
	why      string
}

func (m analysisMetric) shown() string { return oneLine(cut(m.name, 60)) }

// about is what stands above the metric in the plan.
func (m analysisMetric) about() (out []string) {
	where := "From the template " + oneLine(cut(m.template, 60))
	if m.why != "" {
		where += ", used " + m.why
	}
	out = append(out, where+".")
	if words := counting(m.at); words != "" {
		out = append(out, words)
	}
	return out
}

func (d *rolloutDraft) metricOf(m analysisMetric) {
	provider := m.at.get("provider")
	kind := ""
	for _, k := range provider.keys() {
		kind = k
		break
	}
	switch {
	case kind == "prometheus":
		d.prometheus(m, provider.get("prometheus"))
	case kind == "web":
		d.web(m, provider.get("web"))
	case kind == "job":
		d.leaveRow(&d.checks, m.at, "%s (%s): a Kubernetes Job stays in the Rollout's analysis, beside Serin's.", m.shown(), oneLine(m.template))
	case kind == "kayenta":
		d.leaveRow(&d.metrics, m.at, "%s (%s): it asks Kayenta. serin import kayenta reads the canary config %s, or point its address at Serin (docs/kayenta.md).",
			m.shown(), oneLine(m.template), oneLine(cut(provider.at("kayenta", "canaryConfigName").text(), 60)))
	case kind == "":
		d.leaveRow(&d.metrics, m.at, "%s (%s): it has no provider.", m.shown(), oneLine(m.template))
	default:
		r := d.leaveRow(&d.metrics, m.at, "%s (%s): it asks %s, and a plan's queries are PromQL.", m.shown(), oneLine(m.template), oneLine(cut(kind, 40)))
		if text := provider.get(kind); kind != "plugin" && text.there() {
			if q := text.peek("query"); q != "" {
				r.above = append(r.above, "Its query was:", quoted(q))
			}
		}
		r.above = append(r.above, m.quotedConditions()...)
	}
}

// again reports whether a metric has been translated for another use of its template,
// with the same arguments.
func (d *rolloutDraft) again(m analysisMetric, text string) bool {
	key := fmt.Sprintf("%s:%d:%d %s", m.at.b.file, m.at.n.Line, m.at.n.Column, text)
	was := d.seen[key]
	d.seen[key] = true
	return was
}

// quotedConditions are Argo's own words.
func (m analysisMetric) quotedConditions() (out []string) {
	for _, k := range []string{"successCondition", "failureCondition"} {
		if text := m.at.get(k).text(); text != "" {
			out = append(out, fmt.Sprintf("  %s: %s", k, cut(oneLine(text), 300)))
		}
	}
	return out
}

// prometheus translates a metric that asks Prometheus.
func (d *rolloutDraft) prometheus(m analysisMetric, p tree) {
	a := asked{at: m.at, name: m.name, about: m.about(), shown: m.dry}
	a.success = strings.Contains(strings.ToLower(m.name), "success") || strings.Contains(strings.ToLower(m.name), "availab")
	var err error
	if a.question, err = d.ask(m.args, p.get("query").text()); err != nil {
		r := d.leaveRow(&d.metrics, m.at, "%s (%s): %v. It was:", m.shown(), oneLine(m.template), err)
		r.above = append(r.above, quoted(p.get("query").text()))
		r.above = append(r.above, m.quotedConditions()...)
		return
	}
	if d.again(m, a.question.reading.Query.Expr+a.question.selector) {
		return
	}
	if m.dry {
		a.about = append(a.about, "A dry run: it is shown and decides nothing.")
	}
	if p.get("rangeQuery").there() {
		a.about = append(a.about, "Argo asked for a range of values; Serin asks for each block.")
	}
	success, failure := m.at.get("successCondition").text(), m.at.get("failureCondition").text()
	bounds, remarks, left := m.bounds(success, failure)
	a.bounds = bounds
	a.about = append(a.about, remarks...)
	where := p.get("address").text()
	if known, err := filled(m.args, where); err == nil {
		where = known
	}
	d.asks(where)
	r := d.metric(a)
	if left != "" {
		l := d.leaveRow(&d.limits, m.at, "the condition of %s: %s.", r.name, left)
		l.above = append(l.above, m.quotedConditions()...)
	}
}

// bounds reads the metric's conditions; left says why they are not carried over.
func (m analysisMetric) bounds(success, failure string) (bounds []bound, remarks []string, left string) {
	var err error
	if success, err = filled(m.args, success); err != nil {
		return nil, nil, err.Error()
	}
	if failure, err = filled(m.args, failure); err != nil {
		return nil, nil, err.Error()
	}
	bounds, absent, err := conditions(success, failure)
	if err != nil {
		return nil, nil, err.Error()
	}
	if absent {
		remarks = append(remarks, "What its condition says of missing data is left out: without data nothing passes here, and nothing fails.")
	}
	if success != "" && failure != "" {
		remarks = append(remarks, "Between its two conditions Argo called it inconclusive; the limit is that of the failureCondition, and evidence decides the rest: "+cut(oneLine(success), 200))
	}
	return bounds, remarks, ""
}

var (
	plainPath = regexp.MustCompile(`^\{?\$?((?:\.[A-Za-z_][A-Za-z0-9_]*)*)\}?$`)
	isResult  = regexp.MustCompile(`^result\s*==\s*(true|false|"[^"\\]*"|'[^'\\]*'|-?[0-9]+(?:\.[0-9]+)?)$`)
)

// web translates a metric that asks over HTTP into a check, where it is a GET and its
// condition one equality.
func (d *rolloutDraft) web(m analysisMetric, w tree) {
	leave := func(why string) {
		r := d.leaveRow(&d.checks, m.at, "%s (%s): %s. It calls %s.", m.shown(), oneLine(m.template), why, address(w.get("url").text()))
		r.above = append(r.above, m.quotedConditions()...)
	}
	url, err := filled(m.args, w.get("url").text())
	method := w.get("method").text()
	switch {
	case strings.Contains(url, "/argo/analysis"):
		d.note(m.at, Left, "%s asks Serin itself", m.shown())
		return
	case err != nil:
		leave(err.Error())
		return
	case method != "" && method != "GET":
		leave("only a GET is made a check by itself")
		return
	case !plainURL(url) || strings.Contains(url, "{{"):
		leave("its URL is no plain one, or has what may be a credential")
		return
	case w.at("authentication", "oauth2").there():
		leave("it authenticates, and credentials are not copied")
		return
	}
	body, err := expectedJSON(w.get("jsonPath").text(), m.at.get("successCondition").text())
	if err != nil || m.at.get("failureCondition").text() != "" {
		leave("its condition is more than an equality of one field")
		return
	}
	if d.again(m, url) {
		return
	}
	r := &row{name: unique(d.checks, slug(m.name, "check")), above: m.about()}
	if n := len(w.get("headers").list()); n > 0 {
		r.say("Left out: %d of its headers, whose values may be credentials; write those that it needs under headers:.", n)
	}
	r.raw("http", "{ get: "+quoteFlow(url)+body+" }")
	if m.why == beforeSwitch {
		r.add("when", "before-traffic")
	}
	d.checks = append(d.checks, r)
	d.note(m.at, Carried, "check %s: GET %s", r.name, address(url))
}

// expectedJSON turns {$.data.ok} and result == true into the JSON that is expected.
func expectedJSON(path, success string) (string, error) {
	if success == "" {
		return "", nil
	}
	p, c := plainPath.FindStringSubmatch(strings.TrimSpace(path)), isResult.FindStringSubmatch(strings.TrimSpace(success))
	if p == nil || c == nil || p[1] == "" {
		return "", fmt.Errorf("no plain path and equality")
	}
	want := c[1]
	if want[0] == '\'' || want[0] == '"' {
		text, err := json.Marshal(want[1 : len(want)-1])
		if err != nil {
			return "", err
		}
		want = string(text)
	}
	names := strings.Split(strings.TrimPrefix(p[1], "."), ".")
	for i := len(names) - 1; i >= 0; i-- {
		want = fmt.Sprintf("{ %s: %s }", quote(names[i]), want)
	}
	return ", json: " + want, nil
}
