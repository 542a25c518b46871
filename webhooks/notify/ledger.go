package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// documents is the kind of the documents that notices are noted in.
const documents = "notice"

// remember is how long it is known what a message is called.
const remember = 45 * 24 * time.Hour

// Papers keep what is known of messages.
type Papers interface {
	Document(ctx context.Context, kind, id string) (journal.Document, error)
	WriteDocument
}

// WriteDocument changes documents.
type WriteDocument interface {
	AddDocument(ctx context.Context, d journal.Document) (journal.Document, error)
	ReplaceDocument(ctx context.Context, d journal.Document) (journal.Document, error)
	PruneDocuments(ctx context.Context, kind string, before time.Time) (int, error)
}

// entry is what is known of one rollout's message at one target.
type entry struct {
	// Handle is what the service calls the message; empty: there is none yet.
	Handle map[string]string `json:"handle,omitempty"`
	// Told is the digest of what it says.
	Told string `json:"told,omitempty"`
	// Rank is the gravest that was told, where messages cannot be changed.
	Rank int `json:"rank,omitempty"`
	// Pending is an attempt to send it whose end is not known.
	Pending *pending `json:"pending,omitempty"`
	// Busy is when an attempt to change it must be over; zero: none is under way.
	Busy time.Time `json:"busy,omitzero"`
	// Paged says that people were called by something that came before the end, where
	// messages cannot be changed.
	Paged bool `json:"paged,omitempty"`

	document journal.Document
}

type pending struct {
	Since time.Time `json:"since"` // when the first attempt began
	Until time.Time `json:"until"` // when it must be over; zero: it is
}

func (e *entry) handle(name string) string { return e.Handle[name] }

func (e *entry) set(name, value string) {
	if e.Handle == nil {
		e.Handle = map[string]string{}
	}
	e.Handle[name] = value
}

// ledger reads and writes entries.
type ledger struct {
	papers Papers
	now    func() time.Time

	mu     sync.Mutex
	tidied time.Time
}

func (l *ledger) read(ctx context.Context, rollout, target string) (*entry, error) {
	id := rollout + "." + target
	d, err := l.papers.Document(ctx, documents, id)
	if errors.Is(err, journal.ErrNotFound) {
		return &entry{document: journal.Document{Kind: documents, ID: id, Owner: rollout}}, nil
	}
	if err != nil {
		return nil, err
	}
	e := &entry{document: d}
	if err := json.Unmarshal(d.Body, e); err != nil {
		return nil, fmt.Errorf("what was noted of the message cannot be read: %w", outbox.ErrPermanent)
	}
	return e, nil
}

// write records an entry. Where somebody else changed it meanwhile, another process is at
// the same message: this one comes back later.
func (l *ledger) write(ctx context.Context, e *entry) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	d := e.document
	d.Body = body
	if d.Revision == 0 {
		d, err = l.papers.AddDocument(ctx, d)
	} else {
		d, err = l.papers.ReplaceDocument(ctx, d)
	}
	switch {
	case errors.Is(err, journal.ErrExists), errors.Is(err, journal.ErrChanged), errors.Is(err, journal.ErrNotFound):
		return &outbox.LaterError{Err: errBusy, After: 2 * time.Second, Refused: true}
	case err != nil:
		return fmt.Errorf("what was told could not be noted: %w", err)
	}
	e.document = d
	return nil
}

// tidy forgets old entries, now and then.
func (l *ledger) tidy(ctx context.Context) error {
	now := l.now()
	l.mu.Lock()
	again := now.Sub(l.tidied) > 6*time.Hour
	if again {
		l.tidied = now
	}
	l.mu.Unlock()
	if !again {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := l.papers.PruneDocuments(ctx, documents, now.Add(-remember))
	return err
}

// locks lets one attempt of this process at a message at a time.
type locks struct {
	mu sync.Mutex
	of map[string]*lock
}

type lock struct {
	sync.Mutex
	users int
}

// take waits for a name and returns what gives it back.
func (l *locks) take(name string) (back func()) {
	l.mu.Lock()
	if l.of == nil {
		l.of = map[string]*lock{}
	}
	k, ok := l.of[name]
	if !ok {
		k = &lock{}
		l.of[name] = k
	}
	k.users++
	l.mu.Unlock()
	k.Lock()
	return func() {
		k.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(l.of, name)
		}
	}
}

// rest is until when a service asked to be left alone.
type rest struct {
	mu    sync.Mutex
	until time.Time
}

// left returns for how much longer.
func (r *rest) left(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(r.until.Sub(now), 0)
}

// note reads it from a failure.
func (r *rest) note(now time.Time, err error) {
	var limited *limitedError
	if !errors.As(err, &limited) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = now.Add(limited.after)
}

// What becomes of notices.
const (
	sent    = "sent"
	updated = "updated"
	failed  = "failed"
	dropped = "dropped"
)

// Counted is a target and what became of a notice there: sent, updated, failed, dropped.
type Counted struct{ Target, Result string }

// tally counts what became of notices.
type tally struct {
	mu sync.Mutex
	of map[Counted]int
}

func (t *tally) count(target, result string) { t.add(target, result, 1) }

func (t *tally) add(target, result string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[Counted]int{}
	}
	t.of[Counted{target, result}] += n
}

// Counts returns how often each thing became of notices, of every target.
func (n *Notices) Counts() map[Counted]int {
	n.tally.mu.Lock()
	defer n.tally.mu.Unlock()
	out := map[Counted]int{}
	for _, p := range n.targets {
		for _, r := range []string{sent, updated, failed, dropped} {
			c := Counted{p.Name, r}
			out[c] = n.tally.of[c]
		}
	}
	return out
}
