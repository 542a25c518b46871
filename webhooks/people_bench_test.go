package webhooks

import (
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/pgtest"
)

// pastRollouts is how many the benchmarks' journals have.
const pastRollouts = 10_000

// longPast fills a journal with rollouts of forty services over some years, each with a
// verdict as the demo left one, and the two rollouts of the demo with all of their looks.
// It returns the IDs of those two.
func longPast(b *testing.B, j *journal.Journal, now time.Time) []string {
	b.Helper()
	f, err := os.Open("../judge/journal/testdata/demo.jsonl.gz")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := j.Import(b.Context(), z); err != nil {
		b.Fatal(err)
	}
	demo, err := j.List(b.Context(), journal.Filter{})
	if err != nil || len(demo) != 2 {
		b.Fatalf("got %d rollouts, error %v", len(demo), err)
	}
	p, err := j.Plan(b.Context(), demo[0].Rollout.ID)
	if err != nil {
		b.Fatal(err)
	}
	for i := range pastRollouts {
		r := demo[i%2].Rollout
		r.ID, r.Service, r.Revision = "", fmt.Sprintf("service-%d", i%40), fmt.Sprintf("r%d", i)
		r.Started, r.Weights, r.Attempt = now.Add(-time.Duration(pastRollouts-i)*2*time.Hour), nil, 0
		a, err := j.Announce(b.Context(), r, p)
		if err != nil {
			b.Fatal(err)
		}
		v := *demo[i%2].Last
		v.Seq, v.At, v.Rollout = 1, r.Started.Add(time.Minute), a.Rollout
		if v.Outcome == judge.Rollback && i%100 != 0 {
			v.Outcome, v.Latched = judge.Inconclusive, nil
		}
		if err := j.Commit(b.Context(), judge.Look{Rollout: a.Rollout.ID, Verdict: v}); err != nil {
			b.Fatal(err)
		}
		if err := j.End(b.Context(), a.Rollout.ID, r.Started.Add(10*time.Minute), "over"); err != nil {
			b.Fatal(err)
		}
	}
	return []string{demo[0].Rollout.ID, demo[1].Rollout.ID}
}

// BenchmarkPages is what a page costs the server, among 10,000 past rollouts. The journal is
// a file, or a PostgreSQL.
func BenchmarkPages(b *testing.B) {
	now := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)
	for _, db := range []struct {
		name   string
		target func(b *testing.B) string
	}{
		{"sqlite", func(b *testing.B) string { return filepath.Join(b.TempDir(), "serin.db") }},
		{"postgres", func(b *testing.B) string { return pgtest.Start(b, pgtest.Config{}).NewDatabase(b) }},
	} {
		b.Run(db.name, func(b *testing.B) {
			j, err := journal.Open(b.Context(), db.target(b), journal.Options{Now: func() time.Time { return now }})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			ids := longPast(b, j, now)
			s, err := New(Config{Judge: quick{}, Journal: j, Plans: testPlans(b), Now: func() time.Time { return now }})
			if err != nil {
				b.Fatal(err)
			}
			local := context.WithValue(b.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}))
			middle := now.Add(-pastRollouts * time.Hour).Format(time.RFC3339)
			for _, page := range []struct{ name, path string }{
				{"list", "/"}, {"rollbacks", "/?outcome=rollback"}, {"a service", "/?service=service-7&namespace=demo"},
				{"a service's rollbacks", "/?service=service-7&outcome=rollback"}, {"nothing", "/?service=none&outcome=promote"}, {"live", "/?live=true"},
				{"the middle", "/?before=" + middle}, {"service page", "/s/demo/service-7"}, {"report of 21 looks", "/r/" + ids[1]}, {"report of 36 looks", "/r/" + ids[0]},
			} {
				b.Run(page.name, func(b *testing.B) {
					began := cpuTime(b)
					defer func() { b.ReportMetric(float64((cpuTime(b)-began).Microseconds())/1000/float64(b.N), "cpu-ms/op") }()
					for b.Loop() {
						r := httptest.NewRequest(http.MethodGet, page.path, nil).WithContext(local)
						r.Host = "localhost"
						r.Header.Set("Accept", "text/html")
						rec := httptest.NewRecorder()
						s.Handler().ServeHTTP(rec, r)
						if rec.Code != http.StatusOK {
							b.Fatalf("got %d %s, want 200", rec.Code, rec.Body)
						}
					}
				})
			}
		})
	}
}

// cpuTime is what this process has spent, which does not depend on what else runs.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
