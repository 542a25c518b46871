package webhooks

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks/reply"
)

// desk is the world's, with a queue that the test works by hand.
type desk struct {
	*reply.Desk
	w    *world
	jobs map[string]*outbox.Work
}

// withDesk is a change of the configuration that adds one.
func withDesk(d *desk) func(*Config) {
	return func(c *Config) {
		d.jobs = map[string]*outbox.Work{}
		c.Kayenta.Documents = c.Journal.(*faulty).Journal.(Documents)
		d.Desk = reply.New(reply.Config{
			Journal: c.Journal.(*faulty).Journal.(reply.Journal), Judge: c.Judge, Queue: d, Now: c.Now, BaseURL: c.BaseURL,
			Senders: map[string]reply.Sender{reply.SenderPolled: reply.Polled{}},
		})
		c.Asker = d
	}
}

func newDeskWorld(t *testing.T, change ...func(*Config)) (*world, *desk) {
	t.Helper()
	d := &desk{}
	w := newWorld(t, append(change, withDesk(d))...)
	d.w = w
	return w, d
}

func (d *desk) Enqueue(_ context.Context, jobs ...outbox.Job) error {
	for _, j := range jobs {
		if d.jobs[j.Key] == nil {
			d.jobs[j.Key] = &outbox.Work{
				ID: outbox.ID(j.Key), Kind: j.Kind, Key: j.Key, Rollout: j.Rollout, Body: j.Body, State: outbox.Queued, NotBefore: j.NotBefore, Deadline: j.Deadline,
			}
		}
	}
	return nil
}

func (d *desk) Get(_ context.Context, id string) (outbox.Work, error) {
	for _, j := range d.jobs {
		if j.ID == id {
			return *j, nil
		}
	}
	return outbox.Work{}, outbox.ErrNotFound
}

func (d *desk) Drop(_ context.Context, id string) (outbox.Work, error) {
	for _, j := range d.jobs {
		if j.ID == id && j.State == outbox.Queued {
			j.State = outbox.Cancelled
			return *j, nil
		}
	}
	return outbox.Work{}, outbox.ErrState
}

// work moves the clock and does what is due then, in order of time.
func (d *desk) work(forward time.Duration) {
	d.w.t.Helper()
	until := d.w.clock.Now().Add(forward)
	for {
		var next *outbox.Work
		for _, j := range d.jobs {
			if j.State == outbox.Queued && !j.NotBefore.After(until) && (next == nil || j.NotBefore.Before(next.NotBefore)) {
				next = j
			}
		}
		if next == nil {
			break
		}
		d.w.clock.add(max(next.NotBefore.Sub(d.w.clock.Now()), 0))
		job := outbox.Job{Kind: next.Kind, Key: next.Key, Rollout: next.Rollout, Body: next.Body, Deadline: next.Deadline}
		if err := d.Handlers()[next.Kind](d.w.t.Context(), job); err != nil && !errors.Is(err, outbox.ErrMoot) {
			d.w.t.Fatal(err)
		}
		if next.State == outbox.Queued {
			next.State = outbox.Done
		}
	}
	d.w.clock.add(max(until.Sub(d.w.clock.Now()), 0))
}

func (f *faulty) Get(ctx context.Context, id string) (journal.Summary, error) {
	if err := f.err("Get"); err != nil {
		return journal.Summary{}, err
	}
	return f.Journal.Get(ctx, id)
}
