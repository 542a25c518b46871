package argo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/yaml"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/istio"
)

const (
	// patience bounds each wait for something that a story needs.
	patience = 100 * time.Second
	// past is how long a stable version has run before its story begins.
	past = 18 * time.Second
)

// story is one Rollout from its birth on, in a namespace of its own.
type story struct {
	t       *testing.T
	name    string
	cluster *cluster
	service *service
	serin   *serin
}

// told is a change to what the examples say.
type told struct {
	rollout  func(*v1alpha1.Rollout)
	template func(*testing.T, *v1alpha1.AnalysisTemplate)
	files    []string // of templates, beside analysistemplate.yaml
	at       string   // the server's address, where it is not Serin's
}

// read reads an example about a service of a name, strictly, as Argo's types have it.
func read(t *testing.T, file, name string, to any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict([]byte(strings.ReplaceAll(string(text), "checkout", name)), to); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// newStory creates a Rollout from an example under the test's name, with its templates
// and whatever else it needs, and waits until its first version has a past.
func (w *world) newStory(t *testing.T, file string, change told) *story {
	t.Helper()
	name := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
	s := &story{t: t, name: name, cluster: w.cluster, service: w.pods.services[name], serin: w.serin}
	if s.service == nil {
		t.Fatalf("%s is not among the services that have pods", name)
	}
	if change.at == "" {
		change.at = w.serin.addr
	}
	began := time.Now()
	s.prepare()
	for _, f := range append([]string{"argo/analysistemplate.yaml"}, change.files...) {
		s.template(f, change)
	}
	ro := &v1alpha1.Rollout{}
	read(t, file, name, ro)
	ro.Namespace = name
	if change.rollout != nil {
		change.rollout(ro)
	}
	if _, err := s.cluster.argo.ArgoprojV1alpha1().Rollouts(name).Create(t.Context(), ro, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s\nrecorded: %+v", s.describe(), s.serin.rollouts(name))
		}
	})
	// Argo may look before it has heard of the Services, and says so until it has.
	s.until("the first version", func() bool { return s.rollout().Status.Phase == v1alpha1.RolloutPhaseHealthy })
	s.until("a past", func() bool { return time.Since(began) > past })
	return s
}

