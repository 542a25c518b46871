package main

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	goplugin "github.com/hashicorp/go-plugin"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// world is what all stories share: the plugin's real binary, loaded by Argo's real
// analysis controller, asks the real Serin command with a real Prometheus behind it.
// What stands in: Kubernetes' API (fake clientsets) and the pods (counters that grow).
type world struct {
	argo       *argo
	kubernetes *kubernetes
	serin      *serin
	binary     string // of Serin
	prometheus string
	pods       string // the address of their health page
}

// TestArgoRunsThePlugin plays every story at once. A story's name is its Rollout's.
func TestArgoRunsThePlugin(t *testing.T) {
	w := &world{binary: buildCommand(t, "../..", "serin", "./cmd/serin")}
	own := buildCommand(t, ".", "serin-argo-plugin", ".")
	pods, scrape := startPods(t)
	w.pods, w.prometheus = pods, startPrometheus(t, scrape)
	w.serin = newSerin(t, w.binary, w.prometheus)
	w.argo = newClientsets()
	var api *httptest.Server
	var account string
	w.kubernetes, api, account = newKubernetes(t, w.argo.object(t))
	inside(t, api)
	w.argo.install(t, own, "--url="+w.serin.url(), "--token-file="+w.serin.tokenFile(), "--service-account="+account)
	t.Run("stories", func(t *testing.T) {
		for name, play := range map[string]func(*testing.T, *world){
			"promote": promote, "rollback": rollback, "inconclusive": inconclusive, "step": step,
			"guard": guard, "guard-harm": guardHarm, "terminate": terminate, "down": down, "gone": gone, "retry": retry, "skip": skip, "preview": preview,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				play(t, w)
			})
		}
	})
	// It ends the plugin's process, which the others share.
	t.Run("restart", func(t *testing.T) { restart(t, w) })
	w.wantNoCredentials(t)
}

// wantNoCredentials looks for tokens wherever one could have been left.
func (w *world) wantNoCredentials(t *testing.T) {
	t.Helper()
	runs, err := w.argo.argo.ArgoprojV1alpha1().AnalysisRuns(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(runs)
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"the AnalysisRuns": string(text), "Argo's log": w.argo.said.whole(), "Serin's log": w.serin.log.whole()} {
		if strings.Contains(text, adminToken) || strings.Contains(text, memberToken) {
			t.Errorf("got a token in %s, want none", where)
		}
	}
}

// asGate passes the example's argument.
func asGate(g gate) v1alpha1.Argument {
	text := string(g)
	return v1alpha1.Argument{Name: "gate", Value: &text}
}

func promote(t *testing.T, w *world) {
	run := w.argo.begin(t, of{rollout: "promote", kind: "Step", step: "3"}, asGate(gatePromotion))
	run = w.argo.ended(t, run.Name, v1alpha1.AnalysisPhaseSuccessful)
	m := last(run)
	r := w.serin.only(t, "promote")
	link := "https://serin.example.com/v1/rollouts/" + r.Rollout.ID
	if m.Value != "pass" || m.Metadata["verdict"] != "pass" || m.Metadata["gate"] != "promotion" || m.Metadata["score"] == "" || m.Metadata["report"] != link {
		t.Errorf("got %q with %v, want pass with a score and %s", m.Value, m.Metadata, link)
	}
	if !strings.Contains(m.Message, "errors") || !strings.HasSuffix(m.Message, "; "+link) {
		t.Errorf("got message %q, want the reason and the link", m.Message)
	}
	if md := run.Status.MetricResults[0].Metadata; md["serin"] != w.serin.url() || md["gate"] != "promotion" {
		t.Errorf("got the metric's metadata %v, want the server and the gate", md)
	}
	if n := len(run.Status.MetricResults[0].Measurements); n != 1 {
		t.Errorf("got %d measurements, want one that ran until it was decided", n)
	}
	if r.Why != "argo: pass delivered at step 3" || r.Rollout.Revision != "2/6cb7cc687d/uid-of-p" || r.Rollout.Ref != run.Name+" "+string(run.UID) || r.Last == nil || r.Last.Outcome != "promote" {
		t.Errorf("got %+v, want it closed by the pass, with the run's identity", r)
	}
}

