package flagger

import (
	"errors"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/fluxcd/flagger/pkg/metrics/providers"
)

// template reads the MetricTemplate of the examples, for a server.
func template(t *testing.T, s *serin) *flaggerv1.MetricTemplate {
	t.Helper()
	text, err := os.ReadFile("../../../examples/flagger/metric-template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := &flaggerv1.MetricTemplate{}
	if err := yaml.UnmarshalStrict(text, m); err != nil {
		t.Fatal(err)
	}
	m.Spec.Provider.Address = strings.Replace(m.Spec.Provider.Address, "http://serin.serin", "http://"+s.addr, 1)
	return m
}

// measured is a change to a Canary: no rollout hook and no rollback hook, but Serin as
// a metric. It creates what Flagger reads besides.
func measured(t *testing.T, w *world) func(*flaggerv1.Canary) {
	t.Helper()
	return func(cd *flaggerv1.Canary) {
		only(flaggerv1.PreRolloutHook, flaggerv1.ConfirmTrafficIncreaseHook, flaggerv1.ConfirmPromotionHook, flaggerv1.PostRolloutHook, flaggerv1.EventHook)(cd)
		lowest := 0.0
		m := template(t, w.serin)
		m.Name = cd.Name // the stories share a namespace
		m.Spec.Provider.SecretRef.Name = cd.Name
		cd.Spec.Analysis.Threshold = 3
		cd.Spec.Analysis.Metrics = []flaggerv1.CanaryMetric{{
			Name: "serin", Interval: "1m", ThresholdRange: &flaggerv1.CanaryThresholdRange{Min: &lowest},
			TemplateRef: &flaggerv1.CrossNamespaceObjectReference{Name: m.Name},
		}}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: cd.Name}, Data: map[string][]byte{"token": []byte(token)}}
		if _, err := w.cluster.kube.CoreV1().Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.cluster.canaries.FlaggerV1beta1().MetricTemplates(namespace).Create(t.Context(), m, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "Flagger to see the template", func() bool {
			_, err := w.cluster.informers.MetricInformer.Lister().MetricTemplates(namespace).Get(m.Name)
			return err == nil
		})
	}
}

func metric(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", measured(t, w))
	s.begin("2")
	s.untilPhase(flaggerv1.CanaryPhaseSucceeded)
	s.want("-advancement serin", "-Error checking metric providers", "-no values found")
	s.ended("promotion granted")
	eventually(t, "Flagger's own metric of the verdict", func() bool {
		return strings.Contains(ask(t, w.prometheus, `flagger_canary_metric_analysis{name="metric",metric="serin"}`), `"value":[`)
	})
}

func metricHarm(t *testing.T, w *world) {
	s := w.newStory(t, "canary.yaml", measured(t, w))
	s.begin("2")
	s.until("the first weight", func() bool { return s.weight() > 0 })
	s.service.breakCanary(0.5)
	s.untilPhase(flaggerv1.CanaryPhaseFailed)
	if n := s.said.count("Halt metric-harm.shop advancement serin -1.00 < 0"); n != 3 {
		t.Errorf("got %d failed checks of the metric, want the threshold's 3", n)
	}
	s.ended("Failed")
}

// provider puts Flagger's Prometheus client before the server.
func provider(t *testing.T, w *world) {
	m := template(t, w.serin)
	client := func(token string) *providers.PrometheusProvider {
		t.Helper()
		p, err := providers.NewPrometheusProvider(m.Spec.Provider, map[string][]byte{"token": []byte(token)})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if ok, err := client(token).IsOnline(); !ok || err != nil {
		t.Errorf("got online %v, %v", ok, err)
	}
	if _, err := client(token).RunQuery(`serin_verdict{namespace="shop", name="nobody"}`); !errors.Is(err, providers.ErrNoValuesFound) {
		t.Errorf("got %v, want no values found", err)
	}
	if _, err := client(token).RunQuery(`up`); err == nil || !strings.Contains(err.Error(), "400") || !strings.Contains(err.Error(), "write serin_verdict") {
		t.Errorf("got %v, want 400 with what to write", err)
	}
	if ok, err := client("wrong-wrong-wrong-wrong").IsOnline(); ok || err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("got online %v, %v; want 401", ok, err)
	}
}
