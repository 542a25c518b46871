package outbox

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cenkalti/backoff/v5"
)

// attempt does one turn. It returns how long to put the work off where it is not
// settled, nil where it is, and an error where the database could not be asked.
func (q *Queue) attempt(ctx context.Context, t turn, h Handler) (again *time.Duration, err error) {
	w, err := get(ctx, q.db.reader(), t.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case w.State != Queued || w.generation != t.Generation:
		return nil, nil // settled, or handed out anew
	}
	now := q.now()
	if wait := w.NotBefore.Sub(now); wait > 0 {
		return &wait, nil
	}
	if !now.Before(w.Deadline) {
		return nil, q.giveUp(ctx, w, "its deadline passed"+because(w.Error))
	}
	kind := q.o.Kinds[w.Kind]
	if wait, ok := q.breakers.allow(w.Target, kind.Timeout+q.o.Grace); !ok {
		wait = min(wait, w.Deadline.Sub(now))
		return &wait, nil
	}
	if taken, err := q.take(ctx, &w); err != nil || !taken {
		q.breakers.release(w.Target)
		return nil, err
	}
	failure := q.call(ctx, kind, w, h)
	// What came of it is recorded even where the time is up.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.o.Grace)
	defer cancel()
	if failure != nil && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		q.breakers.release(w.Target)
		return new(time.Duration), q.handBack(after, w)
	}
	return q.settle(after, w, failure)
}

// take begins an attempt: its number is the fence for settling it.
func (q *Queue) take(ctx context.Context, w *Work) (bool, error) {
	n, err := q.db.writer().Exec(ctx, `update work set attempts = attempts + 1, tried = $1
		where id = $2 and generation = $3 and attempts = $4 and state = 'queued'`, nanos(q.now()), w.ID, w.generation, w.Attempts)
	if err != nil {
		return false, fmt.Errorf("outbox: begin an attempt of %s: %w", w.Key, err)
	}
	w.Attempts++
	return n == 1, nil
}

// call runs the handler. A panic is a failure.
func (q *Queue) call(ctx context.Context, kind Kind, w Work, h Handler) (err error) {
	if h == nil {
		return fmt.Errorf("this process has no handler of kind %s", w.Kind)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, kind.Timeout, fmt.Errorf("it took longer than %s", kind.Timeout))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			q.o.Log.Error("panic in a handler of work", "kind", w.Kind, "key", w.Key, "stack", string(debug.Stack()))
			err = errors.New("the handler panicked; the server's log has the stack")
		}
	}()
	err = h(ctx, w.job())
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	return err
}

// settle records what came of an attempt.
func (q *Queue) settle(ctx context.Context, w Work, failure error) (again *time.Duration, err error) {
	permanent := errors.Is(failure, ErrPermanent)
	q.breakers.note(w.Target, failure != nil && !permanent && !refused(failure))
	q.tally.count(w.Kind, failure)
	if failure == nil {
		return nil, q.end(ctx, w, Done, "")
	}
	text := plain(failure)
	q.o.Log.Warn("work failed", "kind", w.Kind, "key", w.Key, "id", w.ID, "rollout", w.Rollout, "attempt", w.Attempts, "error", text)
	if errors.Is(failure, ErrMoot) {
		return nil, q.end(ctx, w, Cancelled, text)
	}
	if permanent {
		return nil, q.giveUp(ctx, w, text)
	}
	pause := q.pause(w, failure)
	if next := q.now().Add(pause); !next.Before(w.Deadline) {
		return nil, q.giveUp(ctx, w, "no further attempt fits before its deadline"+because(text))
	} else if err := q.postpone(ctx, w, next, text); err != nil {
		return nil, err
	}
	return &pause, nil
}

// refused reports whether a target answered that it does not want a job as it is.
func refused(failure error) bool {
	var later *LaterError
	return errors.As(failure, &later) && later.Refused
}

// pause returns how long to wait before trying again.
func (q *Queue) pause(w Work, failure error) time.Duration {
	kind := q.o.Kinds[w.Kind]
	b := backoff.ExponentialBackOff{InitialInterval: kind.First, RandomizationFactor: 0.5, Multiplier: 1.5, MaxInterval: kind.Longest}
	b.Reset()
	var pause time.Duration
	for range min(w.failures, 60) + 1 {
		pause = b.NextBackOff()
	}
	var later *LaterError
	if errors.As(failure, &later) {
		pause = max(pause, later.After)
	}
	return pause
}

// fenced settles an attempt: where clause and arguments of what may still do so.
const fenced = ` where id = $1 and generation = $2 and attempts = $3 and state = 'queued'`

// change runs an update of the attempt's row. Where the attempt is not the newest
// any more, nothing changes: somebody else took the work over.
func (q *Queue) change(ctx context.Context, w Work, set string, args ...any) error {
	n, err := q.db.writer().Exec(ctx, `update work set `+set+fenced, append([]any{w.ID, w.generation, w.Attempts}, args...)...)
	if err != nil {
		return fmt.Errorf("outbox: settle %s: %w", w.Key, err)
	}
	if n == 0 {
		q.o.Log.Warn("work was settled by somebody else meanwhile", "kind", w.Kind, "key", w.Key, "attempt", w.Attempts)
	}
	return nil
}

func (q *Queue) end(ctx context.Context, w Work, s State, text string) error {
	return q.change(ctx, w, `state = $4, error = $5, ended = $6`, string(s), text, nanos(q.now()))
}

func (q *Queue) postpone(ctx context.Context, w Work, next time.Time, text string) error {
	return q.change(ctx, w, `failures = failures + 1, error = $4, not_before = $5`, text, nanos(next))
}

// handBack undoes an attempt that was ended with the process.
func (q *Queue) handBack(ctx context.Context, w Work) error {
	return q.change(ctx, w, `error = $4, not_before = $5`, "the server stopped meanwhile", nanos(q.now()))
}

// giveUp ends work that was not done.
func (q *Queue) giveUp(ctx context.Context, w Work, text string) error {
	if q.o.Kinds[w.Kind].Lapses {
		return q.end(ctx, w, Cancelled, text)
	}
	q.o.Log.Error("work is given up; serin work list --state dead shows it", "kind", w.Kind, "key", w.Key, "id", w.ID,
		"rollout", w.Rollout, "attempts", w.Attempts, "error", text)
	return q.end(ctx, w, Dead, text)
}

// because adds the last failure to a sentence.
func because(text string) string {
	if text == "" {
		return " before it was tried"
	}
	return "; the last attempt: " + text
}

// The parts of URLs that may carry credentials.
var (
	urlUser  = regexp.MustCompile(`://[^/\s"'@]*@`)
	urlQuery = regexp.MustCompile(`(://[^\s"'?]*\?)[^\s"']*`)
)

// plain writes a failure as one line of at most 500 bytes. Handlers write no
// credentials into their errors; this is the second lock.
func plain(err error) string {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(err.Error(), "?"))
	text = urlQuery.ReplaceAllString(urlUser.ReplaceAllString(text, "://…@"), "$1…")
	const longest = 500
	if len(text) <= longest {
		return text
	}
	cut := longest
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
