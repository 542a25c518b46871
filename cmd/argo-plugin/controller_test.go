package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-rollouts/analysis"
	"github.com/argoproj/argo-rollouts/controller/metrics"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	argofake "github.com/argoproj/argo-rollouts/pkg/client/clientset/versioned/fake"
	"github.com/argoproj/argo-rollouts/pkg/client/informers/externalversions"
	analysisutil "github.com/argoproj/argo-rollouts/utils/analysis"
	argoconfig "github.com/argoproj/argo-rollouts/utils/config"
	"github.com/argoproj/argo-rollouts/utils/defaults"
	argoplugin "github.com/argoproj/argo-rollouts/utils/plugin"
	"github.com/argoproj/argo-rollouts/utils/queue"
	"github.com/argoproj/argo-rollouts/utils/record"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/yaml"
)

// namespace is where everything is.
const namespace = "shop"

// argo is Kubernetes' API (fake clientsets) with Argo's own analysis controller
// in it, which has started the plugin as Argo does.
type argo struct {
	kube *kubefake.Clientset
	argo *argofake.Clientset
	said *tail // by the controller and by the plugin
	stop func()
}

// buildCommand builds a command of this repository.
func buildCommand(t *testing.T, dir, name, what string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", out, what)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return out
}

func newClientsets() *argo {
	return &argo{kube: kubefake.NewSimpleClientset(), argo: argofake.NewSimpleClientset(), said: &tail{}}
}

// install installs the plugin by the example's ConfigMap, with another location and
// other arguments, and starts the controller.
func (a *argo) install(t *testing.T, binary string, args ...string) {
	t.Helper()
	log.SetOutput(a.said)
	hclog.DefaultOutput = a.said
	text, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	installed, err := json.Marshal([]map[string]any{{
		"name": "serin/serin", "location": "file://" + binary, "sha256": fmt.Sprintf("%x", sha256.Sum256(text)), "args": args,
	}})
	if err != nil {
		t.Fatal(err)
	}
	var example corev1.ConfigMap
	readExample(t, "plugin-configmap.yaml", &example)
	example.Data["metricProviderPlugins"] = string(installed)
	if _, err := a.kube.CoreV1().ConfigMaps(defaults.Namespace()).Create(t.Context(), &example, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := argoconfig.InitializeConfig(a.kube, defaults.DefaultRolloutsConfigMapName); err != nil {
		t.Fatal(err)
	}
	chdir(t, t.TempDir()) // Argo copies plugins to where it runs
	if err := argoplugin.DownloadPlugins(argoplugin.FileDownloaderImpl{}, a.kube); err != nil {
		t.Fatal(err)
	}
	a.start(t)
	t.Cleanup(func() {
		a.stop()
		goplugin.CleanupClients()
		log.SetOutput(io.Discard)
		if t.Failed() {
			t.Logf("Argo and the plugin said:\n%s", a.said)
		}
	})
}

// chdir changes the working directory until the test ends. Testing's own would
// forbid parallel stories below.
func chdir(t *testing.T, dir string) {
	t.Helper()
	old, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chdir(old); err != nil {
			t.Error(err)
		}
	})
}

// start starts the controller, as Argo's main does.
func (a *argo) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	runs := externalversions.NewSharedInformerFactory(a.argo, 0)
	jobs := informers.NewSharedInformerFactory(a.kube, 0)
	work := workqueue.NewNamedRateLimitingQueue(queue.DefaultArgoRolloutsRateLimiter(), "AnalysisRuns")
	c := analysis.NewController(analysis.ControllerConfig{
		KubeClientSet: a.kube, ArgoProjClientset: a.argo,
		AnalysisRunInformer: runs.Argoproj().V1alpha1().AnalysisRuns(), JobInformer: jobs.Batch().V1().Jobs(),
		ResyncPeriod:         15 * time.Minute,
		AnalysisRunWorkQueue: work,
		MetricsServer:        metrics.NewMetricsServer(metrics.ServerConfig{Addr: "localhost:0", K8SRequestProvider: &metrics.K8sRequestsCountProvider{}}),
		Recorder:             record.NewFakeEventRecorder(),
	})
	runs.Start(ctx.Done())
	jobs.Start(ctx.Done())
	runs.WaitForCacheSync(ctx.Done())
	jobs.WaitForCacheSync(ctx.Done())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.Run(ctx, 4); err != nil {
			t.Error(err)
		}
	}()
	a.stop = func() { cancel(); work.ShutDown(); <-done } // its workers wait for work
}

