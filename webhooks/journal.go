package webhooks

import (
	"context"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// Journal is what the handlers need of the durable record; [*journal.Journal] is one.
type Journal interface {
	Rollouts
	Overseer
	Alerts
}

// Rollouts is the record of rollouts and verdicts.
type Rollouts interface {
	Opener
	Recorder
	Shown
}

// Shown is what is shown of the record.
type Shown interface {
	Reader
	Counter
	Decisions
}

// Decisions shows what people decided in the judge's place.
type Decisions interface {
	// Overrides returns a rollout's, in order.
	Overrides(ctx context.Context, id string) ([]judge.Override, error)
}

// Announcer opens rollouts.
type Announcer interface {
	// Announce opens a rollout, or finds the live one of the same key.
	Announce(ctx context.Context, r rollout.Rollout, p plan.Plan) (journal.Announced, error)
	// Begin opens a rollout whose Ref names the attempt, or finds the one that mine accepts,
	// live or over. What else is live of the service is closed.
	Begin(ctx context.Context, r rollout.Rollout, p plan.Plan, mine func(r rollout.Rollout, over bool) bool) (journal.Announced, error)
}

// Opener opens rollouts and finds them by what controllers know of them.
type Opener interface {
	Announcer
	// Newest returns the rollout of a key that started last, live or closed, or
	// journal.ErrNotFound.
	Newest(ctx context.Context, k rollout.Key) (journal.Summary, error)
	// Load returns everything that is recorded of a rollout, its pinned plan included.
	Load(ctx context.Context, id string) (judge.Record, error)
}

// Recorder records what controllers say of a rollout. What is over cannot change:
// that is journal.ErrClosed.
type Recorder interface {
	// Declare records a weight.
	Declare(ctx context.Context, id string, w rollout.WeightAt) error
	// FinalStep records when the last promotion was first asked for.
	FinalStep(ctx context.Context, id string, at time.Time) error
	// End closes a rollout. Closing a closed one changes nothing.
	End(ctx context.Context, id string, at time.Time, why string) error
}

// Reader shows the record.
type Reader interface {
	// Get returns one rollout, or journal.ErrNotFound.
	Get(ctx context.Context, id string) (journal.Summary, error)
	// List returns rollouts, the newest first.
	List(ctx context.Context, f journal.Filter) ([]journal.Summary, error)
	// Verdicts returns a rollout's verdicts in order.
	Verdicts(ctx context.Context, id string) ([]judge.Verdict, error)
}

var (
	_ Journal = (*journal.Journal)(nil)
	_ Plans   = (*plan.Set)(nil)
)

// live reports whether a rollout is not over.
func live(s journal.Summary) bool { return s.Closed.IsZero() }
