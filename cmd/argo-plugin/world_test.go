package main

import (
	"bufio"
	"bytes"
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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// patience bounds each wait for something that a story needs.
	patience   = 3 * time.Minute
	podsPerArm = 3
	perSecond  = 600.0
	// adminToken is in a file, memberToken in a Secret.
	adminToken  = "argo-administrators-0123456789"
	memberToken = "argo-members-0123456789abcdef"
)

// planText is the plan of a service. Times are as short as the scrapes allow.
const planText = `
service: %[1]s
source: prometheus
arms:
  baseline: { labels: { service: %[1]s, arm: baseline } }
  canary: { labels: { service: %[1]s, arm: canary } }
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[2s])) / sum(rate(http_requests_total[2s]))
    required: true
block: 1s
lag: 1s
prePeriod: 20s
warmup: { for: 1s, requests: 10, atMost: 2s }
minDuration: 5s
minBlocks: 5
finalBlocks: 3
noDataBlocks: 3
%[2]s
`

// services are the services that have pods, by their stories, with what their plans
// have beside planText and the share of the canary's requests that fail.
func services() map[string]service {
	plain := "maxDuration: 3m\nminRequests: 300"
	health := "\nchecks:\n  - name: health\n    http: { get: \"{{ .Canary.URL }}/health\", status: 200, within: 2s }\n    required: true"
	return map[string]service{
		"promote": {plan: plain, failing: 0.01}, "rollback": {plan: plain, failing: 0.3}, "guard": {plan: plain, failing: 0.01},
		"guard-harm": {plan: plain, failing: 0.3}, "inconclusive": {plan: "maxDuration: 12s\nminRequests: 100000000", failing: 0.01},
		"step": {plan: plain, failing: 0.01}, "terminate": {plan: plain, failing: 0.01}, "down": {plan: plain, failing: 0.01},
		"restart": {plan: plain, failing: 0.01}, "retry": {plan: plain, failing: 0.3}, "gone": {plan: plain, failing: 0.01},
		"preview": {plan: plain + health, failing: 0.01},
		"skip":    {plan: plain, failing: 0.01}, "due": {plan: plain, failing: 0.01},
	}
}

type service struct {
	plan    string
	failing float64
}

// home is the folder of this package, before anybody changed it.
var start, startErr = os.Getwd()

func home(t *testing.T) string {
	t.Helper()
	if startErr != nil {
		t.Fatal(startErr)
	}
	return start
}

// startPods serves the metrics pages of all pods, and returns their address and what
// Prometheus must be told of them. Nobody sends the requests; they are counted as if
// somebody had.
func startPods(t *testing.T) (url, scrape string) {
	t.Helper()
	began := time.Now()
	all := services()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics/{service}/{arm}", func(w http.ResponseWriter, r *http.Request) {
		failing := 0.01
		if r.PathValue("arm") == "canary" {
			failing = all[r.PathValue("service")].failing
		}
		n := time.Since(began).Seconds() * perSecond / podsPerArm
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprintf(w, "# TYPE http_requests_total counter\nhttp_requests_total{code=\"200\"} %d\nhttp_requests_total{code=\"500\"} %d\n",
			int(n*(1-failing)), int(n*failing))
	})
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	var b strings.Builder
	b.WriteString("scrape_configs:\n- job_name: pods\n  static_configs:\n")
	for name := range all {
		for _, arm := range [...]string{"baseline", "canary"} {
			for i := range podsPerArm {
				fmt.Fprintf(&b, "  - targets: [%q]\n    labels: {__metrics_path__: /metrics/%s/%s, service: %s, arm: %s, instance: %s-%s-%d}\n",
					strings.TrimPrefix(srv.URL, "http://"), name, arm, name, arm, name, arm, i)
			}
		}
	}
	return srv.URL, b.String()
}

