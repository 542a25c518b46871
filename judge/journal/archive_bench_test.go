package journal_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"os"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal"
)

// demo is the export of a journal that one run of serin demo left: 57 looks at two
// rollouts, of three metrics, three pods of the canary and six of the baseline. Both
// are over.
func demo(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("testdata/demo.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func recorded(t testing.TB, target string) (*journal.Journal, []string) {
	t.Helper()
	j := open(t, target)
	if _, err := j.Import(t.Context(), bytes.NewReader(demo(t))); err != nil {
		t.Fatal(err)
	}
	list, err := j.List(t.Context(), journal.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range list {
		if s.Closed.IsZero() {
			if err := j.End(t.Context(), s.Rollout.ID, s.Rollout.Started.Add(time.Hour), "done"); err != nil {
				t.Fatal(err)
			}
		}
		ids = append(ids, s.Rollout.ID)
	}
	return j, ids
}

// What a real server recorded reads the same when it is compressed.
func TestARecordedJournalIsCompressed(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, ids := recorded(t, db.fresh(t))
		before := exported(t, j)
		if done := compact(t, j); done.Looks != 57 || done.Before < 10*done.After {
			t.Errorf("got %v, want 57 looks, a tenth of the size or less", done)
		}
		if !bytes.Equal(before, exported(t, j)) {
			t.Error("the export is another one than before")
		}
		for _, id := range ids {
			load(t, j, id)
		}
		sound(t, j)
	})
}

// BenchmarkCompact says how much smaller the looks of a recorded journal become, and
// what one look costs.
func BenchmarkCompact(b *testing.B) {
	durable(b, func(b *testing.B, target func() string) {
		var done journal.Compacted
		for b.Loop() {
			b.StopTimer()
			j, _ := recorded(b, target())
			b.StartTimer()
			done = compact(b, j)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*done.Looks), "ns/look")
		b.ReportMetric(float64(done.Before)/float64(done.Looks), "bytes/look")
		b.ReportMetric(float64(done.After)/float64(done.Looks), "compressed/look")
		b.ReportMetric(float64(done.Before)/float64(done.After), "times-smaller")
	})
}

// BenchmarkLoadArchived is the load of a recorded rollout, compressed and not.
func BenchmarkLoadArchived(b *testing.B) {
	for _, compressed := range []bool{false, true} {
		b.Run(map[bool]string{false: "as committed", true: "archived"}[compressed], func(b *testing.B) {
			j, ids := recorded(b, file(b))
			if compressed {
				compact(b, j)
			}
			for b.Loop() {
				load(b, j, ids[0])
			}
		})
	}
}

// BenchmarkOneByOne is the way that was not taken: each look compressed by itself,
// when it is committed.
func BenchmarkOneByOne(b *testing.B) {
	j, _ := recorded(b, ":memory:")
	rows, err := j.DB().Writer.Query(`select "freeze" || checks || problems || context || verdict from looks`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var looks [][]byte
	size := 0
	for rows.Next() {
		var l []byte
		if err := rows.Scan(&l); err != nil {
			b.Fatal(err)
		}
		looks, size = append(looks, l), size+len(l)
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		out.Reset()
		for _, l := range looks {
			z.Reset(&out)
			if _, err := z.Write(l); err != nil {
				b.Fatal(err)
			}
			if err := z.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(looks)), "ns/look")
	b.ReportMetric(float64(size)/float64(out.Len()), "times-smaller")
}
