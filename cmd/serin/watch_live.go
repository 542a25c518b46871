package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/pipeline"
	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/report"
)

// watchCmd watches a live rollout.
type watchCmd struct {
	output
	recorded
	Which     string        `arg:"" name:"id|service" help:"The rollout's ID, or its service: then the one rollout of it that is live."`
	Namespace string        `placeholder:"NAME" help:"The service's namespace, where it is in several."`
	Until     string        `enum:"decided,closed" default:"decided" help:"When to stop: decided (promote, rollback or inconclusive, or the rollout is over) or closed (the rollout is over)."`
	Wait      time.Duration `placeholder:"DURATION" help:"How long to watch at most. Default: until then."`
}

// Help implements kong.HelpProvider.
func (watchCmd) Help() string {
	return `Examples:

    serin watch checkout
    serin watch qk3v5zgq7xmh2b4t --server https://serin.example.org --token-file token
    serin watch checkout --until closed --wait 2h -o markdown > report.md

It only looks on: the server judges, whether or not anybody watches. What goes on is on standard error,
in a line on a terminal and in plain lines elsewhere; the report is written to standard output at the
end. STALE says that what is shown is old, and why: the server is away, or nobody has judged for three
blocks.

The exit code is the verdict's: 0 for promote, 3 for rollback, 4 where nothing is proven (continue or
inconclusive, or the wait is over), 5 where it was interrupted, and 1 where there is no verdict. By a
plan in shadow mode every verdict is 0. To have a server judge a pipeline's rollout there is serin ask.`
}

// Validate implements kong's check of what was parsed.
func (c watchCmd) Validate(*kong.Context) error {
	if c.Wait < 0 {
		return errors.New("--wait cannot be negative; write for example 30m")
	}
	return nil
}

// Run implements the command.
func (c watchCmd) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, s, func(r record) error {
		of, err := c.find(ctx, r)
		if err != nil {
			return err
		}
		live := screen.NewLine(s.err, 10*time.Second)
		defer live.Close()
		o := onlooker{record: r, live: live, now: time.Now, closed: c.Until == "closed", pause: pauseOf(ctx, r, of.Rollout.ID)}
		if c.Wait > 0 {
			o.over = time.Now().Add(c.Wait)
		}
		seen, err := o.watch(ctx, of)
		live.Close()
		return c.tell(s, seen, err)
	})
}

// tell writes the report and returns the exit code.
func (c watchCmd) tell(s *streams, seen seen, err error) error {
	if err != nil {
		return err
	}
	v := seen.of.Last
	if v != nil {
		if c.Output == "json" {
			err = showCmd{output: c.output}.writeJSON(s.out, seen.of, v, judge.Trace{})
		} else {
			err = c.writeStanding(s.out, seen.of, v, seen.trace)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case seen.interrupted:
		fmt.Fprintln(s.err, "serin: interrupted; the rollout goes on, and so does the judging")
		return exitCode(exitInterrupted)
	case v == nil && seen.late:
		fmt.Fprintln(s.err, "serin: the wait is over, and nobody has looked at the rollout yet")
		return exitCode(exitUndecided)
	case v == nil:
		return fmt.Errorf("the rollout is over, and nobody has looked at it: %s", report.Plain(seen.of.Why))
	case seen.late:
		fmt.Fprintln(s.err, "serin: the wait is over")
	}
	return codeOfVerdict(v.Mode, v.Outcome)
}

// find returns the rollout that is meant.
func (c watchCmd) find(ctx context.Context, r record) (pipeline.Standing, error) {
	if isID(c.Which) {
		of, err := r.one(ctx, c.Which)
		if !unrecorded(err) {
			return of, err
		}
	}
	live, err := r.list(ctx, journal.Filter{Service: c.Which, Namespace: c.Namespace, Live: true, Limit: 20})
	switch {
	case err != nil:
		return pipeline.Standing{}, err
	case len(live) == 1:
		return r.one(ctx, live[0].Rollout.ID)
	case len(live) > 1:
		return pipeline.Standing{}, fmt.Errorf("several rollouts of %s are live; name one by its ID, or add --namespace: %s", report.Plain(c.Which), names(live))
	}
	past, err := r.list(ctx, journal.Filter{Service: c.Which, Namespace: c.Namespace, Limit: 1})
	switch {
	case err != nil:
		return pipeline.Standing{}, err
	case len(past) == 0:
		return pipeline.Standing{}, fmt.Errorf("no rollout of %s is recorded; serin list shows what there is", report.Plain(c.Which))
	}
	return pipeline.Standing{}, fmt.Errorf("no rollout of %s is live; the last one is over: serin show %s", report.Plain(c.Which), past[0].Rollout.ID)
}

// names lists rollouts so that one can be chosen.
func names(list []journal.Summary) string {
	var out []string
	for _, s := range list {
		out = append(out, fmt.Sprintf("%s (%s, revision %s)", s.Rollout.ID, orNone(report.Plain(s.Rollout.Namespace)), report.Plain(s.Rollout.Revision)))
	}
	return strings.Join(out, ", ")
}

func orNone(namespace string) string {
	if namespace == "" {
		return "no namespace"
	}
	return "namespace " + namespace
}

// The pace at which a rollout is asked about: a server that tells of changes only in case
// it does not.
const (
	journalPace = 2 * time.Second
	serverPace  = 15 * time.Second
	streamAgain = 5 * time.Second
)

// pauseOf returns what waits until a rollout may have changed.
func pauseOf(ctx context.Context, r record, id string) func(context.Context) error {
	server, ok := r.(serverRecord)
	if !ok {
		return func(ctx context.Context) error { return waitUntil(ctx, time.Now().Add(journalPace)) }
	}
	changed := make(chan struct{}, 1)
	go func() { // it ends with ctx; a stream that ends is opened again
		for ctx.Err() == nil {
			_ = server.Events(ctx, id, func() {
				select {
				case changed <- struct{}{}:
				default: // it has not been taken note of yet
				}
			})
			_ = waitUntil(ctx, time.Now().Add(streamAgain))
		}
	}()
	return func(ctx context.Context) error {
		t := time.NewTimer(serverPace)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-t.C:
		}
		return nil
	}
}

