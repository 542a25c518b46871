package reply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/rollout"
)

// The kinds of the jobs that a [Desk] works.
const (
	KindQuestion = "question" // look, and answer or look again
	KindAnswer   = "answer"   // tell the answer that was fixed
)

// Decider looks at a rollout; [*judge.Judge] is one.
type Decider interface {
	Decide(ctx context.Context, r rollout.Rollout, now time.Time) (judge.Verdict, error)
}

// Reader reads the record.
type Reader interface {
	Get(ctx context.Context, id string) (journal.Summary, error)
	Load(ctx context.Context, id string) (judge.Record, error)
}

// Recorder records what questions say of a rollout, and what was answered.
type Recorder interface {
	FinalStep(ctx context.Context, id string, at time.Time) error
	End(ctx context.Context, id string, at time.Time, why string) error
	Audit(ctx context.Context, e journal.Entry) error
}

// Journal is the durable record; [*journal.Journal] is one.
type Journal interface {
	Reader
	Recorder
}

// Queue is the durable work; [*outbox.Queue] is one.
type Queue interface {
	Enqueue(ctx context.Context, jobs ...outbox.Job) error
	Get(ctx context.Context, id string) (outbox.Work, error)
	Drop(ctx context.Context, id string) (outbox.Work, error)
}

var (
	_ Journal = (*journal.Journal)(nil)
	_ Queue   = (*outbox.Queue)(nil)
)

// Config is what a [Desk] is made of.
type Config struct {
	Journal Journal
	Judge   Decider
	Queue   Queue
	// Senders by the name that questions use.
	Senders map[string]Sender
	BaseURL string           // how people reach this server, for links; may be empty
	Now     func() time.Time // default time.Now
	Log     *slog.Logger     // default: discard
}

// Desk takes questions and sees to it that they are answered. It remembers nothing
// itself: any replica goes on where another stopped.
type Desk struct{ c Config }

// New returns a desk.
func New(c Config) *Desk {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	return &Desk{c}
}

// Kinds returns how the desk's jobs are treated.
func Kinds() map[string]outbox.Kind {
	return map[string]outbox.Kind{
		KindQuestion: {Timeout: 45 * time.Second, Patience: time.Hour, Concurrency: 8, First: time.Second, Longest: 20 * time.Second, Lapses: true},
		KindAnswer:   {Timeout: 15 * time.Second, Patience: time.Hour, Concurrency: 8, First: time.Second, Longest: 20 * time.Second},
	}
}

// Handlers returns the desk's handlers by kind.
func (d *Desk) Handlers() map[string]outbox.Handler {
	return map[string]outbox.Handler{KindQuestion: d.look, KindAnswer: d.tell}
}

// maxID bounds a question's ID, in bytes; the keys of its jobs are a little longer.
const maxID = 400

// check says what is wrong with a question. These are faults of the program, or of
// its configuration, and not of the caller.
func (d *Desk) check(q Question) error {
	switch {
	case q.ID == "" || len(q.ID) > maxID:
		return fmt.Errorf("reply: a question needs an ID of at most %d bytes", maxID)
	case q.Rollout == "":
		return fmt.Errorf("reply: question %s names no rollout", q.ID)
	case q.Gate != GateStart && q.Gate != GateStep && q.Gate != GatePromotion:
		return fmt.Errorf("reply: question %s asks at the unknown gate %q", q.ID, q.Gate)
	case d.c.Senders[q.Sender] == nil:
		return fmt.Errorf("reply: question %s: nothing is configured that could answer %q; configure it, or ask in another way", q.ID, q.Sender)
	case len(q.To) > 0 && !json.Valid(q.To):
		return fmt.Errorf("reply: question %s: where the answer goes is not JSON", q.ID)
	}
	return nil
}

// longestOpen is how long a question may be open; whoever would wait longer is answered
// then. GitHub waits for 30 days, and nobody for longer. It also keeps dates that are
// none (the year 9999) out of the queue, which counts nanoseconds.
const longestOpen = 31 * 24 * time.Hour

