package webhooks

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// weighed is a store that has one value for everything, or fails.
type weighed struct {
	values []float64
	err    error
	asked  []string
	window queries.Window
}

// Blocks implements queries.Source.
func (g *weighed) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	g.asked, g.window = append(g.asked, r.Query.Expr), w
	if g.err != nil || g.values == nil {
		return queries.Frame{Window: w}, g.err
	}
	return queries.Frame{Window: w, Processes: []queries.Process{{V: slices.Clone(g.values)}}}, nil
}

// weighing is a world whose plans' source is the gauge.
func weighing(t *testing.T, g *weighed) *world {
	t.Helper()
	return newWorld(t, func(c *Config) {
		plans := testPlans(t)
		for name, p := range plans {
			p.Source = "store"
			plans[name] = p
		}
		c.Plans, c.Sources = plans, map[string]queries.Source{"store": g}
	})
}

func TestWeightsFromFlaggersOwnMetric(t *testing.T) {
	g := &weighed{values: []float64{0, 10}}
	w := weighing(t, g)
	c := call{metadata: map[string]string{"weight": "metrics"}}
	// At weight 0 the metric may still be that of the revision before.
	for _, hook := range [...]string{"pre-rollout", "rollback", "confirm-traffic-increase"} {
		w.hook(hook, c)
	}
	if got := w.only().Rollout.Weights; len(g.asked) != 0 || len(got) != 0 {
		t.Fatalf("got weights %v after %d queries, want none of both before there is traffic", got, len(g.asked))
	}
	for _, values := range [][]float64{{0, 10}, {10, 10}, {10, 0}, {10, 130}, {10, -5}, nil, {20, queries.Gap()}, {20, 20}} {
		w.clock.add(time.Minute)
		g.values = values
		w.want(w.hook("rollout", c), 200)
	}
	got := w.only().Rollout.Weights
	if len(got) != 2 || got[0].Percent != 10 || got[1].Percent != 20 {
		t.Fatalf("got weights %v, want 10 and 20", got)
	}
	if want := start().Add(7 * time.Minute).Add(-weightBlock); !got[1].At.Equal(want) {
		t.Errorf("got 20 from %s, want %s: when the sample is of", got[1].At, want)
	}
	if !strings.Contains(g.asked[0], `workload="checkout",namespace="shop"`) || !strings.Contains(g.asked[0], `exported_namespace="shop"`) {
		t.Errorf("got query %s, want the canary's workload and namespace", g.asked[0])
	}
	if g.window.Len() != 2 || !g.window.End.Equal(w.clock.Now()) {
		t.Errorf("got window %+v", g.window)
	}
}

func TestAWeightThatCannotBeLearntStaysUnknown(t *testing.T) {
	c := call{metadata: map[string]string{"weight": "metrics"}}
	for name, change := range map[string]func(*Config, *weighed){
		"the source fails": func(_ *Config, g *weighed) { g.err = errBroken },
		"no such source":   func(c *Config, _ *weighed) { c.Sources = nil },
		"no such plan": func(c *Config, _ *weighed) {
			c.Plans = somePlans{"shop": {Name: "shop", Service: "checkout", Mode: plan.Enforce, Source: "gone"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := &weighed{values: []float64{10, 10}}
			w := newWorld(t, func(c *Config) {
				c.Sources = map[string]queries.Source{"": g}
				change(c, g)
			})
			w.want(w.hook("rollout", c), 200)
			if got := w.only().Rollout.Weights; len(got) != 0 {
				t.Errorf("got weights %v, want none", got)
			}
			if log := w.logs.String(); !strings.Contains(log, "does not tell the weight") || strings.Contains(log, "hunter2") {
				t.Errorf("got log %s, want why, without credentials", log)
			}
		})
	}
	g := &weighed{values: []float64{10, 10}}
	w := weighing(t, g)
	w.faults.set("Declare", errBroken)
	w.want(w.hook("rollout", c), 503)
	w.want(w.hook("rollout", call{checksum: "2"}), 200)
	if len(g.asked) != 1 {
		t.Errorf("got %d queries, want none without the metadata", len(g.asked)-1)
	}
}
