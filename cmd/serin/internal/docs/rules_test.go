package docs

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// rule says how a command is run other than as it stands.
type rule struct {
	page string // ends with this; empty: any
	has  string // the command holds this
	// why says why it cannot be run here as it stands. With instead it is run in part.
	why     string
	instead []string // pairs: what the page says, and what is typed here
	exit    int      // the exit code that is expected
	says    string   // what its output must hold
	until   string   // it goes on for ever: it is interrupted when it has said this
	slow    bool     // only with SERIN_E2E
}

func (r rule) fits(c command) bool {
	return strings.HasSuffix(c.page, r.page) && strings.Contains(c.text, r.has)
}

// Reasons why something cannot be run here.
const (
	noCluster = "there is no Kubernetes here"
	noCloud   = "there is no cloud here"
	noGitLab  = "there is no GitLab here"
	noNetwork = "it downloads from a public place"
	noPods    = "the shops here have two pods and an hour of past; cmd/serin's TestThePastOfARealPrometheus runs it on a past that is long enough"
	noSeries  = "the recorded series are not part of the project; judge/lab's tests read them where they are"
	ownSuite  = "deploy/e2e and deploy/release type each of them, or say why not"
	ownTests  = "it builds or tests the project, and bash .ci/test does that"
	tooLong   = "it runs for longer than tests may; here with less"
)

// rules are all exceptions, the first that fits a command counting. Every other command
// is run as it stands, and must end with 0.
func rules() []rule {
	return []rule{
		{has: "kubectl get canaries", why: noCluster, instead: []string{"kubectl get canaries,metrictemplates -A -o yaml |", "cat canary.yaml |"}},
		{has: "| kubectl apply -n shop -f -", why: noCluster, instead: []string{"| kubectl apply -n shop -f -", ""}},
		{has: "| kubectl apply --server-side", why: noCluster, instead: []string{"| kubectl apply --server-side --field-manager=serin -f -", ""}},

		{has: "kubectl apply", why: noCluster},
		{has: "aws ", why: noCloud},

		{page: "README.md", has: "git clone", why: noNetwork},
		{page: "README.md", has: "serin demo", until: "Serin answers at"},
		{page: "README.md", has: "--watch", until: "waiting for the first block"},
		{page: "README.md", has: "serve --plans", until: "answers at"},
		{page: "pages.md", has: "serin demo --stay", until: "Serin answers at"},

		{page: "ci.md", has: "status=approved", why: noGitLab, instead: []string{"--wait 1h", "--service checkout --revision v2 --wait 1s"}},
		{page: "ci.md", has: "curl --fail --request POST", why: noGitLab},
		{page: "ci.md", has: "serin ask", instead: []string{"--wait 5m ", "--wait 1s ", "--wait 20m", "--wait 1s", "--wait 1h", "--wait 1s"}},
		{page: "calibrate.md", has: "--days 14", why: noPods},
		{page: "calibrate.md", has: "serin demo --history", slow: true},
		{page: "calibrate.md", has: "--history shop.history --html", why: tooLong, instead: []string{"--html", "--draws 20 --paths 20 --html"}, says: "20 draws", slow: true},
		{page: "calibrate.md", has: "--from 2026-03-01T12:00:00Z", instead: []string{"--from 2026-03-01T12:00:00Z", "--queries-per-minute 0 --from 9m", "--to 2026-03-01T13:00:00Z", "--to 5m"}},
		{page: "check-run.md", has: "./switch.sh", exit: 1, says: "2 of 3 checks passed"},
		{page: "start.md", has: "serin ask", instead: []string{"--wait 5m", "--wait 1s", "--wait 1h", "--wait 1s"}},
		{page: "dashboards.md", has: "", why: ownTests},
		{page: "install.md", has: "", why: ownSuite},
		{page: "lab.md", has: "--series recorded/", why: noSeries},
		{page: "lab.md", has: "--runs 2000", why: tooLong, instead: []string{"--runs 2000", "--runs 2", "--level all", "--level clean --scenario aa"}},
		{page: "lab.md", has: "-o csv", why: tooLong, instead: []string{"-o csv", "-o csv --runs 1", "--scenario all", "--scenario aa"}},
		{page: "lambda-forwarder.md", has: "", why: ownTests},
		{page: "operations.md", has: "serin work retry", exit: 1, says: "qk3v5zgq7xmh2b4t"},
		{page: "operations.md", has: "promtool test rules", slow: true},
		{page: "plan.md", has: "plan power", why: tooLong, instead: []string{"--rps", "--paths 20 --rps"}, says: "FOUND IN 30M"},
		{page: "performance.md", has: "go test", why: ownTests},
		{page: "pipelines.md", has: "./judge.sh", until: "not decided yet"},
	}
}

