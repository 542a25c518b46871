package flagger

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/fluxcd/flagger/pkg/canary"
	flagger "github.com/fluxcd/flagger/pkg/client/clientset/versioned"
	flaggerfake "github.com/fluxcd/flagger/pkg/client/clientset/versioned/fake"
	"github.com/fluxcd/flagger/pkg/client/informers/externalversions"
	"github.com/fluxcd/flagger/pkg/controller"
	"github.com/fluxcd/flagger/pkg/metrics/observers"
	"github.com/fluxcd/flagger/pkg/notifier"
	"github.com/fluxcd/flagger/pkg/router"
)

// namespace is where everything is.
const namespace = "shop"

// cluster is Kubernetes' API with Flagger in it.
type cluster struct {
	kube       kubernetes.Interface
	canaries   flagger.Interface
	routers    *router.Factory
	controller *controller.Controller
	informers  controller.Informers
	// advance lets the controller take its turn at a Canary.
	advance func(t *testing.T, name string)
}

// newCluster makes a cluster and Flagger's controller, as Flagger's main does. The
// controller puts its own metrics on the default registry, where there is room for one.
func newCluster(t *testing.T, server string) *cluster {
	t.Helper()
	c := &cluster{kube: kubefake.NewSimpleClientset(), canaries: flaggerfake.NewSimpleClientset()}
	log := zap.NewNop().Sugar()
	factory := externalversions.NewSharedInformerFactory(c.canaries, 0)
	informers := controller.Informers{
		CanaryInformer: factory.Flagger().V1beta1().Canaries(),
		MetricInformer: factory.Flagger().V1beta1().MetricTemplates(),
		AlertInformer:  factory.Flagger().V1beta1().AlertProviders(),
	}
	watched, err := observers.NewFactory(server)
	if err != nil {
		t.Fatal(err)
	}
	c.routers = router.NewFactory(nil, c.kube, c.canaries, nil, "nginx.ingress.kubernetes.io", "", log, c.canaries, true)
	tracker := &canary.ConfigTracker{KubeClient: c.kube, FlaggerClient: c.canaries, Logger: log}
	workloads := canary.NewFactory(c.kube, c.canaries, nil, tracker, []string{"app"}, []string{""}, log)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	c.controller = controller.NewController(c.kube, nil, c.canaries, informers, 20*time.Millisecond, log,
		&notifier.NopNotifier{}, workloads, c.routers, watched, "istio", "1.44.0", "", "", false, nil)
	for _, i := range []cache.SharedIndexInformer{
		informers.CanaryInformer.Informer(), informers.MetricInformer.Informer(), informers.AlertInformer.Informer(),
	} {
		go i.Run(stop)
		if !cache.WaitForCacheSync(stop, i.HasSynced) {
			t.Fatal("the informers did not synchronise")
		}
	}
	c.informers = informers
	c.advance = func(_ *testing.T, name string) { tick(c.controller, name, namespace) }
	return c
}

// newRunning makes a cluster whose controller's own loop runs, and nobody else takes
// its steps. Its metrics go nowhere.
//
// Between two steps the loop waits ten seconds at least, unless a Canary's interval is
// changed: then it begins anew with a step.
func newRunning(t *testing.T, server string) *cluster {
	t.Helper()
	before := prometheus.DefaultRegisterer
	prometheus.DefaultRegisterer = prometheus.NewRegistry()
	c := newCluster(t, server)
	prometheus.DefaultRegisterer = before
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if err := c.controller.Run(1, stop); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	steps := 0
	c.advance = func(t *testing.T, name string) {
		t.Helper()
		steps++
		change := fmt.Sprintf(`{"spec":{"analysis":{"interval":"%ds"}}}`, 600+steps%2)
		if _, err := c.canaries.FlaggerV1beta1().Canaries(namespace).Patch(t.Context(), name, types.MergePatchType, []byte(change), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// deployment is a Deployment of an image.
func deployment(name, image string) *appsv1.Deployment {
	replicas := int32(podsPerArm)
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: name, Image: "registry.example.org/" + name + ":" + image, Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
				}}},
			},
		},
	}
}

// settle does what Kubernetes' Deployment controller does: what was asked for is
// there, and ready.
func (c *cluster) settle(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		api := c.kube.AppsV1().Deployments(namespace)
		d, err := api.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			continue // the primary comes later
		}
		n := *d.Spec.Replicas
		d.Status = appsv1.DeploymentStatus{
			ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n,
		}
		if _, err := api.UpdateStatus(t.Context(), d, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// get reads a Canary.
func (c *cluster) get(t *testing.T, name string) *flaggerv1.Canary {
	t.Helper()
	cd, err := c.canaries.FlaggerV1beta1().Canaries(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return cd
}
