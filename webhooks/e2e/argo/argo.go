// Package argo runs Argo Rollouts' own controllers against the real Serin command and
// a real Prometheus, without a cluster. It is a module of its own, because Argo
// Rollouts brings Kubernetes with it. Only its tests do anything.
//
// What is real: Argo Rollouts' controller manager, with its controllers of Rollouts,
// Experiments and AnalysisRuns, its metric providers, its Istio router, its events and
// its notifications; Serin as a process of its own with its journal; Prometheus. What
// stands in: Kubernetes' API (the fake clientsets that Kubernetes and Argo Rollouts
// publish, with what the API server does to an object's metadata), the ReplicaSet
// controller (every pod is there at once), Istio (traffic follows the VirtualServices
// and Services that Argo Rollouts wrote) and the pods (counters that grow).
package argo
