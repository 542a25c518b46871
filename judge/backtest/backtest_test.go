package backtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/backtest"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

var update = flag.Bool("update", false, "write golden files")

func walked(t testing.TB, s *shop, minutes int) backtest.Report {
	t.Helper()
	p := parsed(t, text)
	r, err := backtest.Run(t.Context(), backtest.Past{Plan: p, Rollout: release(p), Source: s, Engine: "test"}, begin().Add(time.Duration(minutes)*time.Minute), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestHarmIsFoundWhenItComes(t *testing.T) {
	r := walked(t, &shop{from: 5, by: .03}, 40)
	outcome, said := r.First()
	if outcome != judge.Rollback || said == nil {
		t.Fatalf("got %v (%v), want a rollback: %s", outcome, said, r.Sentence())
	}
	if minutes := said.After / 60; minutes < 5 || minutes > 15 {
		t.Errorf("got a rollback after %v minutes, want it soon after the fifth", minutes)
	}
	if len(said.Metrics) != 1 || said.Metrics[0] != "errors" {
		t.Errorf("got %v to blame, want errors", said.Metrics)
	}
	if len(r.Looks) != 40 || len(r.Trace.Points) == 0 {
		t.Errorf("got %d looks and %d points of evidence, want 40 and some", len(r.Looks), len(r.Trace.Points))
	}
}

func TestAHealthyCanaryIsPromotedWithoutItsChecks(t *testing.T) {
	r := walked(t, &shop{}, 60)
	if outcome, _ := r.First(); outcome != judge.Promote {
		t.Fatalf("got %v, want promote: %s", outcome, r.Sentence())
	}
	if !strings.Contains(strings.Join(r.Notes, " "), "checks (1) were left out") {
		t.Errorf("got notes %q, want it said that checks were left out", r.Notes)
	}
}

// TestALookSeesNothingLater compares looks of a walk that ends early with those of a
// longer one, and holds what is asked against the time of the look.
func TestALookSeesNothingLater(t *testing.T) {
	long := walked(t, &shop{from: 20, by: .05}, 40)
	short := walked(t, &shop{from: 20, by: .05}, 20)
	if diff := cmp.Diff(short.Looks, long.Looks[:20]); diff != "" {
		t.Errorf("the first 20 looks differ by what came later (-short +long):\n%s", diff)
	}
	p := parsed(t, text)
	s := &shop{}
	w, err := backtest.NewWalker(backtest.Past{Plan: p, Rollout: release(p), Source: s})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 12; n++ {
		v, err := w.Look(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if closed := w.At(n).Add(-p.Lag.D()); s.latest.After(closed) {
			t.Fatalf("look %d asked for blocks up to %v, where only those up to %v had closed", n, s.latest, closed)
		}
		if want := begin().Add(time.Duration(n)*time.Minute + p.Lag.D()); !v.At.Equal(want) {
			t.Errorf("look %d was at %v, want %v", n, v.At, want)
		}
	}
}

func TestNothingToWalkThrough(t *testing.T) {
	p := parsed(t, text)
	_, err := backtest.Run(t.Context(), backtest.Past{Plan: p, Rollout: release(p), Source: &shop{}}, begin().Add(30*time.Second), nil)
	if err == nil || !strings.Contains(err.Error(), "no block of 1m") {
		t.Errorf("got error %v, want that no block had closed", err)
	}
	if _, err := backtest.NewWalker(backtest.Past{Plan: p, Rollout: release(p)}); err == nil {
		t.Error("got a walker without a source, want an error")
	}
}

// ledger is a journal that keeps its looks.
type ledger struct {
	judge.Memory
	looks []judge.Look
}

func (l *ledger) Commit(ctx context.Context, look judge.Look) error {
	l.looks = append(l.looks, look)
	return l.Memory.Commit(ctx, look)
}

// recorded is what a live judge recorded of a rollout, looking every minute.
func recorded(t testing.TB, p plan.Plan, s queries.Source, looks int) []judge.Look {
	t.Helper()
	l := &ledger{Memory: judge.Memory{Record: judge.Record{Rollout: release(p), Plan: p}}}
	j := judge.New(judge.Config{Journal: l, Sources: map[string]queries.Source{"memory": s}, Engine: "test"})
	for n := 1; n <= looks; n++ {
		if _, err := j.Decide(t.Context(), l.Record.Rollout, begin().Add(time.Duration(n)*time.Minute+p.Lag.D())); err != nil {
			t.Fatal(err)
		}
	}
	return l.looks
}

// lasting hides that the shop has a clock.
type lasting struct{ queries.Source }

func TestARecordSpeaksAsItDid(t *testing.T) {
	p := backtest.Timeless(parsed(t, text))
	looks := recorded(t, p, lasting{&shop{from: 5, by: .03}}, 30)
	r, err := backtest.Recorded(p, p, looks)
	if err != nil {
		t.Fatal(err)
	}
	if r.Was == nil || r.RolledBack == nil || !r.Was.RolledBack.Equal(r.RolledBack.At) {
		t.Fatalf("got %+v recorded and %+v computed, want the same rollback", r.Was, r.RolledBack)
	}
	// The walk of the same past by its source is the same again.
	if again := walked(t, &shop{from: 5, by: .03}, 30); !cmp.Equal(again.Looks, r.Looks) {
		t.Errorf("the source's looks differ from the recorded ones:\n%s", cmp.Diff(again.Looks, r.Looks))
	}
}

func TestAnotherPlanSpeaksOfTheSameRecord(t *testing.T) {
	p := backtest.Timeless(parsed(t, text))
	looks := recorded(t, p, lasting{&shop{from: 0, by: .004}}, 60)
	lenient := backtest.Timeless(parsed(t, strings.Replace(text, "    required: true\nchecks", "    required: true\n    tolerance: 300%\n    margin: 600%\nchecks", 1)))
	a, err := backtest.Recorded(p, p, looks)
	if err != nil {
		t.Fatal(err)
	}
	b, err := backtest.Recorded(lenient, p, looks)
	if err != nil {
		t.Fatal(err)
	}
	if first, _ := a.First(); first != judge.Rollback {
		t.Errorf("the recorded plan: got %v, want rollback: %s", first, a.Sentence())
	}
	if first, _ := b.First(); first != judge.Promote {
		t.Errorf("the lenient plan: got %v, want promote: %s", first, b.Sentence())
	}
}

func TestWhatWasNotRecordedCannotBeJudged(t *testing.T) {
	p := backtest.Timeless(parsed(t, text))
	looks := recorded(t, p, lasting{&shop{}}, 3)
	other := backtest.Timeless(parsed(t, strings.NewReplacer("name: errors", "name: failures", "minDuration", "block: 30s\nminDuration").Replace(text)))
	_, err := backtest.Recorded(other, p, looks)
	if err == nil || !strings.Contains(err.Error(), "metric failures") || !strings.Contains(err.Error(), "blocks of 30s") {
		t.Errorf("got error %v, want both the metric and the blocks named", err)
	}
	if _, err := backtest.Recorded(p, p, nil); err == nil {
		t.Error("got a report of no looks, want an error")
	}
}

func TestWrite(t *testing.T) {
	r := walked(t, &shop{from: 5, by: .03}, 20)
	for _, format := range []string{"text", "markdown", "html", "json"} {
		var b bytes.Buffer
		if err := backtest.Write(&b, format, r); err != nil {
			t.Fatal(err)
		}
		if format == "json" {
			var back backtest.Report
			if err := json.Unmarshal(b.Bytes(), &back); err != nil {
				t.Errorf("json does not read back: %v", err)
			}
			continue
		}
		file := filepath.Join("testdata", "report."+format)
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), b.String()); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", format, diff)
		}
	}
	if err := backtest.Write(&bytes.Buffer{}, "pdf", r); err == nil {
		t.Error("got no error for a format that there is not")
	}
}
