package journal_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

func nan() float64 { return math.NaN() }

func TestLoadPutsLooksTogether(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j := open(t, path)
		r := announce(t, j, "r1")
		if got := load(t, j, r.ID); got.Looks != 0 || got.Frozen.Metrics != nil || got.Checks != nil || got.Latch != nil {
			t.Errorf("before the first look: got %+v, want nothing", got)
		}
		looks := []judge.Look{look(r.ID, 1), look(r.ID, 2), look(r.ID, 3), look(r.ID, 4)}
		looks[0].Checks = []checks.Result{{Name: "home", Status: checks.Failed}, {Name: "cart", Status: checks.Passed}}
		looks[1].Verdict.Promotion.Yes = true
		looks[1].Problems = map[string]judge.Problem{"cpu": {Fault: queries.Rejected, Text: "no such metric"}}
		looks[2].Verdict.Latched = &judge.Latch{Block: 2, End: start.Add(3 * time.Minute), Reason: "first", Metrics: []string{"errors"}}
		looks[2].Verdict.Promotion.Yes = true
		looks[3].Verdict.Latched = &judge.Latch{Block: 3, Reason: "second"}
		looks[3].Checks = []checks.Result{{Name: "home", Status: checks.Passed, At: start, Took: time.Second, Attempts: 2, Reason: "ok"}}
		looks[3].Freeze.Metrics = nil // the source was away
		commit(t, j, looks...)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}

		j = open(t, path) // a restart
		got := load(t, j, r.ID)
		var want judge.FrozenMetric
		for _, l := range looks[:3] {
			m := l.Freeze.Metrics["errors"]
			want.Canary, want.Baseline = appended(t, want.Canary, m.Canary), appended(t, want.Baseline, m.Baseline)
		}
		want.Prior = looks[0].Freeze.Metrics["errors"].Prior
		if diff := cmp.Diff(judge.Record{
			Rollout: r, Plan: got.Plan, Looks: 4,
			Frozen:     judge.Frozen{Metrics: map[string]judge.FrozenMetric{"errors": want}},
			Checks:     []checks.Result{looks[0].Checks[1], looks[3].Checks[0]},
			Latch:      looks[2].Verdict.Latched,
			PromotedAt: looks[1].Verdict.At,
		}, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		wantPlan, _ := json.Marshal(aPlan())
		if gotPlan, _ := json.Marshal(got.Plan); string(gotPlan) != string(wantPlan) {
			t.Errorf("got plan %s, want %s", gotPlan, wantPlan)
		}
		replay, err := j.Looks(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(looks, replay, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("looks (-want +got):\n%s", diff)
		}
	})
}

func appended(t *testing.T, f, next queries.Frame) queries.Frame {
	t.Helper()
	out, err := f.Append(next)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVerdictsAreKeptByteForByte(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j := open(t, db.fresh(t))
		id := announce(t, j, "r1").ID
		looks := []judge.Look{look(id, 1), look(id, 2)}
		looks[0].Verdict.At = looks[0].Verdict.At.In(time.FixedZone("", 5400))
		commit(t, j, looks...)
		raw, err := j.VerdictsJSON(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := j.Verdicts(t.Context(), id)
		if err != nil || len(raw) != 2 || len(parsed) != 2 {
			t.Fatalf("got %d and %d verdicts, error %v; want 2", len(raw), len(parsed), err)
		}
		for i, l := range looks {
			want, _ := json.Marshal(l.Verdict)
			if string(raw[i]) != string(want) {
				t.Errorf("got %s\nwant %s", raw[i], want)
			}
			if again, _ := json.Marshal(parsed[i]); string(again) != string(want) {
				t.Errorf("parsed and written again: got %s\nwant %s", again, want)
			}
		}
		for name, call := range map[string]func() error{
			"Verdicts":     func() error { _, err := j.Verdicts(t.Context(), "nobody"); return err },
			"VerdictsJSON": func() error { _, err := j.VerdictsJSON(t.Context(), "nobody"); return err },
			"Looks":        func() error { _, err := j.Looks(t.Context(), "nobody"); return err },
			"Load":         func() error { _, err := j.Load(t.Context(), "nobody"); return err },
			"Get":          func() error { _, err := j.Get(t.Context(), "nobody"); return err },
			"Commit":       func() error { return j.Commit(t.Context(), look("nobody", 1)) },
		} {
			err := call()
			if !errors.Is(err, journal.ErrNotFound) || !errors.Is(err, judge.ErrUnknownRollout) || !strings.Contains(err.Error(), `"nobody"`) {
				t.Errorf("%s of an unknown ID: got %v, want both packages' error, naming it", name, err)
			}
		}
	})
}

