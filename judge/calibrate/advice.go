package calibrate

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/serin-canary/serin/judge/plan"
)

// Advice is what would mend a plan.
type Advice struct {
	Metric string `json:"metric,omitempty"` // that it is about
	Text   string `json:"text"`
}

// held is the part of the draws from which on a metric that keeps them waiting is named.
const held = .2

// advice says what would mend the plan, the gravest first.
func (p prepared) advice(ctx context.Context, r Report, of []Result) ([]Advice, error) {
	var out []Advice
	out = append(out, r.ofPromise())
	noisy, err := p.ofAlarms(ctx, r, of)
	out = append(out, noisy...)
	out = append(out, p.ofPromotion(r)...)
	return out, err
}

// ofPromise says whether the promised rate holds.
func (r Report) ofPromise() Advice {
	a := r.Alarms
	switch r.Verdict {
	case Kept:
		return Advice{Text: fmt.Sprintf("The plan keeps its promise on this history: %s of healthy canaries would be rolled back (%s to %s), and %s are allowed.",
			percent(a.Rate), percent(a.Low), percent(a.High), percent(r.Alpha))}
	case Broken:
		return Advice{Text: fmt.Sprintf("The plan breaks its promise on this history: %s of healthy canaries would be rolled back (%s to %s), and %s are allowed. Do not enforce it as it is.",
			percent(a.Rate), percent(a.Low), percent(a.High), percent(r.Alpha))}
	case Unknown:
	}
	if a.Of == 0 {
		return Advice{Text: "Nothing could be compared, so that nothing is known of this plan."}
	}
	return Advice{Text: fmt.Sprintf("Whether the plan keeps its promise is not decided: %s of healthy canaries would be rolled back (%s to %s), and %s are allowed. %s",
		percent(a.Rate), percent(a.Low), percent(a.High), percent(r.Alpha), r.more())}
}

// more says how many draws would decide, if the history grew with them: draws of the same
// stretches tell less and less.
func (r Report) more() string {
	for n := 2 * r.Alarms.Of; n <= 64*r.Alarms.Of; n *= 2 {
		k := int(math.Round(r.Alarms.Rate * float64(n)))
		if promise(rateOf(k, n, r.Alarms.Effective*float64(n)/float64(r.Alarms.Of)), r.Alpha) != Unknown {
			return fmt.Sprintf("About %d draws of %d times as much history would decide, if they go on like this; more draws of the same days tell less.", n, n/r.Alarms.Of)
		}
	}
	return "The rate is so near to what is allowed that no number of draws decides it."
}

// ofAlarms names the metrics that alarm too often, and a tolerance that would do.
func (p prepared) ofAlarms(ctx context.Context, r Report, of []Result) ([]Advice, error) {
	if r.Alarms.Rate <= r.Alpha {
		return nil, nil
	}
	var out []Advice
	for _, m := range r.Metrics {
		if m.Alarms.Count == 0 || 5*m.Alarms.Count < r.Alarms.Count {
			continue
		}
		text := fmt.Sprintf("%s is too noisy for this plan: it is blamed for %d of the %d false alarms%s.", m.Name, m.Alarms.Count, r.Alarms.Count, m.noise())
		does, err := p.tolerance(ctx, m.Name, r, of)
		if err != nil {
			return out, err
		}
		out = append(out, Advice{Metric: m.Name, Text: text + " " + does})
	}
	limits, policies := 0, 0
	for _, d := range of {
		switch {
		case d.Harm > 0 && d.By == ByLimit:
			limits++
		case d.Harm > 0 && d.By == ByPolicy:
			policies++
		}
	}
	if limits > 0 {
		out = append(out, Advice{Text: fmt.Sprintf("%d of the alarms are by a limit outside the statistics: raise it, or make it wait for more blocks.", limits)})
	}
	if policies > 0 {
		out = append(out, Advice{Text: fmt.Sprintf("%d of the alarms are by policy, where data was missing: noData: hold would wait for a person.", policies)})
	}
	if p.Plan.Sequential.Dispersion == plan.Exact {
		out = append(out, Advice{Text: "The plan takes noise for what chance alone makes (sequential.dispersion: exact), and this service is noisier. Leave that line out: then noise is measured."})
	}
	return out, nil
}

