package adopt

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// TestMetrics ensures that a query with a bound becomes what judges the same thing: the
// failures of a share of successes, with the bound on their side.
func TestMetrics(t *testing.T) {
	const all = `sum(rate(r_total{app="x"}[1m]))`
	for _, tt := range []struct {
		name, query, condition string // Argo's, on success
		kind                   plan.Kind
		worse                  plan.Direction
		want, limit            string
	}{
		{"success-rate", `sum(rate(r_total{app="x",code!~"5.."}[1m])) / ` + all, "result[0] >= 0.99", plan.Errors, plan.Higher, `sum(rate(r_total{app="x",code=~"5.."}[1m])) / ` + all, "above 0.01"},
		{"success-rate", `100 * sum(rate(r_total{app="x",code!~"5.."}[1m])) / ` + all, "result[0] >= 99", plan.Errors, plan.Higher, `sum(rate(r_total{app="x",code=~"5.."}[1m])) / ` + all, "above 0.01"},
		{"m", `sum(rate(r_total{app="x",code="200"}[1m])) / ` + all, "result[0] > 0.9", plan.Errors, plan.Higher, `sum(rate(r_total{app="x",code!="200"}[1m])) / ` + all, "above 0.1"},
		{"m", `1 - sum(rate(r_total{app="x",code="500"}[1m])) / ` + all, "result[0] > 0.9", plan.Errors, plan.Higher, `sum(rate(r_total{app="x",code="500"}[1m])) / ` + all, "above 0.1"},
		{"m", `100 - sum(rate(r_total{app="x",code="200"}[1m])) / ` + all + ` * 100`, "result[0] < 5", plan.Errors, plan.Higher, `sum(rate(r_total{app="x",code!="200"}[1m])) / ` + all, "above 0.05"},
		{"good", `sum(rate(good_total[1m])) / sum(rate(all_total[1m]))`, "result[0] >= 0.999", plan.Errors, plan.Higher, `1 - (sum(rate(good_total[1m])) / sum(rate(all_total[1m])))`, "above 0.001"},
		{"conversion", `sum(rate(orders_total[1m])) / sum(rate(sessions_total[1m]))`, "result[0] >= 0.02", plan.Proportion, plan.Lower, `sum(rate(orders_total[1m])) / sum(rate(sessions_total[1m]))`, ""},
		{"errors", `sum(rate(r_total{app="x",code="500"}[1m])) / ` + all, "result[0] <= 0.05", plan.Errors, plan.Higher, `sum(rate(r_total{app="x",code="500"}[1m])) / ` + all, "above 0.05"},
		{"errors", `sum(rate(r_total{app="x",code="500"}[1m])) / ` + all, "result[0] >= 0 && result[0] <= 0.05", plan.Errors, plan.Higher, `sum(rate(r_total{app="x",code="500"}[1m])) / ` + all, "above 0.05"},
		{"errors", `sum(rate(r_total{app="x",code="500"}[1m])) / ` + all, "", plan.Errors, plan.Higher, `sum(rate(r_total{app="x",code="500"}[1m])) / ` + all, ""},
		{"latency", `histogram_quantile(0.9, sum by (le) (rate(d_seconds_bucket[1m])))`, "result[0] < 0.3", plan.Latency, plan.Higher, `histogram_quantile(0.9, sum by (le) (rate(d_seconds_bucket[1m])))`, "above 0.3"},
		{"mean", `sum(rate(d_seconds_sum[1m])) / sum(rate(d_seconds_count[1m]))`, "result[0] < 0.3", plan.Gauge, plan.Higher, `sum(rate(d_seconds_sum[1m])) / sum(rate(d_seconds_count[1m]))`, "above 0.3"},
		{"free", `min(free_bytes)`, "result[0] > 100", plan.Gauge, plan.Lower, `min(free_bytes)`, "below 100"},
	} {
		text := "kind: AnalysisTemplate\nmetadata: {name: t}\nspec:\n  metrics:\n  - name: " + tt.name + "\n    successCondition: '" + tt.condition + "'\n    provider: {prometheus: {query: '" + tt.query + "'}}\n"
		got, err := Argo([]File{{"in.yaml", []byte(text)}}, Options{Service: "x"})
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		p, err := plan.Parse("out.yaml", got[0].Plan)
		if err != nil {
			t.Fatal(err)
		}
		m := p.Metrics[0]
		if q := strings.Join(strings.Fields(m.Query.Expr), " "); q != tt.want || m.Kind != tt.kind || m.Worse != tt.worse {
			t.Errorf("%s, %s:\ngot  %s %s %s\nwant %s %s %s", tt.query, tt.condition, m.Kind, m.Worse, q, tt.kind, tt.worse, tt.want)
		}
		limit := ""
		for _, l := range p.Limits {
			if l.Above != nil {
				limit += "above " + decimal(*l.Above)
			} else {
				limit += "below " + decimal(*l.Below)
			}
		}
		if limit != tt.limit {
			t.Errorf("%s, %s: got the limit %q, want %q", tt.query, tt.condition, limit, tt.limit)
		}
	}
}