func TestCommitTakesLooksInOrder(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j := open(t, db.fresh(t))
		id := announce(t, j, "r1").ID
		wantIs(t, j.Commit(t.Context(), look(id, 2)), judge.ErrStale)
		wantIs(t, j.Commit(t.Context(), look(id, 0)), judge.ErrStale)
		commit(t, j, look(id, 1))
		wantIs(t, j.Commit(t.Context(), look(id, 1)), judge.ErrStale)
		commit(t, j, look(id, 2))
		if got := load(t, j, id).Looks; got != 2 {
			t.Errorf("got %d looks, want 2", got)
		}
	})
}

// A look that could never be joined to the earlier ones would keep the rollout
// from being loaded for ever.
func TestCommitRefusesWhatCannotBeLoaded(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		for name, c := range map[string]struct {
			edit func(*judge.Look)
			want string
		}{
			"a hole":        {func(l *judge.Look) { *l = look(l.Rollout, 4); l.Verdict.Seq = 3 }, "cannot follow one that ends at"},
			"a block again": {func(l *judge.Look) { l.Freeze = look(l.Rollout, 2).Freeze }, "cannot follow one that ends at"},
			"another block": {canary(func(f *queries.Frame) { f.Window.Block /= 2; f.Processes = nil }), "blocks of 30s cannot follow blocks of 1m0s"},
			"other bounds":  {canary(func(f *queries.Frame) { f.Bounds = []float64{1} }), "bounds [1] cannot follow bounds []"},
			"an infinity":   {canary(func(f *queries.Frame) { f.Processes[0].N[0] = math.Inf(1) }), "infinite"},
			"no time":       {func(l *judge.Look) { l.Verdict.At = time.Time{} }, "no time"},
			"a foreign one": {func(l *judge.Look) { l.Verdict.Rollout.ID = "other" }, `its verdict is of rollout "other"`},
			"a wild number": {func(l *judge.Look) { l.Verdict.Score = nan() }, "verdict: json"},
		} {
			t.Run(name, func(t *testing.T) {
				j := open(t, db.fresh(t))
				id := announce(t, j, "r1").ID
				commit(t, j, look(id, 1), look(id, 2))
				l := look(id, 3)
				c.edit(&l)
				if err := j.Commit(t.Context(), l); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "look 3") {
					t.Errorf("got %v, want a refusal of look 3 with %q", err, c.want)
				}
				commit(t, j, look(id, 3))
				if got := load(t, j, id); got.Looks != 3 {
					t.Errorf("got %d looks, want 3", got.Looks)
				}
			})
		}
	})
}

// canary edits the canary's only frame of a look.
func canary(edit func(*queries.Frame)) func(*judge.Look) {
	return func(l *judge.Look) {
		m := l.Freeze.Metrics["errors"]
		edit(&m.Canary)
		l.Freeze.Metrics["errors"] = m
	}
}

