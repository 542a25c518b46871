package judge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// week is how far back the second comparison of a before-after rollout lies.
const week = 7 * 24 * time.Hour

// gathering is the reading of one look: what is asked, and what came back.
type gathering struct {
	src   queries.Source
	rec   Record
	at    time.Time
	asked []question
	slots chan struct{} // bounds the queries under way
	// within is the time that the caller leaves for reading; zero: unbounded.
	within time.Duration
	// spacings are how far apart samples are, asked at a question's first blocks.
	spacings *spacings

	mu       sync.Mutex
	frozen   Frozen
	problems map[string]Problem
	notes    []queries.Note
}

// gather reads the blocks that have closed since the last look, all metrics and
// both arms at once. What cannot be read becomes a problem and stays unfrozen: it
// is asked for again at the next look.
func (j *Judge) gather(ctx context.Context, rec Record, at time.Time) *gathering {
	g := &gathering{
		src: j.cfg.Sources[rec.Plan.Source], rec: rec, at: at,
		slots:    make(chan struct{}, j.concurrency()),
		frozen:   Frozen{Metrics: map[string]FrozenMetric{}},
		problems: map[string]Problem{},
	}
	g.spacings = newSpacings(g.src)
	if rec.Rollout.Comparison == rollout.ChecksOnly {
		return g
	}
	ctx = queries.WithAsker(ctx, queries.Asker{Rollout: rec.Rollout.ID, At: at, Lag: rec.Plan.Lag.D()})
	g.within = timeLeft(ctx)
	var wg sync.WaitGroup
	g.asked = questions(rec.Plan, rec.Rollout)
	for _, q := range g.asked {
		if g.src == nil {
			g.fail(q.key, &queries.Error{Fault: queries.Rejected, Source: rec.Plan.Source, Text: "no source of this name is configured"})
			continue
		}
		if q.err != nil {
			g.fail(q.key, &queries.Error{Fault: queries.Rejected, Source: rec.Plan.Source, Text: q.err.Error(), Err: q.err})
			continue
		}
		wg.Go(func() { g.ask(ctx, q) })
	}
	wg.Wait()
	g.notes = queries.SortNotes(g.notes)
	return g
}

func (g *gathering) fail(key string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := Problem{Fault: queries.FaultOf(err), Text: err.Error()}
	if errors.Is(err, context.DeadlineExceeded) {
		p.Text = "the source did not answer " + g.inTime() + ": " + p.Text
	}
	g.problems[key] = p
}

func (g *gathering) keep(key string, f FrozenMetric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.frozen.Metrics[key] = f
}

// closedEnd returns the end of the last block that has closed by at.
func closedEnd(at time.Time, lag, block time.Duration) time.Time {
	return at.Add(-lag).Truncate(block)
}

// closedBlocks counts the blocks of a rollout that have closed by at.
func closedBlocks(p plan.Plan, r rollout.Rollout, at time.Time) int {
	block := p.Block.D()
	n := int(closedEnd(at, p.Lag.D(), block).Sub(r.Started.Truncate(block)) / block)
	return max(n, 0)
}

// ask reads one question's new blocks of both arms, and its pre-period where that
// has not been learnt.
func (g *gathering) ask(ctx context.Context, q question) {
	have := g.rec.Frozen.Metrics[q.key]
	block := q.block.D()
	start := g.rec.Rollout.Started.Truncate(block)
	w := queries.Window{Start: start, End: closedEnd(g.at, g.rec.Plan.Lag.D(), block), Block: block}
	if n := have.Canary.Window.Len(); n > 0 {
		w.Start = have.Canary.Window.End
	}
	sparse := func() []queries.Note { return nil }
	if have.Canary.Window.Len() == 0 && w.Len() > 0 {
		sparse = g.sparse(ctx, q, w)
		defer sparse() // nothing that was begun here goes on without the look
	}
	fresh := FrozenMetric{Prior: have.Prior}
	if q.metric != nil && fresh.Prior == nil {
		prior, err := g.learn(ctx, q, start)
		if err != nil {
			g.fail(q.key, err)
			return
		}
		fresh.Prior = prior
	}
	if w.Len() == 0 {
		if have.Prior == nil && fresh.Prior != nil {
			g.keep(q.key, fresh)
		}
		return
	}
	known, err := g.fixBounds(ctx, &q, w, have, fresh.Prior)
	if err != nil {
		g.fail(q.key, err)
		return
	}
	if !known {
		return
	}
	if err := g.readArms(ctx, q, w, &fresh); err != nil {
		g.fail(q.key, err)
		return
	}
	fresh.Baseline.Notes = queries.SortNotes(append(fresh.Baseline.Notes, sparse()...))
	if q.metric != nil && fresh.Prior == nil {
		fresh.Prior = g.learnLate(q, have, fresh)
	}
	if have.Prior != nil {
		fresh.Prior = nil // frozen already
	}
	g.keep(q.key, fresh)
}