// noise says how noisy a metric is.
func (m Metric) noise() string {
	var parts []string
	if m.Dispersion > 1.5 {
		parts = append(parts, fmt.Sprintf("it varies %.2g times as much as by chance", m.Dispersion))
	}
	if m.PodSpread > .01 {
		parts = append(parts, fmt.Sprintf("pods differ by %s", percent(m.PodSpread)))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// mostAgain bounds the draws that are judged again for one tolerance.
const mostAgain = 40

// tolerance looks for the least tolerance of a metric with which its alarms would be few
// enough. Only draws that alarmed are judged again: a wider tolerance makes no new ones.
func (p prepared) tolerance(ctx context.Context, name string, r Report, of []Result) (string, error) {
	var alarmed []Result
	for _, d := range of {
		if d.Harm > 0 {
			alarmed = append(alarmed, d)
		}
	}
	tried := alarmed[:min(len(alarmed), mostAgain)]
	for _, times := range [...]float64{1.5, 2, 3, 5, 10, 20, 50} {
		t := p.trial
		var to plan.Margin
		t.plan, to = widened(t.plan, name, times)
		still := 0
		for _, d := range tried {
			again, err := t.judge(ctx, p.layout.draw(d.Index))
			if err != nil {
				return "", err
			}
			if again.Harm > 0 {
				still++
			}
		}
		if part := float64(still) / float64(len(tried)); part*r.Alarms.Rate <= r.Alpha {
			return r.wider(part, toleranceOf(p.Plan, name), to), nil
		}
	}
	return "No tolerance up to fifty times as wide helps alone; give it weight 0, or more canary pods.", nil
}

// wider says what a wider tolerance does, where a part of the alarms stay. The draws chose
// it themselves, so that it does better on them than it would on others.
func (r Report) wider(part float64, from, to plan.Margin) string {
	left := rateOf(int(math.Round(part*float64(r.Alarms.Count))), r.Alarms.Of, r.Alarms.Effective)
	text := fmt.Sprintf("With a tolerance of %s instead of %s the rate of all alarms would be %s on these draws (%s to %s); what is worse by less than that would then pass.",
		to, from, percent(left.Rate), percent(left.Low), percent(left.High))
	if promise(left, r.Alpha) != Kept {
		text += fmt.Sprintf(" Whether that keeps %s they do not decide.", percent(r.Alpha))
	}
	return text + " It was chosen by these very draws, which flatters it: calibrate the changed plan on other days before it is enforced."
}

func toleranceOf(p plan.Plan, name string) plan.Margin {
	for _, m := range p.Metrics {
		if m.Name == name {
			return m.Tolerance
		}
	}
	return plan.Margin{}
}

// widened is a plan with a metric's tolerance so many times as wide, and its margin where
// it would not be above it.
func widened(p plan.Plan, name string, times float64) (plan.Plan, plan.Margin) {
	ms := make([]plan.Metric, len(p.Metrics))
	copy(ms, p.Metrics)
	p.Metrics = ms
	for i := range ms {
		if ms[i].Name != name {
			continue
		}
		t := ms[i].Tolerance
		t.Relative, t.Absolute = t.Relative*times, t.Absolute*times
		ms[i].Tolerance = t
		ms[i].Margin.Relative = max(ms[i].Margin.Relative, 2*t.Relative)
		ms[i].Margin.Absolute = max(ms[i].Margin.Absolute, 2*t.Absolute)
		return p, t
	}
	return p, plan.Margin{}
}

// ofPromotion says what keeps healthy canaries waiting, and how many pods would do.
func (p prepared) ofPromotion(r Report) []Advice {
	var out []Advice
	if r.Promoted.Of > 0 && r.Promoted.Rate < .8 {
		out = append(out, Advice{Text: fmt.Sprintf("Only %s of healthy canaries are proven within %s; the others wait for a person.", percent(r.Promoted.Rate), r.Deadline)})
	}
	for _, m := range r.Metrics {
		if !m.Required || m.Held.Of == 0 {
			continue
		}
		needs := 0
		if m.Forecast != nil {
			needs = m.Forecast.PodsNeeded
		}
		switch {
		case needs > r.Pods:
			out = append(out, Advice{Metric: m.Name, Text: fmt.Sprintf("%s cannot be proven by %s: it needs at least %d%s. A wider margin would do, too.", m.Name, podsOf(r.Pods), needs, m.noise())})
		case m.Held.Rate >= held && r.Promoted.Rate < .8:
			out = append(out, Advice{Metric: m.Name, Text: fmt.Sprintf("%s is what healthy canaries wait for, in %s of the draws%s: a wider margin, more canary pods, or more traffic to them would help, in this order of cost.", m.Name, percent(m.Held.Rate), m.noise())})
		}
	}
	return out
}

func podsOf(n int) string {
	if n == 1 {
		return "1 canary pod"
	}
	return fmt.Sprintf("%d canary pods", n)
}

// percent writes a part of a whole.
func percent(v float64) string {
	switch {
	case v == 0:
		return "0%"
	case v < .01:
		return fmt.Sprintf("%.2g%%", 100*v)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*v), ".0") + "%"
}
