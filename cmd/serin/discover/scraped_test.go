package discover

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets/presettest"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// exporter serves every target of all proofs on a path of its own.
type exporter struct {
	pages map[string]presettest.Target
	t     *testing.T

	mu     sync.Mutex
	blocks float64        // after how many blocks of growth
	seen   map[string]int // scrapes of each path since it grew
}

// ServeHTTP implements http.Handler.
func (e *exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	target, ok := e.pages[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	e.seen[r.URL.Path]++
	fmt.Fprint(w, target.Page(e.t, e.blocks, time.Now()))
}

// grow lets every counter grow by blocks.
func (e *exporter) grow(blocks float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.blocks += blocks
	clear(e.seen)
}

// scraped reports whether every page was read since it grew, and read again, so that
// what was read first has been stored.
func (e *exporter) scraped() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for path := range e.pages {
		if e.seen[path] < 2 {
			return false
		}
	}
	return true
}

// jobs is the scrape configuration of all pages.
func (e *exporter) jobs(host string) string {
	var out strings.Builder
	for path, target := range e.pages {
		fmt.Fprintf(&out, "- job_name: %q\n  metrics_path: %q\n  honor_labels: true\n  static_configs:\n  - targets: [%q]\n    labels:\n", path, path, host)
		for k, v := range target.Labels {
			fmt.Fprintf(&out, "      %s: %q\n", k, v)
		}
	}
	return out.String()
}

// TestPresetsCountWhatIsScraped has one server scrape one exporter, which has a path for
// each target of each proof, and asks for what everything grew by in between.
func TestPresetsCountWhatIsScraped(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it waits for blocks of 10 s; set SERIN_E2E=1 to run it")
	}
	t.Parallel()
	proofs := presettest.Load(t, root)
	e := &exporter{t: t, pages: map[string]presettest.Target{}, seen: map[string]int{}}
	for _, p := range proofs {
		for i, target := range p.Targets {
			e.pages[fmt.Sprintf("/%s/%d", p.Service, i)] = target
		}
	}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	src := open(t, promtest.Start(t, promtest.Config{Scrape: e.jobs(strings.TrimPrefix(server.URL, "http://")), ScrapeInterval: "1s"}))

	const block = 10 * time.Second
	await(t, "every page is scraped", e.scraped)
	begin := time.Now().Truncate(block).Add(block)
	await(t, "a block ends", func() bool { return time.Now().After(begin) })
	e.grow(1)
	await(t, "every page is scraped again", e.scraped)
	end := time.Now().Truncate(block).Add(block)
	await(t, "the last block ends", func() bool { return time.Now().After(end.Add(time.Second)) })
	for _, proof := range proofs {
		if proof.Family == "node" {
			continue // asks for rates, which ten seconds of samples have none of
		}
		t.Run(proof.Family, func(t *testing.T) {
			prove(t, src, proof, queries.Window{Start: begin, End: end, Block: block})
		})
	}
}

// await waits until a condition holds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(time.Minute)
	defer end.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
