package argo

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
)

// restart: the server is killed while a canary is on trial, and comes back.
func restart(t *testing.T, w *world) {
	w = w.alone(t)
	s := w.newStory(t, "argo/rollout.yaml", told{rollout: lastGate})
	s.deploy("2")
	s.until("a look", func() bool { return s.measured("Step") > 0 })
	before := s.serin.rollouts(s.name)
	s.serin.end(syscall.SIGKILL)
	s.until("an error", func() bool { return s.errors("Step") > 0 })
	if got := s.phases("Step"); got != "Running" || s.weight() != 50 {
		t.Errorf("got analyses %s at weight %d without a judge, want it running at 50", got, s.weight())
	}
	s.serin.start()
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	if r := s.ended("argo: pass delivered at step 1")[0]; len(before) != 1 || r.Rollout.ID != before[0].Rollout.ID {
		t.Errorf("got rollout %s, want the one from before the restart: %+v", r.Rollout.ID, before)
	}
}

// unavailable: between Argo and Serin stands something that answers 503 for a while.
func unavailable(t *testing.T, w *world) {
	var away atomic.Bool
	to := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: w.serin.addr})
	between := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if away.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		to.ServeHTTP(rw, r)
	}))
	t.Cleanup(between.Close)
	s := w.newStory(t, "argo/rollout.yaml", told{rollout: lastGate, at: strings.TrimPrefix(between.URL, "http://")})
	away.Store(true)
	s.deploy("2")
	s.until("two errors", func() bool { return s.errors("Step") > 1 })
	away.Store(false)
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	s.ended("argo: pass delivered at step 1")
}

// impatient lets a gate survive one error.
func impatient(_ *testing.T, a *v1alpha1.AnalysisTemplate) {
	one := intstr.FromInt(1)
	a.Spec.Metrics[0].ConsecutiveErrorLimit = &one
}

// down: no judge for longer than the template's limit.
func down(t *testing.T, w *world) {
	w = w.alone(t)
	s := w.newStory(t, "argo/rollout.yaml", told{template: impatient})
	s.serin.end(syscall.SIGKILL)
	s.deploy("2")
	s.rolledBack("Step-based analysis phase error/failed")
	if got := s.phases("Step"); got != "Error" {
		t.Errorf("got analyses %s, want one, Error", got)
	}
	s.serin.start()
	s.ended()
}

// noToken: a template without its header.
func noToken(t *testing.T, w *world) {
	s := w.newStory(t, "argo/rollout.yaml", told{template: func(_ *testing.T, a *v1alpha1.AnalysisTemplate) {
		impatient(t, a)
		a.Spec.Metrics[0].Provider.Web.Headers = nil
	}})
	s.deploy("2")
	s.rolledBack("Step-based analysis phase error/failed")
	if r := s.runs("Step"); len(r) != 1 || !strings.Contains(r[0].Status.Message, "received non 2xx response code: 401") {
		t.Errorf("got %s, want the status in the message", s.describe())
	}
	s.ended()
}