func rollback(t *testing.T, w *world) {
	run := w.argo.begin(t, of{rollout: "rollback", kind: "Step", step: "1"}, asGate(gatePromotion))
	run = w.argo.ended(t, run.Name, v1alpha1.AnalysisPhaseFailed)
	if !strings.HasPrefix(run.Status.Message, `Metric "judge" assessed Failed due to failed (1) > failureLimit (0): "Error Message: errors`) ||
		!strings.Contains(run.Status.Message, "https://serin.example.com/v1/rollouts/") {
		t.Errorf("got message %q, want the verdict's reason and the link in it", run.Status.Message)
	}
	if r := w.serin.only(t, "rollback"); r.Why != "argo: fail delivered" {
		t.Errorf("got %+v, want it closed", r)
	}
}

func inconclusive(t *testing.T, w *world) {
	run := w.argo.begin(t, of{rollout: "inconclusive", kind: "Step", step: "1"}, asGate(gatePromotion))
	run = w.argo.ended(t, run.Name, v1alpha1.AnalysisPhaseInconclusive)
	if m := last(run); m.Value != "inconclusive" || !strings.Contains(run.Status.Message, "canary requests") {
		t.Errorf("got %q and message %q, want what was missing", m.Value, run.Status.Message)
	}
	if r := w.serin.only(t, "inconclusive"); r.Why != "argo: inconclusive delivered at step 1" {
		t.Errorf("got %+v, want it closed", r)
	}
}

// step: traffic may increase before anything is proven, and the judging goes on.
func step(t *testing.T, w *world) {
	run := w.argo.begin(t, of{rollout: "step", kind: "Step", step: "1"})
	run = w.argo.ended(t, run.Name, v1alpha1.AnalysisPhaseSuccessful)
	if r := w.serin.only(t, "step"); !r.Closed.IsZero() || last(run).Metadata["gate"] != "step" {
		t.Errorf("got %+v with %v, want it judged further", r, last(run).Metadata)
	}
}

// preview: before the switch of blue/green checks decide, without any traffic. What
// is asked after it is an attempt of its own, and not answered by that pass.
func preview(t *testing.T, w *world) {
	o := of{rollout: "preview", kind: "PrePromotion", suffix: "-pre", change: func(a *v1alpha1.AnalysisTemplate) {
		p := a.Spec.Metrics[0].Provider.Plugin
		p["serin/serin"] = json.RawMessage(strings.Replace(string(p["serin/serin"]), "{", `{"canary":{"url":"`+w.pods+`"},`, 1))
	}}
	w.argo.ended(t, w.argo.begin(t, o).Name, v1alpha1.AnalysisPhaseSuccessful)
	if r := w.serin.only(t, "preview"); r.Rollout.Comparison != "checks" || r.Why != "argo: pass delivered at step pre" {
		t.Errorf("got %+v, want it judged by checks, and closed", r)
	}
	o.kind, o.suffix = "PostPromotion", "-post"
	run := w.argo.ended(t, w.argo.begin(t, o).Name, v1alpha1.AnalysisPhaseSuccessful)
	if list := w.serin.rollouts(t, "preview"); len(list) != 2 || list[0].Rollout.Comparison != "concurrent" || list[0].Why != "argo: pass delivered at step post" ||
		!strings.HasPrefix(list[0].Rollout.Ref, run.Name+" ") {
		t.Errorf("got %+v, want a second attempt with traffic", list)
	}
}

// running waits until a run has been told something by Serin and goes on.
func (w *world) running(t *testing.T, name string) {
	t.Helper()
	w.argo.until(t, name, "an answer", func(r *v1alpha1.AnalysisRun) bool {
		if r.Status.Phase.Completed() {
			t.Fatalf("got %s (%s), want it running", r.Status.Phase, r.Status.Message)
		}
		return last(r).Metadata["verdict"] != ""
	})
}

