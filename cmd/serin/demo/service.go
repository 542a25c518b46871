package demo

import (
	"context"
	"fmt"

	"github.com/serin-canary/serin/queries/scrape"
)

// The numbers of pods of each arm. Three canary pods prove more than one does in
// any time: with one, a slow pod and a slow revision look alike. And how much pods
// differ by luck is learnt from the baseline's, of which there must be some.
const (
	baselinePods = 6
	canaryPods   = 3
)

// service is one service in its two arms.
type service struct {
	name             string
	baseline, canary []*pod
}

// startService starts all pods of a service. Where one does not start, those that
// did are stopped.
func startService(ctx context.Context, name string, s Scenario, seed uint64) (*service, error) {
	svc := &service{name: name}
	start := func(arm string, n int, does behaviour) ([]*pod, error) {
		var pods []*pod
		for i := 1; i <= n; i++ {
			p, err := startPod(ctx, podSpec{name: fmt.Sprintf("%s-%s-%d", name, arm, i), does: does, seed: seed})
			if err != nil {
				return pods, err
			}
			pods = append(pods, p)
		}
		return pods, nil
	}
	var err error
	if svc.baseline, err = start("primary", baselinePods, baselineBehaviour()); err == nil {
		svc.canary, err = start("canary", canaryPods, canaryBehaviour(s))
	}
	if err != nil {
		svc.stop()
		return nil, err
	}
	return svc, nil
}

// targets returns what has to be scraped.
func (s *service) targets() []scrape.Target {
	var ts []scrape.Target
	add := func(arm string, pods []*pod) {
		for _, p := range pods {
			ts = append(ts, scrape.Target{URL: p.url("/metrics"), Labels: map[string]string{
				"job": s.name, "service": s.name, "arm": arm, "pod": p.name,
			}})
		}
	}
	add("baseline", s.baseline)
	add("canary", s.canary)
	return ts
}

// stop stops every pod.
func (s *service) stop() {
	for _, p := range append(append([]*pod{}, s.baseline...), s.canary...) {
		p.stop()
	}
}
