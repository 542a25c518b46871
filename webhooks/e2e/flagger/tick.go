// Package flagger runs Flagger's own controller against the real Serin command and a
// real Prometheus, without a cluster. It is a module of its own, because Flagger
// brings Kubernetes with it. Only its tests do anything.
//
// What is real: Flagger's controller with its routers, hooks, events and metrics; its
// Prometheus client; Serin as a process of its own with its journal; Prometheus. What
// stands in: Kubernetes' API (the fake clientsets that Kubernetes and Flagger
// publish), the Deployment controller (every Deployment is ready at once), the mesh
// (traffic follows the routes that Flagger wrote) and the pods (counters that grow).
package flagger

import (
	_ "unsafe" // for go:linkname

	"github.com/fluxcd/flagger/pkg/controller"
)

// tick is one step of the controller at one Canary: the function that Flagger calls
// at each analysis interval. Flagger does not export it, and its shortest interval is
// ten seconds. Tests call it to know when a step is over.
//
//go:linkname tick github.com/fluxcd/flagger/pkg/controller.(*Controller).advanceCanary
func tick(c *controller.Controller, name, namespace string)