// onlooker watches one rollout.
type onlooker struct {
	record record
	live   *screen.Live
	closed bool      // until the rollout is over
	over   time.Time // when to stop; zero: never
	now    func() time.Time
	pause  func(context.Context) error // until something may have changed
	curve  []float64                   // evidence at each look that was seen
}

// seen is what was seen last.
type seen struct {
	of          pipeline.Standing
	trace       judge.Trace
	late        bool // the wait is over
	interrupted bool
}

// watch looks on until there is nothing more to wait for. A server that is away is waited
// for.
func (o *onlooker) watch(ctx context.Context, of pipeline.Standing) (seen, error) {
	bounded := ctx
	if !o.over.IsZero() {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, o.over.Sub(o.now()))
		defer cancel()
	}
	o.note(pipeline.Standing{}, of)
	o.show(of, nil)
	out := seen{of: of}
	for !o.enough(out.of) {
		if o.pause(bounded) != nil {
			out.interrupted = ctx.Err() != nil
			out.late = !out.interrupted
			break
		}
		next, err := o.record.one(bounded, out.of.Rollout.ID)
		switch {
		case err == nil:
			o.note(out.of, next)
			out.of = next
		case bounded.Err() == nil && !pipeline.Away(err):
			return out, err
		}
		o.show(out.of, err)
	}
	if out.of.Last == nil {
		return out, nil
	}
	// The report is worth having without the curves, where the server has just gone.
	if _, t, err := o.record.look(context.WithoutCancel(ctx), out.of.Summary, 0); err == nil {
		out.trace = t
	}
	return out, nil
}

// enough reports whether there is nothing more to wait for.
func (o *onlooker) enough(of pipeline.Standing) bool {
	return !of.Closed.IsZero() || !o.closed && of.Last != nil && final(of.Last.Outcome)
}

// note keeps the curve, and says in a line that stays when the outcome is another.
func (o *onlooker) note(before, now pipeline.Standing) {
	v := now.Last
	if v == nil || before.Last != nil && before.Last.Seq == v.Seq {
		return
	}
	o.curve = append(o.curve, v.Evidence)
	if before.Last == nil || before.Last.Outcome != v.Outcome {
		o.live.Say(fmt.Sprintf("%s look %d: %s", v.At.UTC().Format("15:04:05"), v.Seq, report.Line(*v, 300)))
	}
}

// curveWidth is how many columns the curve of evidence takes on the live line.
const curveWidth = 20

// show redraws the live line.
func (o *onlooker) show(of pipeline.Standing, away error) {
	v := of.Last
	text := fmt.Sprintf("%s: nobody has looked yet", report.Plain(of.Rollout.Service))
	if v != nil {
		text = fmt.Sprintf("%s look %d, evidence of harm %s %s %s", report.Plain(of.Rollout.Service), v.Seq,
			report.Odds(v.Evidence), report.Spark(o.curve[max(0, len(o.curve)-curveWidth):], 0, v.Threshold, curveWidth), report.Line(*v, 300))
	}
	if why := stale(of, o.now(), away); why != "" {
		text = "STALE, " + why + ": " + text
	}
	o.live.Update(0, text)
}

// stale says why what is known of a rollout is old; empty: it is not.
func stale(of pipeline.Standing, now time.Time, away error) string {
	if away != nil {
		return report.Plain(away.Error())
	}
	return pastOf(of.Summary).Stale(now)
}
