package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// world is what stands around the servers: plans, a Prometheus behind a proxy that
// can misbehave, and a receiver of callbacks.
type world struct {
	t     *testing.T
	dir   string
	store *store
	told  *receiver
}

// newWorld makes a world with one plan, checkout.
func newWorld(t *testing.T) *world {
	t.Helper()
	needsMinutes(t)
	w := &world{t: t, dir: t.TempDir(), store: newStore(t), told: newReceiver(t)}
	w.plan("plans", "checkout", "")
	w.write("secret", callbackSecret+"\n")
	return w
}

func (w *world) write(name, text string) (path string) {
	w.t.Helper()
	path = filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// planYAML judges errors in blocks of two seconds. Twelve blocks of the history
// prove a good canary good, and a bad one bad.
const planYAML = `service: %s
source: %s
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[5s])) / sum(rate(http_requests_total[5s]))
    selector: workload="{{ .Workload }}"
    required: true
block: 2s
lag: 1s
prePeriod: 2m
warmup: { for: 2s, requests: 20, atMost: 4s }
minDuration: 30s
maxDuration: 30m
minBlocks: 10
finalBlocks: 0
minRequests: 300
guarantee: these_pods
`

// plan writes a plan that asks the source of its own name, or prometheus where it
// is checkout.
func (w *world) plan(folder, service, more string) {
	w.t.Helper()
	source := service
	if service == "checkout" {
		source = "prometheus"
	}
	w.write(filepath.Join(folder, service+".yaml"), fmt.Sprintf(planYAML, service, source)+more)
}

// config writes a configuration. Its journal may be a file or a database.
func (w *world) config(name, journal, more string) string {
	w.t.Helper()
	if !strings.Contains(more, "plans:") {
		more = "plans: " + filepath.Join(w.dir, "plans") + "\n" + more
	}
	if !strings.Contains(more, "sources:") {
		more += "sources:\n  - { name: prometheus, prometheus: { url: \"" + w.store.url("prometheus") + "\" } }\n"
	}
	return w.write(name, fmt.Sprintf(`journal: %q
log: { level: warn }
outgoing: { callbacks: [127.0.0.0/8] }
callbacks: { secretFiles: [%s], hosts: ["127.0.0.1:*"], plainHTTP: true }
%s`, journal, filepath.Join(w.dir, "secret"), more))
}

// store is a real Prometheus behind a proxy. Each path of the proxy is a source
// with faults of its own.
type store struct {
	front *httptest.Server
	pass  http.Handler

	mu     sync.Mutex
	faults map[string]http.HandlerFunc
	asked  func(source string, form url.Values) // may be nil
}

// newStore starts both. The history reaches from minutes ago to minutes from now, so
// that what a block holds depends on nothing but its time.
func newStore(t *testing.T) *store {
	t.Helper()
	behind := promtest.Start(t, promtest.Config{History: history(time.Now())})
	to, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	s := &store{faults: map[string]http.HandlerFunc{}}
	s.pass = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		// Who asked has hung up, mostly because it was killed.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	s.front = httptest.NewServer(s)
	t.Cleanup(s.front.Close)
	return s
}

// url is where a source asks.
func (s *store) url(source string) string { return s.front.URL + "/" + source }

// ServeHTTP implements http.Handler.
func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	source, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, form := asked(r)
	s.mu.Lock()
	fault, tell := s.faults[source], s.asked
	s.mu.Unlock()
	if tell != nil && strings.HasSuffix(rest, "query_range") {
		tell(source, form)
	}
	r.URL.Path, r.Body = "/"+rest, body
	if fault != nil {
		fault(w, r)
		return
	}
	s.pass.ServeHTTP(w, r)
}

// fail gives a source a fault; nil mends it.
func (s *store) fail(source string, fault http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[source] = fault
}

// watch has every question about blocks told.
func (s *store) watch(asked func(source string, form url.Values)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = asked
}

// The history: requests of each pod in a second, and the share that fails.
const (
	perSecond = 200
	goodShare = 0.02
	badShare  = 0.12
	before    = 8 * time.Minute
	after     = 20 * time.Minute
)

// history has three pods of each of four workloads. Their luck is drawn from a fixed
// seed.
func history(now time.Time) string {
	var h promtest.History
	start := now.Add(-before).Truncate(time.Second)
	for w, workload := range []string{"good-primary", "good", "bad-primary", "bad"} {
		share := goodShare
		if workload == "bad" {
			share = badShare
		}
		for pod := range 3 {
			luck := rand.New(rand.NewPCG(uint64(w), uint64(pod)))
			labels := fmt.Sprintf(`job="pods",instance="10.0.%d.%d:80",workload=%q,pod="%s-%d"`, w, pod, workload, workload, pod)
			good, bad := 0.0, 0.0
			ok, failed := samples(labels, "200"), samples(labels, "500")
			for s := range int((before + after) / time.Second) {
				n := perSecond - 20 + luck.IntN(40)
				for range n {
					if luck.Float64() < share {
						bad++
					} else {
						good++
					}
				}
				at := start.Add(time.Duration(s) * time.Second)
				ok.add(at, good)
				failed.add(at, bad)
			}
			for _, series := range []*series{ok, failed} {
				for i := range series.at {
					h.Add(series.metric, series.at[i], series.value[i])
				}
			}
		}
	}
	return h.String()
}

// series is one series of the history; they are written one after the other.
type series struct {
	metric promtest.Metric
	at     []time.Time
	value  []float64
}

func samples(labels, code string) *series {
	return &series{metric: promtest.Metric{
		Family: "http_requests", Kind: "counter", Suffix: "_total", Labels: fmt.Sprintf("%s,code=%q", labels, code),
	}}
}

func (s *series) add(at time.Time, value float64) {
	s.at, s.value = append(s.at, at), append(s.value, value)
}