// TestAsk ensures that matchers that choose the canary become the selector, and that
// what cannot be told apart is refused, not compared with itself.
func TestAsk(t *testing.T) {
	c := &canaryDraft{draft: &draft{}, name: "web", target: "web", serviceName: "web-svc", namespace: "shop"}
	for _, tt := range []struct{ query, want, selector, refused string }{
		{query: `foo{ns="{{ namespace }}",app="{{ target }}"}`, want: `foo`, selector: `ns="{{ .Namespace }}", app="{{ .Workload }}"`},
		{query: `foo{app=~"{{target}}",x="y"}`, want: `foo{x="y"}`, selector: `app="{{ .Workload }}"`},
		{query: `foo{pod=~"{{ target }}-.*"}`, want: `foo`, selector: `pod=~"{{ .PodPattern }}"`},
		{query: `foo{pod=~"{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"}`, want: `foo`, selector: `pod=~"{{ .PodPattern }}"`},
		{query: `foo{job=~"{{ target }}-[0-9]{4}"}`, want: `foo`, selector: `job=~"{{ .Workload }}-[0-9]{4}"`},
		{query: `foo{svc="{{ service }}-canary"}`, want: `foo`, selector: `svc="{{ .Labels.service }}"`},
		{query: `foo{svc="{{ service }}",app="{{ target }}"}`, want: `foo{svc="web-svc"}`, selector: `app="{{ .Workload }}"`},
		{query: `foo{namespace="{{ namespace }}"}`, want: `foo`, selector: `namespace="{{ .Namespace }}", pod=~"{{ .PodPattern }}"`},
		{query: `foo`, want: `foo`},
		{query: `foo{a=~"x\\.{{ target }}\"y"}`, want: `foo`, selector: `a=~"x\\.{{ .Workload }}\"y"`},
		{query: `foo{job=~"{{ target }}.*"}`, refused: `job=~"{{ target }}.*" matches the baseline's series as well`},
		{query: `foo{app!="{{ target }}"}`, refused: "leaves out what a selector cannot"},
		{query: `foo{app="{{ target }}-primary"}`, refused: "asks about the baseline alone"},
		{query: `foo{app="{{ target }}"} / foo{app="{{ target }}-primary"}`, refused: "compares the arms itself"},
		{query: `foo{canary!=""}`, refused: "which no selector can ask for"},
		{query: `{{ target }}_total`, refused: "more than the values of labels"},
		{query: `label_replace(foo, "a", "{{ target }}", "b", "(.*)")`, refused: "more than the values of labels"},
		{query: `foo{a="{{ if eq target }}"}`, refused: "more than fill in names"},
		{query: `foo{a="{{ unknown }}"}`, refused: "{{ unknown }}, which is not known here"},
		{query: `foo{a="{{ variables.x }}"}`, refused: "needs {{ variables.x }}"},
		{query: `foo{a="{{ route }}"}`, refused: "needs {{ route }}"},
		{query: `foo{`, refused: "not PromQL (line 1, column 5"},
		{query: `sum(foo{a="SerinStandsFor0Here"})`, refused: "kept for this command"},
		{query: ``, refused: "not PromQL"},
	} {
		d := &draft{}
		c.draft = d
		c.ask(asked{at: tree{b: &book{}}, name: "m"}, tt.query, tree{b: &book{}})
		r := d.metrics[0]
		if r.off {
			if tt.refused == "" || !strings.Contains(r.above[0], tt.refused) {
				t.Errorf("%s: got %q, want %s", tt.query, r.above, tt.want+tt.refused)
			}
			continue
		}
		got := map[string]string{}
		for _, f := range r.fields {
			got[f.key] = f.value
		}
		if got["query"] != tt.want || got["selector"] != tt.selector || tt.refused != "" {
			t.Errorf("%s:\ngot  %s with %s\nwant %s with %s %s", tt.query, got["query"], got["selector"], tt.want, tt.selector, tt.refused)
		}
		if _, err := queries.ParseSelector(got["selector"]); err != nil {
			t.Errorf("%s: %v", got["selector"], err)
		}
	}
}

