package judge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/rollout"
)

// Some checks take minutes: loads, others with a long total, and those that outlasted a
// look. They do not run within a look, for which somebody waits. A look says which of
// them should begin; they are done as work of their own, their results are recorded, and
// the next look uses each once.

// Underway is a long check that has begun and has left no result yet.
type Underway struct {
	Name  string `json:"name"`
	Round int    `json:"round"` // from 1
	// Since is when it last began, and Begins how often it did: a process that ends takes
	// what it runs with it.
	Since  time.Time `json:"since"`
	Begins int       `json:"begins"`
	// Lasts is how long it takes; 0 where that is not known.
	Lasts time.Duration `json:"lasts,omitempty"`
}

// words says of a check that it runs.
func (u Underway) words() string {
	s := fmt.Sprintf("round %d is under way since %s", u.Round, u.Since.UTC().Format("15:04:05 UTC"))
	if u.Lasts > 0 {
		s += " and lasts " + minutes(u.Lasts)
	}
	if u.Begins > 1 {
		s += fmt.Sprintf("; it began %d times, because what ran it ended", u.Begins)
	}
	return s
}

// notRun says of a check that it has left no result.
func (e *evaluator) notRun(s checks.Spec) string {
	for _, u := range e.in.Record.Underway {
		if u.Name == s.Name {
			return u.words()
		}
	}
	return "has not been run yet (" + whenWords(s.When) + ")"
}

// Beginning is a long check that a look wants to begin.
type Beginning struct {
	Name  string `json:"name"`
	Round int    `json:"round"`
	// Lasts is how long it takes at most.
	Lasts time.Duration `json:"lasts"`
	// Until is when its result is of no use any more.
	Until time.Time `json:"until"`
}

// beginnings returns the long checks that should begin after a look, of its input and
// its verdict. Asking for the same round again means the same one.
func (j *Judge) beginnings(in Input, v Verdict) []Beginning {
	rec := in.Record
	if !j.cfg.Work || !rec.Closed.IsZero() || v.Outcome == Rollback {
		return nil
	}
	rec.Checks = latest(rec.Checks, in.Checks)
	var out []Beginning
	for _, s := range rec.Plan.Checks {
		if !j.asWork(s, rec.Checks) || !checkDue(s, rec, in.At) || concluded(s, v) || usedNow(s, in) {
			continue
		}
		round := 1 + roundsOf(s, rec.Checks)
		if s.Load != nil && round > s.Load.MostRounds() {
			continue
		}
		out = append(out, Beginning{Name: s.Name, Round: round, Lasts: s.Lasts(), Until: lastUse(in)})
	}
	return out
}

// usedNow reports whether a look uses the result of a check that is no load, and is not
// the only one to come: the look at the next block begins the next round. Serin itself
// looks at once when a result is there, and would run such a check without a pause.
func usedNow(s checks.Spec, in Input) bool {
	return s.Load == nil && in.Record.Rollout.Watch && slices.ContainsFunc(in.Checks, func(r checks.Result) bool {
		return r.Name == s.Name && r.Round > 0
	})
}

// concluded reports whether a load has nothing left to prove.
func concluded(s checks.Spec, v Verdict) bool {
	return s.Load != nil && slices.ContainsFunc(v.Findings, func(f Finding) bool {
		return f.About == AboutCheck && f.Name == s.Name && (f.Class == NotWorse || f.Class == Worse)
	})
}

// lastUse is when nothing is judged any more.
func lastUse(in Input) time.Time {
	from := in.Record.Rollout.Started
	if in.At.After(from) {
		from = in.At // the plan's clocks may not have started
	}
	return from.Add(in.Record.Plan.MaxDuration.D() + in.Record.Plan.HoldFor.D())
}

// useResults returns the recorded results of long checks that no look has used.
func useResults(rec Record) []checks.Result {
	var out []checks.Result
	for _, r := range rec.Pending {
		if slices.ContainsFunc(rec.Plan.Checks, func(s checks.Spec) bool { return s.Name == r.Name }) {
			out = append(out, r)
		}
	}
	return out
}

// LongCheck runs one long check of a rollout, as work of its own: what is to be recorded
// is its result. The runner is the judge's.
func (j *Judge) LongCheck(ctx context.Context, rec Record, name string) (checks.Result, bool) {
	i := slices.IndexFunc(rec.Plan.Checks, func(s checks.Spec) bool { return s.Name == name })
	if i < 0 {
		return checks.Result{}, false
	}
	s := rec.Plan.Checks[i]
	r := j.cfg.Checks.Run(ctx, s, TargetOf(rec.Rollout))
	r.Name = s.Name
	return r, true
}

// TargetOf returns what checks may speak of in a rollout.
func TargetOf(r rollout.Rollout) checks.Target { return checkTarget(r) }
