// Package journal is the durable record: rollouts, what their looks froze, and
// verdicts, in one SQLite file.
package journal

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// ErrNotFound is returned where no such rollout or verdict is recorded. For an
// unknown rollout ID it also is judge.ErrUnknownRollout.
var ErrNotFound = errors.New("journal: not found")

// Options configure [Open].
type Options struct {
	Now func() time.Time // default time.Now
	Log *slog.Logger     // default: discard
}

// Journal is a journal in one SQLite file.
type Journal struct{}

// Open opens or creates the file and migrates it to this version's schema. A path
// of ":memory:" is a journal that is gone when closed.
func Open(ctx context.Context, path string, o Options) (*Journal, error) { panic("skeleton") }

// Close closes the file.
func (j *Journal) Close() error { panic("skeleton") }

// Ping reports whether the journal can be read and written.
func (j *Journal) Ping(ctx context.Context) error { panic("skeleton") }

// Announced is what [Journal.Announce] did.
type Announced struct {
	Rollout rollout.Rollout
	// New says that the rollout was opened now; otherwise it was live already.
	New bool
	// Superseded are the IDs of live rollouts of the same controller, namespace and
	// service, of other revisions, that were closed by this one.
	Superseded []string
}

// Announce opens a rollout, or finds the live one of the same key. It sets ID,
// Attempt, PlanDigest and, where zero, Started, and pins the plan.
func (j *Journal) Announce(ctx context.Context, r rollout.Rollout, p plan.Plan) (Announced, error) {
	panic("skeleton")
}

// Live returns the live rollout of a key, or ErrNotFound.
func (j *Journal) Live(ctx context.Context, k rollout.Key) (rollout.Rollout, error) {
	panic("skeleton")
}

// Newest returns the rollout of a key that started last, live or closed.
func (j *Journal) Newest(ctx context.Context, k rollout.Key) (Summary, error) {
	panic("skeleton")
}

// Get returns one rollout's summary.
func (j *Journal) Get(ctx context.Context, id string) (Summary, error) { panic("skeleton") }

// Declare records that the controller declared a weight. The same weight again
// changes nothing.
func (j *Journal) Declare(ctx context.Context, id string, w rollout.WeightAt) error {
	panic("skeleton")
}

// FinalStep records when the last promotion was first asked for. Later calls
// change nothing.
func (j *Journal) FinalStep(ctx context.Context, id string, at time.Time) error {
	panic("skeleton")
}

// End closes a rollout. Closing a closed one changes nothing.
func (j *Journal) End(ctx context.Context, id string, at time.Time, why string) error {
	panic("skeleton")
}

// Filter selects rollouts for [Journal.List]. Zero fields select everything.
type Filter struct {
	Service, Namespace string
	Live               bool
	Limit              int // default 100
}

// Summary is a rollout with how it stands.
type Summary struct {
	Rollout rollout.Rollout `json:"rollout"`
	Closed  time.Time       `json:"closed,omitzero"`
	Why     string          `json:"why,omitempty"` // why it was closed
	Looks   int             `json:"looks"`
	Last    *judge.Verdict  `json:"last,omitempty"`
}

// List returns rollouts, the newest first.
func (j *Journal) List(ctx context.Context, f Filter) ([]Summary, error) { panic("skeleton") }

// Verdicts returns a rollout's verdicts in order.
func (j *Journal) Verdicts(ctx context.Context, id string) ([]judge.Verdict, error) {
	panic("skeleton")
}

// Load implements judge.Journal.
func (j *Journal) Load(ctx context.Context, id string) (judge.Record, error) { panic("skeleton") }

// Commit implements judge.Journal.
func (j *Journal) Commit(ctx context.Context, l judge.Look) error { panic("skeleton") }
