package adopt

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// strategy says what becomes of the way in which Flagger shifts traffic.
func (c *canaryDraft) strategy(spec, analysis tree) {
	interval := analysis.get("interval").duration()
	if interval == 0 {
		interval = time.Minute
	}
	steps, words := c.steps(analysis)
	iterations, _ := analysis.get("iterations").number()
	match, mirror := analysis.get("match"), analysis.get("mirror").truth()
	switch {
	case iterations > 0 && match.there():
		c.set("comparison", "concurrent", "An A/B test: who is sent to the canary is chosen, not drawn. Read differences with that in mind. Flagger has no weights here: "+
			"write weight: \"50\" (your share) in the metadata of Serin's hooks.")
		c.note(analysis.get("match"), Changed, "A/B test: compared concurrently; the hooks' metadata say the share")
	case iterations > 0 && !mirror:
		c.checksDecide(analysis.get("iterations"), "users do not share their traffic between the arms before the switch.")
	case mirror:
		c.note(analysis.get("mirror"), Carried, "mirrored traffic: compared concurrently")
	}
	c.deadline(analysis, time.Duration(steps)*interval, words)
	if spec.get("skipAnalysis").truth() {
		c.leave(&c.rest, spec.get("skipAnalysis"), "skipAnalysis: true. While it is set, Flagger asks nobody, and nothing is judged.")
	}
	for _, k := range []string{"alerts", "sessionAffinity", "primaryReadyThreshold", "canaryReadyThreshold"} {
		if v := analysis.get(k); v.there() {
			why := map[string]string{
				"alerts":          "alerts stay Flagger's; a plan's own rules are under alerts:.",
				"sessionAffinity": "sessionAffinity stays Flagger's. It moves the real share of traffic away from the weight, which Serin reports and holds for.",
			}[k]
			if why == "" {
				why = k + " stays Flagger's."
			}
			c.leave(&c.rest, v, "%s", why)
		}
	}
}

// steps counts the ticks of a rollout, in Flagger's words.
func (c *canaryDraft) steps(analysis tree) (steps int, words string) {
	most := func(x float64) int { return int(math.Min(math.Max(math.Ceil(x), 0), 10_000)) }
	if n, ok := analysis.get("iterations").number(); ok && n > 0 {
		return most(n), fmt.Sprintf("%d iterations", most(n))
	}
	if weights := analysis.get("stepWeights").list(); len(weights) > 0 {
		return len(weights), fmt.Sprintf("%d steps", len(weights))
	}
	step, ok := analysis.get("stepWeight").number()
	if !ok || step <= 0 {
		return 0, ""
	}
	top, ok := analysis.get("maxWeight").number()
	if !ok || top <= 0 {
		top = 100
	}
	return most(top / step), fmt.Sprintf("steps of %s %% up to %s %%", decimal(step), decimal(top))
}

// deadline settles how long a rollout may take. Flagger's own time is often too short
// for any proof; with Serin's gates it waits.
func (c *canaryDraft) deadline(analysis tree, takes time.Duration, words string) {
	const usual, longest = time.Hour, 168 * time.Hour
	if takes == 0 {
		return
	}
	said := fmt.Sprintf("Flagger's own pace: %s, one each %s, %s in all.", words, short(takes/time.Duration(max(1, c.ticks(analysis)))), short(takes))
	most := usual
	if takes > usual*2/3 {
		most = min((takes * 3 / 2).Round(time.Minute), longest)
	}
	if takes < usual*2/3 {
		gates := "confirm-traffic-increase, confirm-promotion"
		if analysis.get("iterations").there() {
			gates = "confirm-promotion"
		}
		said += " That is often too short for proof: Serin's hooks (" + gates + ") hold the rollout until there is some, up to maxDuration."
	}
	if n, ok := analysis.get("threshold").number(); ok {
		said += fmt.Sprintf(" Its threshold of %s failed checks has no place here: evidence decides, and the rollback hook rolls back.", decimal(n))
	}
	c.settings = append(c.settings, field{key: "maxDuration", value: short(most), raw: true, above: []string{said}})
	c.note(analysis, Changed, "pace: %s; maxDuration: %s", words, short(most))
	if v := analysis.get("threshold"); v.there() {
		c.note(v, Left, "threshold: evidence decides, not a count of failed checks")
	}
}

