package adopt

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/serin-canary/serin/queries"
)

// kayenta translates Kayenta's canary configs.
type kayenta struct {
	docs    []document
	options Options
}

func (k kayenta) drafts() (out []*draft) {
	for _, doc := range k.docs {
		config := doc.root
		if inner := config.get("canaryConfig"); inner.there() && !config.get("metrics").there() { // an ad hoc request
			config = inner
		}
		if !config.get("metrics").there() {
			doc.root.fault("is no canary config: it has no metrics")
			continue
		}
		out = append(out, k.config(doc, config))
	}
	return out
}

// configDraft is one canary config on its way to a plan.
type configDraft struct {
	*draft
	config    tree
	args      map[string]string
	shares    map[string]float64 // of the score, by group, in percent
	members   map[string]int     // metrics that count in each group
	pass      float64            // 0 where the config does not say
	unweighed bool               // the config weighs nothing
}

func (k kayenta) config(doc document, config tree) *draft {
	c := &configDraft{draft: &draft{command: "kayenta"}, config: config, args: k.options.Args}
	name := config.get("name").text()
	c.service = k.options.Service
	for _, app := range config.get("applications").list() {
		if text := app.text(); c.service == "" && validName(text) {
			c.service = text
		}
	}
	if c.service == "" {
		c.service = slug(name, "service")
		c.about = append(c.about, "The config names no application; its own name stands for the service (--service NAME for another).")
	}
	c.from = "the canary config " + oneLine(cut(name, 60)) + " of " + doc.book.file
	c.about = append(head(c.from, "kayenta"), c.about...)
	c.groups()
	c.judge()
	for _, m := range config.get("metrics").list() {
		if m.isMap() {
			c.metricOf(m)
		}
	}
	return c.draft
}

// judge says what becomes of what belongs to Kayenta's judge.
func (c *configDraft) judge() {
	thresholds := c.config.at("classifier", "scoreThresholds")
	c.pass, _ = thresholds.get("pass").number()
	marginal, _ := thresholds.get("marginal").number()
	if thresholds.there() {
		c.leave(&c.rest, thresholds, "scoreThresholds (pass %s, marginal %s). There is no score: promotion needs every required metric proven, and one metric that is proven worse rolls back. "+
			"Required are those without which the score could not pass.", decimal(c.pass), decimal(marginal))
	}
	if name := c.config.at("judge", "name").text(); name != "" {
		c.leave(&c.rest, c.config.at("judge", "name"), "the judge %s. Callers of Kayenta's API may still ask for it by name (docs/kayenta.md).", oneLine(cut(name, 60)))
	}
	c.rest = append(c.rest, "scope and location become facts of the arms: whoever asks says them (POST /v1/judge), or they are written under arms:.")
}

// muted reports whether a metric counts in no score.
func muted(m tree) bool { return m.at("analysisConfigurations", "canary", "muted").truth() }

// groups settles what each group is worth, as Kayenta does: those that are not listed
// share what the others leave.
func (c *configDraft) groups() {
	c.shares, c.members = map[string]float64{}, map[string]int{}
	for _, m := range c.config.get("metrics").list() {
		if !m.isMap() || muted(m) {
			continue
		}
		for _, g := range m.get("groups").list() {
			c.members[g.text()]++
		}
	}
	weights := c.config.at("classifier", "groupWeights")
	left, listed := 100.0, map[string]bool{}
	for _, g := range weights.keys() {
		if w, ok := weights.get(g).number(); ok {
			c.shares[g], listed[g] = w, true
			left -= w
		}
	}
	c.unweighed = len(listed) == 0
	var others []string
	for g := range c.members {
		if !listed[g] {
			others = append(others, g)
		}
	}
	for _, g := range others {
		c.shares[g] = max(left, 0) / float64(len(others))
	}
}

// worth is a metric's share of the score, in percent.
func (c *configDraft) worth(m tree) (percent float64, words string) {
	var names []string
	for _, g := range m.get("groups").list() {
		name := g.text()
		if n := c.members[name]; n > 0 {
			percent += c.shares[name] / float64(n)
			names = append(names, oneLine(cut(name, 60)))
		}
	}
	return rounded(percent), strings.Join(names, ", ")
}

var kayentaPart = regexp.MustCompile(`\$\\?\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*\}`)

