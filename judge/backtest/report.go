package backtest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/backtest/paper"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// Report is what Serin would have said of one past rollout.
type Report struct {
	Plan     string    `json:"plan"`
	Service  string    `json:"service"`
	Revision string    `json:"revision,omitempty"`
	Rollout  string    `json:"rollout,omitempty"` // ID, of a recorded one
	From     time.Time `json:"from"`
	To       time.Time `json:"to"` // end of the last block that was looked at
	Block    string    `json:"block"`
	Looks    []Look    `json:"looks"`
	// Promoted and RolledBack are when Serin would first have spoken; nil is never.
	Promoted   *Spoken `json:"promoted,omitempty"`
	RolledBack *Spoken `json:"rolledBack,omitempty"`
	// Was is what was recorded at the time, where it was.
	Was *Was `json:"was,omitempty"`
	// Last is the verdict at the last look, Trace how its evidence came to be.
	Last  judge.Verdict `json:"last"`
	Trace judge.Trace   `json:"trace"`
	Notes []string      `json:"notes,omitempty"`
}

// Look is what would have been said at one look.
type Look struct {
	At        time.Time     `json:"at"`
	Blocks    int           `json:"blocks"` // that had closed
	Outcome   judge.Outcome `json:"outcome"`
	Proven    bool          `json:"proven,omitempty"`
	Evidence  float64       `json:"evidence"` // of harm, log10
	Threshold float64       `json:"threshold"`
	Reason    string        `json:"reason"`
}

// Spoken is a first decision.
type Spoken struct {
	At time.Time `json:"at"` // of the look
	// After is how long after the start that was, in seconds.
	After float64 `json:"after"`
	// End is the end of the block with which a rollback was proven; zero for a promotion.
	End     time.Time `json:"end,omitzero"`
	Proven  bool      `json:"proven"`
	Reason  string    `json:"reason"`
	Metrics []string  `json:"metrics,omitempty"` // to blame
}

// Was is what the looks that are recorded said.
type Was struct {
	Plan       string    `json:"plan"`
	Outcome    string    `json:"outcome"` // of the last look
	Promoted   time.Time `json:"promoted,omitzero"`
	RolledBack time.Time `json:"rolledBack,omitzero"`
}

// Progress is told how far a walk is; it may be nil.
type Progress func(done, of int)

// Run walks a rollout through, a look after every block, until a time or the plan's
// deadline and its holdFor, whichever comes first.
func Run(ctx context.Context, p Past, until time.Time, tell Progress) (Report, error) {
	w, err := NewWalker(p)
	if err != nil {
		return Report{}, err
	}
	n := lastLook(w.past.Plan, w.past.Rollout, until)
	if n < 1 {
		return Report{}, fmt.Errorf("backtest: between %s and %s no block of %s had closed; name a longer time",
			w.past.Rollout.Started.UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339), w.past.Plan.Block)
	}
	var vs []judge.Verdict
	for k := 1; k <= n; k++ {
		v, err := w.Look(ctx, k)
		if err != nil {
			return Report{}, err
		}
		vs = append(vs, v)
		if tell != nil {
			tell(k, n)
		}
	}
	r := reportOf(w.past.Plan, vs)
	r.Trace = judge.TraceOfRecord(w.Record(), r.Last)
	if len(p.Plan.Checks) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("The plan's checks (%d) were left out: the past cannot be checked.", len(p.Plan.Checks)))
	}
	if len(p.Plan.Alertmanager) > 0 || len(p.Plan.DependsOn) > 0 {
		r.Notes = append(r.Notes, "Alerts of others and rollouts that the plan depends on were left out.")
	}
	r.Notes = append(r.Notes, "Samples that reached the source late are there now, and were not then.")
	return r, nil
}

// lastLook is how many blocks have closed at the last look.
func lastLook(p plan.Plan, r rollout.Rollout, until time.Time) int {
	block := p.Block.D()
	end := r.Started.Add(p.MaxDuration.D() + p.HoldFor.D())
	if until.Before(end) {
		end = until
	}
	return int(end.Truncate(block).Sub(r.Started.Truncate(block)) / block)
}

// reportOf reads verdicts that follow each other, at least one.
func reportOf(p plan.Plan, vs []judge.Verdict) Report {
	last := vs[len(vs)-1]
	r := Report{
		Plan: p.Name, Service: last.Rollout.Service, Revision: last.Rollout.Revision, Block: p.Block.String(),
		From: last.Rollout.Started.UTC(), To: last.Progress.To, Last: last,
	}
	for _, v := range vs {
		r.Looks = append(r.Looks, Look{
			At: v.At, Blocks: v.Progress.Blocks, Outcome: v.Outcome, Proven: v.Proven,
			Evidence: v.Evidence, Threshold: v.Threshold, Reason: v.Reason,
		})
		switch {
		case v.Outcome == judge.Promote && r.Promoted == nil:
			r.Promoted = &Spoken{At: v.At, After: v.At.Sub(r.From).Seconds(), Proven: v.Proven, Reason: v.Reason}
		case v.Outcome == judge.Rollback && r.RolledBack == nil:
			r.RolledBack = &Spoken{At: v.At, After: v.At.Sub(r.From).Seconds(), Proven: v.Proven, Reason: v.Reason}
			if l := v.Latched; l != nil {
				r.RolledBack.End, r.RolledBack.Metrics, r.RolledBack.Proven = l.End, l.Metrics, l.Proven
			}
		}
	}
	return r
}

// First is what Serin would have said first, and when; nil where nothing was proven.
func (r Report) First() (judge.Outcome, *Spoken) {
	switch {
	case r.Promoted == nil && r.RolledBack == nil:
		return judge.Continue, nil
	case r.RolledBack == nil || r.Promoted != nil && r.Promoted.At.Before(r.RolledBack.At):
		return judge.Promote, r.Promoted
	}
	return judge.Rollback, r.RolledBack
}

// Sentence says it all in a sentence.
func (r Report) Sentence() string {
	outcome, said := r.First()
	if said == nil {
		return fmt.Sprintf("Serin would have proven nothing in %s: %s", paper.Lasting(r.To.Sub(r.From)), r.Last.Reason)
	}
	s := fmt.Sprintf("Serin would have said %s at %s, %s after the start: %s",
		outcome, said.At.UTC().Format("15:04:05 UTC"), paper.Lasting(said.At.Sub(r.From)), strings.TrimSuffix(said.Reason, "."))
	if outcome == judge.Promote && r.RolledBack != nil {
		s += fmt.Sprintf("; and %s after the start it would have said rollback: %s", paper.Lasting(r.RolledBack.At.Sub(r.From)), strings.TrimSuffix(r.RolledBack.Reason, "."))
	}
	return s + "."
}
