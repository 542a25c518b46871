package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// errAbsent makes the fake API answer 404.
var errAbsent = errors.New("absent")

// liveRollout is a Rollout whose canary is the one of aRun.
func liveRollout(change func(*v1alpha1.Rollout)) *v1alpha1.Rollout {
	r := &v1alpha1.Rollout{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "checkout", UID: "rollout-uid"},
		Status:     v1alpha1.RolloutStatus{CurrentPodHash: "6cb7cc687d", StableRS: "5b48864f7f"},
	}
	change(r)
	return r
}

// inside gives a bench a cluster with these objects; nil is none.
func (b *bench) inside(t *testing.T, r *v1alpha1.Rollout, run *v1alpha1.AnalysisRun) *kubernetes {
	t.Helper()
	k, srv, account := newKubernetes(t, func(kind, _ string) (any, error) {
		switch {
		case kind == "rollouts" && r != nil:
			return r, nil
		case kind == "analysisruns" && run != nil:
			return run, nil
		}
		return nil, errAbsent
	})
	host, port, _ := strings.Cut(srv.Listener.Addr().String(), ":")
	var err error
	b.cluster, err = inCluster(account, func(name string) (string, bool) {
		return map[string]string{"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}[name], true
	})
	if err != nil || b.cluster == nil {
		t.Fatalf("got %v, %v, want a cluster", b.cluster, err)
	}
	return k
}

func TestTerminate(t *testing.T) {
	sibling := func(phase v1alpha1.AnalysisPhase, dry bool) func(*v1alpha1.AnalysisRun) {
		return func(r *v1alpha1.AnalysisRun) {
			r.Status.MetricResults = []v1alpha1.MetricResult{{Name: "judge", Phase: v1alpha1.AnalysisPhaseRunning}, {Name: "errors", Phase: phase, DryRun: dry}}
		}
	}
	const successful, inconclusive = v1alpha1.AnalysisPhaseSuccessful, v1alpha1.AnalysisPhaseInconclusive
	for name, tt := range map[string]struct {
		gate    string
		rollout func(*v1alpha1.Rollout) // nil: there is no cluster to look into
		run     func(*v1alpha1.AnalysisRun)
		ended   string // what Serin was told; empty: nothing
		phase   v1alpha1.AnalysisPhase
		says    string
	}{
		"a guard, nobody knows": {"guard", nil, nil, "AnalysisRun checkout-6cb7cc687d-2-1 was ended", successful, ""},
		"the last gate, nobody": {"promotion", nil, nil, "AnalysisRun checkout-6cb7cc687d-2-1 was ended", inconclusive, "ended before there was a verdict"},
		"a step, nobody knows":  {"step", nil, nil, "", inconclusive, "may go on"},
		"checks, nobody knows":  {"checks", nil, nil, "", inconclusive, "may go on"},
		"aborted":               {"step", func(r *v1alpha1.Rollout) { r.Status.Abort, r.Status.Message = true, "by ada" }, nil, "Rollout checkout was aborted: by ada", inconclusive, "by ada"},
		"promoted":              {"guard", func(r *v1alpha1.Rollout) { r.Status.StableRS = r.Status.CurrentPodHash }, nil, "promoted", successful, "promoted"},
		"promoted by a person":  {"step", func(r *v1alpha1.Rollout) { r.Status.PromoteFull = true }, nil, "promoted in full by a person", inconclusive, ""},
		"a newer revision":      {"step", func(r *v1alpha1.Rollout) { r.Status.CurrentPodHash = "77" }, nil, "a newer revision came", inconclusive, ""},
		"another Rollout":       {"step", func(r *v1alpha1.Rollout) { r.UID = "x" }, nil, "Rollout checkout was created anew", inconclusive, ""},
		"it goes on":            {"step", func(*v1alpha1.Rollout) {}, nil, "", inconclusive, "the rollout goes on"},
		"it goes on, unguarded": {"guard", func(*v1alpha1.Rollout) {}, nil, "", successful, "the rollout goes on"},
		"another metric failed": {"step", nil, sibling(v1alpha1.AnalysisPhaseFailed, false), "metric errors of AnalysisRun checkout-6cb7cc687d-2-1 ended as Failed", inconclusive, ""},
		"another was an error":  {"guard", nil, sibling(v1alpha1.AnalysisPhaseError, false), "metric errors of AnalysisRun checkout-6cb7cc687d-2-1 ended as Error", successful, ""},
		"another, but dry":      {"step", nil, sibling(v1alpha1.AnalysisPhaseFailed, true), "", inconclusive, ""},
		"a person decides":      {"guard", nil, sibling(v1alpha1.AnalysisPhaseInconclusive, false), "", successful, "which a person decides"},
		"an experiment's":       {"step", nil, func(r *v1alpha1.AnalysisRun) { r.OwnerReferences = nil }, "AnalysisRun checkout-6cb7cc687d-2-1 was ended", inconclusive, ""},
		"after Serin went away": {"guard", nil, func(r *v1alpha1.AnalysisRun) { r.Annotations["away"] = "" }, "AnalysisRun checkout-6cb7cc687d-2-1 was ended", inconclusive, "ended while Serin could not be asked"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			run := aRun("Step", "1")
			if tt.run != nil {
				tt.run(run)
			}
			if tt.rollout != nil {
				b.inside(t, liveRollout(tt.rollout), nil)
			}
			before := v1alpha1.Measurement{Phase: v1alpha1.AnalysisPhaseRunning}
			if _, away := run.Annotations["away"]; away {
				before.Metadata = map[string]string{metaAwaySince: noon().Format(time.RFC3339), metaAwayTries: "1"}
			}
			m := b.Terminate(run, metric(`{"stableHash": "s", "rollout": "checkout", "gate": "`+tt.gate+`"}`), before)
			if m.Phase != tt.phase || m.FinishedAt == nil || !strings.Contains(m.Message, tt.says) {
				t.Errorf("got %s %q, want %s %q", m.Phase, m.Message, tt.phase, tt.says)
			}
			var told string
			for _, k := range b.serin.asked {
				told += k.Run.Ended
			}
			if told != tt.ended {
				t.Errorf("got Serin told %q, want %q", told, tt.ended)
			}
		})
	}
}

