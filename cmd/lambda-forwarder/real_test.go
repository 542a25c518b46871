package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// realPlan has one check, which decides before there is any traffic.
const realPlan = `service: checkout
namespace: shop
source: prometheus
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[2s])) / sum(rate(http_requests_total[2s]))
    required: true
checks:
  - name: home
    http: { get: "{{ .Canary.URL }}/", status: 200, within: 1s }
    required: true
block: 2s
lag: 1s
prePeriod: 20s
warmup: { for: 2s, requests: 10, atMost: 4s }
minDuration: 10s
maxDuration: 2m
minBlocks: 5
`

// realConfig is a server's: plans, journal, token, the fakes' addresses.
const realConfig = `listen: 127.0.0.1:0
plans: %[1]s/plans
journal: %[1]s/serin.db
tokenFiles: [%[1]s/token]
outgoing: { checks: [127.0.0.0/8] }
aws:
  regions: [eu-central-1]
  services:
    - codedeploy: { application: checkout-app }
      namespace: shop
      service: checkout
      canary: { url: %[2]q, labels: { track: canary } }
      baseline: { labels: { track: stable } }
    - ecs: { cluster: shop, service: checkout }
      namespace: shop
      service: checkout
      canary: { url: %[2]q, labels: { track: canary } }
      baseline: { labels: { track: stable } }
sources:
  - { name: prometheus, prometheus: { url: "http://127.0.0.1:1" } }
`

// realSerin is the Serin command in a process of its own. Its canary's health is said
// by the test.
type realSerin struct {
	url     string
	healthy atomic.Bool
	cmd     *exec.Cmd
}

// serinBinary builds the command, once.
var serinBinary = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(filepath.Dir(bootstrap), "serin")
	build := exec.Command("go", "build", "-o", binary, "./cmd/serin")
	build.Dir = filepath.Join("..", "..")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, text)
	}
	return binary, nil
})

func startSerin(t *testing.T, aws string) *realSerin {
	t.Helper()
	dir := t.TempDir()
	binary, err := serinBinary()
	if err != nil {
		t.Fatal(err)
	}
	s := &realSerin{}
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !s.healthy.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(canary.Close)
	if err := os.Mkdir(filepath.Join(dir, "plans"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plans/checkout.yaml": realPlan, "token": secret + "\n", "serin.yaml": fmt.Sprintf(realConfig, dir, canary.URL),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.cmd = exec.Command(binary, "serve", "--config", filepath.Join(dir, "serin.yaml"))
	s.cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=AKIDTEST", "AWS_SECRET_ACCESS_KEY=aws-"+secret, "AWS_ENDPOINT_URL="+aws)
	out, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	lines := bufio.NewScanner(io.TeeReader(out, log))
	for s.url == "" && lines.Scan() {
		if _, after, ok := strings.Cut(lines.Text(), " answers at http://"); ok {
			address, _, _ := strings.Cut(after, ",")
			s.url = "http://" + address
		}
	}
	go func() { _, _ = io.Copy(log, out) }() // ends with the process
	t.Cleanup(func() {
		s.stop()
		if t.Failed() || s.url == "" {
			t.Logf("Serin said:\n%s", log)
		}
	})
	if s.url == "" {
		t.Fatal("Serin did not start")
	}
	return s
}

func (s *realSerin) stop() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		_ = s.cmd.Wait()
	}
}

// newAWS is CodeDeploy as both the server and the function ask it.
func newAWS(t *testing.T) *fake {
	t.Helper()
	return newFake(t, func(_ int, c call) (int, string) {
		switch _, operation, _ := strings.Cut(c.header.Get("X-Amz-Target"), "."); operation {
		case "PutLifecycleEventHookExecutionStatus":
			return 200, `{"lifecycleEventHookExecutionId":"exec-1"}`
		case "GetDeployment":
			return 200, `{"deploymentInfo":{"deploymentId":"d-ABC","creator":"user","status":"InProgress"}}`
		case "ListDeploymentTargets":
			return 200, `{"targetIds":[]}`
		}
		return 400, `{"__type":"AccessDeniedException","message":"not here"}`
	})
}