func (c *canaryDraft) ticks(analysis tree) int {
	n, _ := c.steps(analysis)
	return n
}

// hooks says what becomes of webhooks. A plain call becomes a check, and a plain load a
// proposal.
func (c *canaryDraft) hooks(analysis tree) {
	var stay []string
	ours := false
	for _, h := range analysis.get("webhooks").list() {
		if !h.isMap() {
			continue
		}
		name, kind, where := oneLine(cut(h.get("name").text(), 60)), h.get("type").text(), h.get("url").text()
		if kind == "" {
			kind = "rollout"
		}
		if strings.Contains(where, "/flagger/") { // Serin's own
			ours = true
			continue
		}
		if kind == "pre-rollout" || kind == "rollout" {
			if r, by, ok := testerCheck(h.at("metadata", "cmd").text()); ok {
				r.name = unique(c.checks, slug(name, "check"))
				r.above = append([]string{"Flagger's webhook " + name + ", which calls this by " + by + " from its load tester."}, r.above...)
				if kind == "pre-rollout" {
					r.add("when", "before-traffic")
				}
				c.checks = append(c.checks, r)
				c.note(h, Carried, "check %s (webhook %s)", r.name, name)
				continue
			}
		}
		text := fmt.Sprintf("the webhook %s (%s, %s): %s", name, oneLine(cut(kind, 30)), address(where), hookAdvice(kind))
		c.note(h, Left, "%s", text)
		if lines, ok := heyLoad(h.at("metadata", "cmd").text()); ok && kind == "rollout" {
			c.checks = append(c.checks, &row{off: true, above: []string{"As a load that asks both arms and compares them, what the webhook " + name + " sends would be as follows. " +
				"These are real requests to both: docs/load.md says what to heed.", lines}})
		}
		stay = append(stay, "Not carried over: "+text)
	}
	c.rest = append(c.rest, stay...)
	where := "{{ .Canary.URL }}"
	if port := c.canary.at("spec", "service", "port").text(); validName(c.serviceName) && validName(c.namespace) && validName(port) {
		where = "http://" + c.serviceName + "-canary." + c.namespace + ":" + port
	}
	c.exampleCheck(where)
	if ours {
		return
	}
	c.rest = append(c.rest, "The Canary needs Serin's hooks: examples/flagger and docs/flagger.md have them for each strategy.")
}

func hookAdvice(kind string) string {
	switch kind {
	case "pre-rollout":
		return "it stays in the Canary, before Serin's. What it tries by HTTP can be a check here, with when: before-traffic."
	case "rollout":
		return "it stays in the Canary; a load test gives both arms the traffic to compare only where it calls both."
	case "confirm-rollout", "confirm-promotion", "confirm-traffic-increase":
		return "a gate that somebody opens stays in the Canary, beside Serin's hook of the same type."
	case "rollback":
		return "it stays in the Canary; the first of the rollback hooks that says yes rolls back."
	}
	return "it stays in the Canary."
}

// curlCheck makes a check of a command that is one plain curl of one URL: nothing
// behind a pipe, no headers, no credentials.
func curlCheck(command string) (*row, bool) {
	words := strings.Fields(command)
	if len(words) < 2 || words[0] != "curl" || strings.ContainsAny(command, unplain) {
		return nil, false
	}
	url := ""
	for _, w := range words[1:] {
		switch {
		case strings.HasPrefix(w, "http://") || strings.HasPrefix(w, "https://"):
			if url != "" {
				return nil, false
			}
			url = w
		case w == "--fail" || w == "--silent" || w == "--show-error" || w == "-f" || w == "-s" || w == "-S" || w == "-sf" || w == "-fs" || w == "-fsS" || w == "-sfS" || w == "-sS":
		default:
			return nil, false
		}
	}
	if !plainURL(url) {
		return nil, false
	}
	r := &row{}
	r.raw("http", "{ get: "+quoteFlow(url)+" }")
	return r, true
}
