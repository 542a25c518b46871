package report

import (
	"fmt"
	"time"

	"github.com/serin-canary/serin/judge"
)

// staleBlocks is after how many blocks without a look a live rollout's verdict is old.
const staleBlocks = 3

// Stale says why the newest verdict of a live rollout is old at a moment: nobody has looked
// for three blocks and a minute, or the last look found no newer evidence. It is empty where
// the verdict is not old, and of a rollout that is over no verdict is.
func Stale(v judge.Verdict, now time.Time) string {
	block, err := time.ParseDuration(v.Progress.Block)
	if err != nil {
		block = time.Minute
	}
	if old := now.Sub(v.At); old > staleBlocks*block+time.Minute {
		return fmt.Sprintf("nobody has looked for %s", old.Truncate(time.Second))
	}
	if !v.Fresh && v.StaleBlocks > 1 { // one block may be late
		return fmt.Sprintf("the newest evidence is %d blocks old", v.StaleBlocks)
	}
	return ""
}

// Stale says as [Stale] why what the list shows of a rollout is old.
func (p Past) Stale(now time.Time) string {
	if p.Last == nil || !p.Closed.IsZero() || now.IsZero() {
		return ""
	}
	return Stale(*p.Last, now)
}
