package app

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal/pgtest"
)

// fleet is the rollouts that a benchmark asks about, as Flagger asks: one call of the
// hook rollout is one verdict.
type fleet struct {
	*benchServer
	rollouts int
	shared   int // rollouts that have one baseline in common; at least 1
}

// ask asks about one rollout and returns how long the answer took.
func (f fleet) ask(n int) (time.Duration, error) {
	body := fmt.Sprintf(`{"name":"svc-%d","namespace":"bench","phase":"Progressing","checksum":"5d59f87694",`+
		`"metadata":{"plan":"bench","weight":"50","baseline":"base-%d"}}`, n, n/f.shared)
	began := time.Now()
	code, text, err := f.post("/flagger/rollout", body)
	took := time.Since(began)
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("rollout %d: got %d %.300s, want 200", n, code, text)
	}
	return took, err
}

// age gives every rollout its past as fast as it goes: minutes pass by the clock that
// the server is given, in each of them every rollout that has begun is asked about,
// and one after the other begins, so that in the end they are 1 to minutes old.
func (f fleet) age(minutes int) {
	f.b.Helper()
	began := time.Now()
	first := began.Add(-time.Duration(minutes) * time.Minute).Truncate(time.Minute).Add(31 * time.Second)
	f.source.dead.Store(true) // its clock would go by this machine's
	latency := f.source.latency.Swap(0)
	for m := range minutes {
		f.clock.set(first.Add(time.Duration(m) * time.Minute))
		f.each(8, f.rollouts*(m+1)/minutes)
	}
	f.clock.set(first.Add(time.Duration(minutes) * time.Minute))
	f.source.dead.Store(false)
	f.source.latency.Store(latency)
	f.b.Logf("%d rollouts of up to %d minutes: %s", f.rollouts, minutes, time.Since(began).Round(time.Second))
}

// each asks once about the first rollouts, some at a time.
func (f fleet) each(atOnce, most int) {
	f.b.Helper()
	next := make(chan int)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for n := range next {
				if _, err := f.ask(n); err != nil {
					f.b.Error(err)
				}
			}
		})
	}
	for n := range most {
		next <- n
	}
	close(next)
	wg.Wait()
	if f.b.Failed() {
		f.b.FailNow()
	}
}

// minute asks once about each rollout within a minute, at times that know nothing
// of each other, however long the answers take. It returns how long they took.
func (f fleet) minute(d time.Duration) []time.Duration {
	f.b.Helper()
	dice := rand.New(rand.NewPCG(4, 2))
	due := make([]time.Duration, f.rollouts)
	for i := range due {
		due[i] = time.Duration(dice.Int64N(int64(d)))
	}
	slices.Sort(due)
	order := dice.Perm(f.rollouts)
	took := make([]time.Duration, f.rollouts)
	began := time.Now()
	var wg sync.WaitGroup
	for i, n := range order {
		<-time.After(time.Until(began.Add(due[i])))
		wg.Go(func() {
			_, err := f.ask(n)
			took[i] = time.Since(began.Add(due[i]))
			if err != nil {
				f.b.Error(err)
			}
		})
	}
	wg.Wait()
	<-time.After(time.Until(began.Add(d)))
	slices.Sort(took)
	return took
}

// allocated is how many bytes the server has allocated since its start, as /metrics
// says: the page itself is among them at the next call.
func (s *benchServer) allocated() float64 {
	s.b.Helper()
	text, err := s.metrics()
	if err != nil {
		s.b.Fatal(err)
	}
	return metricOf(text, "go_memstats_alloc_bytes_total")
}

// number reads a number from the environment.
func number(b testing.TB, name string, instead int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return instead
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s=%q is no number of what it counts", name, text)
	}
	return n
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// durableJournals are a file, and a database that is as durable.
func durableJournals(b *testing.B, do func(b *testing.B, target func() string)) {
	b.Run("sqlite", func(b *testing.B) {
		do(b, func() string { return filepath.Join(b.TempDir(), "serin.db") })
	})
	b.Run("postgres", func(b *testing.B) {
		s := pgtest.Start(b, pgtest.Config{Fsync: true})
		do(b, func() string { return s.NewDatabase(b) })
	})
}

// sourceLatency is what the fake source adds to each of its answers.
const sourceLatency = 10 * time.Millisecond

