package adopt

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// argo translates Argo Rollouts' objects. An Experiment of its own is read as a Rollout
// that has no other step.
type argo struct {
	docs    []document
	options Options
}

func (a argo) of(kinds ...string) (out []document) {
	for _, d := range a.docs {
		for _, k := range kinds {
			if d.kind() == k {
				out = append(out, d)
			}
		}
	}
	return out
}

func (a argo) templates() []document { return a.of("AnalysisTemplate", "ClusterAnalysisTemplate") }

func (a argo) drafts() []*draft {
	rollouts, templates := a.of("Rollout", "Experiment"), a.templates()
	if len(rollouts)+len(templates) == 0 {
		foreign(a.docs, "AnalysisTemplate, ClusterAnalysisTemplate or Rollout", "serin import flagger and serin import kayenta read those of others")
		return nil
	}
	var out []*draft
	for _, r := range rollouts {
		d := a.rollout(r)
		uses := d.uses()
		switch {
		case len(uses) > 0:
			out = append(out, d.judge(uses))
		case len(rollouts) == 1 && len(templates) > 0: // the templates are its own, by hand
			out = append(out, d.judge(usesOf(templates)))
		}
	}
	switch {
	case len(out) > 0:
	case len(templates) == 0:
		lacking(rollouts[0].root.get("spec"), "no Rollout here has an analysis, so there is nothing to carry over; name the files of its AnalysisTemplates")
	case a.options.Service == "":
		lacking(templates[0].root.get("kind"), "no Rollout among these files uses these templates, so it is not known which service the plan judges; add the Rollout's file, or write --service NAME")
	default:
		d := &rolloutDraft{draft: &draft{command: "argo", service: a.options.Service}, a: a, rollout: tree{b: templates[0].book}}
		d.from = count(len(templates), "template") + " without a Rollout"
		d.about = head(d.from, "argo")
		out = append(out, d.judge(usesOf(templates)))
	}
	return out
}

// use is one place where a Rollout uses a template.
type use struct {
	at       tree // of the reference
	name     string
	cluster  bool
	args     []tree
	dry      []tree
	template document // where it is known already
	why      string   // background, a step, ...
}

func usesOf(templates []document) (out []use) {
	for _, t := range templates {
		out = append(out, use{at: t.root, name: t.root.at("metadata", "name").text(), template: t})
	}
	return out
}

// rolloutDraft is one Rollout on its way to a plan.
type rolloutDraft struct {
	*draft
	a                      argo
	rollout                tree
	name, namespace        string
	canaryName, stableName string // services
	experiments            map[string]string
	depth                  int
	takes                  time.Duration
	waits                  bool // there is a pause without an end
	seen                   map[string]bool
}

func (a argo) rollout(doc document) *rolloutDraft {
	d := &rolloutDraft{
		draft: &draft{command: "argo"}, a: a, rollout: doc.root, experiments: map[string]string{},
		name: doc.root.at("metadata", "name").text(), namespace: doc.root.at("metadata", "namespace").text(),
	}
	canary := doc.root.at("spec", "strategy", "canary")
	d.canaryName, d.stableName = canary.get("canaryService").text(), canary.get("stableService").text()
	switch {
	case d.name == "":
		doc.root.get("metadata").fault("it has no metadata.name")
	case !validName(d.name):
		doc.root.at("metadata", "name").fault("%q is no name", cut(d.name, 60))
	}
	d.service, d.from = d.name, "the "+doc.kind()+" "+d.name+" of "+doc.book.file
	d.about = head(d.from, "argo")
	if d.namespace != "" && validName(d.namespace) {
		d.set("namespace", d.namespace)
	}
	return d
}

// uses finds every template that the Rollout uses, in the order in which Argo comes
// to them, and adds up how long its steps take.
func (d *rolloutDraft) uses() (out []use) {
	spec := d.rollout.get("spec")
	canary, green := spec.at("strategy", "canary"), spec.at("strategy", "blueGreen")
	if d.rollout.peek("kind") == "Experiment" {
		return d.experimentUses(spec)
	}
	out = append(out, analysisUses(canary.get("analysis"), "in the background")...)
	for _, step := range canary.get("steps").list() {
		if !step.isMap() {
			continue
		}
		if pause := step.get("pause"); pause.n != nil {
			if pause.there() && pause.get("duration").there() {
				d.takes += pause.get("duration").duration()
			} else {
				d.waits = true
			}
		}
		out = append(out, analysisUses(step.get("analysis"), "in a step")...)
		out = append(out, d.experimentUses(step.get("experiment"))...)
	}
	out = append(out, analysisUses(green.get("prePromotionAnalysis"), beforeSwitch)...)
	out = append(out, analysisUses(green.get("postPromotionAnalysis"), "after the switch")...)
	if green.there() {
		d.checksDecide(green, "users do not share their traffic between the arms.")
	}
	return out
}

// beforeSwitch is where a blue/green preview is looked at.
const beforeSwitch = "before the switch"

