package share

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/serin-canary/serin/queries"
)

// TestFair lets any mix of rollouts queue up, in any order, some leaving early.
// While two of them wait, neither gets more than one turn more than the other, and
// nobody who came is forgotten.
func TestFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		places := rapid.IntRange(1, 5).Draw(t, "places")
		g := newGate(Config{Name: "prom", Concurrency: places, Queue: 100000, Now: c.Now, After: c.After}.withDefaults(), newCounters("prom"))
		// The places are taken, so that everybody waits.
		var waiting []*waiter
		came := rapid.SliceOfN(rapid.IntRange(0, 4), 1, 120).Draw(t, "came")
		g.running = places
		for _, r := range came {
			w := &waiter{rollout: fmt.Sprint(r), turn: make(chan error, 1)}
			if err := g.queue(w); err != nil {
				t.Fatal(err)
			}
			waiting = append(waiting, w)
		}
		left := map[*waiter]bool{}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(waiting)-1), 0, 20).Draw(t, "left") {
			g.mu.Lock()
			g.remove(waiting[i])
			g.mu.Unlock()
			left[waiting[i]] = true
		}
		turns := map[string]int{}
		for len(g.turns) > 0 {
			both := append([]string(nil), g.turns...)
			g.leave(nil)
			for _, w := range waiting {
				select {
				case err := <-w.turn:
					if err != nil || left[w] {
						t.Fatalf("got a turn with %v, left %v", err, left[w])
					}
					turns[w.rollout]++
					left[w] = true
				default:
				}
			}
			for _, a := range both {
				for _, b := range both {
					if turns[a] > turns[b]+1 {
						t.Fatalf("rollout %s had %d turns while %s, which waits, had %d", a, turns[a], b, turns[b])
					}
				}
			}
		}
		if g.waiting != 0 || len(g.lines) != 0 {
			t.Fatalf("got %d waiting in %d lines after all had their turn", g.waiting, len(g.lines))
		}
		for _, w := range waiting {
			if !left[w] {
				t.Fatalf("a question of rollout %s was forgotten", w.rollout)
			}
		}
	})
}

// TestFiftyDoNotStarveTwo: who comes with two questions after somebody with fifty
// has both answered after two turns of the other.
func TestFiftyDoNotStarveTwo(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Concurrency = 1 })
	var cs []chan result
	for i := range 50 {
		cs = append(cs, w.ask(w.as("many", time.Minute), reading(fmt.Sprintf("many%d", i))))
	}
	w.queued(49)
	for i := range 2 {
		cs = append(cs, w.ask(w.as("few", time.Minute), reading(fmt.Sprintf("few%d", i))))
	}
	w.queued(51)
	var turns []int
	for turn := range len(cs) {
		a := w.next()
		if strings.HasPrefix(a.reading.Query.Expr, "few") {
			turns = append(turns, turn)
		}
		a.reply <- nil
	}
	for _, c := range cs {
		if r := w.got(c); r.err != nil {
			t.Error(r.err)
		}
	}
	if len(turns) != 2 || turns[1] > 4 {
		t.Errorf("got the rollout with two questions at turns %v, want both among the first five", turns)
	}
}

// TestFullQueue refuses the longest line's newest question in favour of a rollout
// that has few.
func TestFullQueue(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Concurrency, c.Queue = 1, 4 })
	running := w.ask(w.as("many", time.Minute), reading("running"))
	first := w.next()
	var many []chan result
	for i := range 4 {
		many = append(many, w.ask(w.as("many", time.Minute), reading(fmt.Sprint(i))))
		w.queued(i + 1)
	}
	over := w.ask(w.as("many", time.Minute), reading("over"))
	if r := w.got(over); !errors.Is(r.err, errFull) || queries.FaultOf(r.err) != queries.Throttled {
		t.Errorf("got %v, want the queue to be full", r.err)
	}
	few := w.ask(w.as("few", time.Minute), reading("few"))
	if r := w.got(many[3]); !errors.Is(r.err, errFull) {
		t.Errorf("got %v, want the newest of the longest line to be refused", r.err)
	}
	first.reply <- nil
	for range 4 {
		w.next().reply <- nil
	}
	for _, c := range append(many[:3], running, few) {
		if r := w.got(c); r.err != nil {
			t.Errorf("got %v, want an answer", r.err)
		}
	}
}
