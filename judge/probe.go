package judge

import (
	"context"
	"slices"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/rollout"
)

// Checks run beside the reading of metrics, and in its time. One that has not ended by
// then is told as broken and does not hold up the look: what the others found is judged.
// Where somebody does work, it is run again beside the looks, in the time that it needs,
// so that a canary that hangs is found out however short a look is.

const (
	// lastWords is how long a look waits for checks after their time, which they need to
	// say that it is over: at most, and at most a quarter of what the caller has left.
	lastWords = 250 * time.Millisecond
	// inLook is what a check may take as work of its own to be run within looks again.
	inLook = 2 * time.Second
)

// runChecks runs the checks that are due at this look, a few at a time, until reading
// ends, and shortly after that returns what they left.
func (j *Judge) runChecks(ctx, reading context.Context, rec Record, now time.Time) []checks.Result {
	due := j.dueChecks(rec, now)
	type ended struct {
		i int
		r checks.Result
	}
	left := make(chan ended, len(due)) // nobody who comes late waits for a reader
	slots := make(chan struct{}, checkConcurrency)
	target := checkTarget(rec.Rollout)
	out := make([]checks.Result, len(due))
	for i, s := range due {
		out[i] = checks.Result{Status: checks.Broken, Cut: true, Reason: "the check did not end with the look's time"}
		go func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-reading.Done():
				left <- ended{i, checks.Result{Status: checks.Broken, Cut: true, Reason: "the check did not begin: others took all of the look's time"}}
				return
			}
			r := j.cfg.Checks.Run(reading, s, target)
			r.Cut = r.Status == checks.Broken && reading.Err() != nil
			left <- ended{i, r}
		}()
	}
	end := reading.Done()
	var over <-chan time.Time
	for n := 0; n < len(due); {
		select {
		case e := <-left:
			out[e.i] = e.r
			n++
		case <-end:
			end, over = nil, time.After(min(timeLeft(ctx)/4, lastWords))
		case <-over:
			n = len(due)
		}
	}
	for i, s := range due {
		out[i].Name, out[i].At, out[i].Earlier = s.Name, now.UTC(), roundsOf(s, rec.Checks)
		if out[i].Cut && j.cfg.Work {
			out[i].Reason += "; it is run again beside the looks, in the time that it needs"
		}
	}
	return out
}

// dueChecks returns the checks that are run within a look now.
func (j *Judge) dueChecks(rec Record, now time.Time) []checks.Spec {
	var due []checks.Spec
	for _, s := range rec.Plan.Checks {
		if s.Load == nil && !j.asWork(s, rec.Checks) && checkDue(s, rec, now) {
			due = append(due, s)
		}
	}
	return due
}

// asWork reports whether a check is done as work of its own: by what it is, or because
// its newest result shows that a look is too short for it.
func (j *Judge) asWork(s checks.Spec, have []checks.Result) bool {
	return j.cfg.Work && (s.Long() || slices.ContainsFunc(have, func(r checks.Result) bool {
		return r.Name == s.Name && (r.Cut || r.Round > 0 && r.Took > inLook)
	}))
}

// roundsOf is how many rounds of a check have left a result as work of their own.
func roundsOf(s checks.Spec, have []checks.Result) int {
	n := 0
	for _, r := range have {
		if r.Name == s.Name {
			n = max(n, r.Round, r.Earlier)
		}
	}
	return n
}

// checkDue says whether a check is run now.
func checkDue(s checks.Spec, rec Record, now time.Time) bool {
	switch s.When {
	case checks.BeforeTraffic:
		w, known := rec.Rollout.WeightAtTime(now)
		return (known && w == 0) || !settled(s, rec)
	case checks.AtEnd:
		return !rec.Rollout.FinalStep.IsZero()
	}
	return true
}

// settled reports whether a check has left a result that stands: one that could
// not be run, was given up with its look's time, or fails on both arms, is run again.
func settled(s checks.Spec, rec Record) bool {
	return slices.ContainsFunc(rec.Checks, func(r checks.Result) bool {
		return r.Name == s.Name && (r.Status == checks.Passed || r.Status == checks.Failed)
	})
}

func checkTarget(r rollout.Rollout) checks.Target {
	arm := func(a rollout.Arm) checks.Arm {
		return checks.Arm{URL: a.URL, Workload: a.Workload, Namespace: a.Namespace, Version: a.Version, Labels: a.Labels}
	}
	return checks.Target{
		Service: r.Service, Namespace: r.Namespace, Revision: r.Revision,
		Canary: arm(r.Canary), Baseline: arm(r.Baseline),
	}
}