func analysisUses(analysis tree, why string) (out []use) {
	if !analysis.there() {
		return nil
	}
	args, dry := analysis.get("args").list(), analysis.get("dryRun").list()
	for _, t := range analysis.get("templates").list() {
		if t.isMap() {
			out = append(out, use{at: t, name: t.get("templateName").text(), cluster: t.get("clusterScope").truth(), args: args, dry: dry, why: why})
		}
	}
	if name := analysis.get("templateName").text(); name != "" { // before Argo Rollouts 1.0
		out = append(out, use{at: analysis, name: name, args: args, dry: dry, why: why})
	}
	return out
}

// experimentUses reads an experiment's analyses. Its own pods are the arms.
func (d *rolloutDraft) experimentUses(experiment tree) (out []use) {
	if !experiment.there() {
		return nil
	}
	d.takes += experiment.get("duration").duration()
	for _, t := range experiment.get("templates").list() {
		if t.isMap() {
			d.experiments[t.get("name").text()] = t.get("specRef").text()
		}
	}
	for _, t := range experiment.get("analyses").list() {
		if t.isMap() {
			out = append(out, use{at: t, name: t.get("templateName").text(), cluster: t.get("clusterScope").truth(), args: t.get("args").list(), dry: experiment.get("dryRun").list(), why: "in an experiment"})
		}
	}
	return out
}

// judge translates every metric of the templates that are used.
func (d *rolloutDraft) judge(uses []use) *draft {
	d.seen = map[string]bool{}
	for _, u := range uses {
		d.use(u)
	}
	d.deadline()
	d.exampleCheck("{{ .Canary.URL }}")
	if len(d.experiments) > 0 {
		d.rest = append(d.rest, "The experiment's own pods are the arms: pass their hashes as stableHash and canaryHash (docs/argo.md).")
	}
	d.rest = append(d.rest, "The Rollout needs Serin's AnalysisTemplate: examples/argo and docs/argo.md have it, with the arguments to pass.")
	return d.draft
}

func (d *rolloutDraft) use(u use) {
	t := u.template
	if t.book == nil {
		var ok bool
		if t, ok = d.template(u); !ok {
			d.leaveRow(&d.metrics, u.at, "the template %s is not among the files; name that file, too.", oneLine(cut(u.name, 60)))
			return
		}
	}
	const deepest = 5
	key := fmt.Sprintf("%s/%s/%d:%d", t.book.file, u.name, u.at.n.Line, u.at.n.Column)
	if d.seen[key] || d.depth > deepest {
		return
	}
	d.seen[key] = true
	d.depth++
	defer func() { d.depth-- }()
	spec := t.root.get("spec")
	for _, inner := range spec.get("templates").list() {
		if inner.isMap() {
			d.use(use{at: inner, name: inner.get("templateName").text(), cluster: inner.get("clusterScope").truth(), args: u.args, dry: u.dry, why: u.why})
		}
	}
	args := d.arguments(spec.get("args").list(), u.args)
	dry := append(spec.get("dryRun").list(), u.dry...)
	for _, m := range spec.get("metrics").list() {
		if m.isMap() {
			d.metricOf(analysisMetric{at: m, name: m.get("name").text(), template: u.name, args: args, dry: isDry(m.get("name").text(), dry), why: u.why})
		}
	}
}

// template finds a template among the files.
func (d *rolloutDraft) template(u use) (document, bool) {
	var near document
	found := false
	for _, t := range d.a.templates() {
		if t.root.at("metadata", "name").text() != u.name || (t.kind() == "ClusterAnalysisTemplate") != u.cluster {
			continue
		}
		in := t.root.at("metadata", "namespace").text()
		if in == d.namespace || in == "" {
			return t, true
		}
		near, found = t, true
	}
	return near, found
}

func isDry(name string, dry []tree) bool {
	for _, r := range dry {
		if !r.isMap() {
			continue
		}
		if re, err := regexp.Compile(r.get("metricName").text()); err == nil && re.MatchString(name) {
			return true
		}
	}
	return false
}

// deadline settles how long a rollout may take.
func (d *rolloutDraft) deadline() {
	if d.takes == 0 {
		return
	}
	const usual, longest = time.Hour, 168 * time.Hour
	most := usual
	if d.takes > usual*2/3 {
		most = min((d.takes * 3 / 2).Round(time.Minute), longest)
	}
	said := fmt.Sprintf("Its own steps take %s", short(d.takes))
	if d.waits {
		said += ", and wait for somebody besides"
	}
	d.settings = append(d.settings, field{key: "maxDuration", value: short(most), raw: true, above: []string{said + "; an analysis step that asks Serin holds it until there is proof, up to maxDuration."}})
	d.note(d.rollout.at("spec", "strategy"), Changed, "steps of %s; maxDuration: %s", short(d.takes), short(most))
}

// counting says how often Argo measured, and what it forgave.
func counting(m tree) string {
	var words []string
	for _, k := range []struct{ key, words string }{
		{"interval", "each %s"}, {"count", "%s times"}, {"initialDelay", "after %s"}, {"failureLimit", "%s failures forgiven"},
		{"inconclusiveLimit", "%s inconclusive forgiven"}, {"consecutiveErrorLimit", "%s errors in a row forgiven"}, {"consecutiveSuccessLimit", "until %s successes in a row"},
	} {
		if text := m.get(k.key).text(); text != "" {
			words = append(words, fmt.Sprintf(k.words, oneLine(cut(text, 40))))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return "Argo measured it " + strings.Join(words, ", ") + "; Serin counts all of the rollout, in blocks."
}
