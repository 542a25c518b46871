package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/serin-canary/serin/alerts"
	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
	"github.com/serin-canary/serin/webhooks"
)

// loopPlan is mute as to statistics for as long as the test lasts, since no pod is warm:
// what rolls back is the alert of Serin's own rules, by way of Alertmanager.
const loopPlan = `service: checkout
source: prometheus
preset: http
block: 2s
lag: 1s
maxDuration: 2h
minDuration: 20s
warmup: { for: 1h, requests: 300, atMost: 1h }
metrics:
  - name: errors
    objective: 99.9%
alertmanager:
  - name: own-rules
    match: alertname="CanaryErrorsVsBaseline"
    action: rollback
`

// loopShop serves the metrics of a service of two arms. Each scrape is a second's
// requests.
type loopShop struct{ scrapes, since atomic.Int64 }

func (s *loopShop) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	const each = 100
	n, bad := s.scrapes.Add(1), int64(0)
	if from := s.since.Load(); from > 0 {
		bad = (n - from) * each / 2
	}
	_, _ = fmt.Fprintln(w, "# TYPE http_requests_total counter")
	for pod, bad := range map[string]int64{"checkout-primary-7d9f-abcde": 0, "checkout-7d9f-abcde": bad} {
		_, _ = fmt.Fprintf(w, "http_requests_total{namespace=\"shop\",pod=%q,code=\"200\"} %d\n", pod, each*n-bad)
		_, _ = fmt.Fprintf(w, "http_requests_total{namespace=\"shop\",pod=%q,code=\"500\"} %d\n", pod, bad)
	}
}

// phone is who Alertmanager notifies beside Serin: the last of each alert.
type phone struct {
	mu   sync.Mutex
	last map[string]string // status by alert
}

func (p *phone) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var g struct {
		Alerts []struct {
			Status string
			Labels map[string]string
		}
	}
	text, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(text, &g)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range g.Alerts {
		p.last[a.Labels["alertname"]] = a.Status
	}
}

func (p *phone) heard(status string, alerts ...string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !slices.ContainsFunc(alerts, func(a string) bool { return p.last[a] != status })
}

// silent reports whether nothing fires.
func (p *phone) silent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, status := range p.last {
		if status == "firing" {
			return false
		}
	}
	return true
}

// loop is the whole of it: Serin, Prometheus and Alertmanager, each a process.
type loop struct {
	t                        *testing.T
	dir, rules               string
	serin, prometheus, pager string // addresses
	admin, narrow            string // tokens
	shop                     *loopShop
	phone                    *phone
	id                       string // the rollout's
}

// part starts a real program, which ends with the test.
func (l *loop) part(name string, args ...string) *exec.Cmd {
	l.t.Helper()
	said, err := os.Create(filepath.Join(l.dir, name+".log"))
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(l.t.Context()), name, args...)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
		_ = said.Close()
		if text, err := os.ReadFile(said.Name()); err == nil && l.t.Failed() {
			l.t.Logf("%s said:\n%s", name, text)
		}
	})
	return cmd
}

// file writes a file of the test's.
func (l *loop) file(name, text string) string {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return path
}

