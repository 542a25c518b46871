package argo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// planText is the plan of a service. Times are as short as the scrapes allow.
const planText = `
service: %s
source: prometheus
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
`

// What plans have besides: something is proven in time, or never.
const (
	proven = "minRequests: 300\nmaxDuration: 2m\n"
	never  = "minRequests: 1000000000\nmaxDuration: 12s\n"
)

// token is what Argo proves itself by.
const token = "argo-0123456789abcdef"

// serin is the Serin command in a process of its own.
type serin struct {
	t      *testing.T
	binary string
	dir    string
	addr   string
	cmd    *exec.Cmd
	log    *tail
}

// build builds the command once.
func build(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "serin")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", out, "./cmd/serin")
	cmd.Dir = "../../.."
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return out
}

// plans is the plan of each service, with what is added to it.
type plans map[string]string

// newSerin starts a server with a journal of its own.
func newSerin(t *testing.T, binary, prometheus string, all plans) *serin {
	t.Helper()
	s := &serin{t: t, binary: binary, dir: t.TempDir(), addr: "127.0.0.1:0"}
	for name, more := range all {
		if !strings.Contains(more, never) {
			more += proven
		}
		s.write("plans/"+name+".yaml", fmt.Sprintf(planText, name)+more)
	}
	s.write("token", token+"\n")
	s.write("serin.yaml", fmt.Sprintf("plans: %[1]s/plans\njournal: %[1]s/serin.db\ntokenFiles: [%[1]s/token]\nkayenta: { queries: allow }\n"+
		"sources:\n  - name: prometheus\n    prometheus: { url: %[2]q }\n", s.dir, prometheus))
	s.start()
	t.Cleanup(func() {
		s.end(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("the server said:\n%s", s.log)
		}
	})
	return s
}

func (s *serin) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// start starts the process, on the address that it had before.
func (s *serin) start() {
	s.t.Helper()
	// The test's context ends before its cleanups, which end the process in peace.
	s.cmd = exec.CommandContext(context.WithoutCancel(s.t.Context()), s.binary, "serve", "--config", filepath.Join(s.dir, "serin.yaml"), "--listen", s.addr)
	s.log = &tail{}
	out, err := s.cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(io.TeeReader(out, s.log))
	for lines.Scan() {
		if _, after, ok := strings.Cut(lines.Text(), " answers at http://"); ok {
			s.addr, _, _ = strings.Cut(after, ",")
			go func() { _, _ = io.Copy(s.log, out) }() // ends with the process
			return
		}
	}
	_ = s.cmd.Wait() // its words say more
	s.t.Fatalf("serin did not start:\n%s", s.log)
}

// end ends the process by a signal.
func (s *serin) end(sig os.Signal) {
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Signal(sig) // it may have ended
	_ = s.cmd.Wait()
}

// rolled is what the server has recorded of a rollout.
type rolled struct {
	Rollout struct {
		ID, Revision, Comparison string
		Attempt                  int
		Baseline, Canary         struct{ PodPattern string }
		Weights                  []struct{ Percent float64 }
	}
	Closed time.Time
	Why    string
	Last   *struct{ Outcome, Reason string }
}

// rollouts asks for what is recorded of a service, the oldest first.
func (s *serin) rollouts(service string) []rolled {
	s.t.Helper()
	var list struct{ Rollouts []rolled }
	if err := json.Unmarshal(s.get("/v1/rollouts?service="+service), &list); err != nil {
		s.t.Fatal(err)
	}
	out := make([]rolled, 0, len(list.Rollouts))
	for i := range list.Rollouts {
		out = append(out, list.Rollouts[len(list.Rollouts)-1-i])
	}
	return out
}

// get reads an answer of the server.
func (s *serin) get(path string) []byte {
	s.t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(s.t.Context()), http.MethodGet, "http://"+s.addr+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: got %s, %v: %s", path, resp.Status, err, text)
	}
	return text
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

// String returns the end of it.
func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.b.String()
	return text[max(0, len(text)-6000):]
}
