package notify

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

// soon is when an attempt comes again that found another one under way.
const soon = 2 * time.Second

// change makes a call that changes what a service shows, one attempt of all processes at
// a time. That it is being made is noted first, and with it, by doubt, that what the
// service shows is not known: of a process that dies in between nobody believes that its
// call came through. One that comes to its end after its time may have overwritten what
// was said meanwhile: it notes the doubt again, and comes later to say what is so then.
// do notes what the service shows after it; where the service refused, that is what it
// showed before.
func (m *message) change(ctx context.Context, doubt func(*entry), do func() error) error {
	now := m.ledger.now()
	if wait := m.entry.Busy.Sub(now); wait > 0 {
		return &outbox.LaterError{Err: errBusy, After: min(wait, soon), Refused: true}
	}
	handle, told := maps.Clone(m.entry.Handle), m.entry.Told
	m.entry.Busy = now.Add(lease)
	doubt(m.entry)
	if err := m.ledger.write(ctx, m.entry); err != nil {
		return err
	}
	err := do()
	var unsure unsureError
	if err != nil && !errors.As(err, &unsure) {
		m.entry.Handle, m.entry.Told = handle, told
	}
	m.entry.Busy = time.Time{}
	noted := m.note(ctx)
	if errors.Is(noted, errBusy) {
		noted = errors.Join(noted, m.ledger.doubt(after(ctx), m, doubt))
	}
	return errors.Join(err, noted)
}

// doubt notes in what others noted meanwhile that nobody knows what the service shows.
func (l *ledger) doubt(ctx context.Context, m *message, doubt func(*entry)) error {
	const tries = 5 // others write, too
	var err error
	for range tries {
		var e *entry
		if e, err = l.read(ctx, m.ID, m.Target); err != nil {
			return err
		}
		doubt(e)
		if err = l.write(ctx, e); !errors.Is(err, errBusy) {
			return err
		}
	}
	return err
}

// untold doubts the words of a message.
func untold(e *entry) { e.Told = "" }
