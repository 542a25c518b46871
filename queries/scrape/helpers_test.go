package scrape

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries/promql"
)

// epoch is when the tests' stories begin: on a minute.
var epoch = time.Unix(1_700_000_040, 0)

// stopwatch is a clock that stands still until it is told.
type stopwatch struct {
	mu sync.Mutex
	t  time.Time
}

func (c *stopwatch) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *stopwatch) set(t time.Time)         { c.mu.Lock(); c.t = t; c.mu.Unlock() }
func (c *stopwatch) advance(d time.Duration) { c.set(c.now().Add(d)) }

// pod is a metrics page that a test writes.
type pod struct {
	*httptest.Server
	mu      sync.Mutex
	handler http.HandlerFunc
}

func newPod(t testing.TB, body string) *pod {
	t.Helper()
	p := &pod{}
	p.show(body)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		h := p.handler
		p.mu.Unlock()
		h(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *pod) answer(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handler = h
}

// show makes the page answer text.
func (p *pod) show(body string) {
	p.answer(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		fmt.Fprint(w, body)
	})
}

// fail makes the page answer a status.
func (p *pod) fail(code int) {
	p.answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
}

func (p *pod) target(labels ...string) Target {
	t := Target{URL: p.URL + "/metrics", Labels: map[string]string{"instance": "pod:80"}}
	for i := 0; i < len(labels); i += 2 {
		t.Labels[labels[i]] = labels[i+1]
	}
	return t
}

// newTestSource returns a source whose clock stands at the epoch.
func newTestSource(t testing.TB, c Config) (*Source, *stopwatch) {
	t.Helper()
	clock := &stopwatch{t: epoch}
	c.Now = clock.now
	if c.Name == "" {
		c.Name = "shop"
	}
	s, err := New(c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(s.client.CloseIdleConnections)
	return s, clock
}

// scrapeAll scrapes every target once, as Run would.
func scrapeAll(t testing.TB, s *Source) {
	t.Helper()
	for _, sc := range s.scrapers {
		sc.scrapeOnce(t.Context())
	}
}

// values answers an expression at one time, as sorted lines "labels value".
func values(t testing.TB, s *Source, expr string, at time.Time) []string {
	t.Helper()
	ms := at.UnixMilli()
	m, _, err := s.Range(t.Context(), expr, promql.Range{Start: ms, End: ms, Step: 1000})
	if err != nil {
		t.Fatalf("Range(%s): %v", expr, err)
	}
	var lines []string
	for _, stream := range m {
		for _, v := range stream.Values {
			lines = append(lines, stream.Metric.String()+" "+v.Value.String())
		}
		for _, h := range stream.Histograms {
			lines = append(lines, stream.Metric.String()+" "+histogramText(h.Histogram))
		}
	}
	slices.Sort(lines)
	return lines
}

func histogramText(h *model.SampleHistogram) string {
	parts := []string{"count=" + h.Count.String(), "sum=" + h.Sum.String()}
	for _, b := range h.Buckets {
		parts = append(parts, b.String())
	}
	return strings.Join(parts, " ")
}

// one answers an expression that has one value.
func one(t testing.TB, s *Source, expr string, at time.Time) float64 {
	t.Helper()
	lines := values(t, s, expr, at)
	if len(lines) != 1 {
		t.Fatalf("%s: got %d series %v, want 1", expr, len(lines), lines)
	}
	v, err := strconv.ParseFloat(lines[0][strings.LastIndexByte(lines[0], ' ')+1:], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// equalLines compares lists of lines.
func equalLines(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}