// startPrometheus starts a real one on a port that was free a moment ago.
func startPrometheus(t *testing.T, scrape string) string {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("SERIN_REQUIRE_TOOLS") != "" {
			t.Fatalf("this test needs prometheus in PATH, and SERIN_REQUIRE_TOOLS is set: %v", err)
		}
		t.Skipf("this test needs prometheus in PATH (Debian: apt-get install prometheus): %v", err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "prometheus.yml"), "global:\n  scrape_interval: 500ms\n"+scrape)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	said := &tail{}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(cmd) })
	url := "http://" + address
	eventually(t, "Prometheus and a past of the baselines", func() bool {
		return strings.Contains(get(url+"/api/v1/query?query=count(count_over_time(up[30s])%20%3E%2036)"), fmt.Sprintf("%q", fmt.Sprint(len(services())*2*podsPerArm)))
	}, said.String)
	return url
}

// get asks and returns the body; empty where nobody answers.
func get(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body) // what was read is looked at
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// end ends a process in peace.
func end(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
	}
}

// serin is the Serin command in a process of its own.
type serin struct {
	binary, dir, address string
	cmd                  *exec.Cmd
	log                  *tail
}

// newSerin starts a server with a journal of its own.
func newSerin(t *testing.T, binary, prometheus string) *serin {
	t.Helper()
	s := &serin{binary: binary, dir: t.TempDir(), address: "127.0.0.1:0"}
	for name, v := range services() {
		write(t, filepath.Join(s.dir, "plans", name+".yaml"), fmt.Sprintf(planText, name, v.plan))
	}
	write(t, s.tokenFile(), adminToken+"\n")
	write(t, filepath.Join(s.dir, "member"), memberToken+"\n")
	write(t, filepath.Join(s.dir, "serin.yaml"), fmt.Sprintf("plans: %[1]s/plans\njournal: %[1]s/serin.db\ntokenFiles: [%[1]s/token, %[1]s/member]\n"+
		"baseURL: https://serin.example.com\nsources:\n  - name: prometheus\n    prometheus: { url: %[2]q }\n", s.dir, prometheus))
	s.start(t)
	t.Cleanup(func() {
		end(s.cmd)
		if t.Failed() {
			t.Logf("Serin said:\n%s", s.log)
		}
	})
	return s
}

func (s *serin) tokenFile() string { return filepath.Join(s.dir, "token") }

// start starts the process, on the address that it had before.
func (s *serin) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), s.binary, "serve", "--config", filepath.Join(s.dir, "serin.yaml"), "--listen", s.address)
	s.log = &tail{}
	out, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(io.TeeReader(out, s.log))
	for lines.Scan() {
		if _, after, ok := strings.Cut(lines.Text(), " answers at http://"); ok {
			s.address, _, _ = strings.Cut(after, ",")
			go func() { _, _ = io.Copy(s.log, out) }() // ends with the process
			return
		}
	}
	_ = s.cmd.Wait() // its words say more
	t.Fatalf("Serin did not start:\n%s", s.log)
}

func (s *serin) url() string { return "http://" + s.address }

// rolled is what the server has recorded of a rollout.
type rolled struct {
	Rollout struct{ ID, Revision, Comparison, Ref string }
	Closed  time.Time
	Why     string
	Last    *struct{ Outcome, Reason string }
}

// rollouts asks for what is recorded of a service, the newest first.
func (s *serin) rollouts(t *testing.T, service string) []rolled {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url()+"/v1/rollouts?service="+service, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct{ Rollouts []rolled }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET /v1/rollouts: got %s, %v", resp.Status, err)
	}
	return list.Rollouts
}

// only is the one rollout that is recorded of a service.
func (s *serin) only(t *testing.T, service string) rolled {
	t.Helper()
	list := s.rollouts(t, service)
	if len(list) != 1 {
		t.Fatalf("got %d rollouts, want one: %+v", len(list), list)
	}
	return list[0]
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool, state func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s in vain for %s; it is:\n%s", patience, what, state())
		case <-ticker.C:
		}
	}
}

// tail keeps what a process said.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// whole returns all of it.
func (l *tail) whole() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// String returns the end of it.
func (l *tail) String() string {
	text := l.whole()
	return text[max(0, len(text)-8000):]
}
