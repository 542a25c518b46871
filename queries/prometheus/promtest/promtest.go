// Package promtest starts a real Prometheus for tests: on a free loopback port, with
// a recorded history, a scrape configuration, or both. Only tests import it.
//
// It needs the binaries prometheus and promtool in PATH. Where they are absent the
// test is skipped, unless the environment has SERIN_REQUIRE_TOOLS: then it fails.
package promtest

import (
	"bytes"
	"context"
	"fmt"
	"net"
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

// Config says what a server starts with.
type Config struct {
	// History is OpenMetrics text with timestamps, loaded as blocks before the start.
	// It ends with "# EOF".
	History string
	// Scrape is the YAML list under scrape_configs.
	Scrape string
	// ScrapeInterval is the global one; default 1s.
	ScrapeInterval string
	// More is YAML at the top level, such as rule_files and alerting.
	More string
	// Flags are added to the command line, such as --enable-feature=native-histograms.
	Flags []string
}

// patience bounds the wait for a server to be ready, and to stop.
const patience = 30 * time.Second

// Start starts a server and returns its URL. It is ready when Start returns, and
// stopped when the test ends.
func Start(t testing.TB, c Config) string {
	t.Helper()
	server, tool := find(t, "prometheus"), find(t, "promtool")
	dir := t.TempDir()
	if c.History != "" {
		load(t, tool, dir, c.History)
	}
	if c.ScrapeInterval == "" {
		c.ScrapeInterval = "1s"
	}
	config := "global:\n  scrape_interval: " + c.ScrapeInterval + "\n"
	if c.Scrape != "" {
		config += "scrape_configs:\n" + c.Scrape
	}
	write(t, filepath.Join(dir, "prometheus.yml"), config+c.More)
	var said string
	for range 3 { // another process may take the port before the server does
		url, log, ok := start(t, server, dir, c.Flags)
		if ok {
			return url
		}
		said = log
	}
	t.Fatalf("prometheus did not become ready; it said:\n%s", said)
	return ""
}

// find looks a binary up, and skips or fails the test where there is none.
func find(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("SERIN_REQUIRE_TOOLS") != "" {
		t.Fatalf("this test needs %s in PATH, and SERIN_REQUIRE_TOOLS is set: %v", name, err)
	}
	t.Skipf("this test needs %s in PATH (Debian: apt-get install prometheus): %v", name, err)
	return ""
}

// load makes blocks of a history.
func load(t testing.TB, tool, dir, history string) {
	t.Helper()
	file := filepath.Join(dir, "history.om")
	write(t, file, history)
	//nolint:gosec // the tool was found in PATH by its name
	out, err := exec.CommandContext(t.Context(), tool, "tsdb", "create-blocks-from", "openmetrics", file, filepath.Join(dir, "data")).CombinedOutput()
	if err != nil {
		t.Fatalf("promtool cannot load the history: %v\n%s", err, out)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start starts the server on a port that was free a moment ago.
func start(t testing.TB, server, dir string, flags []string) (url, log string, ok bool) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var said output
	// The test's context ends before its cleanups, which stop the server in peace.
	ctx := context.WithoutCancel(t.Context())
	//nolint:gosec // the server was found in PATH by its name
	cmd := exec.CommandContext(ctx, server, append([]string{
		"--config.file=" + filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--storage.tsdb.retention.time=100y", // histories may be old
		"--web.listen-address=" + addr,
	}, flags...)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its output says more than its status
		close(done)
	}()
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-done
		}
	}
	if !ready(ctx, "http://"+addr+"/-/ready", done) {
		stop()
		return "", said.String(), false
	}
	t.Cleanup(stop)
	return "http://" + addr, "", true
}

// ready waits until a URL answers 200, the process is done, or patience ends.
func ready(ctx context.Context, url string, done <-chan struct{}) bool {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		select {
		case <-done:
			return false
		case <-end.C:
			return false
		case <-tick.C:
			if answers(ctx, client, url) {
				return true
			}
		}
	}
}

// answers says whether a URL answers 200.
func answers(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // nothing was read of it
	return resp.StatusCode == http.StatusOK
}

// output collects what a process says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// History builds OpenMetrics text for [Config.History].
type History struct {
	families []string
	lines    map[string][]string
}

// Metric is a series of a [History]. Its name is its family's with a suffix such as
// _total, _bucket or _sum; its kind is counter, gauge, histogram or unknown; its labels
// are as in a query, without braces.
type Metric struct{ Family, Kind, Suffix, Labels string }

// Add adds one sample. Those of one series come in the order of time.
func (h *History) Add(m Metric, at time.Time, value float64) {
	if h.lines == nil {
		h.lines = map[string][]string{}
	}
	head := "# TYPE " + m.Family + " " + m.Kind
	if h.lines[head] == nil {
		h.families = append(h.families, head)
	}
	ms := at.UnixMilli()
	h.lines[head] = append(h.lines[head], fmt.Sprintf("%s%s{%s} %v %d.%03d", m.Family, m.Suffix, m.Labels, value, ms/1000, ms%1000))
}

// String returns the text.
func (h *History) String() string {
	var b strings.Builder
	for _, f := range h.families {
		b.WriteString(f + "\n" + strings.Join(h.lines[f], "\n") + "\n")
	}
	return b.String() + "# EOF\n"
}