// readExample reads the first document of an example, strictly, into Argo's or
// Kubernetes' own type.
func readExample(t *testing.T, file string, into any) {
	t.Helper()
	for _, doc := range examples(t, file)[:1] {
		if err := yaml.UnmarshalStrict([]byte(doc), into); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
}

// examples returns the documents of an example.
func examples(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(home(t), "..", "..", "examples", "argo", file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n---\n")
}

// template returns one of the example's templates.
func template(t *testing.T, name string) *v1alpha1.AnalysisTemplate {
	t.Helper()
	for _, doc := range examples(t, "plugin-analysistemplate.yaml") {
		var out v1alpha1.AnalysisTemplate
		if err := yaml.UnmarshalStrict([]byte(doc), &out); err != nil {
			t.Fatal(err)
		}
		if out.Name == name {
			return &out
		}
	}
	t.Fatalf("the example has no template %s", name)
	return nil
}

// begin creates an AnalysisRun from a template, as a Rollout of this name does.
func (a *argo) begin(t *testing.T, r of, args ...v1alpha1.Argument) *v1alpha1.AnalysisRun {
	t.Helper()
	run := r.run(t, args...)
	made, err := a.argo.ArgoprojV1alpha1().AnalysisRuns(namespace).Create(t.Context(), run, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// of says of what Rollout an AnalysisRun is, and which of its analyses.
type of struct {
	rollout, kind, step string
	template            string // default serin-plugin
	suffix              string // of its name, where it is a second one
	change              func(*v1alpha1.AnalysisTemplate)
}

// run makes an AnalysisRun by Argo's own function.
func (o of) run(t *testing.T, args ...v1alpha1.Argument) *v1alpha1.AnalysisRun {
	t.Helper()
	tmpl := template(t, first(o.template, "serin-plugin"))
	if o.change != nil {
		o.change(tmpl)
	}
	labels := map[string]string{v1alpha1.RolloutTypeLabel: o.kind, v1alpha1.DefaultRolloutUniqueLabelKey: "6cb7cc687d"}
	name := o.rollout + "-6cb7cc687d-2"
	if o.step != "" {
		labels[v1alpha1.RolloutCanaryStepIndexLabel] = o.step
		name += "-" + o.step
	}
	name += o.suffix
	stable := "5b48864f7f"
	args = append(args, v1alpha1.Argument{Name: "stable-hash", Value: &stable})
	run, err := analysisutil.NewAnalysisRunFromTemplates([]*v1alpha1.AnalysisTemplate{tmpl}, nil, args, nil, nil,
		labels, map[string]string{revisionAnnotation: "2"}, name, "", namespace)
	if err != nil {
		t.Fatal(err)
	}
	run.UID = uidOf(name)
	run.CreationTimestamp = metav1.NewTime(time.Now().Truncate(time.Second)) // whole seconds, as in a cluster
	controls := true
	run.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout", Name: o.rollout, UID: uidOf(o.rollout), Controller: &controls,
	}}
	return run
}

func uidOf(name string) types.UID { return types.UID("uid-of-" + name) }

// get reads an AnalysisRun.
func (a *argo) get(t *testing.T, name string) *v1alpha1.AnalysisRun {
	t.Helper()
	run, err := a.argo.ArgoprojV1alpha1().AnalysisRuns(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// terminate ends an AnalysisRun as a Rollout does.
func (a *argo) terminate(t *testing.T, name string) {
	t.Helper()
	if _, err := a.argo.ArgoprojV1alpha1().AnalysisRuns(namespace).Patch(t.Context(), name, types.MergePatchType,
		[]byte(`{"spec":{"terminate":true}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// last returns a run's newest measurement.
func last(run *v1alpha1.AnalysisRun) v1alpha1.Measurement {
	if m := analysisutil.LastMeasurement(run, "judge"); m != nil {
		return *m
	}
	return v1alpha1.Measurement{}
}

// until waits until a condition of a run holds.
func (a *argo) until(t *testing.T, name, what string, holds func(*v1alpha1.AnalysisRun) bool) *v1alpha1.AnalysisRun {
	t.Helper()
	var run *v1alpha1.AnalysisRun
	eventually(t, what, func() bool { run = a.get(t, name); return holds(run) }, func() string {
		text, _ := json.MarshalIndent(run.Status, "", " ")
		return string(text)
	})
	return run
}

// ended waits until a run has ended, and checks how.
func (a *argo) ended(t *testing.T, name string, phase v1alpha1.AnalysisPhase) *v1alpha1.AnalysisRun {
	t.Helper()
	run := a.until(t, name, "the run's end", func(r *v1alpha1.AnalysisRun) bool { return r.Status.Phase.Completed() })
	if run.Status.Phase != phase {
		t.Errorf("got %s (%s), want %s", run.Status.Phase, run.Status.Message, phase)
	}
	return run
}
