package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Options configure [New].
type Options struct {
	// Kinds are the kinds of jobs that there are. A job of another kind is refused
	// when it is added.
	Kinds map[string]Kind
	Now   func() time.Time // default time.Now
	Log   *slog.Logger     // default: discard
	// Poll is how often the queue looks for work that it was not told of (default 1 s).
	Poll time.Duration
	// Grace is what an attempt has beyond its timeout before the work is taken
	// over by somebody else (default 5 s).
	Grace time.Duration
	// Drain is how long [Queue.Run] waits for attempts under way when it ends,
	// before it hands them back (default 10 s).
	Drain time.Duration
	// Keep is how long work that is done or cancelled is kept, and with it its key
	// (default 30 days). Dead work is kept three times as long.
	Keep time.Duration
}

// Queue is durable work. It may be used by many goroutines, once attached.
type Queue struct {
	o        Options
	db       DB
	inserts  inserters
	breakers breakers
	tally    tally
}

var _ Adder = (*Queue)(nil)

// New returns a queue that is not attached to a database yet: until then it can
// only add work within transactions that are given to it.
func New(o Options) (*Queue, error) {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&o.Poll, time.Second)
	set(&o.Grace, 5*time.Second)
	set(&o.Drain, 10*time.Second)
	set(&o.Keep, 30*24*time.Hour)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	kinds := make(map[string]Kind, len(o.Kinds))
	for name, k := range o.Kinds {
		if !kindName(name) {
			return nil, fmt.Errorf("outbox: %q is no name of a kind; use lower-case letters and hyphens", name)
		}
		kinds[name] = k.withDefaults()
	}
	o.Kinds = kinds
	q := &Queue{o: o}
	q.breakers.now = o.Now
	var err error
	q.inserts, err = newInserters()
	return q, err
}

// kindName reports whether a name can be that of a kind: it is the name of a
// queue and a label of metrics, too.
func kindName(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && r != '-' {
			return false
		}
	}
	return name != "" && len(name) <= 40
}

// Attach gives the queue its database, which has the table work already, and
// brings the engine's own tables there to this version's schema.
func (q *Queue) Attach(ctx context.Context, db DB) error {
	if err := db.check(); err != nil {
		return err
	}
	q.db = db
	return migrate(ctx, db, engineLog(q.o.Log))
}

func (q *Queue) now() time.Time { return q.o.Now().UTC() }

// Add implements Adder. A job whose key is there already changes nothing, however
// it stands.
func (q *Queue) Add(ctx context.Context, tx Tx, jobs ...Job) error {
	c, err := tx.conn()
	if err != nil {
		return err
	}
	for _, j := range jobs {
		kind, ok := q.o.Kinds[j.Kind]
		if !ok {
			return fmt.Errorf("outbox: job %s is of the unknown kind %q", j.Key, j.Kind)
		}
		if err := j.check(); err != nil {
			return err
		}
		w := q.fresh(j, kind)
		added, err := c.Exec(ctx, `insert into work
			(id, job_key, kind, rollout_id, target, body, state, generation, attempts, failures, error,
				added, not_before, deadline, patience, tried, ended)
			values ($1, $2, $3, $4, $5, $6, 'queued', 1, 0, 0, '', $7, $8, $9, $10, 0, 0) on conflict do nothing`,
			w.ID, w.Key, w.Kind, w.Rollout, w.Target, string(w.Body), nanos(w.Added), nanos(w.NotBefore), nanos(w.Deadline), int64(w.patience))
		if err != nil {
			return fmt.Errorf("outbox: add job %s: %w", j.Key, err)
		}
		if added == 0 {
			continue
		}
		if err := q.hand(ctx, tx, w); err != nil {
			return err
		}
	}
	return nil
}

