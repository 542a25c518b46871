package adopt

import (
	"regexp"
	"strings"
)

// Flagger's built-in checks.
const (
	requestSuccess  = "request-success-rate" // percent of requests that did not fail
	requestDuration = "request-duration"     // milliseconds
)

// builtin translates one of Flagger's built-in checks, and reports whether it could.
func (c *canaryDraft) builtin(m canaryMetric) bool {
	p := c.provider
	c.presets = add(c.presets, c.said)
	if p.why != "" {
		r := c.leaveRow(&c.draft.metrics, m.at, "%s of %s: %s. Judge the requests that the pods count themselves, or a metric with a label that tells the arms apart.", m.name, oneLine(c.providerName), p.why)
		r.above = append(r.above, boundWords(m.bounds)...)
		return false
	}
	if !c.tell(p) {
		c.leaveRow(&c.draft.metrics, m.at, "%s of %s: the Canary does not say the names that tell the arms apart.", m.name, oneLine(c.providerName))
		return false
	}
	if p.preset != "" && c.preset == "" {
		c.preset = p.preset
		c.reserved = []string{"errors", "latency", "client-errors", "requests"}
		c.presets = append(c.presets, "Its built-in checks are the preset's errors and latency; the preset brings requests and client errors as well, which spend nothing of the error budget.")
	}
	if m.name == requestSuccess {
		c.builtinErrors(m)
	} else {
		c.builtinLatency(m)
	}
	return true
}

// tell gives the arms the labels that tell them apart at this provider.
func (c *canaryDraft) tell(p provider) bool {
	if p.label == "" {
		return true
	}
	names := strings.NewReplacer("TARGET", c.target, "SERVICE", c.serviceName)
	if strings.Contains(p.baseline, "_") { // Skipper's names have no other signs
		names = strings.NewReplacer("SERVICE", signs.ReplaceAllString(c.serviceName, "_"))
	}
	return c.serviceName != "" && c.label(p.label, names.Replace(p.baseline), names.Replace(p.canary))
}

var signs = regexp.MustCompile(`[^A-Za-z0-9_]`)

// selector is the provider's, with what is the same for both arms filled in.
func (c *canaryDraft) selector() string {
	return strings.NewReplacer("NAMESPACE", signs.ReplaceAllString(c.namespace, "_"), "INGRESS", signs.ReplaceAllString(c.ingress, "_")).Replace(c.provider.selector)
}

func (c *canaryDraft) builtinErrors(m canaryMetric) {
	r := &row{name: "errors", weighs: true, demands: true}
	if c.preset == "" {
		r.name = unique(c.draft.metrics, "errors")
		r.say("Flagger's %s, written as its failures.", m.name)
		r.add("query", c.provider.errors())
		r.add("selector", c.selector())
		c.draft.metrics = append(c.draft.metrics, r)
		c.note(m.at, Carried, "%s (as counts: %s over %s)", r.name, with(c.provider.requests, c.provider.failed), c.provider.requests)
	} else {
		c.note(m.at, Carried, "errors (of the preset %s, as counts)", c.preset)
	}
	for _, b := range m.bounds {
		if !b.below {
			c.leaveRow(&c.draft.limits, m.at, "the bound %s of %s; a share of successes is not bad when high.", b.words(), m.name)
			continue
		}
		c.limitShare(r, asked{at: m.at, name: m.name}, rounded(1-b.value/100), b)
	}
}

func (c *canaryDraft) builtinLatency(m canaryMetric) {
	r := &row{name: "latency", weighs: true, demands: true}
	p := c.provider
	if c.preset == "" {
		r.name = unique(c.draft.metrics, "latency")
		r.say("Flagger's %s.", m.name)
		if p.mean != "" {
			r.say("Flagger bounds the mean; compared is the 99th percentile of the same histogram.")
		}
		r.add("query", p.latency())
		r.add("selector", c.selector())
		if p.unit != "" {
			r.add("unit", p.unit)
		}
		c.draft.metrics = append(c.draft.metrics, r)
		c.note(m.at, Carried, "%s (as counts: the histogram %s)", r.name, p.duration)
	} else {
		c.note(m.at, Carried, "latency (of the preset %s, as counts)", c.preset)
	}
	for _, b := range m.bounds {
		if b.below || b.value < 0 {
			c.leaveRow(&c.draft.limits, m.at, "the bound %s of %s; latency is not bad when low.", b.words(), m.name)
			continue
		}
		l := &row{name: unique(c.draft.limits, r.name)}
		l.say("It was: %s %s ms.", m.name, b.words())
		query, unit := p.latency(), p.unit
		if p.mean != "" {
			query, unit = p.average(), "s"
		}
		l.add("query", query)
		l.add("selector", c.selector())
		if unit != "" {
			l.add("unit", unit)
		}
		l.raw("above", decimal(b.value)+"ms")
		c.draft.limits = append(c.draft.limits, l)
		c.note(m.at, Carried, "limit %s: above %s ms", l.name, decimal(b.value))
	}
}
