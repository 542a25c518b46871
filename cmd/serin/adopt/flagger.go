package adopt

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/serin-canary/serin/queries"
)

// flagger translates Flagger's objects.
type flagger struct {
	docs    []document
	options Options
}

func (f flagger) of(kind string) (out []document) {
	for _, d := range f.docs {
		if d.kind() == kind {
			out = append(out, d)
		}
	}
	return out
}

func (f flagger) drafts() []*draft {
	canaries, templates := f.of("Canary"), f.of("MetricTemplate")
	if len(canaries)+len(templates) == 0 {
		foreign(f.docs, "Canary or MetricTemplate", "serin import argo and serin import kayenta read those of others")
		return nil
	}
	var out []*draft
	for _, c := range canaries {
		out = append(out, f.canary(c))
	}
	if len(canaries) == 0 {
		if f.options.Service == "" {
			lacking(templates[0].root.get("kind"), "there is no Canary among these files, so it is not known which service the plan judges; add the Canary's file, or write --service NAME")
			return nil
		}
		out = append(out, f.alone(templates))
	}
	return out
}

// foreign notes that no file has what is needed, and what they have instead.
func foreign(docs []document, needed, advice string) {
	var kinds []string
	for _, d := range docs {
		if kind := d.root.peek("kind"); kind != "" {
			kinds = add(kinds, cut(kind, 40))
		}
	}
	found := "nothing here has a kind"
	if len(kinds) > 0 {
		found = "found: " + strings.Join(kinds[:min(len(kinds), 8)], ", ")
	}
	if len(docs) > 0 {
		lacking(docs[0].root, "is no %s (%s); %s", needed, found, advice)
	}
}

// canaryDraft is one Canary on its way to a plan.
type canaryDraft struct {
	*draft
	f                          flagger
	canary                     tree
	name, namespace, target    string
	serviceName, ingress, root string
	provider                   provider
	providerName               string
	said                       string // of the provider, where it matters
}

// canary translates one Canary.
func (f flagger) canary(doc document) *draft {
	spec := doc.root.get("spec")
	c := &canaryDraft{
		draft: &draft{command: "flagger"}, f: f, canary: doc.root,
		name: doc.root.at("metadata", "name").text(), namespace: doc.root.at("metadata", "namespace").text(),
		target: spec.at("targetRef", "name").text(), serviceName: spec.at("service", "name").text(),
		ingress: spec.at("ingressRef", "name").text(), root: spec.at("routeRef", "name").text(),
	}
	switch {
	case c.name == "":
		doc.root.get("metadata").fault("the Canary has no metadata.name")
	case !validName(c.name):
		doc.root.at("metadata", "name").fault("%q is no name of a Canary", cut(c.name, 60))
	}
	if c.target == "" {
		spec.fault("the Canary has no spec.targetRef.name")
		c.target = c.name
	}
	if c.serviceName == "" {
		c.serviceName = c.target
	}
	c.service, c.from = c.name, "the Canary "+c.name+" of "+doc.book.file
	c.about = head(c.from, "flagger")
	c.identity()
	c.asks(spec.get("metricsServer").text())
	analysis := spec.get("analysis")
	if old := spec.get("canaryAnalysis"); !analysis.there() && old.there() {
		analysis = old
	}
	c.strategy(spec, analysis)
	c.metrics(analysis)
	c.hooks(analysis)
	return c.draft
}

// head is what stands at the top of every plan.
func head(from, command string) []string {
	lines := []string{
		"Made by serin import " + command + " from " + oneLine(from) + ".",
		"",
		"The comparison of the canary with its baseline is Serin's; bounds on the canary alone became limits. A limit on a share of requests " +
			"fires only where the share is surely above it and surely more than twice the baseline's. What was not carried over is said where it would stand. " +
			"Next: serin plan check FILE --prometheus URL (docs/plan.md has every key).",
	}
	return lines
}

