package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"text/template"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// message is one rollout's message at one target, with what was noted of it.
type message struct {
	Notice
	entry   *entry
	verdict *judge.Verdict
	log     *slog.Logger

	outcomes []string
	template *template.Template
	ledger   *ledger
	draw     func(ctx context.Context) (Picture, error)

	sent, updated int // of this attempt
}

// Picture is a plot as PNG, with a text for whom it cannot be seen by.
type Picture struct {
	PNG []byte
	Alt string
}

// message reads what is known of a rollout.
func (n *Notices) message(ctx context.Context, p *place, s journal.Summary) (*message, error) {
	e, err := n.ledger.read(ctx, s.Rollout.ID, p.Name)
	if err != nil {
		return nil, err
	}
	compose := composer{baseURL: n.c.BaseURL, board: n.board(ctx)}
	m := &message{
		Notice: compose.compose(p.Name, s), entry: e, verdict: s.Last, outcomes: p.Outcomes, template: p.text, ledger: &n.ledger, log: n.c.Log,
	}
	m.draw = func(ctx context.Context) (Picture, error) { return n.picture(ctx, s) }
	return m, nil
}

// board returns where a rollout's dashboard is. One whose plan has none is not linked.
func (n *Notices) board(ctx context.Context) func(string) string {
	if n.c.Board == nil {
		return nil
	}
	return func(id string) string {
		if p, err := n.rollouts.Plan(ctx, id); err != nil || p.Dashboard.Disabled {
			return ""
		}
		return n.c.Board(id)
	}
}

// wanted reports whether the notice begins a message.
func (m *message) wanted() bool { return slices.Contains(m.outcomes, m.word()) || m.pages() }

// pages reports whether the notice begins a message because a person must look now.
func (m *message) pages() bool {
	return m.Page != "" && !m.Shadow && slices.Contains(m.outcomes, pageWord)
}

// text is the template's text with everything escaped, or "" where there is no template
// or it cannot write: then the usual text is told.
func (m *message) text(escape func(string) string) string {
	if m.template == nil {
		return ""
	}
	text, err := write(m.template, m.escaped(escape))
	if err != nil {
		m.log.Error("a notice's template failed; the usual text is told", "target", m.Target, "rollout", m.ID, "error", err)
		return ""
	}
	return text
}

// digest is what a message is told apart from another by.
func digest(what any) string {
	text, err := json.Marshal(what)
	if err != nil {
		return "" // told again, then
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// errBusy marks that another attempt may be under way.
var errBusy = errors.New("another attempt at this message is under way, or was cut off a moment ago")

// unsureError is a failure after which nobody knows whether the message was sent.
type unsureError struct{ error }

// Unwrap returns the cause.
func (e unsureError) Unwrap() error { return e.error }

// once sends what must not be sent twice. That it is being sent is noted first; where the
// note of an attempt is found whose end nobody knows, find looks whether the message is
// there. A nil find sends it again.
func (m *message) once(ctx context.Context, find func(ctx context.Context, since time.Time) (bool, error), send func() error) error {
	now := m.ledger.now()
	if p := m.entry.Pending; p != nil {
		if wait := p.Until.Sub(now); wait > 0 {
			return &outbox.LaterError{Err: errBusy, After: wait, Refused: true}
		}
		if find != nil {
			found, err := find(ctx, p.Since)
			if err != nil {
				return fmt.Errorf("whether the message was sent before: %w", err)
			}
			if found {
				return m.settle(ctx)
			}
		}
	}
	since := now
	if p := m.entry.Pending; p != nil {
		since = p.Since
	}
	m.entry.Pending = &pending{Since: since, Until: now.Add(lease)}
	if err := m.ledger.write(ctx, m.entry); err != nil {
		return err
	}
	err := send()
	var unsure unsureError
	switch {
	case err == nil:
		m.sent++
		return m.settle(ctx)
	case errors.As(err, &unsure):
		m.entry.Pending.Until = time.Time{}
		return errors.Join(err, m.ledger.write(after(ctx), m.entry))
	}
	return errors.Join(err, m.settle(ctx))
}

// settle notes that no attempt is under way.
func (m *message) settle(ctx context.Context) error {
	m.entry.Pending = nil
	return m.ledger.write(after(ctx), m.entry)
}

// note records the entry as it is.
func (m *message) note(ctx context.Context) error { return m.ledger.write(after(ctx), m.entry) }

// after is a context for recording what has happened already.
func after(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