// guard: it never passes by itself; Argo ends it, and Serin hears of that.
func guard(t *testing.T, w *world) {
	run := w.argo.begin(t, of{rollout: "guard", kind: "Background"})
	w.argo.until(t, run.Name, "a verdict that would let others pass", func(r *v1alpha1.AnalysisRun) bool {
		return last(r).Metadata["verdict"] == "pass"
	})
	if r := w.argo.get(t, run.Name); r.Status.Phase != v1alpha1.AnalysisPhaseRunning {
		t.Fatalf("got %s, want it running on", r.Status.Phase)
	}
	w.argo.rollout(t, "guard", v1alpha1.RolloutStatus{CurrentPodHash: "6cb7cc687d", StableRS: "6cb7cc687d"})
	w.argo.terminate(t, run.Name)
	w.argo.ended(t, run.Name, v1alpha1.AnalysisPhaseSuccessful)
	w.closes(t, "guard", "argo: promoted")
}

// closes waits until Serin has closed a rollout.
func (w *world) closes(t *testing.T, rollout, why string) {
	t.Helper()
	eventually(t, "Serin to hear of the end", func() bool { return !w.serin.only(t, rollout).Closed.IsZero() }, w.serin.log.String)
	if r := w.serin.only(t, rollout); r.Why != why {
		t.Errorf("got it closed because %q, want %q", r.Why, why)
	}
}

func guardHarm(t *testing.T, w *world) {
	run := w.argo.begin(t, of{rollout: "guard-harm", kind: "Background"})
	w.argo.ended(t, run.Name, v1alpha1.AnalysisPhaseFailed)
}

// terminate: Argo ends a run between two polls without a word to the plugin, and
// calls it a success. The plugin looks it up.
func terminate(t *testing.T, w *world) {
	w.argo.rollout(t, "terminate", v1alpha1.RolloutStatus{CurrentPodHash: "6cb7cc687d", StableRS: "5b48864f7f", Abort: true, Message: "by a person"})
	run := w.argo.begin(t, of{rollout: "terminate", kind: "Step", step: "1"}, asGate(gatePromotion))
	w.running(t, run.Name)
	w.argo.terminate(t, run.Name)
	run = w.argo.ended(t, run.Name, v1alpha1.AnalysisPhaseSuccessful)
	if run.Status.Message != "Run Terminated" {
		t.Errorf("got message %q, want Argo's own: if the plugin was called, the page about it is wrong", run.Status.Message)
	}
	w.closes(t, "terminate", "argo: Rollout terminate was aborted: by a person")
}

// skip: a person skips a step. The rollout goes on, and so does its judging.
func skip(t *testing.T, w *world) {
	w.argo.rollout(t, "skip", v1alpha1.RolloutStatus{CurrentPodHash: "6cb7cc687d", StableRS: "5b48864f7f"})
	run := w.argo.begin(t, of{rollout: "skip", kind: "Step", step: "1"}, asGate(gatePromotion))
	w.running(t, run.Name)
	w.argo.terminate(t, run.Name)
	eventually(t, "the plugin to look", func() bool { return w.kubernetes.times("rollouts/skip") > 0 }, w.argo.said.String)
	if r := w.serin.only(t, "skip"); !r.Closed.IsZero() {
		t.Errorf("got %+v, want it open", r)
	}
}

// alone starts a server of the story's own and returns a template that asks it with
// a token from a Secret.
func (w *world) alone(t *testing.T, name, patience string) (*serin, of) {
	t.Helper()
	s := newSerin(t, w.binary, w.prometheus)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string][]byte{"token": []byte(memberToken)}}
	if _, err := w.argo.kube.CoreV1().Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return s, of{rollout: name, kind: "Step", step: "1", template: "serin-plugin-own-token", change: func(a *v1alpha1.AnalysisTemplate) {
		a.Spec.Args[1].ValueFrom.SecretKeyRef.Name = name
		p := a.Spec.Metrics[0].Provider.Plugin
		p["serin/serin"] = json.RawMessage(strings.Replace(string(p["serin/serin"]), "http://serin.serin", s.url(), 1))
		p["serin/serin"] = json.RawMessage(strings.Replace(string(p["serin/serin"]), "{", `{"patience":"`+patience+`",`, 1))
	}}
}

