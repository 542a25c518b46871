package publish_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/serin-canary/serin/alerts/publish"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// shop serves the metrics of a service of two arms, and Serin's own. Each scrape is a
// second's requests.
type shop struct {
	scrapes atomic.Int64
	since   atomic.Int64 // the scrape at which the canary's errors begin; 0 is never
	back    atomic.Bool  // the verdict is rollback
}

func (s *shop) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	const each = 100
	n := s.scrapes.Add(1)
	bad := int64(0)
	if from := s.since.Load(); from > 0 {
		bad = (n - from) * each / 2
	}
	const pod = `namespace="shop",pod="%s-7d9f-abcde"`
	arm := func(name string, bad int64) {
		labels := fmt.Sprintf(pod, name)
		_, _ = fmt.Fprintf(w, "http_requests_total{%s,code=\"200\"} %d\nhttp_requests_total{%s,code=\"500\"} %d\n", labels, each*n-bad, labels, bad)
	}
	_, _ = fmt.Fprintln(w, "# TYPE http_requests_total counter")
	arm("checkout-primary", 0)
	arm("checkout", bad)
	back := 0
	if s.back.Load() {
		back = 1
	}
	_, _ = fmt.Fprintf(w, "serin_rollout_outcome{rollout=%q,outcome=\"rollback\"} %d\n", id, back)
	_, _ = fmt.Fprintf(w, "serin_rollout_last_look_timestamp_seconds{rollout=%q} %d\n", id, time.Now().Unix())
}

const fast = `service: checkout
block: 2s
lag: 1s
maxDuration: 10m
minDuration: 20s
preset: http
metrics:
  - name: errors
    objective: 99.9%
`

// A canary goes bad under a real Prometheus and a real Alertmanager: its alert fires and
// reaches the webhook, the verdict's alert follows, the tombstone resolves both within
// a few evaluations, and nothing is left when the rules are gone.
func TestLoop(t *testing.T) {
	e2e(t)
	page, hook := newPager(t)
	config := filepath.Join(t.TempDir(), "alertmanager.yml")
	put(t, config, fmt.Sprintf("route: {receiver: serin, group_by: [rollout], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\nreceivers: [{name: serin, webhook_configs: [{url: %q, send_resolved: true}]}]\n", hook+"/alertmanager"))
	am := alertmanager(t, config)
	world := &shop{}
	target := httptest.NewServer(world)
	t.Cleanup(target.Close)
	dir := t.TempDir()
	prom := promtest.Start(t, promtest.Config{
		Scrape: fmt.Sprintf("  - {job_name: serin, honor_labels: true, static_configs: [{targets: [%q]}]}\n", strings.TrimPrefix(target.URL, "http://")),
		More:   fmt.Sprintf("rule_files: [%q]\nalerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\n", filepath.Join(dir, "*.yml"), am),
		Flags:  []string{"--web.enable-lifecycle"},
	})
	p, err := publish.NewPrometheus(dir, server(prom))
	if err != nil {
		t.Fatal(err)
	}
	s := write(t, fast)
	if err := p.Publish(t.Context(), s); err != nil {
		t.Fatal(err)
	}

	await(t, "the canary has requests enough", func() bool { return world.scrapes.Load() > 10 })
	if got := page.are("firing"); len(got) > 0 {
		t.Errorf("a healthy canary: got %v", got)
	}
	world.since.Store(world.scrapes.Load())
	began := time.Now()
	wanted := []string{"CanaryErrorBudgetBurn errors", "CanaryErrorsVsBaseline errors"}
	await(t, "the alerts about errors reach the webhook", func() bool { return within(wanted, page.are("firing")) })
	t.Logf("the webhook heard of the errors %.1f s after they began", page.get(wanted[1]).at.Sub(began).Seconds())
	world.back.Store(true)
	wanted = append(wanted, "CanaryRolledBack ")
	await(t, "the verdict's alert reaches the webhook", func() bool { return within(wanted, page.are("firing")) })
	if firing, err := p.Firing(t.Context(), s); err != nil || !firing {
		t.Fatalf("alerts are active: got %v, %v", firing, err)
	}

	buried := time.Now()
	if err := p.Publish(t.Context(), s.Tombstone()); err != nil {
		t.Fatal(err)
	}
	await(t, "the tombstone may go", func() bool {
		firing, err := p.Firing(t.Context(), s)
		return err == nil && !firing
	})
	if err := p.Remove(t.Context(), s.Name()); err != nil {
		t.Fatal(err)
	}
	if left, loaded := have(t, dir), groups(t, prom); len(left)+len(loaded) > 0 {
		t.Errorf("got the files %v and the groups %v, want none", left, loaded)
	}
	await(t, "everything is resolved", func() bool { return len(page.are("firing")) == 0 && within(wanted, page.are("resolved")) })
	every := time.Duration(s.Group.Interval)
	for _, a := range page.are("resolved") {
		n := page.get(a)
		t.Logf("%s: resolved %.1f s after the tombstone was written, and told %.1f s after", a, n.EndsAt.Sub(buried).Seconds(), n.at.Sub(buried).Seconds())
		// Deleted rules are resolved after four minutes; these at the next evaluation.
		if took := n.EndsAt.Sub(buried); took > 10*every {
			t.Errorf("%s: the tombstone resolved it after %s, with an evaluation every %s", a, took, every)
		}
	}
	await(t, "Alertmanager holds no alert", func() bool {
		var active []any
		ask(t, "http://"+am+"/api/v2/alerts", &active)
		return len(active) == 0
	})
}

// within reports whether all of some are in a list.
func within(some, list []string) bool {
	return !slices.ContainsFunc(some, func(x string) bool { return !slices.Contains(list, x) })
}
