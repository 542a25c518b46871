package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// shopWorld is how the treatment differs from the control: factors of 1 are no difference.
type shopWorld struct {
	app                 string
	conversion, revenue float64
}

// record adds an hour and a half of a world to a history: twelve pods, each of
// which has 70 sessions a minute of either variation, of which one in twenty orders. What an order is worth has a
// heavy tail: its largest tenth brings in half of the revenue.
func (w shopWorld) record(h *promtest.History, end time.Time, began int) {
	const blocks, pods = 100, 12 // fewer pods, and a sum with such a tail would only be shown
	random := rand.New(rand.NewPCG(7, uint64(len(w.app))))
	for _, variation := range []string{"control", "treatment"} {
		for pod := range pods {
			labels := fmt.Sprintf("app=%q,variation=%q,job=\"shop\",pod=\"%s-%d\",instance=\"%s-%d:80\"", w.app, variation, w.app, pod, w.app, pod)
			var sessions, orders, revenue, small float64
			for b := range blocks {
				conversion, worth := 0.05, 1.0
				if variation == "treatment" && b >= began {
					conversion, worth = 0.05*w.conversion, w.revenue
				}
				for range 70 {
					sessions++
					if random.Float64() >= conversion {
						continue
					}
					euros := worth * 40 * math.Exp(1.3*random.NormFloat64())
					orders++
					revenue += euros
					if euros <= 500 {
						small++
					}
				}
				at := end.Add(time.Duration(b-blocks+1)*time.Minute - 10*time.Second)
				add := func(family, suffix, more string, v float64) {
					h.Add(promtest.Metric{Family: family, Kind: "unknown", Suffix: suffix, Labels: labels + more}, at, v)
				}
				add("checkout_sessions_total", "", "", sessions)
				add("checkout_orders_total", "", "", orders)
				add("checkout_revenue_euros_total", "", "", revenue)
				add("checkout_order_euros_bucket", "", `,le="500"`, small)
				add("checkout_order_euros_bucket", "", `,le="+Inf"`, orders)
				add("checkout_order_euros_count", "", "", orders)
				add("checkout_order_euros_sum", "", "", revenue)
			}
		}
	}
}

// TestBusinessMetricsAreJudged judges feature-flag variations by the example plan: a
// treatment that is no different stays, one that loses orders or revenue does not.
func TestBusinessMetricsAreJudged(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../../examples/plans/business.yaml")
	if err != nil {
		t.Fatal(err)
	}
	worlds := map[shopWorld]string{
		{"same", 1, 1}:           "",
		{"fewer-orders", 0.6, 1}: "conversion",
		{"cheaper", 1, 0.3}:      "revenue-per-session",
	}
	var h promtest.History
	end := time.Now().Truncate(time.Minute).Add(2 * time.Minute)
	for w := range worlds {
		w.record(&h, end, 35)
	}
	url := promtest.Start(t, promtest.Config{History: h.String()})
	for w, blame := range worlds {
		t.Run(w.app, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "business.yaml")
			text := strings.ReplaceAll(string(example), "app: checkout,", "app: "+w.app+",")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, v := judged(t, "--plan", file, "--prometheus", url, "--since", "60m")
			for _, f := range v.Findings {
				t.Logf("%s: %s: %s", f.Name, f.Class, f.Reason)
				if f.About == judge.AboutMetric && (f.Class == judge.QueryFailed || f.Class == judge.NoData) {
					t.Errorf("%s: %s", f.Name, f.Reason)
				}
			}
			switch {
			case blame == "" && (v.Outcome == judge.Rollback || v.Latched != nil):
				t.Errorf("got %s: %s, want no rollback of what is no different", v.Outcome, v.Reason)
			case blame != "" && (v.Outcome != judge.Rollback || v.Latched == nil || !slices.Contains(v.Latched.Metrics, blame)):
				t.Errorf("got %s: %s, want a rollback for %s", v.Outcome, v.Reason, blame)
			}
		})
	}
}
