package notifications

import (
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-rollouts/metricproviders/webmetric"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/validation"
	"github.com/argoproj/argo-rollouts/utils/analysis"
	"github.com/sirupsen/logrus"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/serin-canary/serin/cmd/serin/argo"
	"github.com/serin-canary/serin/judge/plan"
)

// asked are the arguments that a Rollout gives, as docs/argo.md has them.
const asked = `
- { name: rollout,    valueFrom: { fieldRef: { fieldPath: metadata.name } } }
- { name: namespace,  valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
- { name: uid,        valueFrom: { fieldRef: { fieldPath: metadata.uid } } }
- { name: revision,   valueFrom: { fieldRef: { fieldPath: "metadata.annotations['rollout.argoproj.io/revision']" } } }
- { name: step,       valueFrom: { fieldRef: { fieldPath: status.currentStepIndex } } }
- { name: stableHash, valueFrom: { podTemplateHashValue: Stable } }
- { name: canaryHash, valueFrom: { podTemplateHashValue: Latest } }
`

// exported are all kinds of template that Serin prints.
func exported(url string) map[string]argo.Template {
	p := plan.Plan{
		Name: "checkout", Service: "checkout", Source: "prometheus", Block: plan.Duration(time.Minute), Lag: plan.Duration(30 * time.Second),
		MaxDuration: plan.Duration(time.Hour), HoldFor: plan.Duration(4 * time.Hour), AtDeadline: plan.Hold,
	}
	secret := argo.Secret{Name: "serin", Key: "token"}
	return map[string]argo.Template{
		"gate":    {Plan: p, URL: url, Secret: secret},
		"step":    {Plan: p, URL: url, Secret: secret, Gate: argo.GateStep},
		"pending": {Plan: p, URL: url, Secret: secret, Idiom: argo.IdiomPending},
		"guard":   {Plan: p, URL: url, Secret: secret, Idiom: argo.IdiomGuard},
		"kayenta": {Plan: p, URL: url, Secret: secret, Provider: argo.Kayenta},
		"plugin":  {Plan: p, URL: url, Secret: secret, Provider: argo.Plugin},
	}
}

// read reads an exported template with Argo's own types, which must know every field.
func read(t *testing.T, template argo.Template) *v1alpha1.AnalysisTemplate {
	t.Helper()
	text, err := template.YAML()
	if err != nil {
		t.Fatal(err)
	}
	var read v1alpha1.AnalysisTemplate
	if err := yaml.UnmarshalStrict(text, &read); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return &read
}

// args are the Rollout's, as Argo resolves them.
func args(t *testing.T, ro *v1alpha1.Rollout) ([]v1alpha1.AnalysisRunArgument, []v1alpha1.Argument) {
	t.Helper()
	var given []v1alpha1.AnalysisRunArgument
	if err := yaml.UnmarshalStrict([]byte(asked), &given); err != nil {
		t.Fatal(err)
	}
	set := func(hash string) *appsv1.ReplicaSet {
		return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1alpha1.DefaultRolloutUniqueLabelKey: hash}}}
	}
	resolved, err := analysis.BuildArgumentsForRolloutAnalysisRun(given, set(ro.Status.StableRS), set(ro.Status.CurrentPodHash), ro)
	if err != nil {
		t.Fatal(err)
	}
	return given, resolved
}

// metric is an exported template's, resolved with the Rollout's arguments and the
// token, and found valid.
func metric(t *testing.T, template *v1alpha1.AnalysisTemplate, resolved []v1alpha1.Argument) v1alpha1.Metric {
	t.Helper()
	run, err := analysis.NewAnalysisRunFromTemplates([]*v1alpha1.AnalysisTemplate{template}, nil, resolved, nil, nil, nil, nil, "run", "", "shop")
	if err != nil {
		t.Fatal(err)
	}
	secret := token
	for i := range run.Spec.Args {
		if run.Spec.Args[i].ValueFrom != nil {
			run.Spec.Args[i].Value = &secret
		}
	}
	m, err := analysis.ResolveMetricArgs(run.Spec.Metrics[0], run.Spec.Args)
	if err != nil {
		t.Fatal(err)
	}
	if err := analysis.ValidateMetrics([]v1alpha1.Metric{*m}); err != nil {
		t.Fatal(err)
	}
	return *m
}

// What Serin exports is what Argo's own types and validation take, where it is used.
func TestExportedTemplatesAreValid(t *testing.T) {
	ro := at(3, steps(true)).rollout()
	given, resolved := args(t, ro)
	ro.Spec.Strategy.Canary.Analysis = &v1alpha1.RolloutAnalysisBackground{RolloutAnalysis: v1alpha1.RolloutAnalysis{Args: given}}
	for name, template := range exported("http://serin.serin") {
		t.Run(name, func(t *testing.T) {
			metric(t, read(t, template), resolved)
			for _, use := range []validation.AnalysisTemplateType{validation.InlineAnalysis, validation.BackgroundAnalysis} {
				faults := validation.ValidateAnalysisTemplatesWithType(ro, validation.AnalysisTemplatesWithType{
					AnalysisTemplates: []*v1alpha1.AnalysisTemplate{read(t, template)}, TemplateType: use, CanaryStepIndex: 3, Args: given,
				})
				text := faults.ToAggregate()
				// A guard has no end: that is for the background alone.
				if endless := use == validation.InlineAnalysis && name == "guard"; (text != nil) != endless || endless && !strings.Contains(text.Error(), "runs indefinitely") {
					t.Errorf("%s: got %v", use, text)
				}
			}
		})
	}
}

// One measurement of each, by Argo's web provider, of a server that has just been
// notified: it finds the rollout that the notification opened.
func TestMeasurementsFindWhatWasNotified(t *testing.T) {
	for name, want := range map[string]v1alpha1.AnalysisPhase{
		"gate": v1alpha1.AnalysisPhaseInconclusive, "step": v1alpha1.AnalysisPhaseInconclusive,
		"pending": v1alpha1.AnalysisPhaseError, "guard": v1alpha1.AnalysisPhaseSuccessful,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			ro := at(0, steps(true)).rollout()
			w.event("RolloutStepCompleted", ro)
			opened := w.rollouts()
			_, resolved := args(t, ro)
			m := metric(t, read(t, exported(w.url)[name]), resolved)
			client, err := webmetric.NewWebMetricHttpClient(m)
			if err != nil {
				t.Fatal(err)
			}
			parser, err := webmetric.NewWebMetricJsonParser(m)
			if err != nil {
				t.Fatal(err)
			}
			got := webmetric.NewWebMetricProvider(*logrus.NewEntry(logrus.StandardLogger()), client, parser).Run(&v1alpha1.AnalysisRun{}, m)
			if got.Phase != want || want != v1alpha1.AnalysisPhaseError && !strings.HasPrefix(got.Value, `"running `) && !strings.HasPrefix(got.Value, "running ") {
				t.Errorf("got %s (%s, %q), want %s", got.Phase, got.Message, got.Value, want)
			}
			if now := w.rollouts(); len(now) != 1 || len(opened) != 1 || now[0].ID != opened[0].ID {
				t.Errorf("got %+v after %+v, want the one that the notification opened", now, opened)
			}
		})
	}
}