// TestTerminateUntold: what cannot be told is said, and is no success.
func TestTerminateUntold(t *testing.T) {
	for status, tries := range map[int]int{503: 2, 401: 1} {
		b := newBench(t)
		b.serin.says(status, "")
		m := b.Terminate(aRun("Background", ""), metric(plain), v1alpha1.Measurement{})
		if m.Phase != v1alpha1.AnalysisPhaseInconclusive || !strings.Contains(m.Message, "Serin could not be told") || b.serin.calls() != tries {
			t.Errorf("%d: got %s %q after %d calls, want it said after %d", status, m.Phase, m.Message, b.serin.calls(), tries)
		}
	}
	b := newBench(t)
	if m := b.Terminate(aRun("Background", ""), metric(`{"x": 1}`), v1alpha1.Measurement{}); m.Phase != v1alpha1.AnalysisPhaseInconclusive || m.FinishedAt == nil {
		t.Errorf("got %s, want it ended without a success", m.Phase)
	}
}

// timers are timers that a test lets expire.
type timers struct {
	in   time.Duration
	then func()
}

// Stop implements stopper.
func (t *timers) Stop() bool { t.then = nil; return true }

// TestFollow: Argo ends a run between two polls without a word. The plugin looks it
// up once it is overdue, and only once it has ended tells Serin.
func TestFollow(t *testing.T) {
	ended := aRun("Step", "1")
	ended.Status.Phase = v1alpha1.AnalysisPhaseSuccessful
	going := aRun("Step", "1")
	going.Status.Phase = v1alpha1.AnalysisPhaseRunning
	another := ended.DeepCopy()
	another.UID = "x"
	for name, tt := range map[string]struct {
		run    *v1alpha1.AnalysisRun
		status int
		told   int
		next   time.Duration
	}{
		"it has ended":     {ended, 200, 1, 0},
		"it was deleted":   {nil, 200, 1, 0},
		"another is there": {another, 200, 1, 0},
		"it goes on":       {going, 200, 0, lookAgain},
		"Serin is away":    {ended, 503, 2, lookAgain},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.inside(t, liveRollout(func(r *v1alpha1.Rollout) { r.Status.Abort = true }), tt.run)
			clock := &timers{}
			b.follower.after = func(d time.Duration, f func()) stopper { clock.in, clock.then = d, f; return clock }
			b.Run(aRun("Step", "1"), metric(plain))
			if clock.in != 7*time.Second+grace || clock.then == nil {
				t.Fatalf("got a look after %s, want it after the next poll is overdue", clock.in)
			}
			b.serin.says(tt.status, verdict("inconclusive", 0, ""))
			look := clock.then
			clock.in = 0
			look()
			if told := b.serin.calls() - 1; told != tt.told || clock.in != tt.next {
				t.Errorf("got %d calls and another look after %s, want %d and %s", told, clock.in, tt.told, tt.next)
			}
		})
	}
	// What is heard of again is not looked up, nor is what is over.
	b := newBench(t)
	k := b.inside(t, nil, nil)
	clock := &timers{}
	b.follower.after = func(d time.Duration, f func()) stopper { clock.in, clock.then = d, f; return clock }
	run := aRun("Step", "1")
	m := b.Run(run, metric(plain))
	b.serin.says(200, verdict("pass", 1, ""))
	b.Resume(run, metric(plain), m)
	if clock.then != nil || len(b.follower.runs) != 0 || k.times("analysisruns/"+run.Name) != 0 {
		t.Error("got it followed, want it forgotten")
	}
}

func TestOutsideOfACluster(t *testing.T) {
	if c, err := inCluster("x", func(string) (string, bool) { return "", false }); c != nil || err != nil {
		t.Errorf("got %v, %v, want none", c, err)
	}
	if c, err := inCluster("/nonexistent", func(string) (string, bool) { return "1", true }); c != nil || err == nil {
		t.Errorf("got %v, %v, want the missing certificate said", c, err)
	}
}
