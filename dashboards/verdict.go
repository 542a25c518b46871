package dashboards

import (
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
)

// verdictRow is the first screen: what is on trial, what the judge thinks, and why.
func (s Subject) verdictRow(sh *sheet) {
	sh.put(idVerdict, 12, 10, panel{
		key: "verdict", form: formText, title: "Verdict",
		description: "What the judge said last, in its own words. The panels beside it are live.", content: s.words(),
	})
	block := s.Plan.Block.D()
	stats := []panel{
		{
			key: "outcome", title: "Outcome", description: "The last verdict: promote and rollback are proven or forced by policy; continue says that neither side is proven yet; inconclusive, that the deadline came first.",
			targets: []target{{expr: s.outcome()}}, mappings: outcomes(), steps: steps(grey), unit: "short",
		},
		{
			key: "evidence", title: "Harm evidence", description: "Evidence that the canary is worse than tolerated, as a share of what rolls it back (both as logarithms). At 100% it is rolled back.",
			targets: []target{{expr: "clamp_min(" + s.own("serin_rollout_evidence_log10", nil) + " / " + s.own("serin_rollout_threshold_log10", nil) + ", 0)"}},
			unit:    "percentunit", steps: steps(green, 0.5, yellow, 1.0, red), decimals: cog.ToPtr(0.0),
		},
		{
			key: "worst", title: "Worst metric", description: "The metric with the most evidence of harm, where there is any (3:1 or more). Its row below shows it.",
			targets:  []target{{expr: s.worst(), legend: "{{finding}}", instant: true}},
			nameOnly: true, steps: steps(grey), unit: "short",
		},
		{
			key: "weight", title: "Canary weight", description: "The canary's share of traffic as its controller declared it. Unknown is not zero.",
			targets: []target{{expr: s.own("serin_rollout_weight_percent", nil)}}, unit: "percent", steps: steps(orange), noValue: "unknown",
		},
		{
			key: "requests", title: "Requests", description: "How many requests of each arm were compared, which the verdict rests on. A p99 of twelve requests says nothing.",
			targets: []target{
				{expr: s.own("serin_rollout_requests", nil, "arm", "canary"), legend: seriesCanary},
				{expr: s.own("serin_rollout_requests", nil, "arm", "baseline"), legend: seriesBaseline},
			},
			unit: "short", overrides: arms()[:2], steps: steps(grey),
		},
		{
			key: "age", title: "Last look", description: "How long ago the judge last looked. Nothing on this board is guarded while it does not.",
			targets: []target{{expr: "time() - " + s.own("serin_rollout_last_look_timestamp_seconds", nil)}}, unit: "s",
			steps:    steps(green, (3*block + s.Plan.Lag.D() + time.Minute).Seconds(), yellow, (10*block + s.Plan.Lag.D() + 5*time.Minute).Seconds(), red),
			decimals: cog.ToPtr(0.0),
		},
	}
	s.final(stats)
	var ids []uint32
	for i := range stats {
		stats[i].form, stats[i].links = formStat, s.links()
		if stats[i].noValue == "" {
			stats[i].noValue = notHere
		}
		ids = append(ids, idVerdict+1+uint32(i))
	}
	sh.fill(4, 5, ids, stats)
}

// final replaces what a rollout's metrics said when they were last scraped by what its
// last verdict said: that verdict ended the rollout, and so may never be scraped.
func (s Subject) final(stats []panel) {
	if s.Closed.IsZero() {
		return
	}
	v := s.Verdict
	said := func(p *panel, x *float64) {
		if x != nil {
			p.targets = []target{{expr: constantly(*x)}}
			p.description += " This is the last verdict's."
		}
	}
	for i := range stats {
		switch p := &stats[i]; p.key {
		case "outcome":
			if n, there := outcomeNumbers()[v.Outcome]; there {
				said(p, &n)
			}
		case "evidence":
			said(p, v.Harm)
		case "weight":
			said(p, v.Weight)
		case "requests":
			if v.CanaryRequests > 0 {
				p.targets[0].expr, p.targets[1].expr = constantly(v.CanaryRequests), constantly(v.BaselineRequests)
			}
		case "age":
			took := s.Closed.Sub(s.Rollout.Started).Seconds()
			p.title, p.description, p.steps = "It took", "How long the rollout took, from its start to its end.", steps(grey)
			p.targets = []target{{expr: constantly(took)}}
		}
	}
}