// await waits for something between the processes.
func (l *loop) await(what string, ok func() bool) {
	l.t.Helper()
	began := time.Now()
	for end := began.Add(150 * time.Second); time.Now().Before(end); {
		if ok() {
			l.t.Logf("%s after %s", what, time.Since(began).Round(100*time.Millisecond))
			return
		}
		select {
		case <-l.t.Context().Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	l.t.Fatalf("%s did not happen", what)
}

// ask calls one of the processes; Serin wants a token. Nothing answers with 0.
func (l *loop) ask(method, url, body string) (int, string) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	if strings.HasPrefix(url, "http://"+l.serin) {
		r.Header.Set("Authorization", "Bearer "+l.admin)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	a, err := c.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		return 0, err.Error()
	}
	return a.StatusCode, string(text)
}

// loopSerin configures the server, loopPager Alertmanager.
const (
	loopSerin = `listen: %[1]s
baseURL: http://%[1]s
journal: %[2]s/serin.db
plans: %[2]s/plans
tokens:
  - { name: admin, hash: %[3]q, namespaces: ["*"], callers: ["*"], allow: [read, announce, judge, override, admin] }
  - { name: alertmanager, hash: %[4]q, namespaces: [shop], callers: [alertmanager], allow: [alert] }
sources:
  - { name: prometheus, prometheus: { url: %[5]q } }
publish:
  self: job="serin"
  dashboards: { files: { dir: %[2]s/boards } }
  rules:
    labels: { team: shop }
    prometheus: { dir: %[6]q, url: %[5]q }
`
	loopPager = `route:
  receiver: phone
  group_by: [alertname, rollout]
  group_wait: 0s
  group_interval: 1s
  routes: [{ receiver: serin, continue: true }, { receiver: phone }]
receivers:
  - name: serin
    webhook_configs: [{ url: "http://%s/alertmanager", send_resolved: true, http_config: { authorization: { credentials: %q } } }]
  - name: phone
    webhook_configs: [{ url: %q, send_resolved: true }]
`
)

func newLoop(t *testing.T) *loop {
	t.Helper()
	l := &loop{
		t: t, dir: t.TempDir(), serin: freeAddr(t), pager: freeAddr(t), admin: webhooks.NewSecret(), narrow: webhooks.NewSecret(),
		shop: &loopShop{}, phone: &phone{last: map[string]string{}},
	}
	l.rules = filepath.Join(l.dir, "rules")
	shop, phone := httptest.NewServer(l.shop), httptest.NewServer(l.phone)
	t.Cleanup(shop.Close)
	t.Cleanup(phone.Close)
	l.part("prometheus-alertmanager", "--config.file="+l.file("alertmanager.yml", fmt.Sprintf(loopPager, l.serin, l.narrow, phone.URL)),
		"--storage.path="+filepath.Join(l.dir, "alertmanager"), "--web.listen-address="+l.pager, "--cluster.listen-address=")
	l.prometheus = promtest.Start(t, promtest.Config{
		Scrape: fmt.Sprintf("  - { job_name: shop, honor_labels: true, static_configs: [{ targets: [%q] }] }\n  - { job_name: serin, authorization: { credentials: %q }, static_configs: [{ targets: [%q] }] }\n",
			strings.TrimPrefix(shop.URL, "http://"), l.admin, l.serin),
		More:  fmt.Sprintf("rule_files: [%q]\nalerting: { alertmanagers: [{ static_configs: [{ targets: [%q] }] }] }\n", filepath.Join(l.rules, "*.yml"), l.pager),
		Flags: []string{"--web.enable-lifecycle"},
	})
	l.file("plans/checkout.yaml", loopPlan)
	config := l.file("serin.yaml", fmt.Sprintf(loopSerin, l.serin, l.dir, webhooks.HashToken(l.admin), webhooks.HashToken(l.narrow), l.prometheus, l.rules))
	l.part("serin", "serve", "--config", config)
	l.await("Alertmanager is ready", func() bool { code, _ := l.ask("GET", "http://"+l.pager+"/-/ready", ""); return code == 200 })
	l.await("Serin is ready", func() bool { code, _ := l.ask("GET", "http://"+l.serin+"/readyz", ""); return code == 200 })
	return l
}

// announce opens the rollout, as a controller does.
func (l *loop) announce() {
	l.t.Helper()
	code, text := l.ask("POST", "http://"+l.serin+"/v1/rollouts", `{"service":"checkout","namespace":"shop","revision":"v2","watch":true,
		"baseline":{"podPattern":"checkout-primary-[0-9a-z]+-[0-9a-z]+"},"canary":{"podPattern":"checkout-[0-9a-z]+-[0-9a-z]+"}}`)
	var opened struct{ Rollout struct{ ID string } }
	if err := json.Unmarshal([]byte(text), &opened); err != nil || code != 201 {
		l.t.Fatalf("got %d %s, %v", code, text, err)
	}
	l.id = opened.Rollout.ID
}

// verdict is the rollout's last.
func (l *loop) verdict() judge.Verdict {
	var b struct{ Last judge.Verdict }
	_, text := l.ask("GET", "http://"+l.serin+"/v1/rollouts/"+l.id, "")
	_ = json.Unmarshal([]byte(text), &b)
	return b.Last
}

// evaluates reports whether Prometheus has the rollout's rules.
func (l *loop) evaluates() bool {
	_, text := l.ask("GET", l.prometheus+"/api/v1/rules", "")
	return strings.Contains(text, `"name":"`+alerts.NameOf(l.id)+`"`)
}

// holds reports whether a file has a text.
func (l *loop) holds(file, text string) bool {
	has, err := os.ReadFile(file)
	return err == nil && strings.Contains(string(has), text)
}

// TestTheWholeLoop has a canary go bad under a real Serin, Prometheus and Alertmanager.
// The rules that Serin published fire; Alertmanager's webhook tells Serin; that rolls
// back; the rules about the verdict fire, too. At the end of the rollout the rules are
// buried, what fired is resolved, and nothing is left.
func TestTheWholeLoop(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	for _, tool := range []string{"prometheus", "prometheus-alertmanager"} {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("SERIN_REQUIRE_TOOLS") == "" {
			t.Skipf("needs %s in PATH (Debian: apt-get install prometheus prometheus-alertmanager)", tool)
		}
	}
	l := newLoop(t)
	l.announce()
	rules, board := filepath.Join(l.rules, alerts.NameOf(l.id)+".yml"), filepath.Join(l.dir, "boards", dashboards.UID(l.id)+".json")
	l.await("Prometheus evaluates the rules", l.evaluates)
	from := l.shop.scrapes.Load()
	l.await("a look at a healthy canary", func() bool { return l.shop.scrapes.Load() > from+8 && l.verdict().Seq > 2 })
	if v := l.verdict(); v.Outcome != judge.Continue || !l.phone.silent() {
		t.Fatalf("a healthy canary: got %s: %s, and alerts %v", v.Outcome, v.Reason, l.phone.last)
	}

	l.shop.since.Store(l.shop.scrapes.Load())
	l.await("the alert", func() bool { return l.phone.heard("firing", "CanaryErrorsVsBaseline") })
	l.await("the rollback", func() bool { return l.verdict().Outcome == judge.Rollback })
	v := l.verdict()
	if !v.RollBack.Yes || v.Proven || !strings.Contains(v.Reason, "CanaryErrorsVsBaseline fires since ") || strings.Contains(v.Reason, "CanaryRolledBack") {
		t.Errorf("got %+v because %q, want a rollback by the alert", v.RollBack, v.Reason)
	}
	l.await("the alert about the verdict", func() bool { return l.phone.heard("firing", "CanaryRolledBack") })
	l.await("the verdict on the board", func() bool { return l.holds(board, "## ROLLBACK") })

	if code, text := l.ask("DELETE", "http://"+l.serin+"/v1/rollouts/"+l.id+"?why=rolled+back", ""); code != 200 {
		t.Fatalf("got %d %s", code, text)
	}
	l.await("the tombstone", func() bool { return l.holds(rules, "vector(0) == 1") })
	l.await("the all-clear", func() bool {
		return l.phone.heard("resolved", "CanaryErrorsVsBaseline", "CanaryRolledBack") && l.phone.silent()
	})
	l.await("the end of the file", func() bool { _, err := os.Stat(rules); return os.IsNotExist(err) })
	l.nothingLeft()
}

// nothingLeft holds that retiring leaves no trace where alerts are, and that the report
// has nothing to complain of.
func (l *loop) nothingLeft() {
	l.t.Helper()
	if files, err := os.ReadDir(l.rules); err != nil || len(files) > 0 {
		l.t.Errorf("got %v in the folder of rules, %v", files, err)
	}
	l.await("Prometheus has the rules no more", func() bool { return !l.evaluates() })
	l.await("Alertmanager holds no alert", func() bool {
		code, text := l.ask("GET", "http://"+l.pager+"/api/v2/alerts", "")
		return code == 200 && strings.TrimSpace(text) == "[]"
	})
	code, text := l.ask("GET", "http://"+l.serin+"/v1/rollouts/"+l.id, "")
	if code != 200 || !strings.Contains(text, `"unpublished":[]`) {
		l.t.Errorf("got %d %s, want a report in which nothing is missing", code, text)
	}
	wantSerin(l.t, 0, "verdicts are byte for byte", "replay", l.id, "--journal", filepath.Join(l.dir, "serin.db"))
}