// prepare creates a token, Services and a VirtualService.
func (s *story) prepare() {
	s.t.Helper()
	ctx := s.t.Context()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: "serin"}, Data: map[string][]byte{"token": []byte(token)}}
	if _, err := s.cluster.kube.CoreV1().Secrets(s.name).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		s.t.Fatal(err)
	}
	for _, kind := range [...]string{"", "-preview", "-stable", "-canary"} {
		svc := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.name, Name: s.name + kind},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": s.name}, Ports: []corev1.ServicePort{{Port: 80}}},
		}
		if _, err := s.cluster.kube.CoreV1().Services(s.name).Create(ctx, svc, metav1.CreateOptions{}); err != nil {
			s.t.Fatal(err)
		}
	}
	if strings.HasPrefix(s.name, "blue-green") {
		return
	}
	to := func(kind string, weight int64) any {
		return map[string]any{"destination": map[string]any{"host": s.name + kind}, "weight": weight}
	}
	vs := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": istio.GetIstioVirtualServiceGVR().GroupVersion().String(), "kind": "VirtualService",
		"metadata": map[string]any{"name": s.name, "namespace": s.name},
		"spec":     map[string]any{"http": []any{map[string]any{"route": []any{to("-stable", 100), to("-canary", 0)}}}},
	}}
	if _, err := s.cluster.mesh.Resource(istio.GetIstioVirtualServiceGVR()).Namespace(s.name).Create(ctx, vs, metav1.CreateOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

// template creates an example's AnalysisTemplate, which asks every second.
func (s *story) template(file string, change told) {
	s.t.Helper()
	a := &v1alpha1.AnalysisTemplate{}
	read(s.t, file, s.name, a)
	a.Namespace = s.name
	m := &a.Spec.Metrics[0]
	if m.Provider.Web != nil {
		m.Interval = "1s"
		m.Provider.Web.URL = strings.Replace(m.Provider.Web.URL, "serin.serin", change.at, 1)
	}
	if change.template != nil {
		change.template(s.t, a)
	}
	if _, err := s.cluster.argo.ArgoprojV1alpha1().AnalysisTemplates(s.name).Create(s.t.Context(), a, metav1.CreateOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

// deploy changes the Rollout's image.
func (s *story) deploy(image string) {
	s.t.Helper()
	api := s.cluster.argo.ArgoprojV1alpha1().Rollouts(s.name)
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		ro := s.rollout()
		c := &ro.Spec.Template.Spec.Containers[0]
		c.Image = c.Image[:strings.LastIndex(c.Image, ":")+1] + image
		_, err := api.Update(s.t.Context(), ro, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// patch changes the Rollout's status, as Argo's kubectl plugin does.
func (s *story) patch(status string) {
	s.t.Helper()
	_, err := s.cluster.argo.ArgoprojV1alpha1().Rollouts(s.name).Patch(s.t.Context(), s.name, types.MergePatchType,
		[]byte(`{"status":`+status+`}`), metav1.PatchOptions{}, "status")
	if err != nil {
		s.t.Fatal(err)
	}
}

// rollout reads the Rollout.
func (s *story) rollout() *v1alpha1.Rollout {
	s.t.Helper()
	ro, err := s.cluster.argo.ArgoprojV1alpha1().Rollouts(s.name).Get(context.Background(), s.name, metav1.GetOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	return ro
}

// weight returns the canary's share that Argo has written into the routes, in percent.
func (s *story) weight() int { return int(100*s.cluster.routes(s.name)[s.name+"-canary"] + 0.5) }

// image returns the image that has the hash.
func (s *story) image(hash string) string {
	s.t.Helper()
	list, err := s.cluster.kube.AppsV1().ReplicaSets(s.name).List(s.t.Context(), metav1.ListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, rs := range list.Items {
		if rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey] == hash && len(rs.OwnerReferences) > 0 && rs.OwnerReferences[0].Kind == "Rollout" {
			return imageOf(&rs)
		}
	}
	return "none"
}

// stable returns the image that everybody has.
func (s *story) stable() string { return s.image(s.rollout().Status.StableRS) }

// until waits for a condition.
func (s *story) until(what string, holds func() bool) {
	s.t.Helper()
	eventually(s.t, what, holds)
}

// untilPhase waits until the Rollout, as it was last changed, is in a phase, and fails
// at once where it ends in another one.
func (s *story) untilPhase(want v1alpha1.RolloutPhase) {
	s.t.Helper()
	s.until("phase "+string(want), func() bool {
		ro := s.rollout()
		st := ro.Status
		if st.ObservedGeneration != strconv.FormatInt(ro.Generation, 10) {
			return false
		}
		if want != st.Phase && (st.Phase == v1alpha1.RolloutPhaseDegraded || st.Phase == v1alpha1.RolloutPhaseHealthy) {
			s.t.Fatalf("got phase %s (%s), want %s", st.Phase, st.Message, want)
		}
		return want == st.Phase
	})
}

// runs returns the AnalysisRuns of a type (Step, Background, PrePromotion or
// PostPromotion), or all of them, by their names.
func (s *story) runs(kind string) []v1alpha1.AnalysisRun {
	s.t.Helper()
	list, err := s.cluster.argo.ArgoprojV1alpha1().AnalysisRuns(s.name).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	var out []v1alpha1.AnalysisRun
	for _, r := range list.Items {
		if kind == "" || r.Labels[v1alpha1.RolloutTypeLabel] == kind {
			out = append(out, r)
		}
	}
	return out
}

// phases returns the phases of the AnalysisRuns of a type.
func (s *story) phases(kind string) string {
	s.t.Helper()
	var out []string
	for _, r := range s.runs(kind) {
		out = append(out, string(r.Status.Phase))
	}
	return strings.Join(out, " ")
}

// measured returns how many measurements of a type of AnalysisRuns were answered.
func (s *story) measured(kind string) int {
	s.t.Helper()
	n := 0
	for _, r := range s.runs(kind) {
		for _, m := range r.Status.MetricResults {
			n += int(m.Count)
		}
	}
	return n
}

// errors returns how many measurements of a type of AnalysisRuns were errors.
func (s *story) errors(kind string) int {
	s.t.Helper()
	n := 0
	for _, r := range s.runs(kind) {
		for _, m := range r.Status.MetricResults {
			n += int(m.Error)
		}
	}
	return n
}

// describe says what became of the Rollout.
func (s *story) describe() string {
	var b strings.Builder
	st := s.rollout().Status
	fmt.Fprintf(&b, "the Rollout is %s (%s), aborted %v, at %d%%", st.Phase, st.Message, st.Abort, s.weight())
	for _, r := range s.runs("") {
		fmt.Fprintf(&b, "\n%s: %s (%s)", r.Name, r.Status.Phase, r.Status.Message)
		for _, m := range r.Status.MetricResults {
			fmt.Fprintf(&b, "; %d successful, %d failed, %d inconclusive, %d errors", m.Successful, m.Failed, m.Inconclusive, m.Error)
			for _, x := range m.Measurements[max(0, len(m.Measurements)-2):] {
				fmt.Fprintf(&b, "\n\t%s %q %s", x.Phase, x.Value, x.Message)
			}
		}
	}
	return b.String()
}

// ended checks the rollouts that Serin has recorded: why each was closed, in order.
func (s *story) ended(why ...string) []rolled {
	s.t.Helper()
	list := s.serin.rollouts(s.name)
	if len(list) != len(why) {
		s.t.Fatalf("got %d rollouts, want %d: %+v", len(list), len(why), list)
	}
	for i, r := range list {
		if !strings.Contains(r.Why, why[i]) || (why[i] == "") != r.Closed.IsZero() {
			s.t.Errorf("rollout %d: got closed %v because %q, want %q", i+1, !r.Closed.IsZero(), r.Why, why[i])
		}
	}
	return list
}
