package demo

import (
	"context"
	"sync"

	"github.com/serin-canary/serin/queries/scrape"
)

// Shop is the demo's service with its users and without its rollout: something
// real to point other commands at.
type Shop struct {
	svc   *service
	users *users
	plan  string
	leave context.CancelFunc
	gone  sync.WaitGroup
}

// OpenShop starts a service of a name whose canary behaves as the scenario says,
// and lets users in; all of them go to the baseline at first.
func OpenShop(ctx context.Context, name string, s Scenario, seed uint64) (*Shop, error) {
	svc, err := startService(ctx, name, s, seed)
	if err != nil {
		return nil, err
	}
	text, err := planYAML(name, svc.canary[0].url(""))
	if err != nil {
		svc.stop()
		return nil, err
	}
	ctx, leave := context.WithCancel(ctx)
	shop := &Shop{svc: svc, plan: text, users: newUsers(svc, s, usersPerSecond, seed), leave: leave}
	shop.gone.Go(func() { shop.users.run(ctx) })
	return shop, nil
}

// Targets returns the metrics pages with the labels by which the plan knows them.
func (s *Shop) Targets() []scrape.Target { return s.svc.targets() }

// PlanYAML returns the plan of the service.
func (s *Shop) PlanYAML() string { return s.plan }

// SetWeight shifts the canary's share of traffic, in percent.
func (s *Shop) SetWeight(percent int) { s.users.SetWeight(percent) }

// Close sends the users away and stops the service.
func (s *Shop) Close() {
	s.leave()
	s.gone.Wait()
	s.svc.stop()
}
