package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/webhooks/reply"
)

const (
	minPause = time.Second      // between two looks, and between two attempts at first
	maxPause = 15 * time.Second // the same, for plans with long blocks and servers that are away
)

// ErrInterrupted says that somebody ended the question. The rollout goes on, and the
// same question finds it again.
var ErrInterrupted = errors.New("interrupted; the rollout goes on, and the same command finds it again")

// Question is what is asked, and for how long.
type Question struct {
	Announcement Announcement
	Gate         reply.Gate
	// Weight is the canary's share of traffic in percent, to be declared first; nil
	// declares nothing.
	Weight *float64
	// Wait is how long to look again while nothing is decided; 0 looks once.
	Wait time.Duration
	// Retry is for how long a server that gives no answer is asked again, where that is
	// longer than Wait.
	Retry time.Duration
}

// Told is what a pipeline is told.
type Told struct {
	Answer
	Verdict judge.Verdict
	Link    string // to the rollout
}

// Asker asks a server.
type Asker struct {
	Server *Server
	// Say is told, in a line, what is going on; Progress as well how far it is (0 to 1).
	Say      func(text string)
	Progress func(fraction float64, v judge.Verdict)

	now   func() time.Time
	pause func(ctx context.Context, d time.Duration) error
}

// NewAsker returns an asker that says nothing while it waits.
func NewAsker(s *Server) *Asker {
	return &Asker{Server: s, Say: func(string) {}, Progress: func(float64, judge.Verdict) {}, now: time.Now, pause: pause}
}

// Ask announces or finds the rollout and asks until the gate is decided or the wait is
// over; then the answer is an undecided one. An error is never an answer.
func (a *Asker) Ask(ctx context.Context, q Question) (Told, error) {
	began := a.now()
	over := began.Add(q.Wait)
	giveUp := began.Add(max(q.Wait, q.Retry))
	var o opened
	if err := a.insist(ctx, giveUp, func() (err error) {
		o, err = a.Server.announce(ctx, q.Announcement)
		return err
	}); err != nil {
		return Told{}, err
	}
	a.Say(fmt.Sprintf("%s rollout %s of %s, revision %s, gate %s: %s", map[bool]string{true: "Opened", false: "Found"}[o.New],
		o.Rollout.ID, o.Rollout.Service, o.Rollout.Revision, q.Gate, o.Link))
	if q.Weight != nil {
		if err := a.insist(ctx, giveUp, func() error { return a.Server.declare(ctx, o.Rollout.ID, *q.Weight) }); err != nil {
			return Told{}, err
		}
	}
	ask := question{gate: q.Gate}
	for {
		told := Told{Link: o.Link}
		if err := a.insist(ctx, giveUp, func() (err error) {
			told.Verdict, err = a.Server.look(ctx, o.Rollout.ID, q.Gate == reply.GatePromotion)
			return err
		}); err != nil {
			return Told{}, err
		}
		told.Answer = ask.answer(told.Verdict)
		wait := pauseOf(told.Verdict)
		if told.Decided || a.now().Add(wait).After(over) {
			return told, nil
		}
		a.Progress(fraction(a.now().Sub(began), q.Wait), told.Verdict)
		if a.pause(ctx, wait) != nil {
			return Told{}, ErrInterrupted
		}
	}
}

// insist does something again while the server is away, until a time.
func (a *Asker) insist(ctx context.Context, until time.Time, do func() error) error {
	wait := minPause
	for {
		err := do()
		var away *awayError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ErrInterrupted
		case !errors.As(err, &away):
			return err
		}
		next := min(max(wait, away.after), time.Minute)
		if a.now().Add(next).After(until) {
			return fmt.Errorf("%w; no verdict, and the time for asking is over", err)
		}
		a.Say(fmt.Sprintf("%s; asking again in %s", err, next))
		if a.pause(ctx, next) != nil {
			return ErrInterrupted
		}
		wait = min(2*wait, maxPause)
	}
}

// pauseOf returns how long to wait before looking again: half a block, since nothing
// changes before the next one closes.
func pauseOf(v judge.Verdict) time.Duration {
	block, err := time.ParseDuration(v.Progress.Block)
	if err != nil {
		block = 2 * minPause
	}
	return min(max(block/2, minPause), maxPause)
}

func fraction(gone, of time.Duration) float64 {
	if of <= 0 {
		return 0
	}
	return gone.Seconds() / of.Seconds()
}

// pause waits, or returns why it could not.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
