package journal_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/journal"
)

// aLoad is the result of a load's round.
func aLoad(round, begins int) checks.Result {
	samples := []checks.LoadSample{{Latency: 1024 * time.Microsecond, Status: 200}}
	run := &checks.LoadRun{Rate: 5, Canary: samples, Baseline: samples}
	return checks.Result{Name: "load", Status: checks.Measured, At: start, Took: time.Minute, Round: round, Begins: begins, Load: run}
}

// TestResultsOfLongChecksAreUsedOnce ensures that one look uses a result, that the record
// then has it from that look, and that nothing is recorded twice or by what was
// superseded.
func TestResultsOfLongChecksAreUsedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j, c := openAt(t, path)
		p := aPlan()
		p.Checks = append(p.Checks, checks.Spec{Name: "load", Load: &checks.Load{Rounds: 3}})
		a, err := j.Announce(t.Context(), trial("r1"), p)
		if err != nil {
			t.Fatal(err)
		}
		id := a.Rollout.ID
		begin := func(round, want int) {
			t.Helper()
			got, err := j.BeginCheck(t.Context(), id, judge.Beginning{Name: "load", Round: round, Lasts: time.Minute})
			if err != nil || got != want {
				t.Fatalf("round %d: got begins %d, error %v; want %d", round, got, err, want)
			}
		}
		begin(1, 1)
		c.t = c.t.Add(time.Hour)
		begin(1, 2) // what ran it was killed
		want := []judge.Underway{{Name: "load", Round: 1, Since: c.t, Begins: 2, Lasts: time.Minute}}
		if diff := cmp.Diff(want, load(t, open(t, path), id).Underway); diff != "" {
			t.Errorf("under way (-want +got):\n%s", diff)
		}
		wantIs(t, j.Checked(t.Context(), id, aLoad(1, 1)), journal.ErrChecked) // it was not, after all
		wantIs(t, j.Checked(t.Context(), id, aLoad(2, 1)), journal.ErrChecked) // it never began
		if err := j.Checked(t.Context(), id, aLoad(1, 2)); err != nil {
			t.Fatal(err)
		}
		wantIs(t, j.Checked(t.Context(), id, aLoad(1, 2)), journal.ErrChecked)
		_, err = j.BeginCheck(t.Context(), id, judge.Beginning{Name: "load", Round: 1})
		wantIs(t, err, journal.ErrChecked)

		rec := load(t, open(t, path), id)
		if len(rec.Pending) != 1 || rec.Pending[0].Begins != 2 || rec.Underway != nil || rec.Rounds != nil {
			t.Fatalf("got pending %+v, under way %+v, rounds %+v; want the result pending", rec.Pending, rec.Underway, rec.Rounds)
		}
		first, second := look(id, 1), look(id, 2)
		first.Checks, second.Checks = rec.Pending, rec.Pending
		commit(t, j, first)
		wantIs(t, j.Commit(t.Context(), second), judge.ErrStale)
		second.Checks = nil
		commit(t, j, second)
		after := load(t, open(t, path), id)
		if diff := cmp.Diff(rec.Pending, after.Rounds); diff != "" || after.Pending != nil {
			t.Errorf("got pending %+v and rounds (-want +got):\n%s", after.Pending, diff)
		}
		if n := count(t, db.shell(t, path), `select count(*) from checked where result = '' and used = 1`); n != 1 {
			t.Errorf("got %d rows that were given to a look, want 1", n)
		}

		begin(2, 1)
		if err := j.End(t.Context(), id, time.Time{}, "done"); err != nil {
			t.Fatal(err)
		}
		wantIs(t, j.Checked(t.Context(), id, aLoad(2, 1)), journal.ErrClosed)
		_, err = j.BeginCheck(t.Context(), id, judge.Beginning{Name: "load", Round: 3})
		wantIs(t, err, journal.ErrClosed)
		ended := c.t
		c.t = c.t.Add(48 * time.Hour)
		if got, err := j.Prune(t.Context(), ended.Add(time.Hour)); err != nil || got.Rollouts != 1 {
			t.Errorf("got %v, error %v; want the rollout pruned", got, err)
		}
	})
}
