package backtest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/backtest/paper"
	"github.com/serin-canary/serin/judge/plan"
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
	// QuietSince is the end of the last block in which both arms had requests, where at
	// the last look that was the plan's noDataBlocks ago or longer: the rollout was
	// probably over then.
	QuietSince time.Time `json:"quietSince,omitzero"`
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

// Run walks a rollout through, a look after every block, until a time, or the plan's
// deadline and its holdFor if they come first. Where the time is zero, nobody knows when
// the rollout was over: the walk ends at the deadline, or after a promotion when the canary
// has had no requests for the plan's noDataBlocks.
func Run(ctx context.Context, p Past, until time.Time, tell Progress) (Report, error) {
	w, err := NewWalker(p)
	if err != nil {
		return Report{}, err
	}
	start := w.past.Rollout.Started
	n, end := w.last(until, start)
	if n < 1 {
		return Report{}, fmt.Errorf("backtest: between %s and %s no block of %s had closed; name a longer time",
			start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339), w.past.Plan.Block)
	}
	var vs []judge.Verdict
	promoted := false
	for k := 1; k <= n; k++ {
		v, err := w.Look(ctx, k)
		if err != nil {
			return Report{}, err
		}
		vs = append(vs, v)
		if v.Progress.From.After(start) { // the plan's clocks start with the canary's requests
			n, _ = w.last(until, v.Progress.From)
		}
		if promoted = promoted || v.Outcome == judge.Promote; promoted && until.IsZero() && quiet(w.past.Plan, v) {
			n = k
		}
		if tell != nil {
			tell(k, n)
		}
	}
	r := reportOf(w.past.Plan, vs)
	r.Trace = judge.TraceOfRecord(w.Record(), r.Last)
	r.Notes = r.notes(p.Plan, until.IsZero())
	return r, nil
}

// notes say what a walk does not know.
func (r Report) notes(p plan.Plan, open bool) []string {
	var out []string
	if !r.QuietSince.IsZero() && open {
		out = append(out, fmt.Sprintf("From %s on the canary served no request: the rollout was probably over then. Name its end (--to) where it was another time.", clock(r.QuietSince)))
	}
	if len(p.Checks) > 0 {
		out = append(out, fmt.Sprintf("The plan's checks (%d) were left out: the past cannot be checked.", len(p.Checks)))
	}
	if len(p.Alertmanager) > 0 || len(p.DependsOn) > 0 {
		out = append(out, "Alerts of others and rollouts that the plan depends on were left out.")
	}
	return append(out, "Samples that reached the source late are there now, and were not then.")
}

// quiet reports whether the canary has had no requests for as long as the plan waits for
// data. A canary that never had any was not there yet.
func quiet(p plan.Plan, v judge.Verdict) bool {
	return v.Progress.Paired > 0 && v.StaleBlocks >= max(p.NoDataBlocks, 1)
}

// reportOf reads verdicts that follow each other, at least one.
func reportOf(p plan.Plan, vs []judge.Verdict) Report {
	last := vs[len(vs)-1]
	r := Report{
		Plan: p.Name, Service: last.Rollout.Service, Revision: last.Rollout.Revision, Block: p.Block.String(),
		From: last.Rollout.Started.UTC(), To: last.Progress.To, Last: last,
	}
	if quiet(p, last) {
		r.QuietSince = last.Progress.To.Add(-time.Duration(last.StaleBlocks) * p.Block.D())
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
		outcome, clock(said.At), paper.Lasting(said.At.Sub(r.From)), strings.TrimSuffix(said.Reason, "."))
	if outcome == judge.Rollback {
		return s + r.overBy(said) + "."
	}
	switch back := r.RolledBack; {
	case back == nil:
	case back.Proven:
		s += fmt.Sprintf("; and %s after the start it would have said rollback: %s", paper.Lasting(back.At.Sub(r.From)), strings.TrimSuffix(back.Reason, "."))
	case r.overBy(back) != "":
		s += r.overBy(back)
	default:
		s += fmt.Sprintf("; and %s after the start it would have rolled back by policy, without proof: %s", paper.Lasting(back.At.Sub(r.From)), strings.TrimSuffix(back.Reason, "."))
	}
	return s + "."
}

// overBy says that the rollout was probably over before a rollback that nothing proves.
func (r Report) overBy(back *Spoken) string {
	if back.Proven || r.QuietSince.IsZero() || r.QuietSince.After(back.At) {
		return ""
	}
	return fmt.Sprintf("; from %s on the canary served no request, so that the rollout was probably over then", clock(r.QuietSince))
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }
