package smoke

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// Suite is what is run: checks against one target.
type Suite struct {
	Name, Service string // of the plan
	Checks        []checks.Spec
	Target        checks.Target
	// Runner must come back when its time is over, and must not panic, as
	// [checks.Kinds] sees to.
	Runner checks.Runner
	// Levels are for loads.
	Levels Levels
	// Limit bounds the whole run; 0 means no bound.
	Limit time.Duration
	// Parallel is how many checks run at the same time; 0 means one after the other.
	Parallel int
	Now      func() time.Time // default time.Now
	// Progress is told when a check begins how many have ended; nil tells nobody. It
	// is not called twice at the same time.
	Progress func(ended int, begins checks.Spec)
}

// Select returns the checks of one moment (all for every one), and of these the named
// ones where some are named. What would leave nothing to run is an error.
func Select(specs []checks.Spec, when string, only []string) ([]checks.Spec, error) {
	if len(specs) == 0 {
		return nil, errors.New("the plan has no checks, so there is nothing to run; add some under checks: (docs/plan.md)")
	}
	for _, name := range only {
		i := slices.IndexFunc(specs, func(s checks.Spec) bool { return s.Name == name })
		switch {
		case i < 0:
			return nil, fmt.Errorf("the plan has no check %q; it has %s", name, names(specs))
		case !due(specs[i], when):
			return nil, fmt.Errorf("the check %s is run %s and not %s; leave --when out, or write --when %s", name, moment(specs[i]), when, moment(specs[i]))
		}
	}
	var out []checks.Spec
	for _, s := range specs {
		if due(s, when) && (len(only) == 0 || slices.Contains(only, s.Name)) {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the plan has no check that is run %s, so there is nothing to run; leave --when out to run all %d", when, len(specs))
	}
	return out, nil
}

func due(s checks.Spec, when string) bool { return when == "all" || when == moment(s) }

// moment is when a rollout runs a check.
func moment(s checks.Spec) string {
	if s.When == "" {
		return string(checks.EachLook)
	}
	return string(s.When)
}

func names(specs []checks.Spec) string {
	var out []string
	for _, s := range specs {
		out = append(out, s.Name)
	}
	return strings.Join(out, ", ")
}

// Run runs all checks. It returns when they have ended, when the limit is over, or when
// ctx has ended; a check that was not run by then is broken. The report is in the order
// of the checks.
//
// A load is run alone, after what stands before it in the plan and before what follows:
// it is a measurement, which others would disturb, and logs are looked at after it.
func (s Suite) Run(ctx context.Context) Report {
	if s.Now == nil {
		s.Now = time.Now
	}
	r := Report{
		Plan: s.Name, Service: s.Service, Target: s.Target.Canary.URL, Baseline: s.Target.Baseline.URL, Began: s.Now().UTC(),
	}
	bound, cancel := ctx, context.CancelFunc(func() {})
	if s.Limit > 0 {
		bound, cancel = context.WithTimeoutCause(ctx, s.Limit, errLimit)
	}
	defer cancel()
	results := make([]checks.Result, len(s.Checks))
	told := &tally{tell: s.Progress}
	for from := 0; from < len(s.Checks); {
		to := from + 1
		for !alone(s.Checks[from]) && to < len(s.Checks) && !alone(s.Checks[to]) {
			to++
		}
		s.pool(bound, results, told, from, to)
		from = to
	}
	for i, c := range s.Checks {
		r.Checks = append(r.Checks, entry(c, results[i]))
	}
	r.Took = s.Now().Sub(r.Began)
	r.Interrupted = ctx.Err() != nil
	return r
}

// alone reports whether a check must not run beside others.
func alone(c checks.Spec) bool { return c.Kind() == "load" }

// pool runs the checks of a range, a few at a time and in their order.
func (s Suite) pool(ctx context.Context, results []checks.Result, told *tally, from, to int) {
	var group sync.WaitGroup
	slots := make(chan struct{}, max(1, s.Parallel))
	for i := from; i < to; i++ {
		c := s.Checks[i]
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			told.begins(c)
			results[i] = s.one(ctx, c)
			told.ends()
		})
	}
	group.Wait()
}

// tally counts the checks that have ended, and tells.
type tally struct {
	mu    sync.Mutex
	ended int
	tell  func(ended int, begins checks.Spec)
}

func (t *tally) begins(c checks.Spec) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tell != nil {
		t.tell(t.ended, c)
	}
}

func (t *tally) ends() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended++
}

var errLimit = errors.New("the time for the whole run is over")

// one runs one check, where there is time left for it.
func (s Suite) one(ctx context.Context, c checks.Spec) checks.Result {
	switch {
	case errors.Is(context.Cause(ctx), errLimit):
		return s.missed(c, fmt.Sprintf("it was not run: the %s for the whole run were over before its turn; allow more with --timeout", s.Limit))
	case ctx.Err() != nil:
		return s.missed(c, "it was not run: the run was interrupted before its turn")
	}
	return s.compared(c, s.Runner.Run(ctx, c, s.Target))
}

func (s Suite) missed(c checks.Spec, why string) checks.Result {
	return checks.Result{Name: c.Name, Status: checks.Broken, At: s.Now().UTC(), Reason: why}
}
