package journal_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// ended records a rollout with one look, and ends it.
func ended(t testing.TB, j *journal.Journal, r rollout.Rollout, o judge.Outcome, blamed ...string) string {
	t.Helper()
	a, err := j.Announce(t.Context(), r, aPlan())
	if err != nil {
		t.Fatal(err)
	}
	l := look(a.Rollout.ID, 1)
	l.Verdict.Outcome = o
	if len(blamed) > 0 {
		l.Verdict.Latched = &judge.Latch{Metrics: blamed}
	}
	commit(t, j, l)
	if err := j.End(t.Context(), a.Rollout.ID, r.Started.Add(time.Hour), "over"); err != nil {
		t.Fatal(err)
	}
	return a.Rollout.ID
}

// Rollouts are selected by how their newest look ended, whatever was before.
func TestListByOutcome(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, _ := openAt(t, db.fresh(t))
		id := announce(t, j, "r1").ID
		narrow := func(o judge.Outcome) int {
			list, err := j.List(t.Context(), journal.Filter{Outcome: o.String(), Service: "checkout", Live: true})
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		if n := narrow(judge.Continue); n != 0 {
			t.Errorf("got %d before the first look, want none: nothing was decided", n)
		}
		l := look(id, 1)
		commit(t, j, l)
		if a, b := narrow(judge.Continue), narrow(judge.Rollback); a != 1 || b != 0 {
			t.Errorf("got %d that continue and %d rolled back after the first look, want 1 and 0", a, b)
		}
		l = look(id, 2)
		l.Verdict.Outcome = judge.Rollback
		commit(t, j, l)
		if a, b := narrow(judge.Continue), narrow(judge.Rollback); a != 0 || b != 1 {
			t.Errorf("got %d that continue and %d rolled back after the second look, want 0 and 1", a, b)
		}
	})
}

// Without a namespace is a selection too, and not every namespace.
func TestListWithoutANamespace(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, _ := openAt(t, db.fresh(t))
		r := trial("r1")
		ended(t, j, r, judge.Promote)
		r.Namespace = ""
		bare := ended(t, j, r, judge.Promote)
		for name, c := range map[string]struct {
			f    journal.Filter
			want int
		}{"all": {journal.Filter{}, 2}, "bare": {journal.Filter{Bare: true, Service: r.Service}, 1}} {
			list, err := j.List(t.Context(), c.f)
			if err != nil || len(list) != c.want || c.f.Bare && list[0].Rollout.ID != bare {
				t.Errorf("%s: got %v, error %v, want %d", name, list, err, c.want)
			}
		}
	})
}

// Pages of a list have every rollout once, also of those that started at one moment, and
// however it is narrowed.
func TestPagesOfAList(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		want := map[string]bool{}
		for i := range 10 {
			c.t = c.t.Add(time.Second)
			r := trial("r1")
			r.Service, r.Started = fmt.Sprintf("service-%d", i), start.Add(time.Duration(i/4)*time.Second)
			want[ended(t, j, r, judge.Promote)] = true
		}
		for name, f := range map[string]journal.Filter{
			"all": {Limit: 3}, "namespace": {Limit: 3, Namespace: "shop"}, "outcome": {Limit: 3, Outcome: "promote"}, "single": {Limit: 1},
		} {
			got := map[string]bool{}
			for {
				list, err := j.List(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range list {
					if got[s.Rollout.ID] {
						t.Errorf("%s: got %s twice", name, s.Rollout.ID)
					}
					if !f.Before.IsZero() && s.Rollout.Started.After(f.Before) {
						t.Errorf("%s: got one that started at %s behind one of %s", name, s.Rollout.Started, f.Before)
					}
					got[s.Rollout.ID] = true
					f.Before, f.ID = s.Rollout.Started, s.Rollout.ID
				}
				if len(list) < f.Limit {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestStanding(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		at := func(i int, service string) rollout.Rollout {
			c.t = c.t.Add(time.Hour)
			r := trial(fmt.Sprintf("r%d", i))
			r.Service, r.Started = service, start.Add(time.Duration(i)*time.Hour)
			return r
		}
		ended(t, j, at(1, "checkout"), judge.Promote)
		ended(t, j, at(2, "checkout"), judge.Rollback, "errors", "latency")
		ended(t, j, at(3, "checkout"), judge.Rollback, "latency")
		ended(t, j, at(4, "cart"), judge.Rollback, "errors")
		if _, err := j.Announce(t.Context(), at(5, "checkout"), aPlan()); err != nil {
			t.Fatal(err)
		}
		got, err := j.Standing(t.Context(), "shop", "checkout", start.Add(-24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		want := journal.Standing{
			Rollouts: 4, Live: 1, Outcomes: map[judge.Outcome]int{judge.Promote: 1, judge.Rollback: 2},
			Blamed: []journal.Blame{{"latency", 2, start.Add(3 * time.Hour)}, {"errors", 1, start.Add(2 * time.Hour)}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got, err := j.Standing(t.Context(), "shop", "checkout", start.Add(3*time.Hour)); err != nil || got.Rollouts != 2 {
			t.Errorf("got %+v of the last two hours, error %v; want 2 rollouts", got, err)
		}
		if got, err := j.Standing(t.Context(), "elsewhere", "checkout", start); err != nil || got.Rollouts != 0 {
			t.Errorf("got %+v of another namespace, error %v; want none", got, err)
		}
	})
}

// How rollouts stand is known of those, too, whose looks an older version recorded, or
// which were imported.
func TestStandingsOfOlderVersions(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j, _ := openAt(t, path)
		done := ended(t, j, trial("r1"), judge.Rollback, "errors")
		live := announce(t, j, "r2").ID
		commit(t, j, look(live, 1), look(live, 2))
		shell := db.shell(t, path)
		run(t, shell, `update rollouts set outcome = null, judged = 0, blamed = ''`)
		run(t, shell, `update rollouts set outcome = 'promote', judged = 1 where closed is null`) // as of the first look
		j, _ = openAt(t, path)
		check := func(j *journal.Journal) {
			t.Helper()
			for id, outcome := range map[string]string{done: "rollback", live: "continue"} {
				list, err := j.List(t.Context(), journal.Filter{Outcome: outcome})
				if err != nil || len(list) != 1 || list[0].Rollout.ID != id {
					t.Errorf("%s: got %d rollouts, error %v; want %s", outcome, len(list), err, id)
				}
			}
			if got, err := j.Standing(t.Context(), "shop", "checkout", start.Add(-time.Hour)); err != nil || len(got.Blamed) != 1 || got.Blamed[0].Name != "errors" {
				t.Errorf("got %+v, error %v; want errors to blame", got, err)
			}
		}
		check(j)
		other, _ := openAt(t, db.fresh(t))
		if _, err := other.Import(t.Context(), bytes.NewReader(exported(t, j))); err != nil {
			t.Fatal(err)
		}
		check(other)
	})
}
