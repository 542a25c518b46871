package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks"
)

// realAlertmanager is Debian's prometheus-alertmanager, as a process of its own.
type realAlertmanager struct {
	t    *testing.T
	file string
	url  string
}

func startAlertmanager(t *testing.T) *realAlertmanager {
	t.Helper()
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		if os.Getenv("SERIN_REQUIRE_TOOLS") != "" {
			t.Fatal(err)
		}
		t.Skip("needs prometheus-alertmanager in PATH (Debian: apt-get install prometheus-alertmanager)")
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	am := &realAlertmanager{t: t, file: filepath.Join(dir, "alertmanager.yml"), url: "http://" + address}
	am.write("route: { receiver: none }\nreceivers: [{ name: none }]\n")
	said, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "--config.file="+am.file, "--storage.path="+dir,
		"--web.listen-address="+address, "--cluster.listen-address=")
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = said.Close()
		if text, err := os.ReadFile(said.Name()); err == nil && t.Failed() {
			t.Logf("alertmanager said:\n%s", text)
		}
	})
	happens(t, "alertmanager's readiness", func() bool {
		code, _ := call(t, http.MethodGet, am.url+"/-/ready", "")
		return code == http.StatusOK
	})
	return am
}

func (am *realAlertmanager) write(config string) {
	am.t.Helper()
	if err := os.WriteFile(am.file, []byte(config), 0o600); err != nil {
		am.t.Fatal(err)
	}
}

func (am *realAlertmanager) reload(config string) {
	am.t.Helper()
	am.write(config)
	if code, body := call(am.t, http.MethodPost, am.url+"/-/reload", ""); code != http.StatusOK {
		am.t.Fatalf("alertmanager refuses its configuration: %d %s", code, body)
	}
}

// post posts an alert as Prometheus does.
func (am *realAlertmanager) post(labels map[string]string, began, ends time.Time) {
	am.t.Helper()
	a := map[string]any{"labels": labels, "annotations": map[string]string{"summary": "the budget burns 20 times too fast"}, "startsAt": began,
		"generatorURL": "http://bob:hunter2@prometheus.example.com/graph"}
	if !ends.IsZero() {
		a["endsAt"] = ends
	}
	b, err := json.Marshal([]any{a})
	if err != nil {
		am.t.Fatal(err)
	}
	if code, body := call(am.t, http.MethodPost, am.url+"/api/v2/alerts", string(b)); code != http.StatusOK {
		am.t.Fatalf("got %d %s", code, body)
	}
}

