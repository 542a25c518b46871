package flagger

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Each service has this many pods in each arm, and this many requests a second. They
// cost nothing: nobody sends them, they are counted as if somebody had.
const (
	podsPerArm = 3
	perSecond  = 900.0
)

// pods are the metrics pages of every pod of every service.
type pods struct {
	addr     string
	services map[string]*service
}

// service is one service in its two arms.
type service struct {
	mu      sync.Mutex
	at      time.Time // up to which was counted
	share   float64   // of the canary, of 1
	ill     bool      // the canary's health page fails
	failing float64   // of the canary's requests, of 1
	arms    map[string]*counted
}

// counted is what one pod of an arm has served: all pods of an arm serve alike.
type counted struct {
	requests, failed float64
	revision         int // whose pods they are: another revision has other pods
}

// startPods serves the pages of services.
func startPods(t *testing.T, names []string) *pods {
	t.Helper()
	p := &pods{services: map[string]*service{}}
	for _, n := range names {
		p.services[n] = &service{at: time.Now(), failing: 0.01, arms: map[string]*counted{"baseline": {}, "canary": {}}}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics/{service}/{arm}/{pod}", func(w http.ResponseWriter, r *http.Request) {
		s, ok := p.services[r.PathValue("service")]
		if !ok || s.arms[r.PathValue("arm")] == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, s.page(r.PathValue("arm"), r.PathValue("pod")))
	})
	mux.HandleFunc("GET /{service}/health", func(w http.ResponseWriter, r *http.Request) {
		if s, ok := p.services[r.PathValue("service")]; !ok || s.isIll() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	p.addr = strings.TrimPrefix(srv.URL, "http://")
	return p
}

// scrape is what Prometheus must be told of all pods.
func (p *pods) scrape() string {
	var b strings.Builder
	b.WriteString("- job_name: pods\n  static_configs:\n")
	for name := range p.services {
		for _, arm := range [...]string{"baseline", "canary"} {
			for i := range podsPerArm {
				fmt.Fprintf(&b, "  - targets: [%q]\n    labels: {__metrics_path__: /metrics/%s/%s/%d, service: %s, arm: %s, instance: %s-%s-%d}\n",
					p.addr, name, arm, i, name, arm, name, arm, i)
			}
		}
	}
	return b.String()
}

// count brings the counters up to now.
func (s *service) count() {
	now := time.Now()
	for name, arm := range s.arms {
		share, failing := 1-s.share, 0.01
		if name == "canary" {
			share, failing = s.share, s.failing
		}
		n := now.Sub(s.at).Seconds() * perSecond * share / podsPerArm
		arm.requests += n
		arm.failed += n * failing
	}
	s.at = now
}

func (s *service) page(arm, pod string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count()
	c := s.arms[arm]
	name := fmt.Sprintf("%s-%d-%s", arm, c.revision, pod)
	return fmt.Sprintf("# TYPE http_requests_total counter\nhttp_requests_total{pod=%q,code=\"200\"} %d\nhttp_requests_total{pod=%q,code=\"500\"} %d\n",
		name, int(c.requests)-int(c.failed), name, int(c.failed))
}

// renew has new pods in the canary, as a change of the Deployment has. What the old ones
// served is no part of what the new ones are judged by, however late it is scraped.
func (s *service) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count()
	c := s.arms["canary"]
	*c = counted{revision: c.revision + 1}
}

// route shifts the canary's share of traffic.
func (s *service) route(share float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count()
	s.share = share
}

// fallIll makes the canary's health page fail, or well again.
func (s *service) fallIll(ill bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ill = ill
}

func (s *service) isIll() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ill
}

// breakCanary makes a share of the canary's requests fail from now on.
func (s *service) breakCanary(failing float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count()
	s.failing = failing
}
