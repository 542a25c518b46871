package backtest

import (
	"fmt"
	"io"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/backtest/paper"
	"github.com/serin-canary/serin/judge/plan"
)

// Pairs are recorded rollouts, judged by two plans.
type Pairs struct {
	Plans    [2]string `json:"plans"`
	Rollouts []Pair    `json:"rollouts"`
	// Skipped are rollouts that could not be judged by both, and why.
	Skipped []Skipped `json:"skipped,omitempty"`
}

// Pair is what two plans say of one rollout.
type Pair struct {
	Rollout  string    `json:"rollout"`
	Revision string    `json:"revision"`
	Started  time.Time `json:"started"`
	Was      string    `json:"was"` // the recorded outcome
	Said     [2]First  `json:"said"`
}

// First is what a plan says first of a rollout.
type First struct {
	Outcome judge.Outcome `json:"outcome"`
	// After is how many seconds after the start; 0 where nothing was decided.
	After  float64 `json:"after,omitempty"`
	Reason string  `json:"reason"`
}

// Skipped is a rollout that was not judged.
type Skipped struct {
	Rollout string `json:"rollout"`
	Why     string `json:"why"`
}

// Skip notes a rollout that is not judged.
func (p *Pairs) Skip(id, why string) { p.Skipped = append(p.Skipped, Skipped{id, why}) }

// Judge judges a recorded rollout by both plans, see [Recorded]; what cannot be judged is
// skipped.
func (p *Pairs) Judge(id string, plans [2]plan.Plan, was plan.Plan, looks []judge.Look) {
	out := Pair{Rollout: id}
	for i := range plans {
		r, err := Recorded(plans[i], was, looks)
		if err != nil {
			p.Skip(id, err.Error())
			return
		}
		out.Revision, out.Started, out.Was = r.Revision, r.From, r.Was.Outcome
		outcome, said := r.First()
		out.Said[i] = First{Outcome: outcome, Reason: r.Last.Reason}
		if said != nil {
			out.Said[i].After, out.Said[i].Reason = said.After, said.Reason
		}
	}
	p.Rollouts = append(p.Rollouts, out)
}

// WritePairs writes pairs as text, json, markdown or html.
func WritePairs(w io.Writer, format string, p Pairs) error {
	return p.paper().Write(w, format, "a comparison", p)
}

func (f First) words() string {
	if f.After == 0 {
		return "undecided"
	}
	return fmt.Sprintf("%s after %s", f.Outcome, paper.Lasting(time.Duration(f.After*float64(time.Second))))
}

func (p Pairs) paper() paper.Paper {
	t := &paper.Table{Head: []string{"rollout", "revision", "started", "recorded", p.Plans[0], p.Plans[1]}}
	var why []string
	differ := 0
	for _, r := range p.Rollouts {
		t.Rows = append(t.Rows, []string{r.Rollout, r.Revision, r.Started.UTC().Format("2006-01-02 15:04"), r.Was, r.Said[0].words(), r.Said[1].words()})
		if r.Said[0].Outcome != r.Said[1].Outcome {
			differ++
			why = append(why, fmt.Sprintf("%s: %s says %s: %s", r.Rollout, p.Plans[0], r.Said[0].Outcome, r.Said[0].Reason),
				fmt.Sprintf("%s: %s says %s: %s", r.Rollout, p.Plans[1], r.Said[1].Outcome, r.Said[1].Reason))
		}
	}
	out := paper.Paper{
		Title:    fmt.Sprintf("Plans %s and %s on recorded rollouts", p.Plans[0], p.Plans[1]),
		Lead:     fmt.Sprintf("They differ on %d of %d rollouts.", differ, len(p.Rollouts)),
		Sections: []paper.Section{{Title: "Rollouts", Table: t}},
	}
	if len(why) > 0 {
		out.Sections = append(out.Sections, paper.Section{Title: "Where they differ", Paragraphs: why})
	}
	if len(p.Skipped) > 0 {
		s := &paper.Table{Head: []string{"rollout", "why it was not judged"}}
		for _, k := range p.Skipped {
			s.Rows = append(s.Rows, []string{k.Rollout, k.Why})
		}
		out.Sections = append(out.Sections, paper.Section{Title: "Left out", Table: s})
	}
	return out
}
