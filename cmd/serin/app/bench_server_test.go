package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// benchConfig tells a process that it is the server of a benchmark: it names the
// configuration. benchClock names a file with how far its clock is off, so that
// minutes pass when the benchmark says so.
const (
	benchConfig = "SERIN_APP_BENCH"
	benchClock  = "SERIN_APP_BENCH_CLOCK"
)

// offset is a number of nanoseconds that two processes share.
type offset struct{ mem []byte }

func openOffset(path string) (offset, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return offset{}, err
	}
	defer f.Close()
	if err := f.Truncate(8); err != nil {
		return offset{}, err
	}
	mem, err := syscall.Mmap(int(f.Fd()), 0, 8, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	return offset{mem}, err
}

func (o offset) cell() *atomic.Int64 { return (*atomic.Int64)(unsafe.Pointer(&o.mem[0])) }

// now is this machine's time, moved.
func (o offset) now() time.Time { return time.Now().Add(time.Duration(o.cell().Load())) }

// set moves the clock so that it is at t now.
func (o offset) set(t time.Time) { o.cell().Store(int64(time.Until(t))) }

// serveBench is the server of a benchmark, in a process of its own.
func serveBench(ctx context.Context) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c, err := Read(os.Getenv(benchConfig))
	if err != nil {
		return fail(err)
	}
	clock, err := openOffset(os.Getenv(benchClock))
	if err != nil {
		return fail(err)
	}
	a, err := New(ctx, Options{Config: c, now: clock.now, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		return fail(err)
	}
	fmt.Println(a.URL())
	return fail(a.Run(ctx))
}

// benchServer is a server in a process of its own, with its source beside it.
type benchServer struct {
	b      testing.TB
	clock  offset
	source *fakeSource
	cmd    *exec.Cmd
	url    string
	client *http.Client
}

// benchOptions say what server a benchmark wants.
type benchOptions struct {
	journal    string
	block, lag time.Duration
}

// startBench starts a server and waits until it listens.
func startBench(b testing.TB, o benchOptions) *benchServer {
	b.Helper()
	dir := b.TempDir()
	s := &benchServer{b: b, client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	b.Cleanup(s.client.CloseIdleConnections)
	var err error
	if s.clock, err = openOffset(filepath.Join(dir, "clock")); err != nil {
		b.Fatal(err)
	}
	s.source = newFakeSource(b, s.clock.now)
	plans := filepath.Join(dir, "plans")
	if err := os.Mkdir(plans, 0o700); err != nil {
		b.Fatal(err)
	}
	text := strings.NewReplacer("BLOCK", o.block.String(), "LAG", o.lag.String()).Replace(benchPlan)
	config := fmt.Sprintf("listen: 127.0.0.1:0\nplans: %s\njournal: %q\nlog: {level: error}\nsources: [{name: prometheus, prometheus: {url: %s}}]\n", plans, o.journal, s.source.URL)
	if at := os.Getenv("SERIN_BENCH_DEBUG"); at != "" { // go tool pprof http://…/debug/pprof/profile
		config += "debug: {listen: " + at + "}\n"
	}
	for name, text := range map[string]string{"plans/bench.yaml": text, "serin.yaml": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	s.start(filepath.Join(dir, "serin.yaml"), filepath.Join(dir, "clock"))
	return s
}

func (s *benchServer) start(config, clock string) {
	s.b.Helper()
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(os.Environ(), benchConfig+"="+config, benchClock+"="+clock)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.b.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.b.Fatal(err)
	}
	s.b.Cleanup(s.stop)
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		s.b.Fatalf("the server did not start: %v", s.cmd.Wait())
	}
	s.url = lines.Text()
}

// stop ends the server as its operator does.
func (s *benchServer) stop() {
	s.client.CloseIdleConnections()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait() // of what it was told
}

// post sends one call and returns how it was answered.
func (s *benchServer) post(path, body string) (code int, answer string, err error) {
	r, err := s.client.Post(s.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return r.StatusCode, string(b), err
}

// usage is what the server has used, and what it asked its source.
type usage struct {
	wall                 time.Time
	cpu                  time.Duration // user and system, in ticks of 10 ms
	rss, peak            int           // bytes
	files                int           // open
	queries, sourceBytes int64
}

// use reads what the server has used so far.
func (s *benchServer) use() usage {
	s.b.Helper()
	u := usage{wall: time.Now(), queries: s.source.queries.Load(), sourceBytes: s.source.bytes.Load()}
	proc := "/proc/" + strconv.Itoa(s.cmd.Process.Pid)
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		s.b.Fatalf("what the server uses is read from /proc: %v", err)
	}
	// The fields after the name, which may hold spaces; utime and stime are 14 and 15.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, f := range fields[11:13] {
		ticks, err := strconv.Atoi(f)
		if err != nil {
			s.b.Fatal(err)
		}
		u.cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		s.b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kib int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			u.rss = kib << 10
		}
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			u.peak = kib << 10
		}
	}
	if open, err := os.ReadDir(proc + "/fd"); err == nil {
		u.files = len(open)
	}
	return u
}

// metrics reads /metrics.
func (s *benchServer) metrics() (string, error) {
	r, err := s.client.Get(s.url + "/metrics")
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return string(b), err
}

// metricOf finds a sample without labels on a page, or 0.
func metricOf(page, name string) float64 {
	for line := range strings.Lines(page) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err == nil {
				return x
			}
		}
	}
	return 0
}
