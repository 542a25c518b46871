package argo

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/argoproj/argo-rollouts/controller"
	"github.com/argoproj/argo-rollouts/controller/metrics"
	argofake "github.com/argoproj/argo-rollouts/pkg/client/clientset/versioned/fake"
	"github.com/argoproj/argo-rollouts/pkg/client/informers/externalversions"
	"github.com/argoproj/argo-rollouts/utils/defaults"
	"github.com/argoproj/argo-rollouts/utils/ingress"
	"github.com/argoproj/argo-rollouts/utils/istio"
	"github.com/argoproj/argo-rollouts/utils/tolerantinformer"
)

// resync is the controllers' own default. Timed pauses need it not to be zero.
const resync = 15 * time.Minute

// cluster is Kubernetes' API with Argo Rollouts and Istio in it.
//
// Notifications work as they do in a cluster, by the ConfigMap and the Secret that
// world.notify puts into kube.
type cluster struct {
	kube *kubefake.Clientset
	argo *argofake.Clientset
	mesh *dynamicfake.FakeDynamicClient
	said *tail // by the controllers
}

// newCluster starts Argo Rollouts' controller manager as its main does, and waits
// until it watches everything.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{
		kube: kubefake.NewSimpleClientset(), argo: argofake.NewSimpleClientset(), said: &tail{},
		mesh: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
			istio.GetIstioVirtualServiceGVR(): "VirtualServiceList", istio.GetIstioDestinationRuleGVR(): "DestinationRuleList",
		}),
	}
	logrus.SetOutput(c.said)
	logrus.SetLevel(logrus.WarnLevel)
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	var watched sync.Map
	serve(&c.kube.Fake, c.kube.Tracker(), &watched)
	serve(&c.argo.Fake, c.argo.Tracker(), &watched)
	serve(&c.mesh.Fake, c.mesh.Tracker(), &watched)
	manager := c.manage(t)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := manager.Run(ctx, 10, 10, 1, 10, 30, &controller.LeaderElectionOptions{}); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	for _, resource := range [...]string{
		"rollouts", "experiments", "analysisruns", "analysistemplates", "clusteranalysistemplates", "replicasets",
		"services", "ingresses", "jobs", "configmaps", "secrets", "virtualservices", "destinationrules",
	} {
		eventually(t, "a watch of "+resource, func() bool { _, ok := watched.Load(resource); return ok })
	}
	return c
}

// manage makes the controller manager.
func (c *cluster) manage(t *testing.T) *controller.Manager {
	t.Helper()
	own := factory{SharedInformerFactory: externalversions.NewSharedInformerFactoryWithOptions(c.argo, resync, externalversions.WithTransform(loosen)), tracker: c.argo.Tracker()}
	kube := informers.NewSharedInformerFactory(c.kube, resync)
	system := informers.NewSharedInformerFactoryWithOptions(c.kube, resync, informers.WithNamespace(defaults.Namespace()))
	mesh := dynamicinformer.NewDynamicSharedInformerFactory(c.mesh, resync)
	wrapped, err := ingress.NewIngressWrapper(ingress.IngressModeNetworking, c.kube, kube)
	if err != nil {
		t.Fatal(err)
	}
	sets := sets{ReplicaSetInformer: kube.Apps().V1().ReplicaSets(), kube: c.kube}
	if _, err := sets.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: c.settle, UpdateFunc: func(_, rs any) { c.settle(rs) },
	}); err != nil {
		t.Fatal(err)
	}
	return controller.NewManager(
		metav1.NamespaceAll, c.kube, c.argo, c.mesh, nil, c.kube.Discovery(),
		sets, kube.Core().V1().Services(), wrapped, kube.Batch().V1().Jobs(),
		tolerantinformer.NewTolerantRolloutInformer(own), tolerantinformer.NewTolerantExperimentInformer(own),
		tolerantinformer.NewTolerantAnalysisRunInformer(own), tolerantinformer.NewTolerantAnalysisTemplateInformer(own),
		tolerantinformer.NewTolerantClusterAnalysisTemplateInformer(own),
		c.mesh, mesh.ForResource(istio.GetIstioVirtualServiceGVR()).Informer(), mesh.ForResource(istio.GetIstioDestinationRuleGVR()).Informer(),
		system, system, resync, "", 0, 0, &metrics.K8sRequestsCountProvider{}, nil, nil,
		own, own, mesh, false, kube, kube, 1, 1,
	)
}

// settle does what Kubernetes' ReplicaSet controller does: what was asked for is
// there, and ready.
func (c *cluster) settle(obj any) {
	rs, ok := obj.(*appsv1.ReplicaSet)
	if !ok {
		return
	}
	n := *rs.Spec.Replicas
	want := appsv1.ReplicaSetStatus{
		ObservedGeneration: rs.Generation, Replicas: n, FullyLabeledReplicas: n, ReadyReplicas: n, AvailableReplicas: n,
	}
	if rs.Status.ObservedGeneration == want.ObservedGeneration && rs.Status.AvailableReplicas == n {
		return
	}
	rs = rs.DeepCopy()
	rs.Status = want
	// Where it has been changed since, the change is the next event.
	_, _ = c.kube.AppsV1().ReplicaSets(rs.Namespace).UpdateStatus(context.Background(), rs, metav1.UpdateOptions{})
}
