package app

import (
	"slices"
	"sync/atomic"

	"github.com/serin-canary/serin/judge/plan"
)

// livePlans are the plans that new rollouts are judged by. A reload exchanges all
// of them at once; rollouts under way keep the plan that was pinned at their start.
type livePlans struct{ set atomic.Pointer[plan.Set] }

func newLivePlans(s *plan.Set) *livePlans {
	l := &livePlans{}
	l.set.Store(s)
	return l
}

// Find implements webhooks.Plans.
func (l *livePlans) Find(name, namespace, service string) (plan.Plan, error) {
	return l.set.Load().Find(name, namespace, service)
}

// Names implements webhooks.Plans.
func (l *livePlans) Names() []string { return l.set.Load().Names() }

// difference says what another set of plans would change: the names of plans that
// are new, gone, or read differently.
func (l *livePlans) difference(next *plan.Set) (added, removed, changed []string) {
	now := l.set.Load()
	for _, n := range next.Names() {
		if !slices.Contains(now.Names(), n) {
			added = append(added, n)
			continue
		}
		was, errWas := now.Find(n, "", "")
		is, errIs := next.Find(n, "", "")
		if errWas != nil || errIs != nil || was.Digest() != is.Digest() {
			changed = append(changed, n)
		}
	}
	for _, n := range now.Names() {
		if !slices.Contains(next.Names(), n) {
			removed = append(removed, n)
		}
	}
	return added, removed, changed
}
