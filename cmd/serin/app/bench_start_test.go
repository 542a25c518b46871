package app

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkStart starts the command itself, as it is installed, waits until /readyz
// says yes, and stops it, each time with a new journal. What it uses while nobody
// asks is read a second later.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	command := filepath.Join(dir, "serin")
	if out, err := exec.Command("go", "build", "-o", command, "github.com/serin-canary/serin/cmd/serin").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	source := newFakeSource(b, time.Now)
	if err := os.Mkdir(filepath.Join(dir, "plans"), 0o700); err != nil {
		b.Fatal(err)
	}
	plan := strings.NewReplacer("BLOCK", "1m", "LAG", "30s").Replace(benchPlan)
	if err := os.WriteFile(filepath.Join(dir, "plans", "bench.yaml"), []byte(plan), 0o600); err != nil {
		b.Fatal(err)
	}
	const listen = "127.0.0.1:18097"
	var ready, cpu time.Duration
	n := 0
	s := &benchServer{b: b, source: source, url: "http://" + listen, client: &http.Client{Timeout: time.Second}}
	for b.Loop() {
		s.cmd = exec.Command(command, "serve", "--listen", listen, "--plans", filepath.Join(dir, "plans"),
			"--journal", filepath.Join(dir, strconv.Itoa(n)+".db"), "--prometheus", source.URL)
		began := time.Now()
		if err := s.cmd.Start(); err != nil {
			b.Fatal(err)
		}
		for !s.isReady() {
			if time.Since(began) > 20*time.Second {
				b.Fatal("it is not ready after 20 s")
			}
			<-time.After(time.Millisecond)
		}
		ready += time.Since(began)
		cpu += s.use().cpu
		n++
		if n == 1 {
			<-time.After(time.Second)
			u := s.use()
			b.ReportMetric(float64(u.rss)/1e6, "idle-MB")
			ready, cpu = 0, 0 // it made the file system's cache warm
		} else {
			b.ReportMetric(ms(ready)/float64(n-1), "ready-ms")
			b.ReportMetric(ms(cpu)/float64(n-1), "cpu-ms-to-ready")
		}
		s.client.CloseIdleConnections()
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			b.Fatal(err)
		}
		_ = s.cmd.Wait()
	}
	b.ReportMetric(0, "ns/op") // it has the stop in it
}

func (s *benchServer) isReady() bool {
	r, err := s.client.Get(s.url + "/readyz")
	if err != nil {
		return false
	}
	defer r.Body.Close()
	return r.StatusCode == http.StatusOK
}
