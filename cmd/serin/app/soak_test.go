package app

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// soak is what one line of TestSoak says.
type soak struct {
	usage
	goroutines, heap int
	journal          int64
}

// TestSoak runs a server for as long as SERIN_SOAK says, and is no part of the test
// command: rollouts come and go, each is asked about at each block of 5 s and lives for
// some minutes, /metrics is scraped every 15 s. A line a minute says what the server
// uses. Garbage is collected as by default.
//
//	SERIN_SOAK=30m go test ./cmd/serin/app -run TestSoak -v -timeout 40m
func TestSoak(t *testing.T) {
	long, err := time.ParseDuration(os.Getenv("SERIN_SOAK"))
	if os.Getenv("SERIN_SOAK") == "" {
		t.Skip("SERIN_SOAK does not say for how long")
	}
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "serin.db")
	s := startBench(t, benchOptions{journal: target, block: 5 * time.Second, lag: time.Second})
	w := &soaking{benchServer: s, live: number(t, "SERIN_SOAK_LIVE", 60), life: 24, journal: target}
	began := time.Now()
	first := w.read()
	t.Logf("%d CPUs, %d live rollouts, each closed after %d looks", runtime.NumCPU(), w.live, w.life)
	t.Log("     at  verdicts  closed errors  RSS MB  heap MB  goroutines  files  journal MB  cpu s")
	say := func(u soak) {
		t.Logf("%7s %9d %7d %6d %7.1f %8.1f %11d %6d %11.1f %6.1f", time.Since(began).Round(time.Second), w.verdicts, w.closed, w.errors,
			mb(u.rss), mb(u.heap), u.goroutines, u.files, mb(int(u.journal)), u.cpu.Seconds())
	}
	say(first)
	next := began.Add(time.Minute)
	for round := 0; time.Since(began) < long; round++ {
		w.round(round, began.Add(time.Duration(round)*5*time.Second))
		if !time.Now().Before(next) {
			say(w.read())
			next = next.Add(time.Minute)
		}
	}
	last := w.read()
	say(last)
	if w.errors > 0 {
		t.Errorf("got %d calls that failed, the last: %v", w.errors, w.last)
	}
	// What is live is the same at all times. Twice the first minutes' is no growth
	// that anybody would overlook.
	if last.goroutines > first.goroutines+200 || last.files > first.files+100 {
		t.Errorf("got %d goroutines and %d files in the end, %d and %d at first", last.goroutines, last.files, first.goroutines, first.files)
	}
}

func mb(bytes int) float64 { return float64(bytes) / 1e6 }

// soaking is the load of a soak.
type soaking struct {
	*benchServer
	live, life int
	journal    string

	verdicts, closed, errors int
	last                     error
}

// round asks once about each live rollout, spread over a block. The n-th is at its own
// point of life, so that all the time some end and some begin.
func (w *soaking) round(round int, began time.Time) {
	for n := range w.live {
		<-time.After(time.Until(began.Add(time.Duration(n) * 5 * time.Second / time.Duration(w.live))))
		attempt, age := (round+n)/w.life, (round+n)%w.life
		who := fmt.Sprintf(`{"name":"svc-%d","namespace":"bench","phase":"Progressing","checksum":"%08x",`+
			`"metadata":{"plan":"bench","weight":"50","baseline":"base-%d"}}`, n, attempt, n/3)
		path := "/flagger/rollout"
		if age == w.life-1 && round > 0 {
			path = "/flagger/post-rollout"
			w.closed++
		}
		code, text, err := w.post(path, who)
		w.verdicts++
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("%s: got %d %.300s", path, code, text)
		}
		if err != nil {
			w.errors++
			w.last = err
		}
	}
	if round%3 == 0 {
		if _, err := w.metrics(); err != nil {
			w.errors++
			w.last = err
		}
	}
}

// read reads what the server uses, from outside and from /metrics.
func (w *soaking) read() soak {
	w.b.Helper()
	u := soak{usage: w.use()}
	text, err := w.metrics()
	if err != nil {
		w.b.Fatal(err)
	}
	u.goroutines, u.heap = int(metricOf(text, "go_goroutines")), int(metricOf(text, "go_memstats_heap_inuse_bytes"))
	files, err := filepath.Glob(w.journal + "*")
	if err != nil {
		w.b.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && !strings.HasSuffix(f, "-shm") {
			u.journal += info.Size()
		}
	}
	return u
}
