package publishing

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/alerts"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// mostLive bounds how many live rollouts are looked after.
const mostLive = 5000

// alive returns the live rollouts, and has the boards of their services drawn again.
func (p *Publishing) alive(ctx context.Context) ([]journal.Summary, error) {
	live, err := p.journal.List(ctx, journal.Filter{Live: true, Limit: mostLive})
	if err != nil {
		return nil, err
	}
	var jobs []outbox.Job
	for _, sum := range live {
		jobs = append(jobs, p.standingJobs(sum.Rollout.Namespace, sum.Rollout.Service)...)
	}
	return live, p.c.Add(ctx, jobs...)
}

// mend publishes the rules of live rollouts that are not at their place. What was announced
// just now may be on its way.
func (p *Publishing) mend(ctx context.Context, place RulePlace, names []string, live []journal.Summary) error {
	now := p.c.Now()
	var jobs []outbox.Job
	for _, sum := range live {
		r := sum.Rollout
		if now.Sub(r.Started) < tidyEvery || slices.Contains(names, alerts.NameOf(r.ID)) {
			continue
		}
		pinned, err := p.journal.Plan(ctx, r.ID)
		if err != nil {
			return err
		}
		if pinned.Alerts.Disabled {
			continue
		}
		p.c.Log.WarnContext(ctx, "the rules of a live rollout are gone; they are written again: to be rid of them set alerts.enabled: false in the plan, or silence them",
			"rollout", r.ID, "place", place.Name)
		jobs = append(jobs, outbox.Job{
			Kind: kindMend, Key: strings.Join([]string{r.ID, kindMend, place.Name, strconv.FormatInt(now.Truncate(tidyEvery).Unix(), 10)}, "."),
			Rollout: r.ID, Target: place.Target, Body: body{Place: place.Name}.json(), Deadline: now.Add(tidyEvery).Add(-time.Second),
		})
	}
	return p.c.Add(ctx, jobs...)
}
