package judge

import (
	"context"
	"log/slog"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// Config is what a [Judge] is made of.
type Config struct {
	Journal Journal
	// Sources by the name that plans use.
	Sources map[string]queries.Source
	Checks  checks.Runner // may be nil: then every check is broken
	Engine  string        // version written into verdicts
	// Concurrency bounds the source queries under way in one look (default 16).
	Concurrency int
	Log         *slog.Logger // default: discard
}

// Judge decides. It holds no state of any rollout.
type Judge struct{ cfg Config }

// New returns a judge.
func New(cfg Config) *Judge { return &Judge{cfg: cfg} }

// Decide looks at a rollout now: it fetches and freezes the blocks that have
// closed since the last look, runs the checks that are due, and commits the
// verdict. The rollout must be in the journal; of r, only the ID is used and the
// weights that are newer than the record's.
//
// An error means that no verdict could be formed; it is not an outcome.
func (j *Judge) Decide(ctx context.Context, r rollout.Rollout, now time.Time) (Verdict, error) {
	panic("written next")
}
