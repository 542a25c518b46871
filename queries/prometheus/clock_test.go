package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

func TestClock(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       time.Time
	}{
		{"a server's time", `{"status":"success","data":{"resultType":"scalar","result":[1767225600.5,"1767225600.5"]}}`, time.Date(2026, 1, 1, 0, 0, 0, 5e8, time.UTC)},
		{"no number", `{"status":"success","data":{"resultType":"scalar","result":[1767225600,"NaN"]}}`, time.Time{}},
		{"no scalar", `{"status":"success","data":{"resultType":"vector","result":[]}}`, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := source(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.FormValue("time"); got != "" {
					t.Errorf("asked at time %q, want the server's own", got)
				}
				fmt.Fprint(w, c.body)
			})
			got, err := s.Clock(context.Background())
			if c.want.IsZero() {
				faulty(t, err, queries.Malformed, "time()")
				return
			}
			if err != nil || !got.Equal(c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

// TestClockIsAskedOnceAMinute: looks do not pay for it one by one, and do not wait for
// it while what was measured is good.
func TestClockIsAskedOnceAMinute(t *testing.T) {
	var asked atomic.Int64
	reply := make(chan struct{}, 1)
	reply <- struct{}{}
	there := time.Now().Add(-90 * time.Second)
	s := source(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		<-reply
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"scalar","result":[0,"%d"]}}`, there.Unix())
	})
	for range 3 {
		got, err := s.Clock(context.Background())
		if err != nil || time.Until(got) > -80*time.Second || time.Until(got) < -100*time.Second {
			t.Errorf("got %v, %v, want about 90 s ago", got, err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
	s.clock.set(s.clock.there, s.clock.measured.Add(-clockHolds))
	if _, err := s.Clock(context.Background()); err != nil {
		t.Errorf("got %v after a minute, want an answer before the server's", err)
	}
	reply <- struct{}{}
	for end := time.Now().Add(10 * time.Second); ; <-time.After(time.Millisecond) {
		if _, age, _ := s.clock.read(); age < clockHolds {
			break
		} else if time.Now().After(end) {
			t.Fatal("the clock was not measured anew")
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("after a minute: asked %d times, want twice", n)
	}
	s.clock.set(s.clock.there, s.clock.measured.Add(-clockTrusted))
	gone, leave := context.WithCancel(context.Background())
	leave()
	if _, err := s.Clock(gone); err != nil {
		t.Errorf("got %v, want the last measurement where nobody can wait", err)
	}
	reply <- struct{}{}
}

// TestClockServesOn: while the server does not answer, the last measurement goes on
// by this machine's monotonic clock.
func TestClockServesOn(t *testing.T) {
	down := false
	s := source(t, func(w http.ResponseWriter, _ *http.Request) {
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"scalar","result":[0,"%d"]}}`, time.Now().Add(-90*time.Second).Unix())
	})
	if _, err := s.Clock(context.Background()); err != nil {
		t.Fatal(err)
	}
	down = true
	s.clock.measured = s.clock.measured.Add(-2 * clockHolds)
	got, err := s.Clock(context.Background())
	if err != nil || time.Until(got) > 40*time.Second || time.Until(got) < 20*time.Second {
		t.Errorf("got %v, %v, want 2 minutes after what the server said", got, err)
	}
	s.clock.measured = s.clock.measured.Add(-clockServes)
	if _, err := s.Clock(context.Background()); queries.FaultOf(err) != queries.Unavailable || err == nil {
		t.Errorf("got %v, want an error once the measurement is old", err)
	}
}

// TestClockOfManyLooks: looks that begin at once ask once, and one that gives up
// does not end it for the others.
func TestClockOfManyLooks(t *testing.T) {
	var asked atomic.Int64
	arrived, reply := make(chan struct{}, 100), make(chan struct{})
	s := source(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		arrived <- struct{}{}
		<-reply
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"scalar","result":[0,"%d"]}}`, time.Now().Unix())
	})
	hasty, leave := context.WithCancel(context.Background())
	gone, got := make(chan error), make(chan error)
	go func() { _, err := s.Clock(hasty); gone <- err }()
	<-arrived
	for range 5 {
		go func() { _, err := s.Clock(context.Background()); got <- err }()
	}
	leave()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the caller's own end", err)
	}
	close(reply)
	for range 5 {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestRealClock(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Name: "real", URL: promtest.Start(t, promtest.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := time.Now().Add(-time.Second)
	got, err := s.Clock(context.Background())
	if err != nil || got.Before(before) || got.After(time.Now().Add(time.Second)) {
		t.Errorf("got %v, %v, want about %v", got, err, before)
	}
}