// down: a Serin that is away is waited for, and then asked again.
func down(t *testing.T, w *world) {
	s, run := w.alone(t, "down", "5m")
	end(s.cmd)
	name := w.argo.begin(t, run).Name
	w.argo.until(t, name, "waiting", func(r *v1alpha1.AnalysisRun) bool {
		return last(r).Phase == v1alpha1.AnalysisPhaseRunning && strings.HasPrefix(last(r).Message, "waiting for Serin since ")
	})
	s.start(t)
	r := w.argo.ended(t, name, v1alpha1.AnalysisPhaseSuccessful)
	if m := last(r); m.Metadata[metaAwaySince] != "" || m.Metadata[metaReport] == "" || len(r.Status.MetricResults[0].Measurements) != 1 {
		t.Errorf("got %+v, want one measurement that has forgotten the wait", r.Status.MetricResults[0])
	}
}

// gone: patience ends, and that is never a success.
func gone(t *testing.T, w *world) {
	s, run := w.alone(t, "gone", "3s")
	end(s.cmd)
	r := w.argo.ended(t, w.argo.begin(t, run).Name, v1alpha1.AnalysisPhaseError)
	if !strings.Contains(r.Status.Message, "no answer from Serin for 3s, which is this metric's patience") {
		t.Errorf("got message %q, want what was waited for", r.Status.Message)
	}
}

// retry: the second run of a revision is judged anew at once, although its arguments
// are those of the first one.
func retry(t *testing.T, w *world) {
	o := of{rollout: "retry", kind: "Step", step: "1"}
	w.argo.ended(t, w.argo.begin(t, o, asGate(gatePromotion)).Name, v1alpha1.AnalysisPhaseFailed)
	closed := w.serin.only(t, "retry").Closed
	eventually(t, "the next second", func() bool { return time.Now().Truncate(time.Second).After(closed) }, time.Now().String)
	o.suffix = ".1"
	name := w.argo.begin(t, o, asGate(gatePromotion)).Name
	w.argo.until(t, name, "an answer", func(r *v1alpha1.AnalysisRun) bool { return last(r).Metadata["verdict"] != "" })
	if list := w.serin.rollouts(t, "retry"); len(list) != 2 || !strings.HasPrefix(list[0].Rollout.Ref, name+" ") {
		t.Errorf("got %+v, want a second attempt of the second run", list)
	}
	w.argo.ended(t, name, v1alpha1.AnalysisPhaseFailed)
}

// restart: the controller and the plugin are ended between two calls, and go on
// where they were. A run that was to be resumed meanwhile is ended by a call.
func restart(t *testing.T, w *world) {
	run := w.argo.begin(t, of{rollout: "restart", kind: "Step", step: "1"}, asGate(gatePromotion))
	due := w.argo.begin(t, of{rollout: "due", kind: "Step", step: "1"}, asGate(gatePromotion))
	w.running(t, run.Name)
	w.running(t, due.Name)
	before := last(w.argo.get(t, run.Name))
	w.argo.stop()
	goplugin.CleanupClients()
	w.argo.terminate(t, due.Name)
	at := last(w.argo.get(t, due.Name)).ResumeAt
	eventually(t, "the time to resume", func() bool { return time.Now().After(at.Time) }, at.String)
	w.argo.start(t)
	run = w.argo.ended(t, run.Name, v1alpha1.AnalysisPhaseSuccessful)
	if n := len(run.Status.MetricResults[0].Measurements); n != 1 || !last(run).StartedAt.Equal(before.StartedAt) {
		t.Errorf("got %d measurements, the last since %s, want the one since %s", n, last(run).StartedAt, before.StartedAt)
	}
	w.serin.only(t, "restart")
	due = w.argo.ended(t, due.Name, v1alpha1.AnalysisPhaseInconclusive)
	if !strings.Contains(due.Status.Message, "ended before there was a verdict") {
		t.Errorf("got message %q, want it to say so", due.Status.Message)
	}
	w.closes(t, "due", "argo: Rollout due was deleted")
}
