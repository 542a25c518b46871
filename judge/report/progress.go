package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
)

// progress says what the verdict rests on, one fact a line.
func progress(v judge.Verdict) []string {
	var out []string
	g := v.Progress
	out = append(out, blocks(v))
	if g.CanaryRequests > 0 || g.BaselineRequests > 0 {
		out = append(out, fmt.Sprintf("%s canary requests against %s of the baseline", count(g.CanaryRequests), count(g.BaselineRequests)))
	}
	if s := traffic(g); s != "" {
		out = append(out, s)
	}
	if v.Threshold > 0 {
		out = append(out, fmt.Sprintf("evidence of harm, all metrics together: %s (%s); %s rolls back",
			odds(&v.Evidence), strength(v.Evidence, v.Threshold), odds(&v.Threshold)))
	}
	if v.Promise != "" {
		out = append(out, clean(v.Promise))
	}
	if l := v.Latched; l != nil {
		out = append(out, latch(*l))
	}
	if s := moved(v); s != "" {
		out = append(out, s)
	}
	switch v.Rollout.Comparison {
	case rollout.BeforeAfter:
		out = append(out, "compared with the baseline's past: not concurrent, so nothing is ever proven good")
	case rollout.ChecksOnly:
		out = append(out, "no shared traffic: checks decide")
	}
	if g.PrePeriodBlocks > 0 {
		out = append(out, "noise learnt from "+plural(g.PrePeriodBlocks, "block")+" before the start")
	} else if g.Closed > 0 && v.Rollout.Comparison != rollout.ChecksOnly {
		out = append(out, "noise assumed, not learnt: nothing from before the start was there")
	}
	out = append(out, fmt.Sprintf("score %s of 100 (information; it decides nothing)", number(v.Score)))
	return append(out, identity(v))
}

// moved says which metrics are on the verdict's list, unless they are those to blame.
func moved(v judge.Verdict) string {
	if v.Moved == nil || v.Latched != nil && slices.Equal(v.Moved.Metrics, v.Latched.Metrics) {
		return ""
	}
	return fmt.Sprintf("worse than tolerated, on a list of which %s %% of the entries are expected to be wrong at most: %s (it blames nobody)",
		number(v.Moved.Level*100), clean(strings.Join(v.Moved.Metrics, ", ")))
}

func blocks(v judge.Verdict) string {
	g := v.Progress
	if g.Closed == 0 {
		return "no block has closed yet"
	}
	s := plural(g.Paired, "block")
	if g.Block != "" {
		s += " of " + length(g.Block)
	}
	s += fmt.Sprintf(" with both arms, of %d closed", g.Closed)
	if g.AtFinalStep > 0 {
		s += fmt.Sprintf(", %d at the highest weight", g.AtFinalStep)
	}
	if !g.From.IsZero() && !g.To.IsZero() {
		s += fmt.Sprintf(" (%s to %s)", stamp(g.From), g.To.UTC().Format("15:04:05"))
	}
	if !v.Fresh {
		s += "; NOT FRESH"
		if v.StaleBlocks > 0 {
			s += ", the newest evidence is " + plural(v.StaleBlocks, "block") + " old"
		}
	}
	return s
}

// length writes a block's length as people say it.
func length(block string) string {
	d, err := time.ParseDuration(block)
	switch {
	case err != nil:
		return clean(block)
	case d < time.Second:
		return number(float64(d.Milliseconds())) + " ms"
	case d < 2*time.Minute && d%time.Minute != 0:
		return number(d.Seconds()) + " s"
	case d < 2*time.Hour:
		return number(d.Minutes()) + " min"
	}
	return number(d.Hours()) + " h"
}

func traffic(g judge.Progress) string {
	var out []string
	if g.Weight != nil {
		out = append(out, "declared weight "+number(*g.Weight)+" %")
	}
	if g.Share != nil {
		out = append(out, "observed share "+number(*g.Share*100)+" %")
	}
	return strings.Join(out, ", ")
}

func latch(l judge.Latch) string {
	s := "the rollback stands"
	if !l.End.IsZero() {
		s += " since " + stamp(l.End) + ", the end of the block that decided"
	}
	if !l.Proven {
		s += " (by policy, not by proof)"
	}
	if len(l.Metrics) > 0 {
		s += "; to blame: " + clean(strings.Join(l.Metrics, ", "))
	}
	return s
}

// identity is what a person quotes to somebody else.
func identity(v judge.Verdict) string {
	var out []string
	if v.Rollout.ID != "" {
		out = append(out, "rollout "+clean(v.Rollout.ID))
	}
	if v.Seq > 0 {
		out = append(out, fmt.Sprintf("look %d", v.Seq))
	}
	if !v.At.IsZero() {
		out = append(out, stamp(v.At))
	}
	if v.Phase != "" {
		out = append(out, clean(string(v.Phase)))
	}
	if v.Engine != "" {
		out = append(out, "engine "+clean(v.Engine))
	}
	return strings.Join(out, ", ")
}