// constantly is a number that a board knows by itself.
func constantly(x float64) string { return "vector(" + number(x) + ")" }

// harm is log10 of the evidence from which on a metric is worth a look: 3:1, where the
// judge, too, takes a verdict for no longer free of harm.
const harm = 0.477

// worst asks for the finding with the most evidence of harm, as it was last, and says
// none where no metric has any. A rollout that is over has no such series any more at the
// end of what the board shows.
func (s Subject) worst() string {
	last := "last_over_time(" + selector(s.Self, "serin_finding_evidence_log10", "rollout", rolloutVariable, "about", "metric", "side", "worse").String() + "[$__range])"
	return "topk(1, max by (finding) (" + last + ") >= " + number(harm) + ") or on () label_replace(0 * max(" + last + "), \"finding\", \"none\", \"\", \"\")"
}

// What the panel of the verdict has room for on a screen of 1440 pixels, in characters: the
// reason, and both where the worst metric's is beside it. The report has all of them.
const (
	longestReason  = 500
	reasonOfTwo    = 290
	longestOfWorst = 170
)

// words is the verdict as Markdown.
func (s Subject) words() string {
	var b strings.Builder
	v := s.Verdict
	most := longestReason
	if s.worstToSay() {
		most = reasonOfTwo
	}
	switch {
	case v.Outcome == "":
		b.WriteString("## not judged yet\n\nNobody has looked at this rollout.\n\n")
	default:
		fmt.Fprintf(&b, "## %s%s\n\n%s\n\n", strings.ToUpper(v.Outcome), proven(v), plain(shortened(v.Reason, most)))
	}
	if !s.Closed.IsZero() {
		fmt.Fprintf(&b, "**Ended** %s: %s.\n\n", moment(s.Closed), plain(s.Why))
	}
	if s.worstToSay() {
		fmt.Fprintf(&b, "**Worst: %s.** %s\n\n", plain(v.Worst), plain(shortened(v.WorstReason, longestOfWorst)))
	}
	r := s.Rollout
	fmt.Fprintf(&b, "**%s %s** on trial against %s, since %s (attempt %d), for %s by plan %s.", plain(join(r.Namespace, r.Service)),
		known(r.Canary.Version, r.Revision), known(r.Baseline.Version, r.Baseline.Hash, r.Baseline.Workload),
		moment(r.Started), max(r.Attempt, 1), known(r.Controller), known(r.Plan))
	if !v.At.IsZero() {
		fmt.Fprintf(&b, " This text is of %s.", v.At.UTC().Format("15:04:05"))
	}
	b.WriteString("\n")
	if ls := s.links(); len(ls) > 0 {
		b.WriteString("\n")
		for i, l := range ls {
			if i > 0 {
				b.WriteString(" · ")
			}
			fmt.Fprintf(&b, "[%s](%s)", l.title, l.url)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// worstToSay reports whether the worst metric has a sentence to add: where it decided,
// the reason begins with it, and where the canary is promoted no metric is bad.
func (s Subject) worstToSay() bool {
	v := s.Verdict
	return v.Worst != "" && v.WorstReason != "" && v.Outcome != "promote" &&
		!strings.HasPrefix(v.Reason, v.Worst+" ") && !strings.Contains(v.Reason, v.WorstReason)
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// known is the first of some names that is there, as plain text.
func known(names ...string) string {
	for _, n := range names {
		if n != "" {
			return plain(n)
		}
	}
	return "unknown"
}

// proven says what a verdict rests on.
func proven(v Verdict) string {
	var notes []string
	if !v.Proven && (v.Outcome == "promote" || v.Outcome == "rollback") {
		notes = append(notes, "by policy, not proven")
	}
	if v.Shadow {
		notes = append(notes, "shadow: without consequences")
	}
	if len(notes) == 0 {
		return ""
	}
	return " (" + strings.Join(notes, "; ") + ")"
}

func join(namespace, service string) string {
	if namespace == "" {
		return service
	}
	return namespace + "/" + service
}

// plain is text that Markdown, HTML and Grafana's variables leave as it is.
func plain(text string) string {
	return strings.NewReplacer(
		"\\", "\\\\", "&", "&amp;", "<", "&lt;", ">", "&gt;", "`", "&#96;", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "|", "\\|", "$", "&#36;", "\n", " ", "\r", " ",
	).Replace(text)
}
