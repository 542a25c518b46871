package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	analysisutil "github.com/argoproj/argo-rollouts/utils/analysis"
	"github.com/argoproj/argo-rollouts/utils/plugin/types"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// TestTheExamples: they are what Argo's and Kubernetes' own types read, strictly, and
// what the plugin reads.
func TestTheExamples(t *testing.T) {
	var installed corev1.ConfigMap
	readExample(t, "plugin-configmap.yaml", &installed)
	var plugins []types.PluginItem
	if err := yaml.UnmarshalStrict([]byte(installed.Data["metricProviderPlugins"]), &plugins); err != nil {
		t.Fatal(err)
	}
	if len(plugins) != 1 || plugins[0].Name != "serin/serin" || !strings.HasPrefix(plugins[0].Location, "file:///") {
		t.Fatalf("got %+v, want the plugin", plugins)
	}
	if _, err := readSettings(plugins[0].Args); err != nil {
		t.Error(err)
	}
	var rollout v1alpha1.Rollout
	readExample(t, "plugin-rollout.yaml", &rollout)
	uses := []v1alpha1.RolloutAnalysis{rollout.Spec.Strategy.Canary.Analysis.RolloutAnalysis}
	for _, s := range rollout.Spec.Strategy.Canary.Steps {
		if s.Analysis != nil {
			uses = append(uses, *s.Analysis)
		}
	}
	var asked []gate
	for i, u := range uses {
		run := aRun([]string{"Background", "Step", "Step"}[i], "")
		run.Spec.Metrics = template(t, u.Templates[0].TemplateName).Spec.Metrics
		m := resolved(t, template(t, u.Templates[0].TemplateName), u.Args)
		c, err := configOf(m)
		if err != nil {
			t.Fatal(err)
		}
		asked = append(asked, c.gateOf(run))
		if _, err := newCall(run, c); err != nil {
			t.Error(err)
		}
	}
	if len(asked) != 3 || asked[0] != gateGuard || asked[1] != gateStep || asked[2] != gatePromotion {
		t.Errorf("got gates %v, want a guard, a step and the last one", asked)
	}
	own := template(t, "serin-plugin-own-token")
	run := aRun("Step", "1")
	run.Spec.Metrics, run.Spec.Args = own.Spec.Metrics, own.Spec.Args
	if !fromSecret(run, "judge") {
		t.Error("the example's own token is refused")
	}
}

// resolved is a template's metric as Argo hands it to a plugin.
func resolved(t *testing.T, tmpl *v1alpha1.AnalysisTemplate, args []v1alpha1.AnalysisRunArgument) v1alpha1.Metric {
	t.Helper()
	var list []v1alpha1.Argument
	for _, a := range args {
		value := first(a.Value, "5b48864f7f")
		list = append(list, v1alpha1.Argument{Name: a.Name, Value: &value})
	}
	all, err := analysisutil.MergeArgs(list, tmpl.Spec.Args)
	if err != nil {
		t.Fatal(err)
	}
	m, err := analysisutil.ResolveMetricArgs(tmpl.Spec.Metrics[0], all)
	if err != nil {
		t.Fatal(err)
	}
	return *m
}

// TestThePage: the page shows the fields that there are, and no others.
func TestThePage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "argo-plugin.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = readConfig(json.RawMessage(`{"": ""}`))
	_, known, _ := strings.Cut(err.Error(), "known here are ")
	for field := range strings.SplitSeq(known, ", ") {
		if !strings.Contains(string(text), "`"+field+"`") {
			t.Errorf("the page does not tell of %s", field)
		}
	}
	_, err = readSettings([]string{"--nothing"})
	_, known, _ = strings.Cut(err.Error(), "known are ")
	for name := range strings.FieldsSeq(strings.NewReplacer(",", " ", " and ", " ").Replace(known)) {
		if !strings.Contains(string(text), "`"+name) {
			t.Errorf("the page does not tell of %s", name)
		}
	}
}