// fixBounds sets the histogram bounds that both arms are read with: the prior's,
// those of what is frozen, or else those that the baseline shows now. Until the
// baseline has shown any, nothing of a histogram is frozen: a look reports false.
func (g *gathering) fixBounds(ctx context.Context, q *question, w queries.Window, have FrozenMetric, prior *Prior) (bool, error) {
	if q.metric == nil || q.metric.Reading.Kind != queries.Histogram {
		return true, nil
	}
	switch {
	case prior != nil:
		q.bounds = prior.Bounds
	case len(have.Baseline.Bounds) > 0:
		q.bounds = have.Baseline.Bounds
	default:
		f, err := g.blocks(ctx, q.readings[baseline], w)
		if err != nil {
			return false, err
		}
		q.bounds = f.Bounds
	}
	return len(q.bounds) > 0, nil
}

// readArms reads both arms over the same window. Histogram bounds are the prior's.
func (g *gathering) readArms(ctx context.Context, q question, w queries.Window, f *FrozenMetric) error {
	var errs [3]error
	var wg sync.WaitGroup
	read := func(s side, into *queries.Frame, err *error, windows ...shifted) {
		r := q.readings[s]
		r.Bounds = q.bounds
		wg.Go(func() { *into, *err = g.pieces(ctx, r, windows) })
	}
	read(canary, &f.Canary, &errs[0], shifted{w, w})
	switch {
	case q.metric == nil:
		f.Baseline.Window = w
	case g.rec.Rollout.Comparison == rollout.BeforeAfter:
		read(baseline, &f.Baseline, &errs[1], g.past(w)...)
		read(baseline, &f.Week, &errs[2], shifted{w, w.Shift(-week)})
	default:
		read(baseline, &f.Baseline, &errs[1], shifted{w, w})
	}
	wg.Wait()
	for s, err := range errs {
		if err != nil {
			return fmt.Errorf("%s: %w", side(min(s, 1)), err)
		}
	}
	return nil
}

// shifted is a window that is answered by another time's data.
type shifted struct{ of, by queries.Window }

// past moves a window back into the pre-period, by whole pre-periods, so that a
// rolling update's canary is compared with what ran before it. A window that spans
// several pre-periods is cut at their ends: which past a block is compared with
// must not depend on when it was asked for.
func (g *gathering) past(w queries.Window) []shifted {
	period := g.rec.Plan.PrePeriod.D().Truncate(w.Block)
	start := g.rec.Rollout.Started.Truncate(w.Block)
	if period <= 0 {
		return []shifted{{w, w}}
	}
	var out []shifted
	for from := w.Start; from.Before(w.End); {
		n := from.Sub(start)/period + 1
		to := start.Add(n * period)
		if to.After(w.End) {
			to = w.End
		}
		piece := queries.Window{Start: from, End: to, Block: w.Block}
		out = append(out, shifted{piece, piece.Shift(-n * period)})
		from = to
	}
	return out
}

// pieces reads windows one after the other and joins them under their own times.
func (g *gathering) pieces(ctx context.Context, r queries.Reading, ws []shifted) (queries.Frame, error) {
	var out queries.Frame
	for _, w := range ws {
		f, err := g.blocks(ctx, r, w.by)
		if err != nil {
			return queries.Frame{}, err
		}
		f.Window = w.of
		if out, err = joinFrames(out, f); err != nil {
			return queries.Frame{}, &queries.Error{Fault: queries.Malformed, Source: g.rec.Plan.Source, Text: err.Error(), Err: err}
		}
	}
	return out, nil
}

// blocks asks the source for one frame, within the bound on concurrent queries.
func (g *gathering) blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-ctx.Done():
		return queries.Frame{}, &queries.Error{Fault: queries.Unavailable, Source: g.rec.Plan.Source, Text: "no time was left to ask", Err: ctx.Err()}
	}
	f, err := g.src.Blocks(ctx, r, w)
	if err != nil {
		return queries.Frame{}, err
	}
	if text, some := partly(f.Notes); some {
		return queries.Frame{}, &queries.Error{Fault: queries.Unavailable, Source: g.rec.Plan.Source,
			Text: "its answer is incomplete, and what is missing may be the bad part; nothing of it is recorded: " + text}
	}
	f.Notes = g.remark(f.Notes)
	if err := f.Validate(); err != nil {
		return queries.Frame{}, &queries.Error{Fault: queries.Malformed, Source: g.rec.Plan.Source, Text: err.Error(), Err: err}
	}
	if f.Window != w && f.Window.Len() != w.Len() {
		return queries.Frame{}, &queries.Error{Fault: queries.Malformed, Source: g.rec.Plan.Source,
			Text: fmt.Sprintf("asked for %d blocks, got %d", w.Len(), f.Window.Len())}
	}
	return f, nil
}

// remark keeps a frame's notes for this look and returns those that stay with its
// numbers. What passes (a target that is down now) is not frozen with them.
func (g *gathering) remark(notes []queries.Note) []queries.Note {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.notes = append(g.notes, notes...)
	var stay []queries.Note
	for _, n := range notes {
		if n.Code != queries.NoteTargetDown {
			stay = append(stay, n)
		}
	}
	return stay
}

// partly returns the first remark that says that an answer is incomplete. What is
// frozen never changes, so that half an answer would count for ever: it is asked for
// again at the next look instead.
func partly(notes []queries.Note) (string, bool) {
	for _, n := range notes {
		if n.Code == queries.NotePartial {
			return n.Text, true
		}
	}
	return "", false
}
