package webhooks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
)

// Pressure bounds how long callers are kept waiting, and how many looks they may
// have under way.
type Pressure struct {
	// Flagger and Argo are within which a call is answered (default 8 s: both give
	// up after 10 s, unless they are told otherwise).
	Flagger, Argo time.Duration
	// Looks is how many looks may be under way at once (default 256).
	Looks int
}

func (p Pressure) withDefaults() Pressure {
	const within = 8 * time.Second
	if p.Flagger == 0 {
		p.Flagger = within
	}
	if p.Argo == 0 {
		p.Argo = within
	}
	if p.Looks == 0 {
		p.Looks = 256
	}
	return p
}

func (p Pressure) check() error {
	if p.Flagger < 0 || p.Argo < 0 || p.Looks < 0 {
		return errors.New("a negative bound on looks or their time; leave it zero for the default")
	}
	return nil
}

// errLate says that a look was not finished while its caller could wait, and
// errBusy that too many are under way. What a caller is told then is its dialect's
// to say: never that traffic may increase, never that the canary must go unless
// that was decided before.
var (
	errLate = errors.New("the look was not finished in time")
	errBusy = errors.New("too many looks are under way")
)

// unlooked reports whether an error means that no look was taken, for want of time
// or room, and nothing else is wrong.
func unlooked(err error) bool { return errors.Is(err, errLate) || errors.Is(err, errBusy) }

// looks are those under way. Callers that ask for the same rollout at the same time
// share one, and do not get in each other's way at the journal.
type looks struct {
	judge Decider
	most  int

	mu       sync.Mutex
	underWay map[lookKey]*sharedLook
	running  int

	taken *prometheus.CounterVec
}

// lookKey is what a look is shared by. Who asks for the last promotion has just
// recorded that, so a look that began without it is no answer.
type lookKey struct {
	id   string
	last bool
}

// sharedLook is a look under way and whoever waits for it.
type sharedLook struct {
	waiting int
	cancel  context.CancelFunc
	done    chan struct{} // closed once the rest is set
	verdict judge.Verdict
	err     error
	late    bool // err is for want of time
	panic   string
}

func newLooks(j Decider, most int) *looks {
	return &looks{
		judge: j, most: most, underWay: map[lookKey]*sharedLook{},
		taken: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "serin_looks_total", Help: "Looks that callers asked for: taken, shared with another caller, late for this one, or shed.",
		}, []string{"how"}),
	}
}

// collectors show the looks on /metrics.
func (l *looks) collectors() []prometheus.Collector {
	return []prometheus.Collector{l.taken, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "serin_looks_running", Help: "Looks under way for callers.",
	}, func() float64 {
		l.mu.Lock()
		defer l.mu.Unlock()
		return float64(l.running)
	})}
}

// decide looks at a rollout, or waits for the look that is under way. The look ends
// by the deadline of the caller that began it, or when nobody waits any more. Where
// another's was too short, who still has time takes a look with its own.
func (l *looks) decide(ctx context.Context, r rollout.Rollout, last bool, now time.Time) (judge.Verdict, error) {
	if err := ctx.Err(); err != nil {
		l.taken.WithLabelValues("late").Inc()
		return judge.Verdict{}, fmt.Errorf("%w: %w", errLate, err)
	}
	k := lookKey{r.ID, last}
	var look *sharedLook
	for again := true; again; {
		var began bool
		var err error
		look, began, err = l.join(ctx, k, func(ctx context.Context) (judge.Verdict, error) { return l.judge.Decide(ctx, r, now) })
		if err != nil {
			l.taken.WithLabelValues("shed").Inc()
			return judge.Verdict{}, err
		}
		select {
		case <-look.done:
		case <-ctx.Done():
			l.leave(k, look)
			l.taken.WithLabelValues("late").Inc()
			return judge.Verdict{}, fmt.Errorf("%w: %w", errLate, ctx.Err())
		}
		again = look.late && !began && ctx.Err() == nil
	}
	switch {
	case look.panic != "":
		panic(look.panic) // for the handler's own recovery, which logs it
	case look.late:
		l.taken.WithLabelValues("late").Inc()
		return judge.Verdict{}, fmt.Errorf("%w: %w", errLate, look.err)
	}
	return look.verdict, look.err
}

// join returns the look under way, or begins one where there is room, and says which.
func (l *looks) join(ctx context.Context, k lookKey, decide func(context.Context) (judge.Verdict, error)) (look *sharedLook, began bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if look := l.underWay[k]; look != nil {
		look.waiting++
		l.taken.WithLabelValues("shared").Inc()
		return look, false, nil
	}
	if l.running >= l.most {
		return nil, false, fmt.Errorf("%w (%d)", errBusy, l.running)
	}
	l.running++
	l.taken.WithLabelValues("taken").Inc()
	// The look is nobody's alone; what it shares with its first caller is the deadline.
	shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if deadline, ok := ctx.Deadline(); ok {
		shared, cancel = context.WithDeadline(context.WithoutCancel(ctx), deadline)
	}
	look = &sharedLook{waiting: 1, cancel: cancel, done: make(chan struct{})}
	l.underWay[k] = look
	go func() {
		defer cancel()
		defer l.end(k, look)
		look.verdict, look.err = decide(shared)
		// A database says in its own words that it was interrupted.
		look.late = look.err != nil && (shared.Err() != nil || errors.Is(look.err, context.DeadlineExceeded))
	}()
	return look, true, nil
}

// end wakes whoever waits for a look.
func (l *looks) end(k lookKey, look *sharedLook) {
	if p := recover(); p != nil {
		look.panic = fmt.Sprintf("%v\n%s", p, debug.Stack())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	l.forget(k, look)
	close(look.done)
}

func (l *looks) forget(k lookKey, look *sharedLook) {
	if l.underWay[k] == look {
		delete(l.underWay, k)
	}
}

// leave ends one caller's waiting, and with the last one's the look.
func (l *looks) leave(k lookKey, look *sharedLook) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if look.waiting--; look.waiting == 0 {
		look.cancel()
		l.forget(k, look)
	}
}

// shed is what a caller is told that asks again by itself.
func shed(err error) *HTTPError {
	e := &HTTPError{
		Code: http.StatusServiceUnavailable, Public: "the look was not finished in the time that the caller leaves",
		Next: "ask again; what was read is not read twice", Err: err, RetryAfter: 5 * time.Second,
	}
	if errors.Is(err, errBusy) {
		e.Public, e.Next, e.RetryAfter = err.Error(), "ask again in a moment, or raise limits.looks", 2*time.Second
	}
	return e
}
