package share

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/serin-canary/serin/queries"
)

func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	w := newWorld(t)
	var cs []chan result
	for i := range 20 {
		cs = append(cs, w.ask(w.as(fmt.Sprint(i), time.Minute), reading("up")))
	}
	w.waiting(20)
	w.next().reply <- nil
	frames := map[*float64]bool{}
	for _, c := range cs {
		r := w.got(c)
		if r.err != nil || r.frame.Window != window(3) {
			t.Fatalf("got %v, %v, want the frame", r.frame, r.err)
		}
		frames[&r.frame.Processes[0].N[0]] = true
	}
	w.none()
	if len(frames) != 20 {
		t.Errorf("got %d separate frames, want 20: callers may change their own", len(frames))
	}
	other := w.ask(w.as("x", time.Minute), reading("down"))
	w.next().reply <- nil
	w.got(other)
}

func TestKeptAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		first, second time.Duration // when the looks began, after the window's end
		passes        time.Duration // between them, here
		lag           time.Duration // of the second one's plan
		notes         []queries.Note
		kept          bool
	}{
		"soon after":             {first: time.Minute, second: time.Minute + 5*time.Second, passes: 5 * time.Second, lag: 30 * time.Second, kept: true},
		"an older look":          {first: time.Minute, second: 40 * time.Second, lag: 30 * time.Second, kept: true},
		"too long after":         {first: time.Minute, second: time.Minute, passes: 11 * time.Second, lag: 30 * time.Second},
		"a more patient plan":    {first: time.Minute, second: 3 * time.Minute, passes: time.Second, lag: 2 * time.Minute},
		"a plan as patient":      {first: time.Minute, second: time.Minute, passes: time.Second, lag: time.Minute, kept: true},
		"partial":                {first: time.Minute, second: time.Minute, lag: time.Second, notes: []queries.Note{{Code: queries.NotePartial, Text: "store down"}}},
		"a target down":          {first: time.Minute, second: time.Minute, lag: time.Second, notes: []queries.Note{{Code: queries.NoteTargetDown, Text: "x"}}},
		"with an enduring note":  {first: time.Minute, second: time.Minute, lag: time.Second, notes: []queries.Note{{Code: queries.NoteNeverSeen, Text: "x"}}, kept: true},
		"a window still growing": {first: 10 * time.Second, second: 10 * time.Second, lag: 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			one := w.ask(w.as("one", tt.first), reading("up"))
			a := w.next()
			a.notes = tt.notes
			a.reply <- nil
			w.got(one)
			w.clock.add(tt.passes)
			ctx := queries.WithAsker(t.Context(), queries.Asker{Rollout: "two", At: zero.Add(tt.second), Lag: tt.lag})
			two := w.ask(ctx, reading("up"))
			if !tt.kept {
				w.next().reply <- nil
			}
			if r := w.got(two); r.err != nil || r.frame.Window != window(3) {
				t.Errorf("got %v, %v, want the frame", r.frame, r.err)
			}
			w.none()
		})
	}
}

func TestMorePatientPlanDoesNotJoin(t *testing.T) {
	w := newWorld(t)
	one := w.ask(w.as("one", 40*time.Second), reading("up"))
	first := w.next()
	ctx := queries.WithAsker(t.Context(), queries.Asker{Rollout: "two", At: zero.Add(90 * time.Second), Lag: time.Minute})
	two := w.ask(ctx, reading("up"))
	second := w.next() // the first question began too early for it
	first.reply <- nil
	second.reply <- nil
	w.got(one)
	w.got(two)
}

func TestErrorsAreSharedAndNotKept(t *testing.T) {
	w := newWorld(t)
	refused := &queries.Error{Fault: queries.Rejected, Source: "prom", Text: "bad query"}
	one, two := w.ask(w.as("one", time.Minute), reading("up")), w.ask(w.as("two", time.Minute), reading("up"))
	w.waiting(2)
	w.next().reply <- refused
	for _, c := range []chan result{one, two} {
		if r := w.got(c); !errors.Is(r.err, refused) {
			t.Errorf("got %v, want the refusal", r.err)
		}
	}
	three := w.ask(w.as("three", time.Minute), reading("up"))
	w.next().reply <- nil
	if r := w.got(three); r.err != nil {
		t.Errorf("got %v, want a new question to be answered", r.err)
	}
}

func TestOneCallersEndIsNotAnothers(t *testing.T) {
	w := newWorld(t)
	impatient, leave := context.WithCancel(w.as("one", time.Minute))
	one := w.ask(impatient, reading("up"))
	w.waiting(1)
	two := w.ask(w.as("two", time.Minute), reading("up"))
	w.waiting(2)
	a := w.next()
	leave() // the one that began it
	if r := w.got(one); !errors.Is(r.err, context.Canceled) || queries.FaultOf(r.err) != queries.Unavailable {
		t.Errorf("got %v, want the caller's own end", r.err)
	}
	if a.ctx.Err() != nil {
		t.Fatalf("got an ended question, want it to go on for the other")
	}
	a.reply <- nil
	if r := w.got(two); r.err != nil {
		t.Errorf("got %v, want an answer", r.err)
	}
}

