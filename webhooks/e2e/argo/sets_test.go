package argo

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	appsinformers "k8s.io/client-go/informers/apps/v1"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
)

// sets is the informer of ReplicaSets with a lister that is never late, as that of
// factory's: an Experiment fails where its own ReplicaSet is not there yet.
type sets struct {
	appsinformers.ReplicaSetInformer
	kube kubernetes.Interface
}

// Lister implements appsinformers.ReplicaSetInformer.
func (s sets) Lister() appslisters.ReplicaSetLister {
	return setsOf{ReplicaSetLister: s.ReplicaSetInformer.Lister(), kube: s.kube}
}

// setsOf lists the ReplicaSets of one namespace, or of all.
type setsOf struct {
	appslisters.ReplicaSetLister
	kube      kubernetes.Interface
	namespace string
}

// ReplicaSets implements appslisters.ReplicaSetLister.
func (s setsOf) ReplicaSets(namespace string) appslisters.ReplicaSetNamespaceLister {
	s.namespace = namespace
	return s
}

// Get implements appslisters.ReplicaSetNamespaceLister.
func (s setsOf) Get(name string) (*appsv1.ReplicaSet, error) {
	return s.kube.AppsV1().ReplicaSets(s.namespace).Get(context.Background(), name, metav1.GetOptions{})
}

// List implements both listers.
func (s setsOf) List(selector labels.Selector) ([]*appsv1.ReplicaSet, error) {
	list, err := s.kube.AppsV1().ReplicaSets(s.namespace).List(context.Background(), metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, err
	}
	out := make([]*appsv1.ReplicaSet, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, &list.Items[i])
	}
	return out, nil
}
