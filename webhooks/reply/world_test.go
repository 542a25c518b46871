package reply

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// world is a desk with a real journal, a judge that says what the test wants, and a
// queue that the test works by hand. Everything that lasts passes through step, at
// which the process can be made to die.
type world struct {
	*Desk
	t       *testing.T
	clock   time.Time
	began   time.Time
	journal *journal.Journal
	id      string
	jobs    map[string]*outbox.Work
	looks   int
	// says returns what the judge says at a look, from 1.
	says func(look int) (judge.Verdict, error)
	// send is what the receiver says to an attempt, from 1.
	send    func(attempt int) error
	sent    []Answer
	reports int

	steps, dieAt int // dieAt 0: never
}

func newWorld(t *testing.T, edit ...func(*plan.Plan)) *world {
	t.Helper()
	w := &world{t: t, clock: time.Date(2026, 5, 1, 12, 0, 7, 0, time.UTC), jobs: map[string]*outbox.Work{}}
	w.began = w.clock
	w.says = func(int) (judge.Verdict, error) { return judge.Verdict{}, nil }
	w.send = func(int) error { return nil }
	var err error
	if w.journal, err = journal.Open(t.Context(), ":memory:", journal.Options{Now: w.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.journal.Close() })
	p := plan.Plan{Name: "checkout", Service: "checkout", Mode: plan.Enforce, Reversible: true, Block: plan.Duration(time.Minute), Lag: plan.Duration(10 * time.Second),
		MaxDuration: plan.Duration(time.Hour), HoldFor: plan.Duration(2 * time.Hour)}
	for _, e := range edit {
		e(&p)
	}
	a, err := w.journal.Announce(t.Context(), rollout.Rollout{Service: "checkout", Revision: "v2", Controller: "codedeploy"}, p)
	if err != nil {
		t.Fatal(err)
	}
	w.id = a.Rollout.ID
	w.start()
	return w
}

func (w *world) now() time.Time { return w.clock }

// start is a new process with what the last one left behind.
func (w *world) start() {
	w.Desk = New(Config{
		Journal: mortal{w.journal, w}, Judge: w, Queue: w, Senders: map[string]Sender{"codedeploy": w}, BaseURL: "https://serin.example.org/", Now: w.now,
	})
}

// step is a moment at which the process may die: before what it does, or after.
func (w *world) step() {
	if w.steps++; w.steps == w.dieAt {
		runtime.Goexit()
	}
}

// Decide records a look.
func (w *world) Decide(ctx context.Context, r rollout.Rollout, now time.Time) (judge.Verdict, error) {
	w.step()
	w.looks++
	v, err := w.says(w.looks)
	if err != nil {
		return v, err
	}
	rec, err := w.journal.Load(ctx, r.ID)
	if err != nil {
		return judge.Verdict{}, err
	}
	v.ID, v.Seq, v.At, v.Rollout, v.Mode = r.ID, rec.Looks+1, now, rec.Rollout, string(rec.Plan.Mode)
	err = w.journal.Commit(ctx, judge.Look{Rollout: r.ID, Verdict: v})
	w.step()
	return v, err
}

// Send is the caller.
func (w *world) Send(_ context.Context, _ Question, a Answer) error {
	w.step()
	w.sent = append(w.sent, a)
	err := w.send(len(w.sent))
	w.step()
	return err
}

// Target implements Sender.
func (w *world) Target(Question) string { return "codedeploy.example.com" }

// Report implements Reporter.
func (w *world) Report(context.Context, Question, judge.Verdict) error {
	w.reports++
	return errors.New("nobody listens")
}

// Enqueue implements Queue: all or nothing.
func (w *world) Enqueue(_ context.Context, jobs ...outbox.Job) error {
	w.step()
	for _, j := range jobs {
		if w.jobs[j.Key] == nil {
			w.jobs[j.Key] = &outbox.Work{
				ID: outbox.ID(j.Key), Kind: j.Kind, Key: j.Key, Rollout: j.Rollout, Target: j.Target, Body: j.Body,
				State: outbox.Queued, NotBefore: j.NotBefore, Deadline: j.Deadline, Added: w.clock,
			}
		}
	}
	w.step()
	return nil
}

