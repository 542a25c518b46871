package publishing

import (
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
)

// Files are dashboards and rules of rollouts as files, for whoever reads a report. They
// are drawn anew, whether they are published or not.
type Files struct{ p *Publishing }

// Files returns what draws them.
func (p *Publishing) Files() Files { return Files{p} }

// Page is the address of the rollout's dashboard in Grafana, or empty.
func (f Files) Page(sum journal.Summary, pinned plan.Plan) string {
	return f.p.boardPage(known{sum, pinned})
}

// Dashboard is the rollout's dashboard as JSON.
func (f Files) Dashboard(sum journal.Summary, pinned plan.Plan) ([]byte, error) {
	b, err := f.p.Draw(sum, pinned)
	if err != nil {
		return nil, err
	}
	return b.JSON()
}

// Rules are the rollout's alert rules as a rule file.
func (f Files) Rules(sum journal.Summary, pinned plan.Plan) ([]byte, error) {
	set, err := f.p.Rules(sum, pinned)
	if err != nil {
		return nil, err
	}
	return set.YAML()
}