// identity writes who is judged, and the arms where Flagger's hooks would not say them.
func (c *canaryDraft) identity() {
	if c.namespace != "" && validName(c.namespace) {
		c.set("namespace", c.namespace)
	}
	if c.target != c.name && validName(c.target) {
		c.arms = append(c.arms,
			armFact{name: "workload", baseline: c.target + "-primary", canary: c.target},
			armFact{name: "podPattern", baseline: regexp.QuoteMeta(c.target+"-primary") + podSuffix, canary: regexp.QuoteMeta(c.target) + podSuffix})
	}
	spec := c.canary.get("spec")
	c.providerName = spec.get("provider").text()
	said := "Flagger's provider is " + oneLine(c.providerName) + "."
	if c.providerName == "" {
		c.providerName = c.f.options.Provider
		said = "Flagger's provider is taken to be " + oneLine(c.providerName) + ", as --provider says."
		if c.providerName == "" {
			c.providerName = "istio"
			said = "The Canary names no provider: Flagger's own flag does, and is taken to be istio here (--provider NAME for another)."
		}
	}
	var known bool
	if c.provider, known = providerOf(c.providerName); !known {
		said += " Flagger asks Istio's metrics for it."
	}
	c.said = said
	if kind := spec.at("targetRef", "kind").text(); kind != "" && kind != "Deployment" {
		c.presets = append(c.presets, "Its target is a "+oneLine(kind)+". Serin's webhooks take the pods of a Deployment; say arms.canary.podPattern and arms.baseline.podPattern where these differ.")
	}
}

// podSuffix is what a Deployment adds to its name for its pods.
const podSuffix = `-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)`

var nameText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$`)

// validName reports whether a plan takes a text for a name.
func validName(s string) bool { return nameText.MatchString(s) }

// alone translates templates without a Canary.
func (f flagger) alone(templates []document) *draft {
	c := &canaryDraft{draft: &draft{command: "flagger", service: f.options.Service}, f: f, canary: templates[0].root, name: f.options.Service}
	c.from = count(len(templates), "metric template") + " without a Canary"
	c.about = head(c.from, "flagger")
	for _, t := range templates {
		name := t.root.at("metadata", "name").text()
		c.template(asked{at: t.root.at("spec", "query"), name: name}, t, tree{b: t.book})
	}
	return c.draft
}

// metrics translates the analysis' metrics.
func (c *canaryDraft) metrics(analysis tree) {
	list := analysis.get("metrics").list()
	if len(list) == 0 {
		if c.builtin(canaryMetric{at: analysis, name: requestSuccess}) && c.builtin(canaryMetric{at: analysis, name: requestDuration}) {
			c.presets = append(c.presets, "The Canary has no metrics, so that Flagger asks its webhooks alone; these are the ones that it has built in.")
		}
		return
	}
	for _, m := range list {
		if !m.isMap() {
			continue
		}
		cm := canaryMetric{at: m, name: m.get("name").text(), bounds: thresholds(m)}
		ref := m.get("templateRef")
		switch {
		case ref.there():
			c.referred(cm, ref)
		case m.get("query").there():
			c.ask(asked{at: m.get("query"), name: cm.name, bounds: cm.bounds}, m.get("query").text(), m)
		case cm.name == requestSuccess || cm.name == requestDuration:
			c.builtin(cm)
		default:
			c.leaveRow(&c.draft.metrics, m, "%s: it has neither a template nor a query, and Flagger has none built in of that name.", oneLine(cut(cm.name, 60)))
		}
	}
}

// canaryMetric is an entry of a Canary's metrics.
type canaryMetric struct {
	at     tree
	name   string
	bounds []bound
}

// thresholds reads a metric's bounds. The old threshold is a maximum, except for the
// success rate.
func thresholds(m tree) (out []bound) {
	if v, ok := m.at("thresholdRange", "min").number(); ok {
		out = append(out, bound{below: true, value: v})
	}
	if v, ok := m.at("thresholdRange", "max").number(); ok {
		out = append(out, bound{value: v})
	}
	if v, ok := m.get("threshold").number(); ok && len(out) == 0 {
		out = append(out, bound{below: m.get("name").text() == requestSuccess, value: v})
	}
	return out
}

// referred finds a metric's template among the files.
func (c *canaryDraft) referred(m canaryMetric, ref tree) {
	name, namespace := ref.get("name").text(), ref.get("namespace").text()
	if namespace == "" {
		namespace = c.namespace
	}
	var near []document
	for _, t := range c.f.of("MetricTemplate") {
		if t.root.at("metadata", "name").text() != name {
			continue
		}
		if in := t.root.at("metadata", "namespace").text(); in == namespace || in == "" {
			c.template(asked{at: m.at, name: m.name, bounds: m.bounds}, t, m.at)
			return
		}
		near = append(near, t)
	}
	if len(near) == 1 { // kubectl was told the namespace, or a kustomization is
		c.template(asked{at: m.at, name: m.name, bounds: m.bounds}, near[0], m.at)
		return
	}
	c.leaveRow(&c.draft.metrics, m.at, "%s: its MetricTemplate %s is not among the files; name that file, too.", oneLine(cut(m.name, 60)), oneLine(cut(name, 60)))
}

// template translates a metric by its template.
func (c *canaryDraft) template(a asked, t document, m tree) {
	query := t.root.at("spec", "query")
	kind := t.root.at("spec", "provider", "type").text()
	if strings.Contains(query.text(), "serin_verdict") {
		c.leaveRow(&c.draft.metrics, a.at, "%s: it asks Serin for its own verdict.", oneLine(cut(a.name, 60)))
		return
	}
	if kind != "prometheus" && kind != "" {
		r := c.leaveRow(&c.draft.metrics, a.at, "%s: its template %s asks %s, and a plan's queries are PromQL. It was:",
			oneLine(cut(a.name, 60)), oneLine(cut(t.root.at("metadata", "name").text(), 60)), oneLine(cut(kind, 30)))
		r.above = append(r.above, quoted(query.text()))
		r.above = append(r.above, boundWords(a.bounds)...)
		return
	}
	c.asks(t.root.at("spec", "provider", "address").text())
	a.about = append(a.about, "From the template "+oneLine(cut(t.root.at("metadata", "name").text(), 60))+".")
	c.ask(a, query.text(), m)
}

func boundWords(bounds []bound) []string {
	var words []string
	for _, b := range bounds {
		words = append(words, b.words())
	}
	if len(words) == 0 {
		return nil
	}
	return []string{"Its bound was: " + strings.Join(words, ", ") + "."}
}

// flaggerPart is a function of Flagger's templates, and what tells the arms apart.
var flaggerPart = regexp.MustCompile(`\{\{-?\s*([a-z]+(?:\.[A-Za-z0-9_-]+)?)\s*-?\}\}(-canary|-primary)?`)

// ask translates a metric by its query.
func (c *canaryDraft) ask(a asked, text string, m tree) {
	a.success = strings.Contains(strings.ToLower(a.name), "success")
	reader := asker{
		placeholder: flaggerPart, primary: true,
		resolve: func(name, suffix string) (part, error) { return c.part(m, name, suffix) },
		known: func(k queries.Matcher) (string, side, error) {
			if k.Label == "canary" && k.Op == queries.NotEqual && k.Value == "" {
				return "", neither, fmt.Errorf(`canary!="" chooses the canary, and the baseline's label is empty, which no selector can ask for`)
			}
			return "", neither, nil
		},
	}
	q, err := reader.ask(text)
	if err != nil {
		r := c.leaveRow(&c.draft.metrics, a.at, "%s: %v. It was:", oneLine(cut(a.name, 60)), err)
		r.above = append(r.above, quoted(text))
		r.above = append(r.above, boundWords(a.bounds)...)
		return
	}
	a.question = q
	c.metric(a)
}

