package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	grace     = 15 * time.Second // after which a run that was not resumed is looked up
	lookAgain = time.Minute
	maxLooks  = 60
)

// follower notices runs that Argo has ended without saying so: up to 1.9 it ends a
// run between two polls without calling Terminate. What it remembers is a
// convenience. Where it is lost with the process, Serin closes the rollout when its
// time is over.
type follower struct {
	after func(time.Duration, func()) stopper // time.AfterFunc

	mu   sync.Mutex
	runs map[string]stopper
}

// stopper is what is needed of a timer.
type stopper interface{ Stop() bool }

func newFollower() *follower {
	return &follower{
		after: func(d time.Duration, f func()) stopper { return time.AfterFunc(d, f) },
		runs:  map[string]stopper{},
	}
}

// expect calls then, unless the run is heard of before.
func (f *follower) expect(key string, in time.Duration, then func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old := f.runs[key]; old != nil {
		old.Stop()
	}
	f.runs[key] = f.after(in, then)
}

// heard ends the expectation.
func (f *follower) heard(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if old := f.runs[key]; old != nil {
		old.Stop()
	}
	delete(f.runs, key)
}

// keyOf names a metric of a run.
func keyOf(run *v1alpha1.AnalysisRun, metric string) string { return string(run.UID) + "/" + metric }

// follow looks a running measurement up, where Argo does not ask on. Without a
// cluster to look into it does nothing.
func (p provider) follow(q question, run *v1alpha1.AnalysisRun, metric string, m v1alpha1.Measurement) {
	if p.cluster == nil || m.ResumeAt == nil {
		return
	}
	on := followed{p, q, &v1alpha1.AnalysisRun{ObjectMeta: *run.ObjectMeta.DeepCopy()}, keyOf(run, metric)}
	p.follower.expect(on.key, m.ResumeAt.Sub(p.now())+grace, func() { on.look(1) })
}

// followed is a run that Argo does not ask about any more.
type followed struct {
	provider provider
	question question
	run      *v1alpha1.AnalysisRun // its identity
	key      string
}

// look looks whether the run has ended, tells Serin, and comes again where neither
// could be done.
func (f followed) look(n int) {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	run, err := f.provider.cluster.analysisRun(ctx, f.run)
	ended := err == nil && (run == nil || run.Status.Phase.Completed())
	if ended {
		if run == nil {
			run = f.run
		}
		_, err = f.provider.tell(f.question, run)
	}
	if (!ended || err != nil) && n < maxLooks {
		f.provider.follower.expect(f.key, lookAgain, func() { f.look(n + 1) })
		return
	}
	f.provider.follower.heard(f.key)
}

// analysisRun reads a run; nil where it is no longer there.
func (c *cluster) analysisRun(ctx context.Context, of *v1alpha1.AnalysisRun) (*v1alpha1.AnalysisRun, error) {
	var run v1alpha1.AnalysisRun
	found, err := c.get(ctx, "analysisruns", of.ObjectMeta, &run)
	if err != nil || !found || run.UID != of.UID {
		return nil, err
	}
	return &run, nil
}

// over reports whether a Rollout's attempt at a revision is over, and says why. An
// error means that nobody knows.
func (c *cluster) over(ctx context.Context, o on) (string, bool, error) {
	var r v1alpha1.Rollout
	found, err := c.get(ctx, "rollouts", metav1.ObjectMeta{Namespace: o.namespace, Name: o.name}, &r)
	if err != nil {
		return "", false, err
	}
	s := r.Status
	switch {
	case !found:
		return "Rollout " + o.name + " was deleted", true, nil
	case o.uid != "" && string(r.UID) != o.uid:
		return "Rollout " + o.name + " was created anew", true, nil
	case s.Abort:
		return fmt.Sprintf("Rollout %s was aborted: %s", o.name, first(s.Message, "no message")), true, nil
	case o.hash != "" && s.CurrentPodHash != "" && s.CurrentPodHash != o.hash:
		return "a newer revision came", true, nil
	case s.StableRS != "" && s.StableRS == s.CurrentPodHash:
		return "promoted", true, nil
	case s.PromoteFull:
		return "promoted in full by a person", true, nil
	}
	return "the rollout goes on", false, nil
}
