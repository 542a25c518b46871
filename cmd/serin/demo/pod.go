package demo

import (
	"context"
	"fmt"
	"hash/fnv"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// podBase is what a pod holds before it has served anything, as its memory gauge
// counts it.
const podBase = 24 << 20

// mostKept bounds how many requests a leaking pod keeps, and so the memory of a
// demo that is forgotten.
const mostKept = 2000

// podBuckets are the bounds of the latency histogram in seconds: 5 ms to 626 ms,
// each 1.45 times the one before. The step is a little under 1.5, the default
// margin of latency, so that a shift by the margin moves every bound to a
// neighbour and each of them can prove something.
func podBuckets() []float64 { return prometheus.ExponentialBuckets(0.005, 1.45, 14) }

// pod is one instance of the service: a listener, a registry of its own, and the
// behaviour of its arm.
type pod struct {
	name string
	addr string
	does behaviour

	srv  *http.Server
	done chan struct{} // closed when srv has stopped serving

	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec

	mu     sync.Mutex
	rand   *rand.Rand
	served int
	kept   [][]byte
	busy   time.Duration // time spent working rather than waiting
}

// podSpec says which pod to start.
type podSpec struct {
	name string
	does behaviour
	seed uint64
}

// startPod starts a pod on a free loopback port.
func startPod(ctx context.Context, s podSpec) (*pod, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("pod %s found no free loopback port: %w", s.name, err)
	}
	h := fnv.New64a()
	h.Write([]byte(s.name)) // never fails
	p := &pod{
		name: s.name, addr: ln.Addr().String(), does: s.does,
		done: make(chan struct{}),
		rand: rand.New(rand.NewPCG(s.seed, h.Sum64())),
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.register(), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintln(w, `{"status":"ok"}`)
	})
	mux.HandleFunc("GET /buy", p.buy)
	p.srv = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second,
		// A connection that breaks when the demo ends is nobody's concern.
		ErrorLog: log.New(discard{}, "", 0),
	}
	go func() {
		defer close(p.done)
		_ = p.srv.Serve(ln) // always returns ErrServerClosed: stop closes it
	}()
	return p, nil
}

// discard swallows what net/http logs.
type discard struct{}

// Write implements io.Writer.
func (discard) Write(b []byte) (int, error) { return len(b), nil }

// register returns a registry with the pod's metrics. CPU and memory are counted
// by the pod itself: all pods share one process here, so the process's own figures
// would be the same for all of them.
func (p *pod) register() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	p.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_total", Help: "Requests served, by method and status code.",
	}, []string{"code", "method"})
	p.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Time from a request's arrival to its answer.",
		Buckets: podBuckets(),
	}, []string{"method"})
	reg.MustRegister(p.requests, p.seconds,
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "process_cpu_seconds_total", Help: "Time that this pod spent working, as it counts itself.",
		}, func() float64 { return p.busySeconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "process_resident_memory_bytes", Help: "Bytes that this pod holds, as it counts itself.",
		}, func() float64 { return float64(p.held()) }),
	)
	return reg
}

func (p *pod) busySeconds() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.busy.Seconds()
}

func (p *pod) held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return podBase + len(p.kept)*p.does.retain
}

// buy serves one request of a user: it waits for as long as fate says and
// answers, or stops early where the user hangs up.
func (p *pod) buy(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	f := p.begin()
	began := time.Since(start)

	timer := time.NewTimer(f.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return
	}

	woke := time.Now()
	code := http.StatusOK
	if f.fails {
		code = http.StatusInternalServerError
	}
	p.requests.WithLabelValues(strconv.Itoa(code), "get").Inc()
	p.seconds.WithLabelValues("get").Observe(woke.Sub(start).Seconds())
	w.WriteHeader(code)
	fmt.Fprintln(w, http.StatusText(code))
	p.worked(began + time.Since(woke))
}

// begin draws a request's fate and, where the pod leaks, keeps some of it.
func (p *pod) begin() fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.does.draw(p.rand, p.served)
	p.served++
	if p.does.retain > 0 && len(p.kept) < mostKept {
		p.kept = append(p.kept, make([]byte, p.does.retain))
	}
	return f
}

func (p *pod) worked(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy += d
}

// url returns the address of one of the pod's pages.
func (p *pod) url(path string) string { return "http://" + p.addr + path }

// stop closes the listener and every connection.
func (p *pod) stop() {
	_ = p.srv.Close() // nothing to flush: its users are stopped already
	<-p.done
}
