package argo

import (
	"errors"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/watch"
	clienttesting "k8s.io/client-go/testing"
	corev1defaults "k8s.io/kubernetes/pkg/apis/core/v1"
)

// server does to the objects of a fake clientset what Kubernetes' API server does, as
// far as Argo Rollouts looks at it: identity, versions, conflicts, generations, and the
// defaults of a pod template.
type server struct {
	clienttesting.ObjectTracker
	version *atomic.Int64
	watched *sync.Map // resource: true, once somebody watches it
}

// serve puts a server behind a fake clientset.
func serve(fake *clienttesting.Fake, tracker clienttesting.ObjectTracker, watched *sync.Map) {
	s := server{ObjectTracker: tracker, version: &atomic.Int64{}, watched: watched}
	react := clienttesting.ObjectReaction(s)
	var one sync.Mutex
	fake.PrependReactor("*", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		// What is read, compared and written here is one step, as in the real server:
		// otherwise one of two writers at once undoes what the other one wrote, and a
		// patch meets a conflict.
		one.Lock()
		defer one.Unlock()
		return react(action)
	})
	fake.PrependWatchReactor("*", func(action clienttesting.Action) (bool, watch.Interface, error) {
		w, err := tracker.Watch(action.GetResource(), action.GetNamespace())
		if err == nil {
			watched.Store(action.GetResource().Resource, true)
		}
		return true, w, err
	})
}

// Create implements clienttesting.ObjectTracker.
func (s server) Create(gvr schema.GroupVersionResource, obj runtime.Object, ns string, opts ...metav1.CreateOptions) error {
	obj = obj.DeepCopyObject()
	m, err := meta.Accessor(obj)
	if err != nil {
		return err
	}
	m.SetUID(uuid.NewUUID())
	m.SetCreationTimestamp(metav1.Now().Rfc3339Copy())
	m.SetGeneration(1)
	m.SetResourceVersion(strconv.FormatInt(s.version.Add(1), 10))
	if rs, ok := obj.(*appsv1.ReplicaSet); ok {
		pods := corev1.PodTemplate{Template: rs.Spec.Template}
		corev1defaults.SetObjectDefaults_PodTemplate(&pods)
		rs.Spec.Template = pods.Template
	}
	return s.ObjectTracker.Create(gvr, obj, ns, opts...)
}

// Update implements clienttesting.ObjectTracker.
func (s server) Update(gvr schema.GroupVersionResource, obj runtime.Object, ns string, opts ...metav1.UpdateOptions) error {
	obj, err := s.renew(gvr, obj, ns)
	if err != nil {
		return err
	}
	return s.ObjectTracker.Update(gvr, obj, ns, opts...)
}

// Patch implements clienttesting.ObjectTracker.
func (s server) Patch(gvr schema.GroupVersionResource, obj runtime.Object, ns string, opts ...metav1.PatchOptions) error {
	obj, err := s.renew(gvr, obj, ns)
	if err != nil {
		return err
	}
	return s.ObjectTracker.Patch(gvr, obj, ns, opts...)
}

// renew returns a changed object with its new version, and a conflict where it was
// made from an old one.
func (s server) renew(gvr schema.GroupVersionResource, obj runtime.Object, ns string) (runtime.Object, error) {
	obj = obj.DeepCopyObject()
	now, err := meta.Accessor(obj)
	if err != nil {
		return nil, err
	}
	before, err := s.Get(gvr, ns, now.GetName())
	if err != nil {
		return nil, err
	}
	was, err := meta.Accessor(before)
	if err != nil {
		return nil, err
	}
	if v := now.GetResourceVersion(); v != "" && v != was.GetResourceVersion() {
		return nil, apierrors.NewConflict(gvr.GroupResource(), now.GetName(), errors.New("the object has been modified"))
	}
	changed, err := differs(before, obj)
	if err != nil {
		return nil, err
	}
	now.SetGeneration(was.GetGeneration())
	if changed {
		now.SetGeneration(was.GetGeneration() + 1)
	}
	now.SetResourceVersion(strconv.FormatInt(s.version.Add(1), 10))
	return obj, nil
}

// differs reports whether two objects' specs differ.
func differs(a, b runtime.Object) (bool, error) {
	x, err := runtime.DefaultUnstructuredConverter.ToUnstructured(a)
	if err != nil {
		return false, err
	}
	y, err := runtime.DefaultUnstructuredConverter.ToUnstructured(b)
	return !reflect.DeepEqual(x["spec"], y["spec"]), err
}
