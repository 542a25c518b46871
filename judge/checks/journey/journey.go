// Package journey runs checks that are several HTTP requests in an order, where one
// uses what an earlier one answered: log in, take the token, place an order.
//
// Each run has its own cookie jar and its own values. The first step that fails ends
// it; its sentence names the step, what was expected and an excerpt of what came.
// Cleanup is run in any case, for a bounded time, also where the journey's time is
// over or its caller gave up; what fails in it is told and decides nothing. Values and
// cookies that look like credentials are hidden wherever a sentence would quote them.
package journey

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/httpcheck"
)

var _ checks.Runner = (*Runner)(nil)

// Bounds on a journey.
const (
	// DefaultLongest is how long a journey may take where nobody says otherwise.
	DefaultLongest = time.Minute
	// DefaultAtOnce is how many journeys a process runs at a time.
	DefaultAtOnce = 16

	// longestCleanup bounds the cleanup of one run, which gets a quarter of its time;
	// leastCleanup is what it gets where that is over. A runner that came back later
	// would be taken for one that hangs.
	longestCleanup = 10 * time.Second
	leastCleanup   = 1500 * time.Millisecond
)

// Config is what a [Runner] is made of. The zero value is usable.
type Config struct {
	// HTTP sends the requests (default: httpcheck.New with its defaults).
	HTTP  *httpcheck.Runner
	Clock checks.Clock
	// Longest bounds a journey with its cleanup (default [DefaultLongest]).
	Longest time.Duration
	// AtOnce is how many journeys run at a time (default [DefaultAtOnce]). Others wait
	// for their turn, within their time.
	AtOnce int
}

// Runner runs journeys. It may be used by many goroutines.
type Runner struct {
	cfg   Config
	slots chan struct{}
}

// New returns a runner.
func New(cfg Config) *Runner {
	cfg.Clock = cfg.Clock.WithDefaults()
	if cfg.HTTP == nil {
		cfg.HTTP = httpcheck.New(httpcheck.Config{Clock: cfg.Clock})
	}
	if cfg.Longest <= 0 {
		cfg.Longest = DefaultLongest
	}
	if cfg.AtOnce <= 0 {
		cfg.AtOnce = DefaultAtOnce
	}
	return &Runner{cfg: cfg, slots: make(chan struct{}, cfg.AtOnce)}
}

// Run implements checks.Runner. A retry makes the whole journey again, from an empty
// jar.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	var last run
	end, bounded := ctx.Deadline()
	patience := bounded && !checks.EndsByTotal(ctx) && time.Until(end) < r.cfg.Longest
	result := r.cfg.Clock.Run(ctx, s, func() (checks.Probe, error) {
		if s.Journey == nil || len(s.Journey.Steps) == 0 {
			return checks.Probe{}, errors.New("it is not a journey with steps")
		}
		name := fmt.Sprintf("Journey of %d steps", len(s.Journey.Steps))
		if len(s.Journey.Steps) == 1 {
			name = "Journey of 1 step"
		}
		return checks.Probe{Name: name, Within: r.cfg.Longest, Try: func(ctx context.Context) checks.Attempt {
			last = run{Runner: r, journey: *s.Journey, target: t.Veiled(), patience: patience}
			return last.attempt(ctx)
		}}, nil
	})
	result.Steps = last.left
	return result
}

// run is one attempt of a journey.
type run struct {
	*Runner
	journey checks.Journey
	target  checks.Target
	jar     *jar
	left    []checks.StepResult
	// patience says that its time ends with its caller's, and not with its own.
	patience bool
}

// attempt makes the journey in the time that ctx has, a part of which is the
// cleanup's.
func (r *run) attempt(ctx context.Context) checks.Attempt {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return checks.Breaking("did not begin: %d journeys are run at a time, and none ended in its time", r.cfg.AtOnce)
	}
	cookies, err := cookiejar.New(nil)
	if err != nil {
		return checks.Breaking("has no cookie jar: %s", checks.Line(err.Error(), 100))
	}
	r.jar = &jar{CookieJar: cookies, veil: r.target.Veil()}
	r.target.Values = map[string]string{}
	walk, cancel := ctx, context.CancelFunc(func() {})
	if end, ok := ctx.Deadline(); ok && len(r.journey.Cleanup) > 0 {
		walk, cancel = context.WithDeadline(ctx, end.Add(-min(time.Until(end)/4, longestCleanup)))
	}
	defer cancel()
	a := r.walk(walk)
	if untidy := r.cleanUp(ctx); untidy != "" {
		a.Said += "; cleanup: " + untidy
	}
	a.Said, a.Told = r.target.Veil().Hide(a.Said), true
	for i := range r.left {
		r.left[i].Reason = r.target.Veil().Hide(r.left[i].Reason)
	}
	return a
}