func TestTheLastToLeaveEndsTheQuestion(t *testing.T) {
	w := newWorld(t)
	ctx, leave := context.WithCancel(w.as("one", time.Minute))
	one, two := w.ask(ctx, reading("up")), w.ask(ctx, reading("up"))
	w.waiting(2)
	a := w.next()
	leave()
	w.got(one)
	w.got(two)
	select {
	case <-a.ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the question goes on although nobody waits for it")
	}
	w.none() // nobody asks again on nobody's behalf
	three := w.ask(w.as("three", time.Minute), reading("up"))
	w.next().reply <- nil
	if r := w.got(three); r.err != nil {
		t.Errorf("got %v, want a new question, not the one that was ended", r.err)
	}
}

func TestTriesAgainWhereThatMayHelp(t *testing.T) {
	reset := &queries.Error{Fault: queries.Unavailable, Source: "prom", Text: "connection reset"}
	for name, tt := range map[string]struct {
		err   error
		again bool
	}{
		"connection reset": {reset, true},
		"rejected":         {&queries.Error{Fault: queries.Rejected}, false},
		"malformed":        {&queries.Error{Fault: queries.Malformed}, false},
		"timed out":        {&queries.Error{Fault: queries.Unavailable, Err: context.DeadlineExceeded}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.ask(w.as("one", time.Minute), reading("up"))
			w.next().reply <- tt.err
			if !tt.again {
				if r := w.got(c); !errors.Is(r.err, tt.err) {
					t.Errorf("got %v, want %v", r.err, tt.err)
				}
				return
			}
			<-w.clock.set
			w.clock.add(200 * time.Millisecond)
			w.next().reply <- tt.err
			<-w.clock.set
			w.clock.add(400 * time.Millisecond)
			w.next().reply <- tt.err
			if r := w.got(c); !errors.Is(r.err, tt.err) {
				t.Errorf("got %v, want the last error after 3 tries", r.err)
			}
			w.none()
		})
	}
}

func TestLeavesASourceAloneThatAsksForIt(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Tries = 1 })
	throttled := &queries.Error{Fault: queries.Throttled, Source: "prom", Text: "429", RetryAfter: 20 * time.Second}
	one := w.ask(w.as("one", time.Minute), reading("a"))
	w.next().reply <- throttled
	w.got(one)

	// Who cannot wait that long learns it at once. The deadline is real, the pause
	// is of the test's clock, which is behind it by years or months: so it is before.
	short, cancel := context.WithDeadline(w.as("two", time.Minute), w.clock.Now().Add(19*time.Second))
	defer cancel()
	_, err := w.src.Blocks(short, reading("b"), window(3))
	if queries.FaultOf(err) != queries.Throttled || !strings.Contains(err.Error(), "left alone until 12:00:20 UTC") {
		t.Errorf("got %v, want to be told of the pause", err)
	}

	// Who can wait is let through one at a time, until one was answered.
	var cs []chan result
	for i := range 3 {
		cs = append(cs, w.ask(w.as(fmt.Sprint(i), time.Minute), reading(fmt.Sprint(i))))
	}
	w.queued(3)
	w.none()
	<-w.clock.set
	w.clock.add(19 * time.Second)
	w.none()
	w.clock.add(time.Second)
	probe := w.next()
	w.queued(2)
	w.none()
	probe.reply <- nil
	w.next().reply <- nil
	w.next().reply <- nil
	for _, c := range cs {
		if r := w.got(c); r.err != nil {
			t.Errorf("got %v, want an answer after the pause", r.err)
		}
	}
}

func TestPausesGrow(t *testing.T) {
	c := newClock()
	cfg := Config{Name: "prom", Now: c.Now, After: c.After}.withDefaults()
	g := newGate(cfg, newCounters("prom"))
	refusal := &queries.Error{Fault: queries.Throttled}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		for range 5 { // they were under way together
			if g.running++; true {
				g.leave(refusal)
			}
		}
		got := g.pausedUntil().Sub(c.Now())
		if got != want*time.Second {
			t.Errorf("got a pause of %v, want %v s", got, int(want))
		}
		c.add(got)
	}
	g.running++
	g.leave(&queries.Error{Fault: queries.Unavailable, RetryAfter: time.Hour})
	if got := g.pausedUntil().Sub(c.Now()); got != maxAsked {
		t.Errorf("got a pause of %v, want at most %v", got, maxAsked)
	}
	c.add(maxAsked)
	g.running++
	g.leave(nil)
	if g.refusals != 0 || !g.pausedUntil().IsZero() {
		t.Errorf("got %d refusals after an answer, want them forgotten", g.refusals)
	}
}

func TestCollector(t *testing.T) {
	w := newWorld(t)
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(w.src.Collector())
	c := w.ask(w.as("one", time.Minute), reading("up"))
	a := w.next()
	if got := value(t, r, "serin_source_questions_running"); got != 1 {
		t.Errorf("got %v questions running, want 1", got)
	}
	a.reply <- nil
	w.got(c)
	w.got(w.ask(w.as("two", time.Minute), reading("up")))
	for name, want := range map[string]float64{"serin_source_questions_running": 0, "serin_source_questions_total": 2, "serin_source_question_seconds": 1} {
		if got := value(t, r, name); got != want {
			t.Errorf("got %s %v, want %v", name, got, want)
		}
	}
}

// value adds up the metrics of a name.
func value(t *testing.T, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}