// BenchmarkService has 1,000 live rollouts of 5 metrics and 3 pods an arm, 1 to 30
// minutes old, asked once within a minute. The server is a process of its own, its
// CPU and memory are those of /proc. Whoever asks, the source and PostgreSQL are not
// in them, but have the same cores. The rollouts' past is made beforehand, as fast
// as it goes; what is measured is one minute as long as minutes are.
//
// SERIN_BENCH_ROLLOUTS and SERIN_BENCH_MINUTES make it smaller.
func BenchmarkService(b *testing.B) {
	rollouts, minutes := number(b, "SERIN_BENCH_ROLLOUTS", 1000), number(b, "SERIN_BENCH_MINUTES", 30)
	durableJournals(b, func(b *testing.B, target func() string) {
		for _, c := range []struct {
			name   string
			shared int
		}{{"each-its-baseline", 1}, {"ten-to-a-baseline", 10}} {
			b.Run(c.name, func(b *testing.B) {
				s := startBench(b, benchOptions{journal: target(), block: time.Minute, lag: 30 * time.Second})
				s.source.latency.Store(int64(sourceLatency))
				f := fleet{s, rollouts, c.shared}
				f.age(minutes)
				for b.Loop() { // once
					none, first := s.allocated(), s.allocated()
					before := s.use()
					took := f.minute(time.Minute)
					report(b, before, s.use(), took)
					scrape := first - none
					b.ReportMetric((s.allocated()-first-scrape)/1e3/float64(rollouts), "alloc-KB/verdict")
					b.ReportMetric(scrape/1e6, "alloc-MB/scrape")
				}
			})
		}
	})
}

// report writes what a number of verdicts took.
func report(b *testing.B, before, after usage, took []time.Duration) {
	b.Helper()
	n := float64(len(took))
	at := func(q float64) float64 { return ms(took[int(q*(n-1))] - sourceLatency) }
	cpu := after.cpu - before.cpu
	b.ReportMetric(ms(cpu)/n, "cpu-ms/verdict")
	b.ReportMetric(100*cpu.Seconds()/after.wall.Sub(before.wall).Seconds()/2, "%cpu-of-2")
	b.ReportMetric(at(0.5), "p50-over-ms")
	b.ReportMetric(at(0.99), "p99-over-ms")
	b.ReportMetric(float64(after.rss)/1e6, "rss-MB")
	b.ReportMetric(float64(after.peak)/1e6, "peak-MB")
	b.ReportMetric(float64(after.queries-before.queries)/n, "queries/verdict")
	b.ReportMetric(float64(after.sourceBytes-before.sourceBytes)/1e3/n, "KB/verdict")
	b.ReportMetric(0, "ns/op") // it is a minute
}

// BenchmarkNthLook is what the n-th look at a rollout asks of its source, and what it
// costs.
func BenchmarkNthLook(b *testing.B) {
	const rollouts, looks = 20, 60
	for b.Loop() { // once
		s := startBench(b, benchOptions{journal: filepath.Join(b.TempDir(), "serin.db"), block: time.Minute, lag: 30 * time.Second})
		f := fleet{s, rollouts, 1}
		first := time.Now().Add(-looks * time.Minute).Truncate(time.Minute).Add(31 * time.Second)
		s.source.dead.Store(true)
		for n := 1; n <= looks; n++ {
			s.clock.set(first.Add(time.Duration(n) * time.Minute))
			before := s.use()
			f.each(1, rollouts)
			after := s.use()
			if n == 3 || n == 30 || n == looks {
				b.ReportMetric(float64(after.queries-before.queries)/rollouts, fmt.Sprintf("queries@%d", n))
				b.ReportMetric(float64(after.sourceBytes-before.sourceBytes)/1e3/rollouts, fmt.Sprintf("KB@%d", n))
				b.ReportMetric(ms(after.cpu-before.cpu)/rollouts, fmt.Sprintf("cpu-ms@%d", n))
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkVerdictWall is how long one verdict takes of a source that takes 200 ms for
// everything: the first look, which learns from the pre-period, and a later one.
func BenchmarkVerdictWall(b *testing.B) {
	const latency = 200 * time.Millisecond
	s := startBench(b, benchOptions{journal: filepath.Join(b.TempDir(), "serin.db"), block: time.Minute, lag: 30 * time.Second})
	s.source.latency.Store(int64(latency))
	s.source.dead.Store(true) // its clock is asked once a minute, of this machine's clock
	at := time.Now().Add(-time.Hour).Truncate(time.Minute).Add(31 * time.Second)
	var looks [3]time.Duration
	n := 0
	for b.Loop() {
		for i := range looks {
			s.clock.set(at.Add(time.Duration(i) * time.Minute))
			took, err := fleet{s, 1, 1}.ask(n)
			if err != nil {
				b.Fatal(err)
			}
			looks[i] += took
		}
		n++
	}
	for i, name := range []string{"first/query", "second/query", "third/query"} {
		b.ReportMetric(float64(looks[i])/float64(n)/float64(latency), name)
	}
	b.ReportMetric(0, "ns/op")
}
