package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// checkRecord is a journal of one rollout, and what long checks do to it.
type checkRecord struct {
	mu      sync.Mutex
	rec     judge.Record
	begins  int
	refuse  error // of BeginCheck and Checked
	results []checks.Result
}

func (c *checkRecord) Load(context.Context, string) (judge.Record, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rec.Rollout.ID == "" {
		return judge.Record{}, judge.ErrUnknownRollout
	}
	return c.rec, nil
}

func (c *checkRecord) Get(context.Context, string) (journal.Summary, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return journal.Summary{Rollout: c.rec.Rollout, Closed: c.rec.Closed}, nil
}

func (c *checkRecord) BeginCheck(context.Context, string, judge.Beginning) (int, error) {
	c.begins++
	return c.begins, c.refuse
}

func (c *checkRecord) Checked(_ context.Context, _ string, r checks.Result) error {
	c.results = append(c.results, r)
	return nil
}

// runsFor is a runner of long checks.
type runsFor func(ctx context.Context) checks.Result

func (f runsFor) LongCheck(ctx context.Context, _ judge.Record, name string) (checks.Result, bool) {
	if f == nil {
		return checks.Result{}, false
	}
	r := f(ctx)
	r.Name = name
	return r, true
}

func passesAtOnce(context.Context) checks.Result { return checks.Result{Status: checks.Passed} }

// endsWithItsContext is a check that ends with its context.
func endsWithItsContext(ctx context.Context) checks.Result {
	<-ctx.Done()
	return checks.Result{Status: checks.Broken}
}

func TestWorkOfLongChecks(t *testing.T) {
	body, err := json.Marshal(judge.Beginning{Name: "load", Round: 2})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*checkRecord, *longChecks)
		runner runsFor
		body   string
		cut    bool // the process ends meanwhile
		want   error
		says   string // of the one result, "" where there is none
	}{
		"it runs":                               {runner: passesAtOnce, says: "passed"},
		"a damaged job":                         {runner: passesAtOnce, body: "[]", want: outbox.ErrPermanent},
		"an unknown rollout":                    {runner: passesAtOnce, change: func(c *checkRecord, _ *longChecks) { c.rec.Rollout.ID = "" }, want: outbox.ErrPermanent},
		"a rollout that ended":                  {runner: passesAtOnce, change: func(c *checkRecord, _ *longChecks) { c.rec.Closed = time.Now() }, want: outbox.ErrMoot},
		"a rollout that is rolled back":         {runner: passesAtOnce, change: func(c *checkRecord, _ *longChecks) { c.rec.Latch = &judge.Latch{} }, want: outbox.ErrMoot},
		"a round that has its result":           {runner: passesAtOnce, change: func(c *checkRecord, _ *longChecks) { c.refuse = journal.ErrChecked }},
		"closed in between":                     {runner: passesAtOnce, change: func(c *checkRecord, _ *longChecks) { c.refuse = journal.ErrClosed }, want: outbox.ErrMoot},
		"another load is under way":             {runner: passesAtOnce, change: func(_ *checkRecord, l *longChecks) { l.loads <- struct{}{} }, want: errLoadBusy},
		"a check that the plan lost":            {want: outbox.ErrPermanent},
		"the process ends":                      {runner: endsWithItsContext, cut: true, want: context.Canceled},
		"it took its process with it too often": {runner: passesAtOnce, change: func(c *checkRecord, _ *longChecks) { c.begins = 3 }, says: "began 3 times"},
		"its rollout ends meanwhile": {runner: endsWithItsContext, want: outbox.ErrMoot, change: func(c *checkRecord, _ *longChecks) {
			time.AfterFunc(50*time.Millisecond, func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.rec.Closed = time.Now()
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &checkRecord{rec: judge.Record{Rollout: rollout.Rollout{ID: "r"}, Plan: plan.Plan{Checks: []checks.Spec{{Name: "load", Load: &checks.Load{}}}}}}
			l := newLongChecks(slog.New(slog.DiscardHandler))
			l.journal, l.runner = c, tt.runner
			if tt.change != nil {
				tt.change(c, l)
			}
			job := outbox.Job{Rollout: "r", Body: body}
			if tt.body != "" {
				job.Body = json.RawMessage(tt.body)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.cut {
				time.AfterFunc(50*time.Millisecond, cancel)
			}
			if err := l.do(ctx, job); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
			if (len(c.results) == 1) != (tt.says != "") {
				t.Fatalf("got results %+v, want one: %v", c.results, tt.says != "")
			}
			if tt.says != "" {
				r := c.results[0]
				if r.Round != 2 || r.Begins != c.begins || !strings.Contains(string(r.Status)+r.Reason, tt.says) {
					t.Errorf("got %+v, want round 2, begun %d times, saying %q", r, c.begins, tt.says)
				}
			}
		})
	}
}

// TestLongChecksFollowFromLooks ensures that the same round is one piece of work however
// often it is asked for, of a kind that lasts long enough.
func TestLongChecksFollowFromLooks(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	begin := func(lasts time.Duration) journal.Event {
		return journal.Event{Kind: journal.EventLooked, Rollout: rollout.Rollout{ID: "r"}, Begin: []judge.Beginning{{Name: "a load", Round: 1, Lasts: lasts, Until: at}}}
	}
	kinds := longCheckKinds()
	for lasts, want := range map[time.Duration]string{
		20 * time.Second: kindCheckShort, 90 * time.Second: kindCheck, 10 * time.Minute: kindCheckLong, 30 * time.Minute: kindCheckLongest,
	} {
		jobs, again := followLongChecks(begin(lasts)), followLongChecks(begin(lasts))
		if len(jobs) != 1 || jobs[0].Kind != want || !jobs[0].Deadline.Equal(at) || jobs[0].Key != again[0].Key {
			t.Errorf("%s: got %+v, want one of kind %s", lasts, jobs, want)
		}
		if kinds[want].Timeout <= lasts {
			t.Errorf("%s: got a timeout of %s", lasts, kinds[want].Timeout)
		}
	}
	done := journal.Event{Kind: journal.EventChecked, Rollout: rollout.Rollout{ID: "r"}, Checked: &checks.Result{Name: "a load", Round: 1}}
	if jobs := followLongChecks(done); len(jobs) != 0 {
		t.Errorf("got %v where somebody else looks, want nothing", jobs)
	}
	done.Rollout.Watch = true
	if jobs := followLongChecks(done); fmt.Sprint(len(jobs)) != "1" || jobs[0].Kind != kindLook {
		t.Errorf("got %v, want a look that uses the result", jobs)
	}
}
