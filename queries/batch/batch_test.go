package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errBad = errors.New("bad question")

// store answers questions in upper case, but refuses "bad".
type store struct {
	mu    sync.Mutex
	calls [][]string
	hold  chan struct{}
	ended chan struct{}
}

func (s *store) ask(ctx context.Context, key string, qs []string) ([]string, error) {
	s.mu.Lock()
	s.calls = append(s.calls, slices.Sorted(slices.Values(qs)))
	s.mu.Unlock()
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			close(s.ended)
			return nil, ctx.Err()
		}
	}
	out := make([]string, len(qs))
	for i, q := range qs {
		switch q {
		case "bad":
			return nil, errBad
		case "panic":
			panic("no")
		case "short":
			return nil, nil
		}
		out[i] = key + ":" + q
	}
	return out, nil
}

func (s *store) batcher(most int) *Batcher[string, string, string] {
	return New(Config[string, string, string]{Ask: s.ask, Most: most, Refused: func(err error) bool { return errors.Is(err, errBad) }})
}

// together asks questions at once and returns answers and errors in their order.
func together(b *Batcher[string, string, string], key string, qs ...string) ([]string, []error) {
	out, errs := make([]string, len(qs)), make([]error, len(qs))
	var wg sync.WaitGroup
	for i, q := range qs {
		wg.Go(func() { out[i], errs[i] = b.Do(context.Background(), key, q) })
	}
	wg.Wait()
	return out, errs
}

func TestQuestionsAtOnceAreOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		b := s.batcher(0)
		got, errs := together(b, "k", "a", "b", "c")
		if fmt.Sprint(got, errs) != "[k:a k:b k:c] [<nil> <nil> <nil>]" || len(s.calls) != 1 {
			t.Errorf("got %v, %v in the calls %v, want one call", got, errs, s.calls)
		}
		if got, errs := together(b, "k", "a"); got[0] != "k:a" || errs[0] != nil || len(s.calls) != 2 {
			t.Errorf("later: got %v, %v in the calls %v, want a call of its own", got, errs, s.calls)
		}
	})
}

func TestKeysAndFullCallsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		b := s.batcher(2)
		var wg sync.WaitGroup
		wg.Go(func() { together(b, "k", "a", "b", "c") })
		wg.Go(func() { together(b, "l", "d") })
		wg.Wait()
		if len(s.calls) != 3 {
			t.Errorf("got the calls %v, want three: two of k, which has more than fit, and one of l", s.calls)
		}
	})
}

func TestARefusalReachesItsOwnQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		got, errs := together(s.batcher(0), "k", "a", "bad", "b", "c", "d")
		for i, want := range []string{"k:a", "", "k:b", "k:c", "k:d"} {
			if got[i] != want || (want == "") != errors.Is(errs[i], errBad) {
				t.Errorf("question %d: got %q, %v, want %q", i, got[i], errs[i], want)
			}
		}
	})
}

func TestWhatIsNoRefusalIsEverybodys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, q := range []string{"panic", "short"} {
			s := &store{}
			_, errs := together(s.batcher(0), "k", "a", q)
			if errs[0] == nil || errs[1] == nil || len(s.calls) != 1 {
				t.Errorf("%s: got %v in the calls %v, want both to fail in one call", q, errs, s.calls)
			}
		}
	})
}

func TestWhoLeavesEndsNobodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{hold: make(chan struct{}), ended: make(chan struct{})}
		b := s.batcher(0)
		first, leave := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := b.Do(first, "k", "a"); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the caller's own end", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if got, err := b.Do(context.Background(), "k", "b"); got != "k:b" || err != nil {
				t.Errorf("got %q, %v, want the answer in spite of who left", got, err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		close(s.hold)
		wg.Wait()

		s.hold, s.ended = make(chan struct{}), make(chan struct{})
		last, leave := context.WithCancel(context.Background())
		wg.Go(func() { _, _ = b.Do(last, "k", "a") })
		time.Sleep(2 * b.cfg.Pause) // of the bubble's time: the call has begun
		leave()
		<-s.ended // with the last one the call ends
		wg.Wait()

		gone, leave := context.WithCancel(context.Background())
		wg.Go(func() { _, _ = b.Do(gone, "k", "nobody waits") })
		synctest.Wait()
		leave()
		time.Sleep(2 * b.cfg.Pause)
		if n := len(s.calls); n != 2 {
			t.Errorf("got %d calls, want 2: what nobody waits for is not asked", n)
		}
	})
}
