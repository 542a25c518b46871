package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// script is a judge that answers by a list; beyond its end it repeats the last.
type script struct {
	outcomes []judge.Outcome
	err      error
	looks    []time.Time
}

func (s *script) Decide(_ context.Context, r rollout.Rollout, now time.Time) (judge.Verdict, error) {
	s.looks = append(s.looks, now)
	n := len(s.looks)
	if s.err != nil && n > len(s.outcomes) {
		return judge.Verdict{}, s.err
	}
	return judge.Verdict{Seq: n, At: now, Rollout: r, Outcome: s.outcomes[min(n, len(s.outcomes))-1]}, nil
}

// watched returns a trial on a fake clock and a journal in memory. Waiting beyond
// the given number of looks is interrupted.
func watched(t *testing.T, s *script, most int) (trial, context.Context) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	j, err := journal.Open(ctx, ":memory:", journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	p := plan.Plan{Name: "checkout", Service: "checkout", Block: plan.Duration(time.Minute), Lag: plan.Duration(30 * time.Second), MaxDuration: plan.Duration(time.Hour)}
	now := time.Date(2026, 5, 1, 12, 0, 10, 0, time.UTC)
	a, err := j.Announce(ctx, rollout.Rollout{
		Service: "checkout", Revision: "2", Controller: "cli", Plan: "checkout", Started: now,
	}, p)
	if err != nil {
		t.Fatal(err)
	}
	return trial{
		journal: j, judge: s, rollout: a.Rollout, plan: p, timeout: time.Minute,
		now: func() time.Time { return now },
		wait: func(ctx context.Context, until time.Time) error {
			if len(s.looks) == most {
				cancel()
				return ctx.Err()
			}
			now = until
			return nil
		},
	}, ctx
}

func TestWatchLooksAtEachBlocksCloseUntilTheVerdictIsFinal(t *testing.T) {
	for _, o := range []judge.Outcome{judge.Promote, judge.Rollback, judge.Inconclusive} {
		s := &script{outcomes: []judge.Outcome{judge.Continue, judge.Continue, o}}
		tr, ctx := watched(t, s, 10)
		v, err := tr.watch(ctx, &bytes.Buffer{})
		if err != nil || v == nil || v.Outcome != o {
			t.Fatalf("got %v, %v, want %v", v, err, o)
		}
		want := []string{"12:00:30.05", "12:01:30.05", "12:02:30.05"}
		for i, at := range s.looks {
			if got := at.Format("15:04:05.00"); got != want[i] {
				t.Errorf("look %d: got %s, want %s", i+1, got, want[i])
			}
		}
		sum, err := tr.journal.Get(ctx, tr.rollout.ID)
		if err != nil || sum.Closed.IsZero() || !strings.Contains(sum.Why, o.String()) {
			t.Errorf("journal: got %+v, %v, want the rollout closed by the verdict", sum, err)
		}
	}
}

func TestWatchThatIsInterruptedAnswersWhatItHas(t *testing.T) {
	s := &script{outcomes: []judge.Outcome{judge.Continue}}
	tr, ctx := watched(t, s, 2)
	v, err := tr.watch(ctx, &bytes.Buffer{})
	if err != nil || v == nil || v.Seq != 2 {
		t.Errorf("got %v, %v, want the second verdict", v, err)
	}
	s = &script{outcomes: []judge.Outcome{judge.Continue}}
	tr, ctx = watched(t, s, 0)
	if v, err := tr.watch(ctx, &bytes.Buffer{}); err != nil || v != nil {
		t.Errorf("before the first look: got %v, %v, want nothing", v, err)
	}
}

func TestWatchEndsWhereNoVerdictCanBeFormed(t *testing.T) {
	s := &script{outcomes: []judge.Outcome{judge.Continue}, err: errors.New("the journal is full")}
	tr, ctx := watched(t, s, 10)
	_, err := tr.watch(ctx, &bytes.Buffer{})
	if err == nil || err.Error() != "no verdict could be formed: the journal is full" {
		t.Errorf("got %v, want the error", err)
	}
}

func TestNextCloseLiesAfterTheLag(t *testing.T) {
	p := plan.Plan{Block: plan.Duration(2 * time.Second), Lag: plan.Duration(3 * time.Second)}
	at := func(s float64) time.Time {
		return time.Unix(1_700_000_000, 0).Add(time.Duration(s * float64(time.Second)))
	}
	for _, c := range []struct{ now, want float64 }{
		{0, 1.05}, {0.9, 1.05}, {1.0, 3.05}, {1.06, 3.05}, {2.99, 3.05},
	} {
		if got := nextClose(at(c.now), p); !got.Equal(at(c.want)) {
			t.Errorf("nextClose(%v s): got %v, want %v s", c.now, got.Sub(at(0)), c.want)
		}
	}
}

// TestTraceBesideTheVerdict ensures that --trace adds to a verdict and takes nothing away.
func TestTraceBesideTheVerdict(t *testing.T) {
	tr, ctx := watched(t, &script{outcomes: []judge.Outcome{judge.Continue}}, 1)
	v := judge.Verdict{Rollout: tr.rollout, Reason: "neither side is proven", Progress: judge.Progress{Blocks: 3}}
	for _, traced := range []bool{false, true} {
		var out bytes.Buffer
		if err := (judgeCmd{output: output{"json"}, Trace: traced}).writeVerdict(ctx, &out, tr, v); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Reason string
			Trace  *judge.Trace
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Reason != v.Reason || (got.Trace != nil) != traced || traced && got.Trace.Rollout != tr.rollout.ID {
			t.Errorf("--trace %v: got %s", traced, out.String())
		}
	}
}