// part says what a variable of Kayenta's templates stands for.
func (c *configDraft) part(name string) (part, error) {
	if v, ok := c.args[name]; ok {
		return part{text: v}, nil
	}
	switch {
	case name == "scope":
		return part{side: theCanary, workload: true, byLabel: func(label string) string {
			if f := factOf(label); f != "" {
				return f
			}
			return labelFact(label)
		}}, nil
	case name == "location":
		return part{byLabel: func(label string) string {
			if f := factOf(label); f == "{{ .Namespace }}" {
				return f
			}
			return ""
		}}, nil
	case strings.Contains(strings.ToLower(name), "namespace"):
		return part{fact: "{{ .Namespace }}"}, nil
	}
	return part{}, fmt.Errorf("its ${%s} is given with each execution (--arg %s=VALUE gives it here)", oneLine(cut(name, 60)), oneLine(cut(name, 60)))
}

// factOf is the fact of an arm that a label mostly holds.
func factOf(label string) string {
	l := strings.ToLower(label)
	for _, f := range []struct{ word, fact string }{
		{"hash", "{{ .Hash }}"}, {"pod", podFact}, {"namespace", "{{ .Namespace }}"}, {"version", "{{ .Version }}"}, {"revision", "{{ .Version }}"},
		{"workload", "{{ .Workload }}"}, {"deployment", "{{ .Workload }}"}, {"server_group", "{{ .Workload }}"}, {"cluster", "{{ .Workload }}"}, {"app", "{{ .Workload }}"}, {"service", "{{ .Workload }}"},
	} {
		if strings.Contains(l, f.word) {
			return f.fact
		}
	}
	return ""
}

// labelFact is a label that the caller says of an arm.
func labelFact(label string) string {
	if regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(label) {
		return "{{ .Labels." + label + " }}"
	}
	return ""
}

// metricOf translates one metric.
func (c *configDraft) metricOf(m tree) {
	name := m.get("name").text()
	query := m.get("query")
	kind := query.get("type").text()
	if kind == "" {
		kind = query.get("serviceType").text()
	}
	if kind != "prometheus" {
		r := c.leaveRow(&c.metrics, m, "%s: it asks %s, and a plan's queries are PromQL. Its query was:", oneLine(cut(name, 60)), oneLine(cut(kind, 40)))
		r.above = append(r.above, quoted(foreignQuery(query)))
		return
	}
	text, remarks, err := c.expression(query)
	a := asked{at: m, name: name, about: remarks, shown: muted(m)}
	if err == nil {
		reader := asker{placeholder: kayentaPart, resolve: func(name, _ string) (part, error) { return c.part(name) }}
		a.question, err = reader.ask(text)
	}
	if err != nil {
		r := c.leaveRow(&c.metrics, m, "%s: %v. It was:", oneLine(cut(name, 60)), err)
		r.above = append(r.above, quoted(foreignQuery(query)))
		return
	}
	canary := m.at("analysisConfigurations", "canary")
	direction := canary.get("direction").text()
	a.lower = direction == "decrease"
	a.success = a.lower && strings.Contains(strings.ToLower(name), "success")
	if a.shown {
		a.about = append(a.about, "Muted: it is shown and decides nothing.")
	}
	r := c.metric(a)
	c.weigh(r, m, a.question.reading.Kind)
	c.sayRest(r, m, direction, a.question.reading.Kind)
}

// foreignQuery is what a metric asks, in its own words.
func foreignQuery(query tree) string {
	var lines []string
	for _, k := range []string{"customInlineTemplate", "customFilterTemplate", "customFilter", "q", "select", "metricName", "metricType", "resourceType"} {
		if text := query.get(k).text(); text != "" {
			lines = append(lines, k+": "+text)
		}
	}
	return strings.Join(lines, "\n")
}

var metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)

// expression builds the PromQL of a metric, its variables not yet filled in.
func (c *configDraft) expression(query tree) (text string, remarks []string, err error) {
	template := query.get("customInlineTemplate").text()
	if name := query.get("customFilterTemplate").text(); template == "" && name != "" {
		if template = c.config.at("templates", name).text(); template == "" {
			return "", nil, fmt.Errorf("its template %s is not in the config", oneLine(cut(name, 60)))
		}
	}
	if whole, ok := strings.CutPrefix(template, "PromQL:"); ok {
		return strings.TrimSpace(whole), nil, nil
	}
	name := query.get("metricName").text()
	switch {
	case query.get("customFilter").text() != "":
		return "", nil, fmt.Errorf("its customFilter is not read by Kayenta any more, either; make it a template")
	case !metricName.MatchString(name):
		return "", nil, fmt.Errorf("%q is no name of a metric", oneLine(cut(name, 60)))
	}
	selector := name
	if filter := strings.Trim(strings.TrimSpace(template), "{}"); filter != "" && strings.HasPrefix(template, "{") {
		selector += "{" + filter + "}"
	} else if template != "" {
		selector += "{" + template + "}"
	}
	if fields := query.get("groupByFields").list(); len(fields) > 0 {
		remarks = append(remarks, "Kayenta compared each group of groupByFields by itself; here they are taken together.")
	}
	if strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count") {
		return "sum(rate(" + selector + "[2m]))", append(remarks, "Kayenta averaged the counter's value, which only grows; here its growth is asked."), nil
	}
	return "avg(" + selector + ")", remarks, nil
}

