package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/power"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// history is the past of a service: 12 baseline pods with 5 requests a second each, of
// which one in a hundred fails, and a queue.
func history(until time.Time) string {
	const pods, step = 12, 15 * time.Second
	bounds := []float64{.025, .05, .1, .25, .5}
	rng := rand.New(rand.NewPCG(1, 2))
	var h promtest.History
	for pod := range pods {
		labels := fmt.Sprintf("track=%q,pod=%q", "stable", fmt.Sprintf("checkout-%02d", pod))
		var good, bad, n, sum float64
		under := make([]float64, len(bounds))
		for at := until.Add(-75 * time.Minute); at.Before(until); at = at.Add(step) {
			for range 5 * int(step.Seconds()) {
				v := .06 * math.Exp(.7*rng.NormFloat64())
				n, sum = n+1, sum+v
				for k, b := range bounds {
					if v <= b {
						under[k]++
					}
				}
				if rng.Float64() < .01 {
					bad++
				} else {
					good++
				}
			}
			requests := promtest.Metric{Family: "http_requests", Kind: "counter", Suffix: "_total"}
			requests.Labels = labels + `,code="200"`
			h.Add(requests, at, good)
			requests.Labels = labels + `,code="500"`
			h.Add(requests, at, bad)
			d := promtest.Metric{Family: "http_request_duration_seconds", Kind: "histogram"}
			for k, b := range bounds {
				d.Suffix, d.Labels = "_bucket", fmt.Sprintf("%s,le=\"%g\"", labels, b)
				h.Add(d, at, under[k])
			}
			d.Suffix, d.Labels = "_bucket", labels+`,le="+Inf"`
			h.Add(d, at, n)
			d.Suffix, d.Labels = "_sum", labels
			h.Add(d, at, sum)
			d.Suffix = "_count"
			h.Add(d, at, n)
			h.Add(promtest.Metric{Family: "queue_length", Kind: "gauge", Labels: labels}, at, 20*math.Exp(.1*rng.NormFloat64()))
		}
	}
	return h.String()
}

const measuredPlan = `service: checkout
source: prometheus
arms:
  baseline: { labels: { track: stable } }
  canary: { labels: { track: canary } }
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
  - name: latency
    query: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))
  - name: queue
    query: queue_length
    weight: 1
`

// TestPlanPowerMeasuresAPrometheus forecasts from the samples of a Prometheus server.
func TestPlanPowerMeasuresAPrometheus(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Prometheus")
	}
	url := promtest.Start(t, promtest.Config{History: history(time.Now())})
	file := filepath.Join(t.TempDir(), "checkout.yaml")
	if err := os.WriteFile(file, []byte(measuredPlan), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"plan", "power", file, "--prometheus", url, "--pods", "12+3", "--paths", "40", "-o", "json"}, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	var f power.Forecast
	if err := json.Unmarshal(out.Bytes(), &f); err != nil {
		t.Fatal(err)
	}
	if math.Abs(f.Service.RPS-60) > 6 || f.Service.Baseline != 12 || f.Service.Share != .2 {
		t.Errorf("service: got %+v, want 60 requests/s, 20%% of them to 3 canary pods of 15", f.Service)
	}
	for i, want := range []float64{.01, .0767, 20} { // the mean of the latencies is 60 ms · e^(0.7²/2)
		m := f.Metrics[i]
		if !m.Measured || math.Abs(m.Baseline-want) > .15*want || len(m.Found) != 3 || m.Found[2].Ratio == nil {
			t.Errorf("%s: got %+v, want it measured at %g and found", m.Name, m, want)
		}
	}
	out.Reset()
	code := run(t.Context(), []string{"plan", "check", file, "--prometheus", url}, &out, &errs)
	for _, want := range []string{
		"Nothing of the canary, which is as it should be while none runs.", "12 baseline and 1 canary pod",
		"errors (baseline ", "latency (baseline ", "smallest regression found with 80% probability in 10m/30m/1h: ", "; needs ≥ 1 canary pod; ",
	} {
		if code != 0 || !strings.Contains(out.String(), want) {
			t.Errorf("plan check: exit %d, want %q in\n%s%s", code, want, out.String(), errs.String())
		}
	}
}

// TestPlanPowerWithoutAPast refuses to guess where a source was named.
func TestPlanPowerWithoutAPast(t *testing.T) {
	p, err := plan.Parse("plan.yaml", []byte(measuredPlan))
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]queries.Source{"empty": store{}, "refusing": store{"track": -1}} {
		if _, _, err := (service{}).known(t.Context(), p, src); err == nil || !strings.Contains(err.Error(), "too little of the baseline") {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	p.Arms = plan.Arms{}
	if _, _, err := (service{}).known(t.Context(), p, store{}); err == nil || !strings.Contains(err.Error(), "names no arms") {
		t.Errorf("no arms: got %v, want a refusal", err)
	}
}

func TestFractions(t *testing.T) {
	for text, want := range map[string]fraction{"5%": .05, "0.05": .05, "12.5%": .125, "0": 0} {
		var f fraction
		if err := f.UnmarshalText([]byte(text)); err != nil || math.Abs(float64(f-want)) > 1e-15 {
			t.Errorf("%q: got %v, %v, want %v", text, f, err, want)
		}
	}
	for _, text := range []string{"", "%", "-1%", "NaN", "Inf", "5 per cent"} {
		var f fraction
		if err := f.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %v, want an error", text, f)
		}
	}
}
