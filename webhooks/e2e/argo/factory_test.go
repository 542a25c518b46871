package argo

import (
	"reflect"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/pkg/client/informers/externalversions"
)

// factory gives the controllers Argo Rollouts' own kinds in the form in which they have
// them in a cluster: unstructured. What they read is never older than what they wrote.
// Where a busy machine's events are late, Argo Rollouts takes its own AnalysisRuns for
// somebody else's and ends them.
type factory struct {
	externalversions.SharedInformerFactory
	tracker clienttesting.ObjectTracker
}

// ForResource implements dynamicinformer.DynamicSharedInformerFactory.
func (f factory) ForResource(gvr schema.GroupVersionResource) informers.GenericInformer {
	i, err := f.SharedInformerFactory.ForResource(gvr)
	if err != nil {
		panic(err) // a kind that is not Argo's
	}
	return fresh{informer: i.Informer(), tracker: f.tracker, gvr: gvr}
}

// WaitForCacheSync implements dynamicinformer.DynamicSharedInformerFactory.
func (f factory) WaitForCacheSync(<-chan struct{}) map[schema.GroupVersionResource]bool {
	panic("the manager waits by itself")
}

// fresh is an informer whose lister, in one namespace or in all, reads what there is.
type fresh struct {
	informer  cache.SharedIndexInformer
	tracker   clienttesting.ObjectTracker
	gvr       schema.GroupVersionResource
	namespace string
}

// Informer implements informers.GenericInformer.
func (f fresh) Informer() cache.SharedIndexInformer { return f.informer }

// Lister implements informers.GenericInformer.
func (f fresh) Lister() cache.GenericLister { return f }

// ByNamespace implements cache.GenericLister.
func (f fresh) ByNamespace(namespace string) cache.GenericNamespaceLister {
	f.namespace = namespace
	return f
}

// Get implements cache.GenericNamespaceLister.
func (f fresh) Get(name string) (runtime.Object, error) {
	obj, err := f.tracker.Get(f.gvr, f.namespace, name)
	if err != nil {
		return nil, err
	}
	return f.loose(obj)
}

// List implements cache.GenericLister.
func (f fresh) List(selector labels.Selector) ([]runtime.Object, error) {
	list, err := f.tracker.List(f.gvr, f.gvr.GroupVersion().WithKind(kindOf(f.gvr.Resource)), f.namespace)
	if err != nil {
		return nil, err
	}
	all, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	var out []runtime.Object
	for _, obj := range all {
		m, err := meta.Accessor(obj)
		if err != nil {
			return nil, err
		}
		if !selector.Matches(labels.Set(m.GetLabels())) {
			continue
		}
		u, err := f.loose(obj)
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

func (f fresh) loose(obj runtime.Object) (runtime.Object, error) {
	u, err := loosen(obj)
	if err != nil {
		return nil, err
	}
	return u.(*unstructured.Unstructured), nil
}

// kindOf returns the kind of a resource of Argo Rollouts'.
func kindOf(resource string) string {
	return map[string]string{
		"rollouts": "Rollout", "experiments": "Experiment", "analysisruns": "AnalysisRun",
		"analysistemplates": "AnalysisTemplate", "clusteranalysistemplates": "ClusterAnalysisTemplate",
	}[resource]
}

// loosen makes an object of Argo Rollouts' unstructured. What is so already stays.
func loosen(obj any) (any, error) {
	typed, ok := obj.(runtime.Object)
	if _, is := obj.(*unstructured.Unstructured); !ok || is {
		return obj, nil
	}
	kind := reflect.TypeOf(obj).Elem().Name()
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{Object: m}
	u.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind(kind))
	return u, nil
}
