package pages

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/report"
)

// planned is a metric as the pinned plan has it.
type planned struct {
	Name, Query, Tolerated, Excluded, Share string
	Worse                                   string
	Roles                                   []string
}

func plannedOf(p plan.Plan) []planned {
	var out []planned
	for _, m := range p.Metrics {
		one := planned{
			Name: report.Plain(m.Name), Query: report.Plain(m.Query.Expr), Tolerated: m.Tolerance.String(), Excluded: m.Margin.String(),
			Share: "–", Worse: string(m.Worse),
		}
		if m.Weight > 0 {
			one.Share = strconv.FormatFloat(m.Weight*100, 'g', 3, 64) + " %"
		}
		if m.Required {
			one.Roles = append(one.Roles, "required")
		}
		if m.Critical {
			one.Roles = append(one.Roles, "critical")
		}
		out = append(out, one)
	}
	return out
}

// policyOf is what of a plan decides beside the metrics. Checks are named only: what they
// send may hold credentials.
func policyOf(p plan.Plan) []report.Detail {
	if p.Name == "" {
		return nil
	}
	out := []report.Detail{
		{Name: "mode", Value: string(p.Mode)},
		{Name: "false rollbacks allowed", Value: percent(p.Alpha)},
		{Name: "false promotions allowed", Value: percent(p.Beta)},
		{Name: "block", Value: p.Block.String()},
		{Name: "lasts", Value: p.MinDuration.String() + " to " + p.MaxDuration.String()},
		{Name: "at least", Value: fmt.Sprintf("%d paired blocks, %d requests of the canary", p.MinBlocks, p.MinRequests)},
		{Name: "at the deadline", Value: string(p.AtDeadline)},
		{Name: "without data", Value: fmt.Sprintf("%s after %d blocks", p.NoData, p.NoDataBlocks)},
	}
	var names []string
	for _, c := range p.Checks {
		names = append(names, report.Plain(c.Name))
	}
	for _, l := range p.Limits {
		names = append(names, report.Plain(l.Name)+" (limit)")
	}
	if len(names) > 0 {
		out = append(out, report.Detail{Name: "checks and limits", Value: list(names)})
	}
	return out
}

func list(names []string) string {
	s := ""
	for i, n := range names {
		if i > 0 {
			s += ", "
		}
		s += n
	}
	return s
}

func percent(p float64) string { return strconv.FormatFloat(p*100, 'g', 3, 64) + " %" }

// step is something that happened to a rollout.
type step struct {
	At   time.Time
	What string
	Tone string
}

// stepsOf lists what happened, in order. Looks are listed apart.
func stepsOf(r Report) []step {
	out := []step{{r.Rollout.Started, "announced", ""}}
	for _, w := range r.Rollout.Weights {
		out = append(out, step{w.At, fmt.Sprintf("weight %.3g %%", w.Percent), ""})
	}
	if at := r.Rollout.FinalStep; !at.IsZero() {
		out = append(out, step{at, "the last promotion was asked for", ""})
	}
	if v := r.Verdict; v != nil && v.Latched != nil {
		out = append(out, step{v.Latched.End, "rollback: " + report.Plain(v.Latched.Reason), "bad"})
	}
	for _, o := range r.Overrides {
		out = append(out, step{o.At, fmt.Sprintf("%s decided: %s", report.Plain(o.By), o.Action), "held"})
	}
	if !r.Closed.IsZero() {
		out = append(out, step{r.Closed, "over: " + report.Plain(r.Why), ""})
	}
	for i, l := range r.Looks {
		if i == 0 || l.Outcome != r.Looks[i-1].Outcome {
			out = append(out, step{l.At, fmt.Sprintf("look %d: %s", l.Seq, l.Outcome), toneOf(l.Outcome)})
		}
	}
	slices.SortStableFunc(out, func(a, b step) int { return a.At.Compare(b.At) })
	return out
}
