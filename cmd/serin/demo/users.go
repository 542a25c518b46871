package demo

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// users are an open-loop load: they arrive as a Poisson process and do not wait
// for each other, so that a slow canary does not slow their arrival, as a closed
// loop would let it.
type users struct {
	rate   float64 // arrivals a second
	most   int     // arrivals in all, a bound for a demo that is forgotten
	silent bool    // the router ignores the canary's weight
	rand   *rand.Rand
	svc    *service

	weight atomic.Int64 // the canary's share in percent, as the router has it

	sent, failed, dropped atomic.Int64
}

// usersUnderWay bounds the requests under way; a user who arrives beyond it is
// dropped and counted.
const usersUnderWay = 200

// newUsers returns users of a service, who start when run is called.
func newUsers(svc *service, s Scenario, rate float64, seed uint64) *users {
	return &users{
		rate: rate, most: 200_000, silent: s == Silent, svc: svc,
		rand: rand.New(rand.NewPCG(seed, 0x75736572)),
	}
}

// SetWeight shifts the canary's share of traffic.
func (u *users) SetWeight(percent int) { u.weight.Store(int64(percent)) }

// run sends users until ctx ends or the bound is reached, and returns when the
// last of them has left.
func (u *users) run(ctx context.Context) {
	tr := &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 64, IdleConnTimeout: 20 * time.Second}
	client := &http.Client{Transport: tr, Timeout: 5 * time.Second}
	defer tr.CloseIdleConnections()
	seats := make(chan struct{}, usersUnderWay)
	var wg sync.WaitGroup
	defer wg.Wait()

	timer := time.NewTimer(0)
	defer timer.Stop()
	a := arrivals{rate: u.rate, rand: u.rand, next: time.Now()}
	for n := 0; n < u.most; n++ {
		timer.Reset(time.Until(a.draw()))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		p := u.route()
		select {
		case seats <- struct{}{}:
		default:
			u.dropped.Add(1)
			continue
		}
		wg.Go(func() {
			defer func() { <-seats }()
			u.call(ctx, client, p)
		})
	}
}

// arrivals is a Poisson process of moments.
type arrivals struct {
	rate float64 // a second
	rand *rand.Rand
	next time.Time
}

// draw returns the next moment. A machine that was away (suspended, or starved)
// is not hit by all users of that time at once: beyond a second they are lost.
func (a *arrivals) draw() time.Time {
	a.next = a.next.Add(time.Duration(a.rand.ExpFloat64() / a.rate * float64(time.Second)))
	if late := time.Since(a.next); late > time.Second {
		a.next = a.next.Add(late)
	}
	return a.next
}

// route picks the pod that serves the next user.
func (u *users) route() *pod {
	w := u.weight.Load()
	if !u.silent && u.rand.Int64N(100) < w {
		return u.svc.canary[u.rand.IntN(len(u.svc.canary))]
	}
	return u.svc.baseline[u.rand.IntN(len(u.svc.baseline))]
}

// call makes one request. What comes back concerns the pod's metrics only.
func (u *users) call(ctx context.Context, c *http.Client, p *pod) {
	u.sent.Add(1)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url("/buy"), nil)
	if err != nil {
		u.failed.Add(1)
		return
	}
	resp, err := c.Do(req)
	if err != nil {
		u.failed.Add(1)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body) // read to the end, so that the connection is used again
	_ = resp.Body.Close()
}
