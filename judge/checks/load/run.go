package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/serin-canary/serin/judge/checks"
)

// grace is how long after the schedule's end a request may still leave.
const grace = 500 * time.Millisecond

// Run sends a load and returns what became of every request. It returns an error only
// where nothing was sent: a load that [Config.Check] refuses. It ends at the latest
// half a second and one timeout after the schedule, or at once when ctx ends; all of
// its connections are closed then.
func (c Config) Run(ctx context.Context, l Load) (checks.LoadRun, error) {
	if err := c.Check(l); err != nil {
		return checks.LoadRun{}, fmt.Errorf("the load was not sent: %w", err)
	}
	l = l.withDefaults()
	canaryAt, baselineAt := l.schedules()
	start := time.Now()
	canary, baseline := c.newArm(l, l.Canary, canaryAt), c.newArm(l, l.Baseline, baselineAt)
	canary.send, baseline.send = l.Requests, l.OfBaseline
	var both sync.WaitGroup
	for _, a := range [...]*arm{canary, baseline} {
		a.start = start
		both.Go(func() { a.run(ctx) })
	}
	both.Wait()
	run := checks.LoadRun{Canary: canary.samples, Baseline: baseline.samples, Rate: l.Rate}
	run.Took = time.Since(start)
	if ctx.Err() != nil {
		run.Ended = "the caller gave up before the load had ended"
	}
	return run, nil
}

// schedules returns when the requests of both arms leave, after the start. Of pair k
// one leaves at k intervals and the other half an interval later.
func (l Load) schedules() (canary, baseline []time.Duration) {
	interval := float64(time.Second) / l.Rate
	coin := rand.New(rand.NewPCG(l.Seed, 0x10ad))
	canary, baseline = make([]time.Duration, l.count()), make([]time.Duration, l.count())
	for k := range canary {
		first, second := time.Duration(float64(k)*interval), time.Duration((float64(k)+.5)*interval)
		if coin.Uint64()&1 == 0 {
			first, second = second, first
		}
		canary[k], baseline[k] = first, second
	}
	return canary, baseline
}

// arm is the load on one arm. Sample k is written by the goroutine that sends request k,
// and after that by the one that collects the results.
type arm struct {
	load    Load
	base    string
	send    []Request // in turn
	start   time.Time
	at      []time.Duration
	samples []checks.LoadSample
	dial    *http.Transport

	mu        sync.Mutex
	next      int       // the request that leaves next
	underWay  int       // requests that have left and are not done
	fullUntil time.Time // when last all connections were busy
}

func (c Config) newArm(l Load, address string, at []time.Duration) *arm {
	a := &arm{load: l, base: strings.TrimSuffix(address, "/"), at: at, samples: make([]checks.LoadSample, len(at)), dial: newTransport(c.Guard, l)}
	for k := range a.samples {
		a.samples[k].At = at[k]
	}
	return a
}

// run sends the arm's requests and waits for their answers.
func (a *arm) run(ctx context.Context) {
	defer a.dial.CloseIdleConnections()
	attacker := vegeta.NewAttacker(
		vegeta.Client(&http.Client{
			Transport:     a.sender(ctx),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}),
		vegeta.Workers(uint64(min(a.load.Connections, 8))),
		vegeta.MaxWorkers(uint64(a.load.Connections)),
		vegeta.MaxBody(0), // what arrives is counted and dropped
	)
	stop := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stop()
	last := a.start.Add(a.at[len(a.at)-1] + grace)
	late := time.AfterFunc(time.Until(last), func() { attacker.Stop() })
	defer late.Stop()
	for r := range attacker.Attack(a.target, &pacer{arm: a, done: ctx.Done(), last: last}, 0, "") {
		a.done(r)
	}
	a.finish(ctx.Err() != nil)
}

// target is vegeta's question for the next request. A fragment is not sent: it carries
// the request's number to where the answer is recorded, and to the result.
func (a *arm) target(t *vegeta.Target) error {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.next
	a.next++
	a.underWay++
	due := a.start.Add(a.at[k])
	full := a.underWay >= a.load.Connections
	if full {
		a.fullUntil = now
	}
	// A request that came due while all connections were busy waited for the arm.
	if late := now.Sub(due); late > 0 && !full && !due.Before(a.fullUntil) {
		a.samples[k].Late = late
	}
	r := a.send[k%len(a.send)]
	t.Method, t.URL, t.Header = r.Method, a.base+r.Path+"#"+number(k), r.Header
	if r.Body != "" {
		t.Body = []byte(r.Body)
	}
	return nil
}

// done takes the time of a request that has ended.
func (a *arm) done(r *vegeta.Result) {
	_, fragment, _ := strings.Cut(r.URL, "#")
	k, ok := slot(fragment, len(a.samples))
	end := r.Timestamp.Add(r.Latency)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.underWay >= a.load.Connections {
		a.fullUntil = end
	}
	a.underWay--
	if !ok {
		return // it stays without an answer, and counts as missed
	}
	s := &a.samples[k]
	s.Latency = max(end.Sub(a.start.Add(a.at[k])), 0)
	if s.Status == 0 && s.Failure == checks.LoadAnswered {
		s.Failure = checks.LoadNoAnswer // nothing passes that no answer was seen of
	}
}

// finish says of what was never sent why.
func (a *arm) finish(cancelled bool) {
	for k := range a.samples {
		s := &a.samples[k]
		switch {
		case k < a.next && s.Latency > 0:
		case k < a.next: // its result never came
			s.Failure = checks.LoadMissed
		case cancelled:
			s.Failure = checks.LoadCancelled
		case a.start.Add(a.at[k]).Before(a.fullUntil):
			s.Failure = checks.LoadUnsent
		default:
			s.Failure = checks.LoadMissed
		}
	}
}

// pacer lets requests leave at their times.
type pacer struct {
	arm  *arm
	done <-chan struct{}
	last time.Time
}

// Pace waits by itself, so that a cancelled context is heard at once.
func (p *pacer) Pace(_ time.Duration, hits uint64) (time.Duration, bool) {
	if hits >= uint64(len(p.arm.at)) {
		return 0, true
	}
	timer := time.NewTimer(time.Until(p.arm.start.Add(p.arm.at[hits])))
	defer timer.Stop()
	select {
	case <-p.done:
		return 0, true
	case <-timer.C:
		return 0, time.Now().After(p.last)
	}
}

// Rate is for reports that are not made here.
func (p *pacer) Rate(time.Duration) float64 { return p.arm.load.Rate }