// results returns the statuses that were reported for an execution of a hook.
func results(t *testing.T, aws *fake, execution string) (list []string) {
	t.Helper()
	for _, c := range aws.got() {
		var body struct{ LifecycleEventHookExecutionID, Status string }
		if !strings.HasSuffix(c.header.Get("X-Amz-Target"), ".PutLifecycleEventHookExecutionStatus") {
			continue
		}
		if err := json.Unmarshal([]byte(c.body), &body); err != nil {
			t.Fatal(err)
		}
		if body.LifecycleEventHookExecutionID == execution {
			list = append(list, body.Status)
		}
	}
	return list
}

// await waits until something is the case.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	over := time.After(time.Minute)
	for !is() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("it did not happen within a minute: %s", what)
		}
	}
}

// TestHooksOfCodeDeployWithARealSerin hands hooks to a real server, which reports them.
func TestHooksOfCodeDeployWithARealSerin(t *testing.T) {
	t.Parallel()
	aws := newAWS(t)
	serin := startSerin(t, aws.URL)
	env := environmentOf(callerCodeDeploy, serin.url, aws.URL)
	delete(env, "SERIN_PLAN")
	f := start(t, env)
	for name, tt := range map[string]struct {
		healthy bool
		want    string
	}{"good": {true, succeeded}, "bad": {false, failed}} {
		serin.healthy.Store(tt.healthy)
		execution := "exec-" + name
		event := fmt.Sprintf(`{"DeploymentId":"d-%s","LifecycleEventHookExecutionId":%q}`, name, execution)
		for range 2 { // Lambda may call twice
			if text, bad := f.invoke(event); bad || text != `{"forwarded":true}` {
				t.Fatalf("%s: got %s (failed: %v), want it forwarded", name, text, bad)
			}
		}
		await(t, "the result of "+name+" is reported", func() bool { return len(results(t, aws, execution)) > 0 })
		if got := results(t, aws, execution); len(got) != 1 || got[0] != tt.want {
			t.Errorf("%s: got %v reported, want %s once", name, got, tt.want)
		}
	}
	serin.stop()
	text, bad := f.invoke(`{"DeploymentId":"d-late","LifecycleEventHookExecutionId":"exec-late"}`)
	if got := results(t, aws, "exec-late"); bad || len(got) != 1 || got[0] != failed {
		t.Errorf("after it stopped: got %s, %v reported, want %s", text, got, failed)
	}
}

// TestHooksOfECSWithARealSerin calls a hook until it is decided, as ECS does.
func TestHooksOfECSWithARealSerin(t *testing.T) {
	t.Parallel()
	aws := newAWS(t)
	serin := startSerin(t, aws.URL)
	f := start(t, environmentOf(callerECS, serin.url, aws.URL))
	for name, tt := range map[string]struct {
		healthy bool
		want    string
	}{"good": {true, hookSucceeded}, "bad": {false, hookFailed}} {
		serin.healthy.Store(tt.healthy)
		event := strings.ReplaceAll(shift("POST_SCALE_UP", 0, 100, `{}`), "/ID", "/"+name)
		event = strings.ReplaceAll(strings.ReplaceAll(event, "f4fc", "run-"+name), "9313", "new-"+name)
		var a hookAnswer
		calls := 0
		await(t, "the hook of "+name+" is decided", func() bool {
			a = f.answered(event)
			calls++
			event = merged(t, event, a)
			return a.HookStatus != hookInProgress
		})
		t.Logf("%s: %s after %d calls: %s", name, a.HookStatus, calls, a.HookDetails[reasonKey])
		if a.HookStatus != tt.want || len(a.HookDetails[reasonKey]) < 10 {
			t.Errorf("%s: got %+v, want %s with a reason", name, a, tt.want)
		}
		back := strings.ReplaceAll(shift("PRODUCTION_TRAFFIC_SHIFT", 0, 100, `{}`), "/ID", "/"+name)
		if a := f.answered(back); a.HookStatus != hookSucceeded {
			t.Errorf("%s, rolled back: got %+v, want SUCCEEDED", name, a)
		}
	}
	if a := f.answered(strings.ReplaceAll(shift("POST_SCALE_UP", 0, 100, `{}`), "shop/checkout", "shop/unknown")); a.HookStatus != hookFailed || !strings.Contains(string(a.HookDetails[reasonKey]), "aws.services") {
		t.Errorf("a service that nobody knows: got %+v, want FAILED and what to do", a)
	}
}
