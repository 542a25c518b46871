package argo

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
)

// config is a canary config about the requests that fail.
const config = `{"name": %[1]q, "applications": [%[1]q], "judge": {"name": "serin"}, "templates": {},
	"metrics": [{"name": "errors", "groups": ["errors"], "scopeName": "default",
		"analysisConfigurations": {"canary": {"direction": "increase", "critical": true}},
		"query": {"type": "prometheus", "customInlineTemplate":
			"PromQL:sum(rate(http_requests_total{namespace=\"%[1]s\",pod=~\"${scope}\",code=\"500\"}[4s])) / sum(rate(http_requests_total{namespace=\"%[1]s\",pod=~\"${scope}\"}[4s]))"}}],
	"classifier": {"groupWeights": {"errors": 100}}}`

// asked begins a story whose only gate is Argo's kayenta provider, over the minute
// that has passed.
func asked(t *testing.T, w *world) *story {
	t.Helper()
	s := w.newStory(t, "argo/rollout.yaml", told{
		files: []string{"kayenta/analysistemplate.yaml"},
		rollout: func(ro *v1alpha1.Rollout) {
			lastGate(ro)
			ro.Spec.Strategy.Canary.Steps[1].Analysis = &v1alpha1.RolloutAnalysis{
				Templates: []v1alpha1.AnalysisTemplateRef{{TemplateName: "serin-kayenta"}},
				Args: []v1alpha1.AnalysisRunArgument{
					{Name: "stable-hash", ValueFrom: &v1alpha1.ArgumentValueFrom{PodTemplateHashValue: new(v1alpha1.Stable)}},
					{Name: "canary-hash", ValueFrom: &v1alpha1.ArgumentValueFrom{PodTemplateHashValue: new(v1alpha1.Latest)}},
				},
			}
		},
		template: func(_ *testing.T, a *v1alpha1.AnalysisTemplate) {
			m := &a.Spec.Metrics[0]
			if k := m.Provider.Kayenta; k != nil {
				m.InitialDelay, m.Interval = "60s", "60s"
				k.Address = strings.Replace(k.Address, "serin.serin:8080", w.serin.addr, 1)
				k.Scopes[0].ControlScope.Step, k.Scopes[0].ExperimentScope.Step = 1, 1
			}
		},
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.serin.addr+"/kayenta/canaryConfig", strings.NewReader(fmt.Sprintf(config, s.name)))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("", token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("got %s", answer.Status)
	}
	return s
}

// judged shows, where the test fails, what the analysis was told.
func (s *story) judged() {
	if !s.t.Failed() {
		return
	}
	for _, r := range s.runs("Step") {
		for _, m := range r.Status.MetricResults {
			for _, x := range m.Measurements {
				s.t.Logf("the analysis %s was told: %s", r.Name, s.serin.get("/kayenta/canary/"+x.Metadata["canaryExecutionId"]))
			}
		}
	}
}

func kayenta(t *testing.T, w *world) {
	s := asked(t, w)
	t.Cleanup(s.judged)
	s.deploy("2")
	s.untilPhase(v1alpha1.RolloutPhaseHealthy)
	if got := s.phases("Step"); got != "Successful" || s.stable() != "2" {
		t.Errorf("got image %s after analyses %s, want 2 after a successful one", s.stable(), got)
	}
}

func kayentaHarm(t *testing.T, w *world) {
	s := asked(t, w)
	s.service.breakImage("2", 0.2)
	s.deploy("2")
	s.rolledBack("Step-based analysis phase error/failed")
	if got := s.phases("Step"); got != "Failed" {
		t.Errorf("got analyses %s, want one, Failed", got)
	}
}