// TestCurl ensures that only a plain call becomes a check.
func TestCurl(t *testing.T) {
	for command, want := range map[string]bool{
		"curl http://web-canary.shop/health":            true,
		"curl -sf http://web-canary.shop/health":        true,
		"curl --fail --silent http://web/health?deep=1": true,
		"curl -sd 'test' http://web/token | grep token": false,
		"curl -H Authorization:hunter2 http://web/":     false,
		"curl -u a:hunter2 http://web/":                 false,
		"curl http://a:hunter2@web/":                    false,
		"curl http://web/?token=hunter2":                false,
		"curl http://web/ http://other/":                false,
		"curl $(cat url)":                               false,
		"hey -z 1m http://web/":                         false,
		"curl":                                          false,
		"":                                              false,
		"curl http://web/;rm":                           false,
	} {
		if _, got := curlCheck(command); got != want {
			t.Errorf("%q: got %v, want %v", command, got, want)
		}
	}
}

// TestProbe ensures that only a plain probe of a server's health becomes a check.
func TestProbe(t *testing.T) {
	for command, want := range map[string]string{
		"grpc_health_probe -addr=web-canary.shop:9090":                       `{ address: "web-canary.shop:9090" }`,
		"/bin/grpc_health_probe -addr web-canary:9090 -service=shop.Orders":  `{ address: "web-canary:9090", service: "shop.Orders" }`,
		"grpc_health_probe -addr=web:9090 -tls":                              "",
		"grpc_health_probe -addr=web:9090 -rpc-header=authorization:hunter2": "",
		"grpc_health_probe -addr=web":                                        "",
		"grpc_health_probe -addr=web:9090 | grep SERVING":                    "",
		"grpc_health_probe":    "",
		"other -addr=web:9090": "",
	} {
		r, ok := probeCheck(command)
		if ok != (want != "") || ok && r.fields[0].value != want {
			t.Errorf("%q: got %+v, want %q", command, r, want)
		}
	}
}

// TestHey ensures that what is proposed for a plain hey is a load that a plan takes.
func TestHey(t *testing.T) {
	for command, want := range map[string]string{
		"hey -z 1m -q 10 -c 2 http://web-canary.shop/":                "rate: 20\n      duration: 1m",
		"hey -z 30s -q 5 -c 2 -m GET http://web-canary.shop:9898/a?b": "rate: 10\n      duration: 1m",
		"/usr/bin/hey -z=2h -q=1 -c=10 http://web-canary.shop/":       "rate: 10\n      duration: 5m",
		"hey -z 1m http://web/":                                       "", // as fast as it can
		"hey -n 1000 -q 10 http://web/":                               "",
		"hey -z 1m -q 10 -c 2 -m POST -d x http://web/":               "",
		"hey -z 1m -q 10 -c 2 -H X:hunter2 http://web/":               "",
		"hey -z 1m -q NaN -c 2 http://web/":                           "",
		"hey -z 1m -q 1e308 -c 1e308 http://web/":                     "",
		"hey -z 1m -q 0.01 -c 1 http://web/":                          "",
		"hey -z 1m -q 10 -c 2 http://web/ http://other/":              "",
		"hey -z 1m -q 10 -c 2 http://a:hunter2@web/":                  "",
		"hey -z": "",
	} {
		lines, ok := heyLoad(command)
		if ok != (want != "") || !strings.Contains(lines, want) {
			t.Errorf("%q: got %q, want %q", command, lines, want)
		}
		if !ok {
			continue
		}
		if _, err := plan.Parse("p.yaml", []byte("service: web\ncomparison: checks\nchecks:\n"+lines+"\n")); err != nil {
			t.Errorf("%q: the plan does not load: %v\n%s", command, err, lines)
		}
	}
}