// A look may know a metric's prior and none of its blocks, first or later, and what
// was frozen first stays.
func TestAPriorWithoutBlocks(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		for name, order := range map[string][3]bool{"first": {true, false, false}, "later": {false, true, false}, "again": {true, false, true}} {
			t.Run(name, func(t *testing.T) {
				j := open(t, db.fresh(t))
				id := announce(t, j, "r1").ID
				var want judge.Frozen
				block := 0
				for i, prior := range order {
					var l judge.Look
					if prior {
						l = look(id, i+1)
						l.Freeze.Metrics["errors"] = judge.FrozenMetric{Prior: &judge.Prior{Blocks: 10 + i}}
					} else {
						block++
						l = look(id, block)
						l.Verdict.Seq = i + 1
						m := l.Freeze.Metrics["errors"]
						m.Prior = nil
						l.Freeze.Metrics["errors"] = m
					}
					commit(t, j, l)
					var err error
					if want, err = want.Append(l.Freeze); err != nil {
						t.Fatal(err)
					}
				}
				got := load(t, j, id).Frozen
				if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" || got.Metrics["errors"].Prior == nil {
					t.Errorf("frozen (-want +got):\n%s", diff)
				}
			})
		}
	})
}

// Two servers on one file decide the same look: exactly one of them is recorded.
func TestOneOfTwoWritersWins(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		handles := [2]*journal.Journal{open(t, path), open(t, path)}
		id := announce(t, handles[0], "r1").ID
		const looks = 30
		var won [2]int
		for seq := 1; seq <= looks; seq++ {
			var (
				errs [2]error
				wg   sync.WaitGroup
				gate = make(chan struct{})
			)
			for i, j := range handles {
				wg.Go(func() {
					l := look(id, seq)
					l.Verdict.Reason = string(rune('A' + i))
					<-gate
					errs[i] = j.Commit(t.Context(), l)
				})
			}
			close(gate)
			wg.Wait()
			winner := 0
			if errs[0] != nil {
				winner = 1
			}
			if errs[winner] != nil || !errors.Is(errs[1-winner], judge.ErrStale) {
				t.Fatalf("look %d: got %v and %v, want one nil and one ErrStale", seq, errs[0], errs[1])
			}
			won[winner]++
			verdicts, err := handles[1-winner].Verdicts(t.Context(), id)
			if err != nil || len(verdicts) != seq || verdicts[seq-1].Reason != string(rune('A'+winner)) {
				t.Fatalf("look %d: got %d verdicts, the last %+v, error %v; want the winner's", seq, len(verdicts), verdicts, err)
			}
		}
		t.Logf("won: %v", won)
	})
}

func TestOthersAndEarlier(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		p := aPlan()
		p.DependsOn = []string{"stock", "cart", "nothing"}
		announceAs := func(service, revision string) rollout.Rollout {
			t.Helper()
			r := trial(revision)
			r.Service = service
			a, err := j.Announce(t.Context(), r, p)
			if err != nil {
				t.Fatal(err)
			}
			return a.Rollout
		}
		first := announceAs("checkout", "r1")
		l := look(first.ID, 1)
		l.Verdict.Outcome, l.Verdict.Reason = judge.Rollback, "errors are 3.9× baseline"
		commit(t, j, l)
		c.t = start.Add(time.Hour)
		if err := j.End(t.Context(), first.ID, c.t, "rolled back"); err != nil {
			t.Fatal(err)
		}
		second := announceAs("checkout", "r1")
		c.t = start.Add(2 * time.Hour)
		if err := j.End(t.Context(), second.ID, c.t, "gave up"); err != nil {
			t.Fatal(err)
		}
		stock, cart := announceAs("stock", "s1"), announceAs("cart", "c1")
		announceAs("unrelated", "u1")
		over := announceAs("cart", "c0") // supersedes c1
		third := announceAs("checkout", "r1")

		got := load(t, j, third.ID)
		if diff := cmp.Diff([]rollout.Rollout{over, stock}, got.Others); diff != "" {
			t.Errorf("others (-want +got), %s being over:\n%s", cart.ID, diff)
		}
		if diff := cmp.Diff([]judge.Earlier{
			{ID: first.ID, At: l.Verdict.At, Outcome: judge.Rollback, Reason: "errors are 3.9× baseline"},
			{ID: second.ID, At: c.t, Reason: "it was never looked at (gave up)"},
		}, got.Earlier); diff != "" {
			t.Errorf("earlier (-want +got):\n%s", diff)
		}
		if third.Attempt != 3 {
			t.Errorf("got attempt %d, want 3", third.Attempt)
		}
	})
}
