package publishing

import (
	"github.com/serin-canary/serin/alerts"
	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
)

// Draw draws a rollout's board as it would be published, and publishes nothing.
func (p *Publishing) Draw(sum journal.Summary, pinned plan.Plan) (dashboards.Board, error) {
	return dashboards.Draw(p.subject(known{sum, pinned}))
}

// Rules writes a rollout's rules as they would be published, and publishes nothing.
func (p *Publishing) Rules(sum journal.Summary, pinned plan.Plan) (alerts.Set, error) {
	return p.write(known{sum, pinned})
}
