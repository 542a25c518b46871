package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/queries"
)

// load parses a plan that must be right.
func load(t *testing.T, text string) Plan {
	t.Helper()
	p, err := Parse("plan.yaml", []byte(text))
	if err != nil {
		t.Fatalf("got faults, want none:\n%v", err)
	}
	sound(t, p)
	return p
}

func metric(t *testing.T, p Plan, name string) Metric {
	t.Helper()
	for _, m := range p.Metrics {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("no metric %q", name)
	return Metric{}
}

func limit(t *testing.T, p Plan, name string) Limit {
	t.Helper()
	for _, l := range p.Limits {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("no limit %q", name)
	return Limit{}
}

// TestDefaults ensures that what a plan leaves out is what STATISTICS says.
func TestDefaults(t *testing.T) {
	got := load(t, "service: checkout\npreset: istio\n")
	got.Metrics = nil
	want := Plan{
		Edition: Edition,
		Name:    "checkout", Service: "checkout", Source: "prometheus", Mode: Enforce,
		Block: Duration(time.Minute), Lag: Duration(30 * time.Second), PrePeriod: Duration(time.Hour),
		Warmup:      Warmup{For: Duration(3 * time.Minute), Requests: 300, AtMost: Duration(10 * time.Minute)},
		MinDuration: Duration(10 * time.Minute), MaxDuration: Duration(time.Hour), HoldFor: Duration(4 * time.Hour),
		MinBlocks: 10, FinalBlocks: 5, MinRequests: 500, NoDataBlocks: 3, Alpha: 0.05, Beta: 0.05,
		AtDeadline: Hold, NoData: Hold, OnShared: Hold, Advance: UnlessHarm, LowTraffic: LowHold, Reversible: true, Guarantee: AllPods,
		Dashboard: Publishing{Retire: Archive}, Alerts: Publishing{Retire: Archive},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaults differ (-want +got):\n%s", diff)
	}
}

// TestDefaultsFollow ensures that defaults which depend on others follow them.
func TestDefaultsFollow(t *testing.T) {
	p := load(t, "service: a\npreset: istio\nblock: 2s\nmaxDuration: 8m\nminBlocks: 4\n")
	if p.PrePeriod.D() != 2*time.Minute || p.MinDuration.D() != 8*time.Second || p.FinalBlocks != 4 || p.Warmup.AtMost.D() != 4*time.Minute {
		t.Errorf("got prePeriod %s, minDuration %s, finalBlocks %d, atMost %s, want 2m, 8s, 4, 4m",
			p.PrePeriod, p.MinDuration, p.FinalBlocks, p.Warmup.AtMost)
	}
	p = load(t, "service: a\npreset: istio\nwarmup: 90s\n")
	if want := (Warmup{For: Duration(90 * time.Second), AtMost: Duration(90 * time.Second)}); p.Warmup != want {
		t.Errorf("got warm-up %+v of one duration, want %+v", p.Warmup, want)
	}
}

// TestPresetMetrics ensures that the presets' rows become the metrics they promise.
func TestPresetMetrics(t *testing.T) {
	type row struct {
		Name      string
		Kind      Kind
		Reads     queries.Kind
		Worse     Direction
		Tolerance Margin
		Margin    Margin
		Weight    float64
		Required  bool
		Unit      string
		Of        string
	}
	share, wide := Margin{0.1, 0.0005}, Margin{0.5, 0.005}
	red := func(unit string) []row {
		return []row{
			{"errors", Errors, queries.Ratio, Higher, share, wide, 0.5, true, "", ""},
			{"latency", Latency, queries.Histogram, Higher, Margin{Relative: 0.1}, Margin{Relative: 0.5}, 0.5, true, unit, ""},
			{"client-errors", Proportion, queries.Ratio, Higher, share, wide, 0, true, "", ""},
			{"requests", Rate, queries.Counter, Either, Margin{Relative: 0.2}, Margin{Relative: 0.5}, 0, false, "", ""},
		}
	}
	use := []row{
		{"cpu", Gauge, queries.Counter, Higher, Margin{Relative: 0.1}, Margin{Relative: 0.5}, 0, false, "s", "requests"},
		{"throttling", Proportion, queries.Ratio, Higher, share, wide, 0, false, "", ""},
		{"memory", Gauge, queries.Gauge, Higher, Margin{Relative: 0.1}, Margin{Relative: 0.5}, 0, false, "bytes", ""},
	}
	for preset, want := range map[string][]row{"http": red("s"), "istio": red("ms"), "[istio, kubernetes]": append(red("ms"), use...)} {
		p := load(t, "service: a\npreset: "+preset+"\n")
		var got []row
		for _, m := range p.Metrics {
			got = append(got, row{m.Name, m.Kind, m.Reading.Kind, m.Worse, m.Tolerance, m.Margin, m.Weight, m.Required, m.Unit, m.Of})
			if m.Preset == "" || m.Title == "" || m.Critical {
				t.Errorf("%s/%s: got preset %q, title %q, critical %t", preset, m.Name, m.Preset, m.Title, m.Critical)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", preset, diff)
		}
	}
}

// TestMerge ensures that a plan's own fields go over a preset's one by one.
func TestMerge(t *testing.T) {
	p := load(t, `
service: a
preset: istio
metrics:
  - name: own
    query: sum(rate(own_bad_total[2m])) / sum(rate(own_total[2m]))
  - name: latency
    tolerance: 20%
    critical: true
  - name: client-errors
    enabled: false
  - name: requests
    selector: app="{{ .Labels.app }}"
    title: All requests
`)
	var names []string
	for _, m := range p.Metrics {
		names = append(names, m.Name+"/"+m.Preset)
	}
	if got, want := strings.Join(names, " "), "errors/istio latency/istio requests/istio own/"; got != want {
		t.Errorf("got metrics %s, want %s: the preset's in their places, the plan's own behind", got, want)
	}
	latency := metric(t, p, "latency")
	if latency.Tolerance.Relative != 0.2 || !latency.Critical || latency.Margin.Relative != 0.5 || latency.Unit != "ms" ||
		!strings.Contains(latency.Query.Expr, "istio_request_duration") || latency.Title != "Request duration" {
		t.Errorf("got %+v, want the preset's latency with another tolerance, critical", latency)
	}
	if requests := metric(t, p, "requests"); requests.Selector != `app="{{ .Labels.app }}"` || requests.Title != "All requests" {
		t.Errorf("got %+v, want the plan's selector and title", requests)
	}
	if errs := metric(t, p, "errors"); !strings.Contains(errs.Selector, "destination_workload=") {
		t.Errorf("got selector %q, want the preset's", errs.Selector)
	}
}

// TestMergeOfQuery ensures that a preset's unit does not outlive its query.
func TestMergeOfQuery(t *testing.T) {
	p := load(t, `
service: a
preset: istio
metrics:
  - name: latency
    query: histogram_quantile(0.9, sum by (le) (rate(app_duration_seconds_bucket[2m])))
`)
	if got := metric(t, p, "latency"); got.Unit != "s" || got.Kind != Latency || got.Reading.Quantile != 0.9 {
		t.Errorf("got unit %q, kind %s, quantile %g, want s, latency, 0.9", got.Unit, got.Kind, got.Reading.Quantile)
	}
}

// TestPlanSelector ensures that the plan's selector is for those that have none.
func TestPlanSelector(t *testing.T) {
	p := load(t, `
service: a
preset: [http, kubernetes]
selector: app="{{ .Workload }}"
limits:
  - { name: queue, query: max by (app) (queue_length), above: 5 }
`)
	if got := metric(t, p, "errors").Selector; got != `app="{{ .Workload }}"` {
		t.Errorf("errors: got selector %q, want the plan's", got)
	}
	if got := metric(t, p, "memory").Selector; !strings.Contains(got, "PodPattern") {
		t.Errorf("memory: got selector %q, want its preset's", got)
	}
	if got := limit(t, p, "queue").Selector; got != `app="{{ .Workload }}"` {
		t.Errorf("queue: got selector %q, want the plan's", got)
	}
	if got := limit(t, p, "throttled").Selector; got != "" {
		t.Errorf("throttled: got selector %q of a limit without a query, want none", got)
	}
}

// TestWeights ensures that the error budget is shared as STATISTICS §4 says.
func TestWeights(t *testing.T) {
	for _, c := range []struct {
		name, metrics string
		want          map[string]float64
	}{
		{"none critical", "", map[string]float64{"errors": 0.5, "latency": 0.5, "client-errors": 0, "requests": 0, "memory": 0, "cpu": 0}},
		{"one critical", "  - { name: errors, critical: true }\n", map[string]float64{"errors": 0.7, "latency": 0.3}},
		{"all critical", "  - { name: errors, critical: true }\n  - { name: latency, critical: true }\n", map[string]float64{"errors": 0.5, "latency": 0.5}},
		{"a critical gauge", "  - { name: memory, critical: true }\n", map[string]float64{"memory": 0.7, "errors": 0.15, "latency": 0.15}},
		{"weights of one's own", "  - { name: errors, weight: 3 }\n  - { name: memory, weight: 0.5 }\n", map[string]float64{"errors": 3, "memory": 0.5, "latency": 1}},
		{"one muted", "  - { name: errors, weight: 0 }\n", map[string]float64{"errors": 0, "latency": 1}},
		{"a proportion", "  - { name: sold, worse: lower, query: 'sum(rate(a_total[2m])) / sum(rate(b_total[2m]))' }\n  - { name: latency, critical: true }\n",
			map[string]float64{"latency": 0.7, "errors": 0.15, "sold": 0.15}},
	} {
		p := load(t, "service: a\npreset: [istio, kubernetes]\nmetrics:\n  - { name: throttling, weight: 0 }\n"+c.metrics)
		for name, want := range c.want {
			if got := metric(t, p, name).Weight; got != want {
				t.Errorf("%s: %s: got weight %g, want %g", c.name, name, got, want)
			}
		}
	}
}

// TestKinds ensures that a kind follows from the query, its direction and its divisor.
func TestKinds(t *testing.T) {
	const ratio, counter = "'sum(rate(a_total[2m])) / sum(rate(b_total[2m]))'", "'sum(rate(a_total[2m]))'"
	for _, c := range []struct {
		fields string
		kind   Kind
		reads  queries.Kind
		worse  Direction
		needs  bool
	}{
		{"query: " + ratio, Errors, queries.Ratio, Higher, true},
		{"worse: lower, query: " + ratio, Proportion, queries.Ratio, Lower, false},
		{"kind: proportion, worse: higher, query: " + ratio, Proportion, queries.Ratio, Higher, false},
		{"kind: gauge, query: " + ratio, Gauge, queries.Gauge, Higher, false},
		{"query: " + counter, Rate, queries.Counter, Either, false},
		{"kind: gauge, query: " + counter, Gauge, queries.Gauge, Higher, false},
		{"of: errors, query: " + counter, Gauge, queries.Counter, Higher, false},
		{"of: errors, worse: lower, query: " + counter, Gauge, queries.Counter, Lower, false},
		{"query: avg by (pod) (queue_length)", Gauge, queries.Gauge, Higher, false},
		{"worse: lower, query: avg by (pod) (free_bytes)", Gauge, queries.Gauge, Lower, false},
		{`query: "histogram_quantile(0.5, sum by (le) (rate(x_seconds_bucket[2m])))"`, Latency, queries.Histogram, Higher, true},
	} {
		p := load(t, "service: a\npreset: http\nmetrics:\n  - { name: x, "+c.fields+" }\n")
		m := metric(t, p, "x")
		if m.Kind != c.kind || m.Reading.Kind != c.reads || m.Worse != c.worse || m.Required != c.needs {
			t.Errorf("%s: got %s read as %s, worse %s, required %t; want %s, %s, %s, %t",
				c.fields, m.Kind, m.Reading.Kind, m.Worse, m.Required, c.kind, c.reads, c.worse, c.needs)
		}
		if m.Reading.Query != m.Query {
			t.Errorf("%s: got a reading of %q, want one of the query", c.fields, m.Reading.Query.Expr)
		}
	}
}

func TestStrictProfile(t *testing.T) {
	p := load(t, "service: a\npreset: [http, kubernetes]\nprofile: strict\n")
	for name, want := range map[string]Margin{"errors": {0.25, 0.002}, "latency": {Relative: 0.25}, "memory": {Relative: 0.25}} {
		m := metric(t, p, name)
		if m.Margin != want || m.Tolerance.Relative != 0.1 {
			t.Errorf("%s: got margin %+v over tolerance %+v, want %+v over the default", name, m.Margin, m.Tolerance, want)
		}
	}
}

// TestOwnBlock ensures that no gauge's neighbouring blocks share samples.
func TestOwnBlock(t *testing.T) {
	for _, c := range []struct {
		block, fields string
		want          time.Duration
	}{
		{"60s", "query: avg(queue)", 0},
		{"60s", "query: 'avg(avg_over_time(queue[1m]))'", 0},
		{"60s", "query: 'avg(avg_over_time(queue[90s]))'", 2 * time.Minute},
		{"60s", "query: 'avg(avg_over_time(queue[5m]))'", 5 * time.Minute},
		{"60s", "query: 'avg(avg_over_time(queue[7m]))'", 8 * time.Minute}, // 7 min do not divide a day
		{"60s", "query: 'avg(queue)', block: 10m", 10 * time.Minute},
		{"60s", "query: 'avg(queue)', block: 60s", 0},
		{"30s", "query: 'sum(rate(a_total[5m])) / sum(rate(b_total[5m]))'", 0}, // counted, not averaged
	} {
		p := load(t, "service: a\npreset: http\nblock: "+c.block+"\nmetrics:\n  - { name: x, "+c.fields+" }\n")
		if got := metric(t, p, "x").Block.D(); got != c.want {
			t.Errorf("block %s, %s: got %s, want %s", c.block, c.fields, got, c.want)
		}
	}
}