// walk makes the steps until one fails.
func (r *run) walk(ctx context.Context) checks.Attempt {
	var took time.Duration
	var times []string
	for _, part := range []struct {
		name  checks.Part
		steps []checks.Step
	}{{checks.InSetup, r.journey.Setup}, {checks.InSteps, r.journey.Steps}} {
		for i, s := range part.steps {
			got := r.step(ctx, part.name, s)
			if got.Status != checks.Passed {
				return checks.Attempt{Status: got.Status, Said: fmt.Sprintf("%s at %s %d of %d (%s): %s%s",
					map[bool]string{true: "failed", false: "could not go on"}[got.Status == checks.Failed], part.name, i+1, len(part.steps), s.Name, got.Reason, before(times))}
			}
			took += got.Took
			times = append(times, s.Name+" "+checks.Took(got.Took))
		}
	}
	return checks.Attempt{Status: checks.Passed, Said: fmt.Sprintf("passed in %s: %s", checks.Took(took), strings.Join(times, ", "))}
}

// jar keeps a run's cookies, hides those that may be credentials, and knows which the
// step that is made set, also on the way through redirects.
type jar struct {
	http.CookieJar
	veil *checks.Veil
	set  map[string]string
}

// SetCookies implements http.CookieJar. The requests of a run come one after the other.
func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		if len(c.Value) >= shortestCookie {
			j.veil.Learn(c.Value)
		}
		j.set[c.Name] = c.Value
	}
	j.CookieJar.SetCookies(u, cookies)
}

// shortestCookie is the length from which a cookie's value may be a credential; shorter
// ones are words like de or dark.
const shortestCookie = 8

func before(times []string) string {
	if len(times) == 0 {
		return ""
	}
	return "; before it: " + strings.Join(times, ", ")
}

// cleanUp makes all steps of the cleanup that have something to clean, whatever became
// of the journey, and says what failed.
func (r *run) cleanUp(ctx context.Context) string {
	if len(r.journey.Cleanup) == 0 {
		return ""
	}
	until := time.Now().Add(longestCleanup)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	if least := time.Now().Add(leastCleanup); until.Before(least) || ctx.Err() != nil {
		until = least
	}
	bound, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	var untidy []string
	for _, s := range r.journey.Cleanup {
		if v := r.lacks(s); v != "" {
			continue // what it would clean was never made
		}
		if got := r.step(bound, checks.InCleanup, s); got.Status != checks.Passed {
			untidy = append(untidy, s.Name+": "+got.Reason)
		}
	}
	return strings.Join(untidy, "; ")
}

// step makes one step and notes what it left.
func (r *run) step(ctx context.Context, part checks.Part, s checks.Step) checks.StepResult {
	got := checks.StepResult{Name: s.Name, Part: part}
	a, took := r.request(ctx, s)
	got.Status, got.Reason, got.Took = a.Status, a.Said, took
	r.left = append(r.left, got)
	return got
}

// request sends a step's request and extracts its values.
func (r *run) request(ctx context.Context, s checks.Step) (checks.Attempt, time.Duration) {
	if ctx.Err() != nil {
		return r.over(ctx, "was not made"), 0
	}
	r.jar.set = map[string]string{}
	q, err := r.cfg.HTTP.Prepare(s.HTTP, r.target)
	if err != nil {
		return checks.Breaking("it could not be run: %s", checks.Line(err.Error(), 300)), 0
	}
	bound, cancel := context.WithTimeout(ctx, q.Limit())
	defer cancel()
	began := r.cfg.Clock.Now()
	answer, a := q.Send(bound, r.jar)
	took := answer.Took
	if took == 0 {
		took = r.cfg.Clock.Now().Sub(began)
	}
	a.Said = q.Name() + " " + a.Said
	if a.Status != checks.Passed {
		if ctx.Err() != nil {
			return r.over(ctx, a.Said), took
		}
		return a, took
	}
	for _, x := range s.Extract {
		v, err := extract(x, answer, r.jar.set)
		if err != nil {
			return checks.Failing("%s, but %s could not be taken out of the answer: %s%s", a.Said, x.As, err, says(q, answer)), took
		}
		if hides(x, v) {
			r.target.Veil().Learn(v)
		}
		r.target.Values[x.As] = v
	}
	return a, took
}

func says(q *httpcheck.Request, a httpcheck.Answer) string {
	if len(a.Body) == 0 {
		return "; its body is empty"
	}
	return "; it says " + q.Excerpt(string(a.Body))
}

// over is a step for which the journey had no time left. That it took too long is its
// failure; that its caller gave up is not.
func (r *run) over(ctx context.Context, said string) checks.Attempt {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && !r.patience {
		return checks.Failing("%s: the journey's time was over", said)
	}
	return checks.Breaking("%s: the caller gave up", said)
}