// active returns the labels of the alerts of a name that fire.
func (am *realAlertmanager) active(name string) []map[string]string {
	am.t.Helper()
	code, body := call(am.t, http.MethodGet, am.url+"/api/v2/alerts?active=true&filter=alertname%3D"+name, "")
	var list []struct {
		Labels map[string]string `json:"labels"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || code != http.StatusOK {
		am.t.Fatalf("got %d %s", code, body)
	}
	var out []map[string]string
	for _, a := range list {
		out = append(out, a.Labels)
	}
	return out
}

// happens waits for something between real processes.
func happens(t *testing.T, what string, ok func() bool) {
	t.Helper()
	began := time.Now()
	for end := began.Add(2 * time.Minute); time.Now().Before(end); {
		if ok() {
			t.Logf("%s after %s", what, time.Since(began).Round(10*time.Millisecond))
			return
		}
		select {
		case <-t.Context().Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("%s did not happen within two minutes", what)
}

// paged is who is notified of verdicts.
type paged struct {
	mu   sync.Mutex
	said []string // status and outcome
}

func (p *paged) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var g struct {
		Alerts []struct {
			Status string            `json:"status"`
			Labels map[string]string `json:"labels"`
		} `json:"alerts"`
	}
	b, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(b, &g)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range g.Alerts {
		p.said = append(p.said, a.Status+" "+a.Labels["outcome"])
	}
}

func (p *paged) heard(what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.said, what)
}

// asAdmin calls Serin with a token that may do everything.
func asAdmin(t *testing.T, token, method, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	a, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode >= 300 {
		t.Fatalf("%s %s: got %d %s (%v)", method, url, a.StatusCode, b, err)
	}
	return string(b)
}

// loopPlan has blocks of an hour, so that no look but the first is due while the test
// lasts: what is seen was seen because of the alert.
const loopPlan = planYAML + `block: 1h
maxDuration: 24h
alertmanager:
  - name: budget
    match: service="checkout", severity="page"
    action: rollback
`

// loop is Serin between two replicas of an Alertmanager, with a watched rollout.
type loop struct {
	t             *testing.T
	first, second *realAlertmanager
	pager         *paged
	url, admin    string // Serin's, and a token that may do everything
	id            string // the rollout's
}

func newLoop(t *testing.T) *loop {
	t.Helper()
	l := &loop{t: t, first: startAlertmanager(t), second: startAlertmanager(t), pager: &paged{}, admin: webhooks.NewSecret()}
	phone := httptest.NewServer(l.pager)
	t.Cleanup(phone.Close)
	cfg := world(t)
	if err := os.WriteFile(filepath.Join(cfg.Plans, "checkout.yaml"), []byte(loopPlan), 0o600); err != nil {
		t.Fatal(err)
	}
	narrow := webhooks.NewSecret()
	cfg.Tokens = []Token{
		{Name: "admin", Hash: webhooks.HashToken(l.admin).String(), Namespaces: []string{"*"}, Callers: []string{"*"}, Allow: webhooks.Rights()},
		{Name: "alertmanager", Hash: webhooks.HashToken(narrow).String(), Namespaces: []string{"shop"}, Callers: []string{"alertmanager"}, Allow: []webhooks.Right{webhooks.RightAlert}},
	}
	cfg.Publish.Alertmanagers = []Server{{URL: l.first.url}, {URL: l.second.url}}
	a, err := New(t.Context(), Options{Config: cfg, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	l.url = a.URL()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte(narrow+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.first.reload(fmt.Sprintf(loopRoute, l.url, secret, phone.URL))
	l.open()
	return l
}

// loopRoute sends everything to Serin, its own alerts too, and those to people besides.
const loopRoute = `route:
  receiver: phone
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 1s
  routes: [{ receiver: serin, continue: true }, { receiver: phone, matchers: [alertname="SerinVerdict"] }]
receivers:
  - name: serin
    webhook_configs: [{ url: %s/alertmanager, send_resolved: true, http_config: { authorization: { credentials_file: %s } } }]
  - name: phone
    webhook_configs: [{ url: %s, send_resolved: true }]
`

// open announces the rollout and waits until it was looked at.
func (l *loop) open() {
	l.t.Helper()
	text := asAdmin(l.t, l.admin, "POST", l.url+"/v1/rollouts", `{"service":"checkout","namespace":"shop","revision":"v2","watch":true}`)
	var opened struct {
		Rollout rollout.Rollout `json:"rollout"`
	}
	if err := json.Unmarshal([]byte(text), &opened); err != nil || opened.Rollout.ID == "" {
		l.t.Fatalf("got %s, %v", text, err)
	}
	l.id = opened.Rollout.ID
	happens(l.t, "the first look", func() bool { return l.newest().Seq == 1 })
}

// newest is the rollout's newest verdict.
func (l *loop) newest() judge.Verdict {
	l.t.Helper()
	text := asAdmin(l.t, l.admin, "GET", l.url+"/v1/rollouts/"+l.id+"/verdicts", "")
	var all struct {
		Verdicts []judge.Verdict `json:"verdicts"`
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		l.t.Fatalf("%s: %v", text, err)
	}
	if len(all.Verdicts) == 0 {
		return judge.Verdict{}
	}
	return all.Verdicts[len(all.Verdicts)-1]
}

// each waits until as many alerts about verdicts fire at each replica.
func (l *loop) each(n int) {
	l.t.Helper()
	for i, am := range []*realAlertmanager{l.first, l.second} {
		happens(l.t, fmt.Sprintf("%d alerts about verdicts at replica %d", n, i+1), func() bool { return len(am.active("SerinVerdict")) == n })
	}
}

// TestTheLoopThroughARealAlertmanager has two replicas. An alert that the plan counts
// goes to the first one and from there, by its webhook and with a token that is good for
// nothing else, to Serin; a watched rollout is looked at and rolls back; both replicas
// are told; closing the rollout resolves that.
func TestTheLoopThroughARealAlertmanager(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it waits for a real Alertmanager's notifications; set SERIN_E2E=1 to run it")
	}
	l := newLoop(t)
	burn := map[string]string{"alertname": "CheckoutBurn", "service": "checkout", "severity": "page"}
	began := time.Now()
	l.first.post(map[string]string{"alertname": "CartBurn", "service": "cart", "severity": "page"}, began, time.Time{})
	l.first.post(burn, began, time.Time{})
	happens(t, "the rollback", func() bool { return l.newest().Outcome == judge.Rollback })
	v := l.newest()
	if want := "CheckoutBurn fires since " + began.UTC().Format("15:04:05") + " UTC (the budget burns 20 times too fast)"; !v.RollBack.Yes || !strings.Contains(v.Reason, want) || strings.Contains(v.Reason, "Cart") {
		t.Errorf("got %v because %q, want a rollback that says %q", v.RollBack, v.Reason, want)
	}
	l.each(1)
	for i, am := range []*realAlertmanager{l.first, l.second} {
		if a := am.active("SerinVerdict")[0]; a["rollout"] != l.id || a["outcome"] != "rollback" || a["severity"] != "page" || a["managed_by"] != "serin" || a["namespace"] != "shop" {
			t.Errorf("replica %d: got labels %v", i+1, a)
		}
	}
	happens(t, "the page", func() bool { return l.pager.heard("firing rollback") })

	l.first.post(burn, began, time.Now())
	happens(t, "the end of the alert that was counted", func() bool {
		return slices.ContainsFunc(l.newest().Findings, func(f judge.Finding) bool {
			return f.About == judge.AboutAlert && f.Class == judge.Shown && strings.HasPrefix(f.Reason, "CheckoutBurn fired from ")
		})
	})
	if v := l.newest(); v.Outcome != judge.Rollback || strings.Contains(fmt.Sprint(v.Findings), "SerinVerdict") {
		t.Errorf("got %s with %+v, want a rollback that stays, and its own alert counted nowhere", v.Outcome, v.Findings)
	}
	asAdmin(t, l.admin, "DELETE", l.url+"/v1/rollouts/"+l.id, "")
	l.each(0)
	happens(t, "the all-clear", func() bool { return l.pager.heard("resolved rollback") })
}
