package main

import (
	"bytes"
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
	"testing"
	"time"
)

// secret is a token that must never be seen in a log.
const secret = "forwarder-0123456789abcdef-secret"

// bootstrap is the function's binary, which TestMain builds as it is deployed.
var bootstrap string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "forwarder")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bootstrap = filepath.Join(dir, "bootstrap")
	cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w", "-o", bootstrap, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, text)
		return 1
	}
	return m.Run()
}

// call is one request that a fake has got.
type call struct {
	path   string
	header http.Header
	body   string
}

// fake is a server that keeps what it is asked and answers as it is told.
type fake struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	answer func(n int, c call) (status int, body string) // n counts from 1
}

func newFake(t *testing.T, answer func(n int, c call) (int, string)) *fake {
	t.Helper()
	f := &fake{answer: answer}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c := call{r.URL.Path, r.Header.Clone(), string(b)}
		f.mu.Lock()
		f.calls = append(f.calls, c)
		n, answer := len(f.calls), f.answer
		f.mu.Unlock()
		status, body := answer(n, c)
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json") {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) got() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// always answers the same.
func always(status int, body string) func(int, call) (int, string) {
	return func(int, call) (int, string) { return status, body }
}

// newCodeDeploy is CodeDeploy, as far as it is asked here, from the wire facts of its
// API: nothing here was run against AWS.
func newCodeDeploy(t *testing.T) *fake {
	t.Helper()
	return newFake(t, always(200, `{"lifecycleEventHookExecutionId":"exec-1"}`))
}

// reported returns the one status that was reported to CodeDeploy, or "", and checks
// how it was asked.
func reported(t *testing.T, f *fake) string {
	t.Helper()
	calls := f.got()
	if len(calls) == 0 {
		return ""
	}
	last := calls[len(calls)-1]
	if got, want := last.header.Get("X-Amz-Target"), "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus"; got != want {
		t.Errorf("X-Amz-Target: got %q, want %q", got, want)
	}
	if got := last.header.Get("Authorization"); !strings.HasPrefix(got, "AWS4-HMAC-SHA256 Credential=AKIDTEST/") || !strings.Contains(got, "/eu-central-1/codedeploy/aws4_request") {
		t.Errorf("Authorization: got %q, want SigV4 of the region", got)
	}
	var body struct{ DeploymentID, LifecycleEventHookExecutionID, Status string }
	if err := json.Unmarshal([]byte(last.body), &body); err != nil {
		t.Fatal(err)
	}
	if body.DeploymentID != "d-ABC" || body.LifecycleEventHookExecutionID != "exec-1" {
		t.Errorf("got a report %s, want it for d-ABC and exec-1", last.body)
	}
	return body.Status
}

// runtimeAPI is Lambda's Runtime API for one function: what it hands out, and what it
// gets back.
type runtimeAPI struct {
	*httptest.Server
	next    chan string
	results chan call
	ready   chan struct{} // closed at the first question for an event
	timeout time.Duration // of an invocation
}

func newRuntimeAPI(t testing.TB) *runtimeAPI {
	t.Helper()
	r := &runtimeAPI{next: make(chan string), results: make(chan call, 1), ready: make(chan struct{}), timeout: 30 * time.Second}
	var once sync.Once
	const root = "/2018-06-01/runtime/invocation/"
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodGet && q.URL.Path == root+"next" {
			once.Do(func() { close(r.ready) })
			select {
			case <-q.Context().Done():
			case event := <-r.next:
				h := w.Header()
				h.Set("Lambda-Runtime-Aws-Request-Id", "request-1")
				h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(r.timeout).UnixMilli()))
				h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:1:function:CodeDeployHook_serin")
				_, _ = io.WriteString(w, event)
			}
			return
		}
		b, err := io.ReadAll(q.Body)
		if err == nil {
			r.results <- call{strings.TrimPrefix(q.URL.Path, root), q.Header.Clone(), string(b)}
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(r.Close)
	return r
}

// function is the real binary in a process of its own.
type function struct {
	t   *testing.T
	api *runtimeAPI
	log *logged
	env map[string]string
}

// logged is a log that may be read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// environmentOf is a complete environment of a function for one caller.
func environmentOf(caller, serin, codeDeploy string) map[string]string {
	env := map[string]string{
		"SERIN_CALLER": caller, "SERIN_URL": serin, "SERIN_TOKEN": secret, "SERIN_TIMEOUT": "1s",
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "aws-" + secret, "AWS_SESSION_TOKEN": "session",
		"AWS_ENDPOINT_URL_CODEDEPLOY": codeDeploy,
	}
	if caller == callerCodeDeploy {
		for name, value := range map[string]string{
			"HOOK": "BeforeAllowTraffic", "APPLICATION": "checkout-app", "DEPLOYMENT_GROUP": "live", "PLATFORM": "lambda",
			"SERVICE": "checkout", "NAMESPACE": "shop", "REVISION": "v2", "PLAN": "checkout-plan",
		} {
			env[prefix+name] = value
		}
	}
	return env
}

// start starts the binary. Its log must never hold a secret.
func start(t *testing.T, env map[string]string) *function {
	t.Helper()
	f := &function{t: t, api: newRuntimeAPI(t), log: &logged{}, env: env}
	cmd := exec.CommandContext(t.Context(), bootstrap)
	cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(f.api.URL, "http://"), "PATH=" + os.Getenv("PATH")}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = f.log, f.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // as Lambda does
		_ = cmd.Wait()
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("the log holds a secret:\n%s", f.log)
		}
		if t.Failed() {
			t.Logf("the function said:\n%s", f.log)
		}
	})
	return f
}

// invoke hands the function an event and returns its answer; failed says that it
// answered with an error.
func (f *function) invoke(event string) (answer string, failed bool) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	select {
	case f.api.next <- event:
	case <-ctx.Done():
		f.t.Fatalf("the function did not ask for an event:\n%s", f.log)
	}
	select {
	case c := <-f.api.results:
		if strings.Contains(c.body, secret) {
			f.t.Errorf("the answer holds a secret: %s", c.body)
		}
		return c.body, strings.HasSuffix(c.path, "/error")
	case <-ctx.Done():
		f.t.Fatalf("the function did not answer:\n%s", f.log)
	}
	return "", false
}

// answered is invoke of an event of ECS.
func (f *function) answered(event string) hookAnswer {
	f.t.Helper()
	text, failed := f.invoke(event)
	var a hookAnswer
	if err := json.Unmarshal([]byte(text), &a); err != nil || failed {
		f.t.Fatalf("got %s (failed: %v), want an answer to ECS", text, failed)
	}
	return a
}