// part says what a function of a template stands for.
func (c *canaryDraft) part(m tree, name, suffix string) (part, error) {
	same := func(s string) (part, error) {
		if s == "" {
			return part{}, fmt.Errorf("it needs {{ %s }}, which the Canary does not say", name)
		}
		return part{text: s + suffix}, nil
	}
	variable, isVariable := strings.CutPrefix(name, "variables.")
	switch {
	case name == "namespace":
		return part{fact: "{{ .Namespace }}" + suffix}, nil
	case (name == "target" || name == "service") && suffix == "-primary":
		return part{side: theBaseline}, nil
	case (name == "target" || name == "service") && suffix == "-canary":
		base := map[string]string{"target": c.target, "service": c.serviceName}[name]
		if base == "" || !c.label(name, base+"-primary", base+"-canary") {
			return part{}, fmt.Errorf("it needs the name of {{ %s }}, which the Canary says", name)
		}
		return part{fact: "{{ .Labels." + name + " }}", side: theCanary}, nil
	case name == "target" || name == "name" && (c.target == c.name || c.target == ""):
		return part{fact: "{{ .Workload }}" + suffix, side: theCanary, workload: true}, nil
	case name == "name":
		return same(c.name)
	case name == "service":
		return same(c.serviceName)
	case name == "ingress":
		return same(c.ingress)
	case name == "route" && c.provider.why != "": // it is APISIX's alone
		return part{}, errors.New(c.provider.why)
	case name == "route":
		return same(c.root)
	case name == "interval":
		return part{text: interval(m) + suffix}, nil
	case isVariable && !secretive.MatchString(variable):
		return same(m.at("templateVariables", variable).text())
	}
	return part{}, fmt.Errorf("it uses {{ %s }}, which is not known here", oneLine(cut(name, 60)))
}

// interval is the window of a metric.
func interval(m tree) string {
	if text := m.get("interval").text(); regexp.MustCompile(`^[1-9][0-9]{0,6}(ms|s|m|h|d)$`).MatchString(text) {
		return text
	}
	return "1m"
}
