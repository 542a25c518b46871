package publish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// e2e skips what runs for long on real clocks.
func e2e(t *testing.T) {
	t.Helper()
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("a long suite; set SERIN_E2E=1 to run it")
	}
}

// tool looks a program up.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("SERIN_REQUIRE_TOOLS") != "" {
		t.Fatalf("%s is missing; install Debian's package prometheus-alertmanager", name)
	}
	t.Skipf("%s is not installed (Debian: apt-get install prometheus-alertmanager)", name)
	return ""
}

// alertmanager starts a real one and returns its address.
func alertmanager(t *testing.T, config string) string {
	t.Helper()
	bin, dir := tool(t, "prometheus-alertmanager"), t.TempDir()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), bin,
		"--config.file="+config, "--storage.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--cluster.listen-address=")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Alertmanager said:\n%s", said.String())
		}
	})
	await(t, "Alertmanager is ready", func() bool { return answers(t, "http://"+addr+"/-/ready") })
	return addr
}

func answers(t *testing.T, url string) bool {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	a, err := direct().Do(r)
	if err != nil {
		return false
	}
	_ = a.Body.Close()
	return a.StatusCode == http.StatusOK
}

// await waits for a condition.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(3 * time.Minute)
	defer end.Stop()
	for !ok() {
		select {
		case <-end.C:
			t.Fatalf("it never came that %s", what)
		case <-tick.C:
		}
	}
}

// notice is an alert as a webhook tells of it.
type notice struct {
	Status   string            `json:"status"`
	Labels   map[string]string `json:"labels"`
	StartsAt time.Time         `json:"startsAt"`
	EndsAt   time.Time         `json:"endsAt"`
	at       time.Time         // when it came
}

// pager is what Alertmanager's webhooks reach: the last notice of each alert.
type pager struct {
	mu   sync.Mutex
	last map[string]notice
}

func newPager(t *testing.T) (*pager, string) {
	p := &pager{last: map[string]notice{}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return p, s.URL
}

func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ Alerts []notice }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range body.Alerts {
		a.at = time.Now()
		p.last[a.Labels["alertname"]+" "+a.Labels["metric"]] = a
	}
}

// are returns the alerts that were last told with a status, sorted.
func (p *pager) are(status string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := maps.Clone(p.last)
	maps.DeleteFunc(all, func(_ string, n notice) bool { return n.Status != status })
	return slices.Sorted(maps.Keys(all))
}

func (p *pager) get(alert string) notice {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last[alert]
}
