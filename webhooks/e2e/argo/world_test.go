package argo

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// services are all services of the suite, by the names of their stories, with what
// their plans have beside planText.
func services() plans {
	return plans{
		"promote": "", "harm": "", "guard": "", "guard-harm": "", "pending": "", "pending-harm": "", "pending-late": never, "late": never,
		"restart": "", "unavailable": "", "down": "", "revision": "", "again": "", "shadow": "mode: shadow\n", "token": "",
		"experiment": "", "experiment-harm": "", "blue-green": healthCheck, "blue-green-harm": healthCheck, "blue-green-ill": healthCheck,
		"kayenta": "", "kayenta-harm": "", "exported": "", "exported-harm": "", "noticed": "", "noticed-abort": "", "noticed-revision": "", "noticed-gates": "",
	}
}

// healthCheck is what plans of strategies without shared traffic begin with.
const healthCheck = `checks:
  - name: health
    http: { get: "{{ .Canary.URL }}/health", status: 200, within: 2s }
    critical: true
`

// world is what all stories share.
type world struct {
	binary     string
	prometheus string
	pods       *pods
	serin      *serin
	cluster    *cluster
}

// newWorld starts everything.
func newWorld(t *testing.T) *world {
	t.Helper()
	all := services()
	w := &world{binary: build(t), cluster: newCluster(t)}
	w.pods = startPods(t, w.cluster, slices.Sorted(maps.Keys(all)))
	w.prometheus = promtest.Start(t, promtest.Config{ScrapeInterval: "500ms", Scrape: w.pods.scrape()})
	w.serin = w.newSerin(t)
	w.notify(t)
	return w
}

// newSerin starts a server with all plans.
func (w *world) newSerin(t *testing.T) *serin {
	t.Helper()
	all := services()
	for name, more := range all {
		if more == healthCheck {
			all[name] += "arms:\n  canary: { url: http://" + w.pods.addr + "/" + name + " }\n"
		}
	}
	return newSerin(t, w.binary, w.prometheus, all)
}

// alone is the world with a server of the story's own, for stories that end it.
func (w *world) alone(t *testing.T) *world {
	t.Helper()
	own := *w
	own.serin = w.newSerin(t)
	return &own
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s in vain for %s", patience, what)
		case <-ticker.C:
		}
	}
}
