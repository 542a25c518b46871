package outbox

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// moving is a clock that the test moves.
type moving struct{ t time.Time }

func (m *moving) now() time.Time { return m.t }

func TestBreaker(t *testing.T) {
	c := &moving{time.Unix(1_800_000_000, 0)}
	b := &breakers{now: c.now}
	allowed := func(want bool, what string) {
		t.Helper()
		if _, got := b.allow("host", time.Minute); got != want {
			t.Errorf("%s: got allowed %v, want %v", what, got, want)
		}
	}
	for i := range trip {
		allowed(true, "closed")
		if i == 2 {
			b.note("host", false) // well again: the count begins anew
		}
		b.note("host", true)
	}
	allowed(true, "three failures in a row")
	b.note("host", true)
	b.note("host", true)
	allowed(false, "five failures in a row")
	if _, ok := b.allow("other", time.Minute); !ok {
		t.Error("another target rests, too")
	}
	if wait, _ := b.allow("host", time.Minute); wait != firstRest {
		t.Errorf("got a wait of %s, want %s", wait, firstRest)
	}

	c.t = c.t.Add(firstRest)
	allowed(true, "the probe")
	allowed(false, "beside the probe")
	b.note("host", true)
	allowed(false, "after a probe that failed")
	if wait, _ := b.allow("host", time.Minute); wait != 2*firstRest {
		t.Errorf("got a wait of %s, want twice the first", wait)
	}

	c.t = c.t.Add(2 * firstRest)
	allowed(true, "the second probe")
	b.release("host")
	allowed(true, "after a probe that came to nothing")
	c.t = c.t.Add(time.Minute)
	allowed(true, "after a probe that was not heard of again")
	b.note("host", false)
	for range 3 {
		allowed(true, "after a probe that succeeded")
	}
	if open := b.open(); len(open) != 0 {
		t.Errorf("got %v, want no breaker left", open)
	}
	b.note("", true)
	if _, ok := b.allow("", time.Minute); !ok || len(b.open()) != 0 {
		t.Error("work without a target waits for one")
	}
}

func TestBreakerRestsAreBounded(t *testing.T) {
	c := &moving{time.Unix(1_800_000_000, 0)}
	b := &breakers{now: c.now}
	for range trip {
		b.note("host", true)
	}
	for range 20 {
		wait, ok := b.allow("host", time.Minute)
		if ok || wait > longestRest {
			t.Fatalf("got a wait of %s, allowed %v; want at most %s", wait, ok, longestRest)
		}
		c.t = c.t.Add(wait)
		if _, ok := b.allow("host", time.Minute); !ok {
			t.Fatal("no probe was allowed")
		}
		b.note("host", true)
	}
}

func TestPausesGrowWithinBounds(t *testing.T) {
	q, err := New(Options{Kinds: map[string]Kind{"tell": {First: 2 * time.Second, Longest: time.Minute}}})
	if err != nil {
		t.Fatal(err)
	}
	sum := make([]time.Duration, 30)
	for failures := range sum {
		for range 50 {
			p := q.pause(Work{Kind: "tell", failures: failures}, errors.New("no"))
			if p < time.Second || p > 90*time.Second {
				t.Fatalf("after %d failures: got a pause of %s, want it within 1 s and 90 s", failures+1, p)
			}
			sum[failures] += p
		}
	}
	if sum[0] > 50*4*time.Second || sum[29] < 50*30*time.Second {
		t.Errorf("got mean pauses of %s at first and %s at last, want about 2 s and 1 min", sum[0]/50, sum[29]/50)
	}
	if p := q.pause(Work{Kind: "tell"}, &LaterError{Err: errors.New("busy"), After: 7 * time.Minute}); p != 7*time.Minute {
		t.Errorf("got a pause of %s, want the 7 min that were asked for", p)
	}
}

func TestKindsHaveNames(t *testing.T) {
	for _, name := range []string{"", "Look", "a b", "x1"} {
		if _, err := New(Options{Kinds: map[string]Kind{name: {}}}); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestFailuresAreWrittenPlainly(t *testing.T) {
	got := plain(errors.New("get https://bob:hunter2@host/a?token=hunter2&x=1: refused\nby\x00 host"))
	if want := "get https://…@host/a?… refused by  host"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	long := plain(errors.New(strings.Repeat("é", 1000)))
	if len(long) > 503 || !utf8.ValidString(long) {
		t.Errorf("got %d bytes, want at most 503 of valid UTF-8", len(long))
	}
}
