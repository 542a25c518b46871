package discover

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets/presettest"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
	"github.com/serin-canary/serin/queries/share"
)

// tenMetrics is a proof whose plan has ten: requests, containers and the Go runtime.
func tenMetrics(t *testing.T) presettest.Proof {
	t.Helper()
	for _, p := range presettest.Load(t, root) {
		if p.Family != "kubernetes" {
			continue
		}
		p.With = append(p.With, "go")
		for i, target := range p.Targets {
			if strings.Contains(target.Series, "http_requests_total") {
				p.Targets[i].Series += "\ngauge go_memstats_heap_inuse_bytes 2000\ncounter go_gc_duration_seconds_sum 0.25\ngauge go_goroutines 40\n"
			}
		}
		return p
	}
	t.Fatal("there is no proof of kubernetes")
	return presettest.Proof{}
}

// counted puts a front that counts requests before a server.
func counted(t *testing.T, server string) (string, *atomic.Int64) {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(u)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL, &n
}

// TestFiguresOfALook prints how many queries looks at ten metrics issue and how many bytes
// they read from a real server: the first look, at sixty blocks, and one at a new block,
// by one rollout and by ten of one service at once, without and with sharing.
func TestFiguresOfALook(t *testing.T) {
	t.Parallel()
	proof := tenMetrics(t)
	p, err := plan.Parse("ten.yaml", []byte(proof.YAML(t)))
	if err != nil || len(p.Metrics) != 10 {
		t.Fatalf("got %d metrics, %v, want ten", len(p.Metrics), err)
	}
	end := promtest.Epoch().Add(80 * time.Minute)
	server, asked := counted(t, promtest.Start(t, promtest.Config{History: presettest.History(t, []presettest.Proof{proof}, presettest.Span{
		Start: promtest.Epoch(), End: end, Step: 15 * time.Second, Block: time.Minute,
	})}))
	figures := map[string][2]int64{}
	for _, c := range []struct {
		blocks, rollouts int
		shared           bool
	}{{60, 1, false}, {60, 1, true}, {1, 1, false}, {60, 10, false}, {60, 10, true}, {1, 10, false}, {1, 10, true}} {
		store, err := prometheus.New(prometheus.Config{Name: "prometheus", URL: server})
		if err != nil {
			t.Fatal(err)
		}
		var src queries.Source = store
		if c.shared {
			src = share.New(store, share.Config{Name: "prometheus"})
		}
		before := asked.Load()
		w := queries.Window{Start: end.Add(-time.Duration(c.blocks) * time.Minute), End: end, Block: time.Minute}
		looks(t, src, p, w, c.rollouts)
		name := fmt.Sprintf("%d blocks, %d rollouts, shared=%v", c.blocks, c.rollouts, c.shared)
		figures[name] = [2]int64{asked.Load() - before, int64(store.BytesRead())}
		t.Logf("%-36s %4d queries, %8d bytes", name, figures[name][0], figures[name][1])
		store.Close()
	}
	spacing(t, server, asked, p, end)
	one, apart, shared := figures["60 blocks, 1 rollouts, shared=false"], figures["60 blocks, 10 rollouts, shared=false"], figures["60 blocks, 10 rollouts, shared=true"]
	if apart[0] != 10*one[0] || shared[0] != one[0] {
		t.Errorf("got %d queries of one rollout, %d of ten, %d of ten that share, want ten times as many, and as many", one[0], apart[0], shared[0])
	}
	if figures["1 blocks, 1 rollouts, shared=false"][1] >= one[1]/2 {
		t.Errorf("a look at one new block reads %d bytes, the first look %d; want less than half", figures["1 blocks, 1 rollouts, shared=false"][1], one[1])
	}
}

// spacing prints what a rollout asks once, beside its first look: how far apart the samples
// of each selector are.
func spacing(t *testing.T, server string, asked *atomic.Int64, p plan.Plan, end time.Time) {
	t.Helper()
	store, err := prometheus.New(prometheus.Config{Name: "prometheus", URL: server})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	before, seen := asked.Load(), map[string]bool{}
	for _, m := range p.Metrics {
		r, err := m.Scoped(p.Arms.Baseline)
		if err != nil {
			t.Fatal(err)
		}
		ss, err := queries.Selections(r.Query)
		if err != nil {
			t.Fatal(err)
		}
		s := widestOf(ss)
		if seen[s.Text] {
			continue
		}
		seen[s.Text] = true
		if apart, err := store.ScrapeInterval(t.Context(), s.Text, end, 10*time.Minute); err != nil || apart != 15*time.Second {
			t.Errorf("%s: got samples %s apart, %v, want 15s", s.Text, apart, err)
		}
	}
	t.Logf("once in a rollout, of %d selectors: %4d queries, %8d bytes", len(seen), asked.Load()-before, store.BytesRead())
}

// looks asks for every metric of both arms, as several rollouts at once.
func looks(t *testing.T, src queries.Source, p plan.Plan, w queries.Window, rollouts int) {
	t.Helper()
	at := time.Now()
	var wg sync.WaitGroup
	for r := range rollouts {
		ctx := queries.WithAsker(t.Context(), queries.Asker{Rollout: fmt.Sprint(r), At: at})
		for _, m := range p.Metrics {
			for _, arm := range []plan.Arm{p.Arms.Baseline, p.Arms.Canary} {
				reading, err := m.Scoped(arm)
				if err != nil {
					t.Fatal(err)
				}
				wg.Go(func() {
					if _, err := src.Blocks(ctx, reading, w); err != nil {
						t.Errorf("%s: %v", m.Name, err)
					}
				})
			}
		}
	}
	wg.Wait()
}
