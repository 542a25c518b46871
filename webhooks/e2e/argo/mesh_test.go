package argo

import (
	"context"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/istio"
)

// running is a ReplicaSet that has pods, and its share of the traffic, of 1.
type running struct {
	name, hash, image string
	replicas          int
	share             float64
}

// running returns a service's ReplicaSets that have pods. Its namespace is its own.
func (c *cluster) running(name string) []running {
	ctx := context.Background()
	list, err := c.kube.AppsV1().ReplicaSets(name).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil // before there are any
	}
	var out []running
	var pods []labels.Set
	for _, rs := range list.Items {
		if rs.Status.AvailableReplicas > 0 {
			out = append(out, running{
				name: rs.Name, hash: rs.Labels[v1alpha1.DefaultRolloutUniqueLabelKey], image: imageOf(&rs), replicas: int(rs.Status.AvailableReplicas),
			})
			pods = append(pods, rs.Spec.Template.Labels)
		}
	}
	for host, weight := range c.routes(name) {
		svc, err := c.kube.CoreV1().Services(name).Get(ctx, host, metav1.GetOptions{})
		if err != nil || len(svc.Spec.Selector) == 0 {
			continue // nobody answers there
		}
		selected, all := labels.SelectorFromSet(svc.Spec.Selector), 0
		for i := range out {
			if selected.Matches(pods[i]) {
				all += out[i].replicas
			}
		}
		for i := range out {
			if selected.Matches(pods[i]) {
				out[i].share += weight * float64(out[i].replicas) / float64(all)
			}
		}
	}
	return out
}

// routes returns the share of traffic of each Service, of 1: what the VirtualService
// says, or, without one, all to the Service of the service's name.
func (c *cluster) routes(name string) map[string]float64 {
	vs, err := c.mesh.Resource(istio.GetIstioVirtualServiceGVR()).Namespace(name).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		return map[string]float64{name: 1}
	}
	out := map[string]float64{}
	http, _, _ := unstructured.NestedSlice(vs.Object, "spec", "http")
	for _, h := range http {
		route, _, _ := unstructured.NestedSlice(h.(map[string]any), "route")
		for _, r := range route {
			host, _, _ := unstructured.NestedString(r.(map[string]any), "destination", "host")
			switch w := r.(map[string]any)["weight"].(type) {
			case int64:
				out[host] += float64(w) / 100
			case float64:
				out[host] += w / 100
			}
		}
	}
	return out
}

// imageOf returns the tag of a ReplicaSet's image.
func imageOf(rs *appsv1.ReplicaSet) string {
	_, tag, _ := strings.Cut(rs.Spec.Template.Spec.Containers[0].Image, ":")
	return tag
}
