package scrape

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// await waits until a condition holds, which something that runs will bring about.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("%s: not within a minute", what)
		case <-tick.C:
		}
	}
}

// running starts Run and returns what stops it and checks that it ended well.
func running(t *testing.T, s *Source) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: got %v, want nil at the end of its context", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run did not return within 10 s of the end of its context")
		}
	}
}

func TestRunScrapesAgainAndAgain(t *testing.T) {
	var asked atomic.Int64
	p := newPod(t, "")
	p.answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "a %d\n", asked.Add(1)) })
	s, err := New(Config{Targets: []Target{p.target()}, Interval: 20 * time.Millisecond, Retention: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	stop := running(t, s)
	await(t, "five scrapes", func() bool { return asked.Load() >= 5 })
	if err := s.Run(t.Context()); err == nil {
		t.Error("a second Run: got no error, want one")
	}
	stop()
	before := asked.Load()
	if n := one(t, s, "count_over_time(a[1m])", time.Now()); n < 4 {
		t.Errorf("samples: got %v, want at least 4", n)
	}
	stop = running(t, s) // It can be run again.
	await(t, "more scrapes", func() bool { return asked.Load() > before })
	stop()
}

func TestTargetsChangeWhileRunning(t *testing.T) {
	p, q := newPod(t, "a 1\n"), newPod(t, "a 2\n")
	first, second := p.target("pod", "p"), q.target("pod", "q")
	s, err := New(Config{Targets: []Target{first}, Interval: 20 * time.Millisecond, Retention: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	stop := running(t, s)
	defer stop()
	pods := func() []string { return values(t, s, "sum by (pod) (a)", time.Now()) }
	await(t, "the first target", func() bool { return slices.Equal(pods(), []string{`{pod="p"} 1`}) })
	for _, next := range []struct {
		targets []Target
		want    []string
	}{
		{[]Target{first, second}, []string{`{pod="p"} 1`, `{pod="q"} 2`}},
		{[]Target{second}, []string{`{pod="q"} 2`}},
		{nil, nil},
		{[]Target{first}, []string{`{pod="p"} 1`}},
	} {
		if err := s.SetTargets(next.targets); err != nil {
			t.Fatal(err)
		}
		await(t, fmt.Sprintf("targets %v", next.want), func() bool { return slices.Equal(pods(), next.want) })
	}
}

func TestRunEndsWhileATargetHangs(t *testing.T) {
	asked := make(chan struct{}, 1)
	p := newPod(t, "")
	p.answer(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-r.Context().Done()
	})
	s, err := New(Config{Targets: []Target{p.target()}, Interval: time.Hour, Retention: 10 * time.Hour, Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	stop := running(t, s)
	<-asked
	stop()
	if got := s.Status()[0]; !got.LastScrape.IsZero() {
		t.Errorf("a scrape that was cut off by the end: got status %+v, want the target not blamed", got)
	}
}

func TestARemovedTargetIsLeftInTheMiddleOfItsScrape(t *testing.T) {
	asked := make(chan struct{}, 1)
	p := newPod(t, "")
	p.answer(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	s, err := New(Config{Targets: []Target{p.target()}, Interval: time.Hour, Retention: 10 * time.Hour, Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	stop := running(t, s)
	<-asked
	if err := s.SetTargets(nil); err != nil {
		t.Fatal(err)
	}
	await(t, "the target left", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.leaving) == 0 })
	stop()
}

func TestPing(t *testing.T) {
	p, q := newPod(t, "a 1\n"), newPod(t, "a 1\n")
	s, clock := newTestSource(t, Config{})
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("without targets: got %v, want nil", err)
	}
	if err := s.SetTargets([]Target{p.target(), q.target("instance", "q:80")}); err != nil {
		t.Fatal(err)
	}
	wantPing(t, s, `source "shop": unavailable: not one of 2 scrape targets answers; none has been scraped yet`)
	p.fail(500)
	scrapeAll(t, s)
	wantPing(t, s, "")
	q.fail(503)
	clock.advance(interval)
	scrapeAll(t, s)
	wantPing(t, s, "not one of 2 scrape targets answers; the last of them, shop at q:80: it answered 503 Service Unavailable")
	p.show("a 1\n")
	clock.advance(interval)
	scrapeAll(t, s)
	wantPing(t, s, "")
}

func wantPing(t *testing.T, s *Source, want string) {
	t.Helper()
	err := s.Ping(t.Context())
	if want == "" {
		if err != nil {
			t.Errorf("Ping: got %v, want nil", err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Ping: got %v, want %q", err, want)
	}
}
