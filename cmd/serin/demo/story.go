package demo

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
)

// The rollouts' pace. Flagger's own floor for an interval is 10 s; here it is
// shorter, as everything is.
const (
	tickEvery = 3 * time.Second
	threshold = 5 // failed checks, Flagger's spec.analysis.threshold
)

// stepWeights are the canary's weights in percent.
func stepWeights() []int { return []int{20, 40, 50} }

// usersPerSecond is the rate of a service's users.
const usersPerSecond = 300

// patience is how long a rollout may take before the demo stops watching. A
// canary that is never sent a request is held for ever, and saying so takes less.
func patience(s Scenario, p plan.Plan) time.Duration {
	if s == Silent {
		return 45 * time.Second
	}
	return p.MaxDuration.D() + 30*time.Second
}

// story is one service with its rollout, from the first user to the verdict.
type story struct {
	scenario Scenario
	svc      *service
	users    *users
	plan     plan.Plan
	driver   *driver

	mu     sync.Mutex // guards status
	status Status
}

// Status says how far a story is.
type Status struct {
	Service  string
	Scenario Scenario
	Phase    string // Flagger's
	Weight   int    // percent
	Looks    int
	// Verdict is the last one; nil before the first look.
	Verdict *judge.Verdict
}

// newStory starts a service's pods; users and rollout start later.
func newStory(ctx context.Context, name string, s Scenario, seed uint64) (*story, error) {
	svc, err := startService(ctx, name, s, seed)
	if err != nil {
		return nil, err
	}
	st := &story{scenario: s, svc: svc, users: newUsers(svc, s, usersPerSecond, seed)}
	if st.plan, err = planOf(svc); err != nil {
		svc.stop()
		return nil, fmt.Errorf("the demo's plan: %w", err)
	}
	st.status = Status{Service: name, Scenario: s, Phase: string(initialized)}
	return st, nil
}

// rollOut drives the canary until it is promoted or rolled back, until the judge
// gives up, or until the demo's patience ends.
func (s *story) rollOut(ctx context.Context, h *hooks, j *journal.Journal, tell func(string, Event)) {
	s.driver = &driver{
		canary: canary{
			name: s.svc.name, namespace: namespace, checksum: checksum(s.svc.name, s.scenario),
			threshold: threshold, steps: stepWeights(),
		},
		hooks: h, router: s.users, now: time.Now, phase: initialized,
	}
	if tell != nil {
		s.driver.tell = func(e Event) { tell(s.svc.name, e) }
	}
	deadline := time.Now().Add(patience(s.scenario, s.plan))
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for time.Now().Before(deadline) {
		s.driver.tick(ctx)
		s.look(ctx, j)
		if s.over() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// checksum is the revision on trial, as Flagger names it: a hash of its contents.
func checksum(service string, s Scenario) string {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %s", service, s) // never fails
	return fmt.Sprintf("%08x", h.Sum32())
}

// look reads how the rollout stands from the journal.
func (s *story) look(ctx context.Context, j *journal.Journal) {
	rs, err := j.List(ctx, journal.Filter{Service: s.svc.name, Namespace: namespace, Limit: 1})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Phase, s.status.Weight = string(s.driver.phase), s.driver.weight
	if err == nil && len(rs) > 0 {
		s.status.Looks = rs[0].Looks
		if rs[0].Last != nil {
			s.status.Verdict = rs[0].Last
		}
	}
}

// over reports whether there is nothing more to see.
func (s *story) over() bool {
	st := s.now()
	return phase(st.Phase).over() || st.Verdict != nil && st.Verdict.Outcome == judge.Inconclusive
}

// now returns how far the story is.
func (s *story) now() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Story is how a story ended.
type Story struct {
	Service  string         `json:"service"`
	Scenario Scenario       `json:"scenario"`
	Phase    string         `json:"phase"` // Flagger's last
	Weight   int            `json:"weight"`
	Events   []Event        `json:"events"`
	Verdict  *judge.Verdict `json:"verdict,omitempty"`
	Requests int64          `json:"requests"` // that users made
	Dropped  int64          `json:"dropped"`  // that found no seat: the machine is too slow
}

// errNoVerdict is how a story without a verdict ends.
var errNoVerdict = errors.New("no verdict was formed")

// result returns how the story ended, and an error where there is no verdict.
func (s *story) result() (Story, error) {
	st := s.now()
	r := Story{
		Service: st.Service, Scenario: st.Scenario, Phase: st.Phase, Weight: st.Weight,
		Verdict: st.Verdict, Requests: s.users.sent.Load(), Dropped: s.users.dropped.Load(),
	}
	if s.driver != nil {
		r.Events = s.driver.events
	}
	if st.Verdict == nil {
		return r, fmt.Errorf("%s: %w; run it again with --log-level debug to see why", st.Service, errNoVerdict)
	}
	return r, nil
}
