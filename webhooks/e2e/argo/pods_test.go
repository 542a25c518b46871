package argo

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// perSecond is how many requests a service gets. They cost nothing: nobody sends them,
// they are counted as if somebody had.
const perSecond = 3000.0

// perSecondOf is as many for a service that is judged by samples of a rate: there, a counter
// that is cut to a whole number is a difference that stays.
func perSecondOf(service string) float64 {
	if strings.HasPrefix(service, "kayenta") {
		return 100 * perSecond
	}
	return perSecond
}

// pods are the metrics pages of every service: what Prometheus would find at its pods,
// with the labels that it would give them, at one address.
type pods struct {
	addr     string
	services map[string]*service
}

// service is one service with all pods of its ReplicaSets.
type service struct {
	name    string
	cluster *cluster

	mu      sync.Mutex
	at      time.Time // up to which was counted
	failing map[string]float64
	ill     bool // the new version's health page fails
	sets    map[string]*set
}

// set is a ReplicaSet that has pods.
type set struct {
	running
	born int // pods so far
	pods []*pod
}

// pod is what one pod has served.
type pod struct {
	name             string
	requests, failed float64
}

// startPods serves the pages of services.
func startPods(t *testing.T, c *cluster, names []string) *pods {
	t.Helper()
	p := &pods{services: map[string]*service{}}
	for _, n := range names {
		p.services[n] = &service{name: n, cluster: c, at: time.Now(), failing: map[string]float64{}, sets: map[string]*set{}}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{service}/metrics", func(w http.ResponseWriter, r *http.Request) {
		s, ok := p.services[r.PathValue("service")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, s.page())
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
	b.WriteString("- job_name: pods\n  honor_labels: true\n  static_configs:\n")
	for name := range p.services {
		fmt.Fprintf(&b, "  - targets: [%q]\n    labels: {__metrics_path__: /%s/metrics}\n", p.addr, name)
	}
	return b.String()
}

// page brings the counters up to now, by the traffic as it was, and looks at the
// cluster for the time that follows.
func (s *service) page() string {
	found := s.cluster.running(s.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, x := range s.sets {
		n := now.Sub(s.at).Seconds() * perSecondOf(s.name) * x.share / float64(len(x.pods))
		for _, p := range x.pods {
			p.requests += n
			p.failed += n * s.share(x.image)
		}
	}
	s.at = now
	s.follow(found)
	var b strings.Builder
	b.WriteString("# TYPE http_requests_total counter\n")
	for _, x := range s.sets {
		for _, p := range x.pods {
			labels := fmt.Sprintf("namespace=%q,pod=%q,instance=%q,rollouts_pod_template_hash=%q", s.name, p.name, p.name, x.hash)
			fmt.Fprintf(&b, "http_requests_total{%s,code=\"200\"} %d\nhttp_requests_total{%s,code=\"500\"} %d\n",
				labels, int(p.requests)-int(p.failed), labels, int(p.failed))
		}
	}
	return b.String()
}

// follow starts and ends pods.
func (s *service) follow(found []running) {
	was := s.sets
	s.sets = map[string]*set{}
	for _, f := range found {
		x := was[f.name]
		if x == nil {
			x = &set{}
		}
		x.running = f
		for len(x.pods) < f.replicas {
			x.born++
			x.pods = append(x.pods, &pod{name: fmt.Sprintf("%s-p%dx%d", f.name, s.at.UnixMilli(), x.born)})
		}
		x.pods = x.pods[:f.replicas]
		s.sets[f.name] = x
	}
}

// share returns how many of an image's requests fail, of 1.
func (s *service) share(image string) float64 {
	if f, ok := s.failing[image]; ok {
		return f
	}
	return 0.01
}

// breakImage makes a share of an image's requests fail from now on.
func (s *service) breakImage(image string, failing float64) {
	s.page()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing[image] = failing
}

// fallIll makes the health page fail.
func (s *service) fallIll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ill = true
}

func (s *service) isIll() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ill
}