func (w *world) Get(_ context.Context, id string) (outbox.Work, error) {
	for _, j := range w.jobs {
		if j.ID == id {
			return *j, nil
		}
	}
	return outbox.Work{}, outbox.ErrNotFound
}

// Drop implements Queue.
func (w *world) Drop(_ context.Context, id string) (outbox.Work, error) {
	w.step()
	for _, j := range w.jobs {
		if j.ID == id && j.State == outbox.Queued {
			j.State = outbox.Cancelled
			return *j, nil
		}
	}
	return outbox.Work{}, outbox.ErrState
}

// mortal is a journal between whose calls the process may die.
type mortal struct {
	*journal.Journal
	w *world
}

func (m mortal) End(ctx context.Context, id string, at time.Time, why string) error {
	m.w.step()
	err := m.Journal.End(ctx, id, at, why)
	m.w.step()
	return err
}

func (m mortal) Audit(ctx context.Context, e journal.Entry) error {
	m.w.step()
	err := m.Journal.Audit(ctx, e)
	m.w.step()
	return err
}

// alive runs something of the process, and reports whether it lived through it.
func (w *world) alive(run func()) bool {
	lived := make(chan bool)
	go func() {
		ok := false
		defer func() { lived <- ok }()
		run()
		ok = true
	}()
	if <-lived {
		return true
	}
	w.start()
	return false
}

// turn works the job that is due first, at its time or now; false where none is
// left. A failure is tried again after ten seconds.
func (w *world) turn() bool {
	w.t.Helper()
	due := slices.SortedFunc(func(yield func(*outbox.Work) bool) {
		for _, j := range w.jobs {
			if j.State == outbox.Queued && !yield(j) {
				return
			}
		}
	}, func(a, b *outbox.Work) int { return a.NotBefore.Compare(b.NotBefore) })
	if len(due) == 0 {
		return false
	}
	j := due[0]
	if j.NotBefore.After(w.clock) {
		w.clock = j.NotBefore
	}
	if !w.clock.Before(j.Deadline) {
		j.State = outbox.Dead
		return true
	}
	var err error
	lived := w.alive(func() {
		err = w.Handlers()[j.Kind](w.t.Context(), outbox.Job{Kind: j.Kind, Key: j.Key, Rollout: j.Rollout, Body: j.Body, Deadline: j.Deadline})
	})
	switch {
	case !lived:
		w.clock = w.clock.Add(50 * time.Second) // until the work is taken over
	case err == nil && j.State == outbox.Queued:
		j.State = outbox.Done
	case errors.Is(err, outbox.ErrPermanent):
		j.State = outbox.Dead
	case err != nil:
		j.NotBefore = w.clock.Add(10 * time.Second)
	}
	return true
}

// finish works until nothing is left.
func (w *world) finish() {
	w.t.Helper()
	for n := 0; w.turn(); n++ {
		if n > 5000 {
			w.t.Fatal("it goes on for ever")
		}
	}
}

// question is one that has an hour.
func (w *world) question(g Gate) Question {
	return Question{ID: "codedeploy/d-1/exec-1", Sender: "codedeploy", Rollout: w.id, Gate: g, Asked: w.began, Deadline: w.began.Add(time.Hour),
		To: json.RawMessage(`{"deployment":"d-1"}`)}
}

// answers asks and finishes, and returns the answer that arrived.
func (w *world) answers(q Question) Answer {
	w.t.Helper()
	if err := w.Ask(w.t.Context(), q); err != nil {
		w.t.Fatal(err)
	}
	w.finish()
	if len(w.sent) != 1 {
		w.t.Fatalf("got %d answers %+v, want one", len(w.sent), w.sent)
	}
	return w.sent[0]
}

// notes returns what the trail says, the oldest first.
func (w *world) notes() []string {
	w.t.Helper()
	list, err := w.journal.AuditLog(w.t.Context(), journal.AuditFilter{Rollout: w.id})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.What)
	}
	slices.Reverse(out)
	return out
}

func (w *world) state() journal.Summary {
	w.t.Helper()
	s, err := w.journal.Get(w.t.Context(), w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}
