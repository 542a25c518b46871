package batch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Config configures a [Batcher].
type Config[K comparable, Q, A any] struct {
	// Ask answers questions with the same key in one call, in their order. Its context
	// ends when nobody waits for it any more, and not with the first asker's.
	Ask func(ctx context.Context, key K, questions []Q) ([]A, error)
	// Refused reports whether an error is about the questions, so that fewer of them
	// may be answered.
	Refused func(error) bool
	// Pause is how long the first question waits for others (default 20 ms).
	Pause time.Duration
	// Most is how many questions one call takes (default 20).
	Most int
	// After is time.AfterFunc, but in tests.
	After func(d time.Duration, f func())
}

// Batcher puts questions into calls. It is safe for concurrent use.
type Batcher[K comparable, Q, A any] struct {
	cfg Config[K, Q, A]

	mu   sync.Mutex
	open map[K]*call[Q, A] // those that still take questions
}

// call is a list of questions that will be asked together.
type call[Q, A any] struct {
	cancel    context.CancelFunc
	questions []Q
	waiting   int
	done      chan struct{} // closed once answers and errs are set
	answers   []A
	errs      []error
}

// New returns a batcher.
func New[K comparable, Q, A any](c Config[K, Q, A]) *Batcher[K, Q, A] {
	if c.Pause <= 0 {
		c.Pause = 20 * time.Millisecond
	}
	if c.Most <= 0 {
		c.Most = 20
	}
	if c.After == nil {
		c.After = func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	}
	if c.Refused == nil {
		c.Refused = func(error) bool { return false }
	}
	return &Batcher[K, Q, A]{cfg: c, open: map[K]*call[Q, A]{}}
}

// Do asks one question, together with others of the same key. An end of ctx ends
// this caller's waiting and nobody else's.
func (b *Batcher[K, Q, A]) Do(ctx context.Context, key K, question Q) (answer A, err error) {
	c, at := b.join(ctx, key, question)
	select {
	case <-c.done:
		return c.answers[at], c.errs[at]
	case <-ctx.Done():
		b.leave(c)
		return answer, ctx.Err()
	}
}

// join puts a question into the call that is open for its key, or opens one.
func (b *Batcher[K, Q, A]) join(ctx context.Context, key K, question Q) (*call[Q, A], int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.open[key]
	if c == nil || c.waiting == 0 {
		// The call outlives its first asker where others wait for it.
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx)) //nolint:gosec // begin cancels it, and so does the last one that leaves
		c = &call[Q, A]{done: make(chan struct{}), cancel: cancel}
		b.open[key] = c
		opened := c
		b.cfg.After(b.cfg.Pause, func() { b.begin(shared, key, opened) })
	}
	c.questions = append(c.questions, question)
	c.waiting++
	if len(c.questions) >= b.cfg.Most {
		delete(b.open, key) // full; its pause ends when it ends
	}
	return c, len(c.questions) - 1
}

// leave ends one caller's waiting; with the last one's, the call ends.
func (b *Batcher[K, Q, A]) leave(c *call[Q, A]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		c.cancel()
	}
}

// begin closes a call to further questions and asks it.
func (b *Batcher[K, Q, A]) begin(ctx context.Context, key K, c *call[Q, A]) {
	b.mu.Lock()
	if b.open[key] == c {
		delete(b.open, key)
	}
	waiting := c.waiting
	b.mu.Unlock()
	defer c.cancel()
	if waiting == 0 {
		return
	}
	c.answers, c.errs = b.ask(ctx, key, c.questions)
	close(c.done)
}

// errShort is a call whose answers are not as many as its questions.
var errShort = errors.New("batch: the answers are not as many as the questions")

// ask asks, and halves what is refused.
func (b *Batcher[K, Q, A]) ask(ctx context.Context, key K, questions []Q) ([]A, []error) {
	errs := make([]error, len(questions))
	answers, err := b.once(ctx, key, questions)
	if err == nil {
		return answers, errs
	}
	if n := len(questions); n > 1 && b.cfg.Refused(err) && ctx.Err() == nil {
		left, leftErrs := b.ask(ctx, key, questions[:n/2])
		right, rightErrs := b.ask(ctx, key, questions[n/2:])
		return append(left, right...), append(leftErrs, rightErrs...)
	}
	for i := range errs {
		errs[i] = err
	}
	return make([]A, len(questions)), errs
}

// once asks once, whatever happens.
func (b *Batcher[K, Q, A]) once(ctx context.Context, key K, questions []Q) (answers []A, err error) {
	defer func() {
		if v := recover(); v != nil {
			answers, err = nil, fmt.Errorf("batch: the client failed: %v", v)
		}
	}()
	answers, err = b.cfg.Ask(ctx, key, questions)
	if err == nil && len(answers) != len(questions) {
		err = errShort
	}
	return answers, err
}