// weigh writes weight, margins and demands.
func (c *configDraft) weigh(r *row, m tree, kind queries.Kind) {
	canary := m.at("analysisConfigurations", "canary")
	critical := canary.get("critical").truth()
	if kind == queries.Counter || muted(m) {
		if critical {
			r.say("It was critical; what spends nothing of the error budget cannot be.")
		}
		return
	}
	c.margins(r, canary, critical)
	percent, groups := c.worth(m)
	weighs := !c.unweighed && percent > 0
	switch {
	case weighs:
		r.weighs = true
		r.raw("weight", decimal(percent))
		r.say("Its share of the score was %s %% (%s).", decimal(percent), groups)
	case !c.unweighed:
		r.weighs, r.gauge = false, false
		r.raw("weight", "0")
		r.say("It had no share of the score: it is shown.")
	}
	if critical && (weighs || c.unweighed) {
		r.raw("critical", "true")
		r.weighs = true
	}
	needed := critical || c.pass > 0 && 100-percent < c.pass
	if weighs || critical {
		r.demands = needed
		r.raw("required", fmt.Sprint(needed))
	}
}

// margins reads the effect sizes: how much may change before Kayenta calls it a change.
func (c *configDraft) margins(r *row, canary tree, critical bool) {
	effect := canary.get("effectSize")
	if !effect.there() {
		return
	}
	if effect.get("measure").text() == "cles" {
		r.say("Not carried over: effectSize by cles, a probability; tolerance and margin are of the value itself.")
		c.note(effect, Left, "effectSize by cles")
		return
	}
	allowed, crit := "allowedIncrease", "criticalIncrease"
	sign := 1.0
	if canary.get("direction").text() == "decrease" {
		allowed, crit, sign = "allowedDecrease", "criticalDecrease", -1
	}
	tolerance, ok := effect.get(allowed).number()
	tolerance = rounded(sign * (tolerance - 1))
	if !ok || tolerance <= 0 {
		return
	}
	r.raw("tolerance", decimal(100*tolerance)+"%")
	margin := 2 * tolerance
	if v, ok := effect.get(crit).number(); ok && critical && rounded(sign*(v-1)) > tolerance {
		margin = rounded(sign * (v - 1))
		r.say("Its margin is what was critical.")
	} else if tolerance < 0.5 {
		return
	}
	if sign < 0 && margin >= 1 {
		margin = (1 + tolerance) / 2
	}
	r.raw("margin", decimal(100*margin)+"%")
}

// sayRest says what becomes of the other settings.
func (c *configDraft) sayRest(r *row, m tree, direction string, kind queries.Kind) {
	canary := m.at("analysisConfigurations", "canary")
	switch direction {
	case "", "either":
		if kind != queries.Counter {
			r.say("Kayenta judged it both ways; here it is worse when higher. For the other way add a metric with worse: lower.")
		}
	case "decrease":
		if kind == queries.Histogram {
			r.say("Kayenta judged it worse when lower; latency is worse when higher here.")
		}
	case "increase":
	default:
		r.say("Its direction %q is none of Kayenta's, which took it for either; here it is worse when higher.", cut(direction, 30))
	}
	if canary.get("nanStrategy").text() == "replace" {
		c.note(canary.get("nanStrategy"), Left, "nanStrategy replace")
		r.say("Not carried over: nanStrategy: replace. Without a sample there is a gap here, never a zero; an error counter that was not born yet counts as 0 beside its requests.")
	}
	if canary.get("mustHaveData").truth() {
		r.say("mustHaveData is how it always is here: without data nothing passes.")
	}
	if canary.at("outliers", "strategy").text() == "remove" {
		c.note(canary.get("outliers"), Left, "outliers remove")
		r.say("Not carried over: outliers are not removed.")
	}
	if s := m.get("scopeName").text(); s != "" && s != "default" {
		r.say("Its scope was %s; every metric of a plan has the same two arms.", oneLine(cut(s, 60)))
	}
}
