package journal_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

var update = flag.Bool("update", false, "write golden files")

var start = time.Date(2026, 3, 4, 5, 6, 0, 0, time.UTC)

// clock is a clock that a test moves.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// open opens a journal that is closed with the test.
func open(t testing.TB, path string) *journal.Journal {
	t.Helper()
	j, _ := openAt(t, path)
	return j
}

func openAt(t testing.TB, path string) (*journal.Journal, *clock) {
	t.Helper()
	c := &clock{start}
	j, err := journal.Open(t.Context(), path, journal.Options{Now: c.now, Wait: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j, c
}

// announce opens a rollout of a revision.
func announce(t testing.TB, j *journal.Journal, revision string) rollout.Rollout {
	t.Helper()
	a, err := j.Announce(t.Context(), trial(revision), aPlan())
	if err != nil {
		t.Fatal(err)
	}
	return a.Rollout
}

func trial(revision string) rollout.Rollout {
	return rollout.Rollout{
		Service: "checkout", Namespace: "shop", Revision: revision, Controller: "flagger",
		Baseline: rollout.Arm{Workload: "checkout-primary"},
		Canary:   rollout.Arm{Workload: "checkout", Labels: map[string]string{"track": "canary"}},
	}
}

func aPlan() plan.Plan {
	return plan.Plan{
		Name: "checkout", Service: "checkout", Source: "prometheus", Block: plan.Duration(time.Minute), Alpha: 0.05, Beta: 0.05,
		Metrics: []plan.Metric{{Name: "errors", Kind: plan.Errors, Tolerance: plan.Margin{Relative: 0.1}}},
		// 2^60 + 1 has no float64.
		Checks: []checks.Spec{{Name: "home", HTTP: &checks.HTTP{URL: "http://x", JSON: map[string]any{"id": uint64(1<<60 + 1)}}}},
	}
}

// look makes the n-th look: one block of two pods for each of some metrics.
func look(id string, seq int) judge.Look {
	at := start.Add(time.Duration(seq) * time.Minute)
	w := queries.Window{Start: at.Add(-time.Minute), End: at, Block: time.Minute}
	frame := func(pods ...string) queries.Frame {
		f := queries.Frame{Window: w}
		for i, pod := range pods {
			f.Processes = append(f.Processes, queries.Process{Name: pod,
				N: queries.Column{float64(1000*seq + i)}, X: queries.Column{float64(seq)}})
		}
		return f
	}
	m := judge.FrozenMetric{Canary: frame("canary-0"), Baseline: frame("primary-0", "primary-1")}
	if seq == 1 {
		m.Prior = &judge.Prior{Blocks: 30, Pods: 2, Rate: 0.004}
	}
	return judge.Look{
		Rollout: id,
		Freeze:  judge.Frozen{Metrics: map[string]judge.FrozenMetric{"errors": m}},
		Verdict: judge.Verdict{
			ID: fmt.Sprintf("%s-%d", id, seq), Seq: seq, At: at.Add(3 * time.Second), Rollout: rollout.Rollout{ID: id},
			Reason: fmt.Sprintf("look %d: nothing <proven> & \"quoted\"", seq), Findings: []judge.Finding{{Name: "errors", Reason: "x"}},
		},
	}
}

func commit(t testing.TB, j *journal.Journal, looks ...judge.Look) {
	t.Helper()
	for _, l := range looks {
		if err := j.Commit(t.Context(), l); err != nil {
			t.Fatalf("commit look %d: %v", l.Verdict.Seq, err)
		}
	}
}

func load(t testing.TB, j *journal.Journal, id string) judge.Record {
	t.Helper()
	rec, err := j.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func wantIs(t testing.TB, got error, want ...error) {
	t.Helper()
	for _, w := range want {
		if !errors.Is(got, w) {
			t.Errorf("got error %v, want one that is %v", got, w)
		}
	}
}

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		os.Exit(child(context.Background(), path))
	}
	code := m.Run()
	if err := stopCluster(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
