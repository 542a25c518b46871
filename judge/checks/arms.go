package checks

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// course is a check with its runner: one run, or as many as it asks for, on one arm or
// on both.
type course struct {
	runner Runner
	spec   Spec
}

// run bounds the whole and runs it on the arms that the check names.
func (c course) run(ctx context.Context, t Target) Result {
	if c.spec.Total > 0 {
		end := time.Now().Add(c.spec.Total)
		bound, cancel := context.WithDeadlineCause(context.WithValue(ctx, totalKey{}, end), end, errTotal)
		defer cancel()
		ctx = bound
	}
	if c.spec.Arms != OnBoth {
		t.Arm = t.Canary
		return c.inTime(ctx, c.repeat(ctx, t))
	}
	baseline := make(chan Result, 1)
	onBaseline, onCanary := t, t
	onBaseline.Arm, onCanary.Arm = t.Baseline, t.Canary
	go func() { baseline <- c.inTime(ctx, c.repeat(ctx, onBaseline)) }()
	canary := c.inTime(ctx, c.repeat(ctx, onCanary))
	return compared(canary, <-baseline)
}

// totalKey is where a check's context keeps the end of its total.
type totalKey struct{}

// EndsByTotal reports whether the time of a runner's context ends by its check's own
// total, so that what is not done by then has failed, and not by its caller's patience.
func EndsByTotal(ctx context.Context) bool {
	total, has := ctx.Value(totalKey{}).(time.Time)
	end, ok := ctx.Deadline()
	return has && ok && !end.Before(total)
}

var errTotal = errors.New("the check's total time is over")

// inTime says of a run that its check's own time ended, where that is what ended it: a
// probe that was under way, or was to be tried again. What could not be run for another
// reason is no failure of the canary, however late. What the probe saw before stays in
// the sentence.
func (c course) inTime(ctx context.Context, r Result) Result {
	if errors.Is(context.Cause(ctx), errTotal) && r.Status == Broken && r.GivenUp {
		r.Status = Failed
		r.Reason = fmt.Sprintf("did not end within its total of %s: %s", Took(c.spec.Total), r.Reason)
	}
	return r
}

// repeat makes the runs that must all pass, and ends at the first that does not.
func (c course) repeat(ctx context.Context, t Target) Result {
	runs := max(1, c.spec.Repeat)
	var all Result
	for i := range runs {
		one := c.once(ctx, t)
		if i > 0 {
			one.At, one.Took, one.Attempts = all.At, all.Took+one.Took, all.Attempts+one.Attempts
		}
		one.Runs = i
		if all = one; one.Status != Passed {
			if runs > 1 {
				all.Reason += fmt.Sprintf("; run %d of %d, all of which must pass", i+1, runs)
			}
			return all
		}
	}
	all.Runs = 0
	if runs > 1 {
		all.Runs = runs
		all.Reason += fmt.Sprintf("; all %d runs passed", runs)
		if again := all.Attempts - runs; again > 0 {
			all.Reason += fmt.Sprintf(", with %d of them tried again", again)
		}
	}
	return all
}

// grace is how long a runner may take to come back after its time is over.
const grace = 2 * time.Second

// once makes one run. A runner that panics or does not come back fails alone.
func (c course) once(ctx context.Context, t Target) Result {
	began := time.Now()
	done := make(chan Result, 1)
	go func() {
		defer func() {
			if recover() != nil {
				done <- Result{Name: c.spec.Name, Status: Broken, At: began.UTC(), Reason: "the check could not be run: its runner failed; this is a defect of the server"}
			}
		}()
		done <- known(c.runner.Run(ctx, c.spec, t))
	}()
	select {
	case r := <-done:
		return r
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case r := <-done:
		return r
	case <-timer.C:
		return Result{Name: c.spec.Name, Status: Broken, At: began.UTC(), Took: time.Since(began), Reason: "the check did not end when its time was over; this is a defect of the server"}
	}
}

// known makes a broken result of one that does not say how it ended.
func known(r Result) Result {
	switch r.Status {
	case Passed, Failed, Broken, Environment, Measured:
		return r
	}
	r.Status, r.Reason = Broken, "its runner did not say how it ended; this is a defect of the server: "+r.Reason
	return r
}

// compared makes one result of both arms'.
func compared(canary, baseline Result) Result {
	out := canary
	out.Took, out.Attempts = max(canary.Took, baseline.Took), canary.Attempts+baseline.Attempts
	out.Canary, out.Baseline = canary.onArm(), baseline.onArm()
	both := fmt.Sprintf("canary: %s; baseline: %s", canary.Reason, baseline.Reason)
	switch c, b := canary.Status, baseline.Status; {
	case c == Passed && b == Passed:
		out.Reason = "both arms pass: " + both
	case c == Passed:
		out.Reason = "passes on the canary and not on the baseline: " + both
	case c == Failed && b == Passed:
		out.Reason = "fails on the canary and not on the baseline: " + both
	case c == Failed && b == Failed:
		out.Status = Environment
		out.Reason = "environment, not canary: it fails on both arms: " + both
	case c == Failed:
		out.Status = Broken
		out.Reason = "fails on the canary, and could not be run on the baseline, so that it is not known whose fault it is: " + both
	default:
		out.Reason = "could not be run on the canary: " + both
	}
	return out
}

func (r Result) onArm() *ArmResult {
	return &ArmResult{Status: r.Status, Took: r.Took, Attempts: r.Attempts, Reason: r.Reason, Steps: r.Steps}
}