// prepare puts what the reader of a page has already beside it.
func prepare(s *stage, page string) {
	checkout, search := example(s, "plans/checkout.yaml"), example(s, "plans/search.yaml")
	switch page {
	case "docs/argo.md":
		s.write("plans/checkout.yaml", checkout)
	case "docs/plan.md":
		s.write("checkout.yaml", checkout)
	case "docs/calibrate.md":
		s.write("checkout.yaml", meshPlan)
		s.write("plans/checkout.yaml", meshPlan)
		s.write("stricter.yaml", meshPlan+"alpha: 0.01\n")
		s.remember("checkout")
	case "docs/check-run.md":
		s.write("smoke.yaml", example(s, "checks/smoke.yaml"))
		s.write("switch.sh", "#!/bin/sh\n")
		s.swaps = append(s.swaps, "http://green.shop:8080", aShop(s))
	case "docs/ci.md":
		s.write("shift.sh", "#!/bin/sh\n")
		s.write("promote.sh", "#!/bin/sh\n")
		s.write("plans/checkout.yaml", tracked(search))
		s.env = append(s.env, "SERIN_URL=http://"+s.addr, "SHA=abc")
		s.serve()
	case "docs/start.md":
		s.write("amazon-token", "0123456789abcdef0123456789abcdef\n")
		s.env = append(s.env, "SHA=abc")
	case "docs/import.md":
		s.write("metric-templates.yaml", metricTemplate)
		s.write("analysis-templates.yaml", analysisTemplate)
		s.write("canary-config.json", example(s, "kayenta/canary-config.json"))
		s.write("blackbox.yml", blackboxModule)
	case "docs/operations.md":
		s.write("plans/checkout.yaml", checkout)
		s.serve()
		s.stop()
	case "docs/pipelines.md":
		s.write("plans/checkout.yaml", strings.Replace(tracked(search), "mode: shadow", "", 1))
		s.write("judge.sh", example(s, "scripts/judge.sh"))
		s.write("announcement.json", example(s, "scripts/announcement.json"))
		s.env = append(s.env, "BUILD_NUMBER=7", "SERIN_POLL=1")
		s.serve()
	}
}

// tracked is a plan of search for the service checkout, whose arms have labels.
func tracked(search string) string {
	return strings.Replace(search, "service: search", "service: checkout\narms: { baseline: { labels: { track: stable } }, canary: { labels: { track: canary } } }", 1)
}

// meshPlan judges the service checkout.
const meshPlan = `service: checkout
namespace: shop
source: prometheus
preset: istio
arms:
  baseline: { namespace: shop, workload: checkout-primary }
  canary: { namespace: shop, workload: checkout }
`

// remember lets a server judge a rollout that began half an hour ago, and puts its name
// in the place of that on the pages.
func (s *stage) remember(service string) {
	s.t.Helper()
	s.serve()
	body := fmt.Sprintf(`{"service": %q, "namespace": "shop", "revision": "v1", "started": %q}`, service, time.Now().Add(-30*time.Minute).UTC().Format(time.RFC3339))
	out, errs, code := s.run("curl -sS --fail http://localhost:8080/v1/judge -H 'Content-Type: application/json' -d '" + body + "'")
	var verdict struct{ ID string }
	if err := json.Unmarshal([]byte(out), &verdict); code != 0 || err != nil || verdict.ID == "" {
		s.t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
	}
	s.swaps = append(s.swaps, "qk3v5zgq7xmh2b4t", strings.SplitN(verdict.ID, "-", 2)[0])
	s.stop()
}

// What the commands of the page about import read besides the files that it shows.
const (
	metricTemplate = `apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata: { name: latency, namespace: test }
spec:
  provider: { type: prometheus, address: "http://prometheus:9090" }
  query: histogram_quantile(0.99, sum by (le) (rate(request_seconds_bucket{namespace="{{ namespace }}"}[{{ interval }}])))
`
	analysisTemplate = `apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: { name: memory, namespace: shop }
spec:
  metrics:
    - name: memory
      successCondition: result[0] < 1e9
      provider: { prometheus: { address: "http://prometheus:9090", query: avg(container_memory_working_set_bytes) } }
`
	blackboxModule = "modules:\n  http_2xx: { prober: http, timeout: 5s }\n"
)

// serve starts a server with the folder plans.
func (s *stage) serve() {
	s.t.Helper()
	if out := s.start("serin serve --plans plans --prometheus http://localhost:9090", "answers at"); !strings.Contains(out, "answers at") {
		s.t.Fatal(out)
	}
}

func example(s *stage, name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples", name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// aShop answers as the page about smoke tests says: everything is well, but there are no
// products.
func aShop(s *stage) string {
	mux := http.NewServeMux()
	for path, answer := range map[string]string{"/health": `{"status":"ok"}`, "/api/products": `{"products":[]}`, "/api/login": `{"token":"t"}`} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(answer))
		})
	}
	server := httptest.NewServer(mux)
	s.t.Cleanup(server.Close)
	return server.URL
}