// fresh returns the work of a job that is added now.
func (q *Queue) fresh(j Job, kind Kind) Work {
	w := Work{
		ID: ID(j.Key), Kind: j.Kind, Key: j.Key, Rollout: j.Rollout, Target: j.Target, Body: j.Body,
		State: Queued, Added: q.now(), NotBefore: j.NotBefore, Deadline: j.Deadline, generation: 1,
	}
	if w.NotBefore.IsZero() {
		w.NotBefore = w.Added
	}
	if w.Deadline.IsZero() {
		w.Deadline = w.NotBefore.Add(kind.Patience)
	}
	w.patience = max(w.Deadline.Sub(w.NotBefore), time.Second)
	return w
}

// Enqueue adds jobs in a transaction of its own.
func (q *Queue) Enqueue(ctx context.Context, jobs ...Job) error {
	return q.db.within(ctx, func(t Tx) error { return q.Add(ctx, t, jobs...) })
}

// Run works jobs until ctx ends, with a handler for each kind. Attempts that are
// under way then may finish for [Options.Drain]; those that do not are handed back.
// Kinds without a handler wait for a process that has one.
func (q *Queue) Run(ctx context.Context, handlers map[string]Handler) error {
	for kind := range handlers {
		if _, ok := q.o.Kinds[kind]; !ok {
			return fmt.Errorf("outbox: a handler of the unknown kind %q", kind)
		}
	}
	if err := q.db.check(); err != nil {
		return err
	}
	e, err := q.start(ctx, handlers)
	if e == nil {
		return err
	}
	var beside sync.WaitGroup
	beside.Go(func() { q.tidy(ctx) })
	<-ctx.Done()
	beside.Wait()
	return q.stop(context.WithoutCancel(ctx), e)
}

// start starts the engine. A database that is away then is waited for: the server
// answers meanwhile, and the work is in no hurry. Without an engine or an error,
// ctx has ended.
func (q *Queue) start(ctx context.Context, handlers map[string]Handler) (engine, error) {
	for {
		e, err := q.newEngine(handlers)
		if err != nil {
			return nil, fmt.Errorf("outbox: %w", err)
		}
		// The engine is stopped, not cut off.
		if err = e.Start(context.WithoutCancel(ctx)); err == nil {
			return e, nil
		}
		q.o.Log.Error("the queue of work could not be started; it is tried again", "error", err)
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(time.Second):
		}
	}
}

// handBack is how long attempts whose context has ended may take to return, and the
// engine to give its rows back.
const handBack = 10 * time.Second

// stop lets attempts finish, then hands back those that do not.
func (q *Queue) stop(ctx context.Context, e engine) error {
	soft, cancel := context.WithTimeout(ctx, q.o.Drain)
	defer cancel()
	err := e.Stop(soft)
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	hard, cancel := context.WithTimeout(ctx, handBack)
	defer cancel()
	if err := e.StopAndCancel(hard); err != nil {
		return fmt.Errorf("outbox: attempts that do not heed the end were left behind: %w", err)
	}
	return nil
}

// tidy forgets old work now and then.
func (q *Queue) tidy(ctx context.Context) {
	const pause = time.Hour
	t := time.NewTicker(pause)
	defer t.Stop()
	for {
		if n, err := q.Forget(ctx); err != nil && ctx.Err() == nil {
			q.o.Log.Error("old work could not be forgotten", "error", err)
		} else if n > 0 {
			q.o.Log.Info("old work is forgotten", "rows", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Forget deletes work that ended longer ago than [Options.Keep] says, and returns
// how much there was.
func (q *Queue) Forget(ctx context.Context) (int64, error) {
	now := q.now()
	n, err := q.db.writer().Exec(ctx, `delete from work where state in ('done', 'cancelled') and ended < $1 or state = 'dead' and ended < $2`,
		nanos(now.Add(-q.o.Keep)), nanos(now.Add(-3*q.o.Keep)))
	if err != nil {
		return 0, fmt.Errorf("outbox: forget old work: %w", err)
	}
	return n, nil
}