// ErrPast is returned for a question whose deadline has passed already.
var ErrPast = errors.New("reply: the answer's deadline has passed already")

// Ask takes a question. Once it returns nil the question will be answered, whatever
// becomes of this process. Asked again, the first asking counts.
func (d *Desk) Ask(ctx context.Context, q Question) error {
	now := d.now()
	if q.Asked.IsZero() {
		q.Asked = now
	}
	q.Asked, q.Deadline = q.Asked.Round(0).UTC(), q.Deadline.Round(0).UTC()
	if err := d.check(q); err != nil {
		return err
	}
	if latest := now.Add(longestOpen); q.Deadline.After(latest) {
		q.Deadline = latest
	}
	if !q.Deadline.After(now) {
		return fmt.Errorf("%w: question %s had until %s", ErrPast, q.ID, q.Deadline.Format(time.RFC3339))
	}
	first, err := pending{Question: q}.job("first", now)
	if err != nil {
		return err
	}
	// The last look is queued with the first, so that nothing between them can lose it.
	last, err := pending{Question: q}.job(lastLook, q.giveUp())
	if err != nil {
		return err
	}
	if err := d.c.Queue.Enqueue(ctx, first, last); err != nil {
		return fmt.Errorf("reply: question %s could not be taken: %w", q.ID, err)
	}
	return nil
}

// Given returns the answer that was fixed for a question, and false where it is
// still open or was never asked. The answer may not have arrived yet.
func (d *Desk) Given(ctx context.Context, id string) (Answer, bool, error) {
	w, err := d.c.Queue.Get(ctx, outbox.ID(answerKey(id)))
	if errors.Is(err, outbox.ErrNotFound) {
		return Answer{}, false, nil
	}
	if err != nil {
		return Answer{}, false, err
	}
	var f fixed
	if err := json.Unmarshal(w.Body, &f); err != nil {
		return Answer{}, false, fmt.Errorf("reply: the answer to %s cannot be read: %w", id, err)
	}
	return f.Answer, true, nil
}

// Asked returns a question as it was asked first, and false where it never was, or so
// long ago that nothing is known of it.
func (d *Desk) Asked(ctx context.Context, id string) (Question, bool, error) {
	w, err := d.c.Queue.Get(ctx, outbox.ID(questionKey(id, lastLook)))
	if errors.Is(err, outbox.ErrNotFound) {
		return Question{}, false, nil
	}
	if err != nil {
		return Question{}, false, err
	}
	var p pending
	if err := json.Unmarshal(w.Body, &p); err != nil {
		return Question{}, false, fmt.Errorf("reply: question %s cannot be read: %w", id, err)
	}
	return p.Question, true, nil
}

func (d *Desk) now() time.Time { return d.c.Now().UTC() }

func (d *Desk) link(id string) string { return d.c.BaseURL + "/r/" + id }

// lastLook names the look after which a question is answered in any case.
const lastLook = "last"

func questionKey(id, which string) string { return "question." + id + "." + which }

func answerKey(id string) string { return "answer." + id }

// grace is how long before its deadline a question is looked at for the last time:
// a tenth of the time that there was, at least 2 s and at most 5 min. The answer's
// attempts need it.
func (q Question) grace() time.Duration {
	const least, most = 2 * time.Second, 5 * time.Minute
	return min(max(q.Deadline.Sub(q.Asked)/10, least), most)
}

// Lapsed reports whether a question can have no answer any more, if it has none: no
// server was there to look when it was time.
func (q Question) Lapsed(now time.Time) bool { return now.After(q.Deadline.Add(lateness)) }

// giveUp is when a question is looked at for the last time.
func (q Question) giveUp() time.Time { return q.Deadline.Add(-q.grace()) }

// oneLine brings a text into one line of at most max bytes.
func oneLine(text string, max int) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "�")), " ")
	if len(text) <= max {
		return text
	}
	return strings.ToValidUTF8(text[:max-len("…")], "") + "…"
}
