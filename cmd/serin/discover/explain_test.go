package discover

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries/presets/presettest"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// TestWhatIsMissingIsSaid puts plans that find nothing, the same or too little to a real
// server, and wants the sentence that helps.
func TestWhatIsMissingIsSaid(t *testing.T) {
	t.Parallel()
	proofs := slices.DeleteFunc(presettest.Load(t, root), func(p presettest.Proof) bool {
		return !slices.Contains([]string{"istio", "http", "jvm"}, p.Family)
	})
	end := promtest.Epoch().Add(20 * time.Minute)
	src := open(t, promtest.Start(t, promtest.Config{History: presettest.History(t, proofs, presettest.Span{
		Start: promtest.Epoch(), End: end, Step: 45 * time.Second, Block: time.Minute,
	})}))
	http := func(baseline, canary string) string {
		return "service: a\npreset: http\narms:\n  baseline: { labels: { " + baseline + " } }\n  canary: { labels: { " + canary + " } }\n"
	}
	for _, c := range []struct{ name, plan, want string }{
		{"both arms are there", http("app: cart-http, track: stable", "app: cart-http, track: canary"), "3 and 3"},
		{"another value", http("app: cart-http, track: stable", "app: cart-http, track: beta"),
			`canary: looked for http_requests_total with track="beta": the metric is there, with track of canary, stable`},
		{"a label that is not there", http("colour: blue", "colour: green"),
			`baseline: looked for http_requests_total with colour="blue": the metric is there, and none of its series has the label colour (they have app, code, instance, job, namespace, pod and 1 more)`},
		{"labels that do not go together", http("app: search, track: stable", "app: search, track: canary"),
			`canary: looked for http_requests_total{app="search",track="canary"}: each of its labels is there by itself, and no series has them all`},
		{"the same series", http("app: cart-http", "app: cart-http"), "both arms are the same 6 series"},
		{"some series in both", http("app: cart-http", "app: cart-http, track: canary"), "3 series are in both arms (the baseline has 6, the canary 3)"},
		{"another mesh", "service: a\npreset: linkerd\narms:\n  baseline: { namespace: shop, workload: a }\n  canary: { namespace: shop, workload: b }\n",
			"baseline: looked for response_total: there is no such metric, and none that begins with response_"},
		{"another metric of the mesh", "service: a\nmetrics: [{ name: errors, query: 'sum(rate(istio_total{code=\"5\"}[2m])) / sum(rate(istio_total[2m]))' }]\narms:\n  baseline: { labels: { a: b } }\n  canary: { labels: { a: c } }\n",
			"looked for istio_total: there is no such metric; there are istio_request_duration_milliseconds_bucket"},
		{"codes that nobody has", "service: a\nmetrics: [{ name: errors, query: 'sum(rate(http_requests_total{code=~\"5XX|E.+\"}[2m])) / sum(rate(http_requests_total[2m]))' }]\n" +
			"arms:\n  baseline: { labels: { app: cart-http, track: stable } }\n  canary: { labels: { app: cart-http, track: canary } }\n",
			`no series of http_requests_total has code=~"5XX|E.+" in the last hour, in the arms or elsewhere; the arms have code 200, 404, 503. That is right where`},
		{"blocks shorter than two scrapes", http("app: cart-http, track: stable", "app: cart-http, track: canary"),
			"and a block of 1m0s is shorter than two of them, so that a scrape that fails is a block that is missing; write block: 2m0s"},
	} {
		p, err := plan.Parse(c.name, []byte(c.plan))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		got, err := Look(t.Context(), src, p, p.Metrics[0], end)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		text := got.text()
		if !strings.Contains(text, c.want) {
			t.Errorf("%s: got\n%s\nwant %q in it", c.name, text, c.want)
		}
		if said := strings.Contains(text, "never counts it"); said != strings.Contains(c.want, "in the arms or elsewhere") {
			t.Errorf("%s: got\n%s\nwant codes remarked on where nobody has them, and only there", c.name, text)
		}
	}
}

// TestThousandsOfSeriesAreSaid has a label of requests make thousands of series in an arm.
func TestThousandsOfSeriesAreSaid(t *testing.T) {
	t.Parallel()
	var h promtest.History
	end := promtest.Epoch().Add(10 * time.Minute)
	for arm, n := range map[string]int{"few": 3, "many": 2100, "most": 8100} {
		for i := range n {
			h.Add(promtest.Metric{Family: "requests_total", Kind: "unknown", Labels: fmt.Sprintf("arm=%q,user=\"%d\"", arm, i)}, end.Add(-time.Minute), 1)
		}
	}
	src := open(t, promtest.Start(t, promtest.Config{History: h.String()}))
	for _, c := range []struct {
		baseline, canary, want string
	}{
		{"few", "few-2", "3 and 0"},
		{"few", "many", "the canary has 2100 series of requests_total: above 2000, counts are read from their sums, where a restart is a gap"},
		{"most", "few", "-1 and 3\nthe baseline has thousands of series of requests_total; narrow the query or the arm"},
	} {
		p, err := plan.Parse(c.want, fmt.Appendf(nil, "service: a\nmetrics:\n  - name: errors\n    query: sum(rate(requests_total{user=\"1\"}[2m])) / sum(rate(requests_total[2m]))\n"+
			"arms:\n  baseline: { labels: { arm: %s } }\n  canary: { labels: { arm: %s } }\n", c.baseline, c.canary))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Look(t.Context(), src, p, p.Metrics[0], end)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got.text(), c.want) || len(got.Faults) > 0 {
			t.Errorf("%s and %s: got\n%s\nwant %q in it", c.baseline, c.canary, got.text(), c.want)
		}
	}
}

func (a Arms) text() string {
	out := []string{fmt.Sprintf("%d and %d", a.Baseline, a.Canary)}
	for _, arm := range []string{"baseline", "canary"} {
		if a.Why[arm] != "" {
			out = append(out, arm+": "+a.Why[arm])
		}
	}
	return strings.Join(slices.Concat(out, a.Faults, a.Remarks), "\n")
}
