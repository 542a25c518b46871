package judge

import (
	"context"
	"errors"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// ErrStale is returned by [Journal.Commit] when another look was committed since
// the record was loaded. Load again and decide again.
var ErrStale = errors.New("judge: another look was committed meanwhile")

// ErrUnknownRollout is returned by [Journal.Load] for an ID that it does not know.
var ErrUnknownRollout = errors.New("judge: no such rollout")

// Journal is what Decide needs of the durable record.
type Journal interface {
	// Load returns everything that is recorded of a rollout, or ErrUnknownRollout.
	Load(ctx context.Context, id string) (Record, error)
	// Commit appends a look: what it froze, and its verdict. Either all of it is
	// durable when Commit returns nil, or nothing is. It returns ErrStale unless
	// look.Verdict.Seq is the record's Looks + 1.
	Commit(ctx context.Context, look Look) error
}

// Record is everything that a verdict may depend on, as the journal holds it.
type Record struct {
	Rollout rollout.Rollout `json:"rollout"`
	Plan    plan.Plan       `json:"plan"`
	Closed  time.Time       `json:"closed,omitzero"` // when the rollout ended; zero while live
	Looks   int             `json:"looks"`           // looks committed so far
	Frozen  Frozen          `json:"frozen"`          // all looks' freezes, concatenated
	Checks  []checks.Result `json:"checks,omitempty"`
	// Rounds are the results of the plan's loads that looks have used, the oldest first.
	Rounds []checks.Result `json:"rounds,omitempty"`
	// Pending are recorded results of long checks that no look has used yet; Underway are
	// the long checks that have left none.
	Pending  []checks.Result `json:"pending,omitempty"`
	Underway []Underway      `json:"underway,omitempty"`
	Latch    *Latch          `json:"latch,omitempty"` // from the first look that had one
	// PromotedAt is when promotion was first answered with yes.
	PromotedAt time.Time `json:"promotedAt,omitzero"`
	// Others are live rollouts of services among the plan's DependsOn.
	Others []rollout.Rollout `json:"others,omitempty"`
	// Earlier are this revision's earlier attempts within 24 hours, oldest first.
	Earlier []Earlier `json:"earlier,omitempty"`
	// Overrides are what people decided, oldest first.
	Overrides []Override `json:"overrides,omitempty"`
	// Alerts are those of others that the plan watches, the oldest first.
	Alerts []Alert `json:"alerts,omitempty"`
}

// Earlier quotes the last verdict of an earlier attempt.
type Earlier struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Outcome Outcome   `json:"outcome"`
	Reason  string    `json:"reason"`
}

// Look is what one look adds to the record, atomically.
type Look struct {
	Rollout string          `json:"rollout"` // ID
	Freeze  Frozen          `json:"freeze"`  // only what is new
	Checks  []checks.Result `json:"checks,omitempty"`
	// Problems are the metrics that could not be read at this look, by name.
	Problems map[string]Problem `json:"problems,omitempty"`
	Context  Context            `json:"context"`
	// Begin are the long checks that should begin now. They are work that follows from
	// the look, and no part of what it recorded.
	Begin   []Beginning `json:"-"`
	Verdict Verdict     `json:"verdict"`
}

// Context is what a look knew beside what it read: with it the look can be
// replayed.
type Context struct {
	Closed  int               `json:"closed"`         // blocks closed, by the source's clock
	Skew    time.Duration     `json:"skew,omitempty"` // of Serin's clock against the source's
	Others  []rollout.Rollout `json:"others,omitempty"`
	Earlier []Earlier         `json:"earlier,omitempty"`
	// Overrides are those that were recorded when the look began.
	Overrides []Override `json:"overrides,omitempty"`
	// Alerts are those that were recorded when the look began.
	Alerts []Alert `json:"alerts,omitempty"`
	// Underway are the long checks that had begun when the look began.
	Underway []Underway `json:"underway,omitempty"`
	// Notes are what the source remarked at this look, each once, sorted.
	Notes []queries.Note `json:"notes,omitempty"`
}

// Problem is why a metric or limit could not be read at one look.
type Problem struct {
	Fault queries.Fault `json:"fault"`
	Text  string        `json:"text"`
}

// Frozen holds the closed blocks that verdicts rest on, by metric (limits of their
// own query are held under "limit:" + name). What is frozen never changes.
type Frozen struct {
	Metrics map[string]FrozenMetric `json:"metrics,omitempty"`
}

// FrozenMetric is one metric's evidence. Both frames cover the same window, which
// starts at the block of the announcement.
type FrozenMetric struct {
	// Prior is learnt from the pre-period, once; nil until then.
	Prior    *Prior        `json:"prior,omitempty"`
	Canary   queries.Frame `json:"canary"`
	Baseline queries.Frame `json:"baseline"`
	// Week is the baseline seven days earlier, of before-after rollouts only: the
	// canary must be worse than both pasts.
	Week queries.Frame `json:"week,omitzero"`
}
