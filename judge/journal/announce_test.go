package journal_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

func TestAnnounceOpensOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		first, err := j.Announce(t.Context(), trial("r1"), aPlan())
		if err != nil {
			t.Fatal(err)
		}
		r := first.Rollout
		if !first.New || r.Attempt != 1 || !r.Started.Equal(start) || r.Plan != "checkout" || len(r.PlanDigest) != 64 {
			t.Errorf("got %+v, want a new first attempt that started at %s under plan checkout", first, start)
		}
		if want := rollout.NewID(rollout.KeyOf(r), start); r.ID != want {
			t.Errorf("got ID %q, want %q", r.ID, want)
		}

		// The pre-rollout hook repeats. By then somebody may have edited the plan file.
		c.t = c.t.Add(time.Minute)
		edited := aPlan()
		edited.Alpha = 0.5
		again, err := j.Announce(t.Context(), trial("r1"), edited)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(journal.Announced{Rollout: r}, again); diff != "" {
			t.Errorf("second announcement (-want +got):\n%s", diff)
		}
		if got := load(t, j, r.ID); got.Plan.Alpha != aPlan().Alpha {
			t.Errorf("got α %v, want the pinned plan's %v", got.Plan.Alpha, aPlan().Alpha)
		}
	})
}

func TestAnnounceSupersedesOtherRevisionsOfTheSameService(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		old := announce(t, j, "r1")
		bystanders := map[string]string{}
		for name, edit := range map[string]func(*rollout.Rollout){
			"another service":    func(r *rollout.Rollout) { r.Service = "cart" },
			"another namespace":  func(r *rollout.Rollout) { r.Namespace = "staging" },
			"another controller": func(r *rollout.Rollout) { r.Controller = "argo" },
		} {
			r := trial("r1")
			edit(&r)
			a, err := j.Announce(t.Context(), r, aPlan())
			if err != nil {
				t.Fatal(err)
			}
			bystanders[name] = a.Rollout.ID
		}

		c.t = c.t.Add(time.Hour)
		a, err := j.Announce(t.Context(), trial("r2"), aPlan())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{old.ID}, a.Superseded); diff != "" {
			t.Errorf("superseded (-want +got):\n%s", diff)
		}
		s, err := j.Get(t.Context(), old.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Closed.Equal(c.t) || s.Why != "superseded by revision r2" {
			t.Errorf("got closed %s because %q, want %s, superseded by revision r2", s.Closed, s.Why, c.t)
		}
		for name, id := range bystanders {
			if s, err := j.Get(t.Context(), id); err != nil || !s.Closed.IsZero() {
				t.Errorf("%s: got closed %s, error %v; want it live", name, s.Closed, err)
			}
		}
		_, err = j.Live(t.Context(), rollout.KeyOf(old))
		wantIs(t, err, journal.ErrNotFound)
		if live, err := j.Live(t.Context(), rollout.KeyOf(trial("r2"))); err != nil || live.ID != a.Rollout.ID {
			t.Errorf("got live %q, error %v; want %q", live.ID, err, a.Rollout.ID)
		}
	})
}

// A revision is a content hash: 2.0, then 3.0, then 2.0 again sends the same key
// twice for two rollouts.
func TestTheSameRevisionAgainIsAnotherAttempt(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		two := announce(t, j, "2.0")
		c.t = c.t.Add(time.Hour)
		three := announce(t, j, "3.0")
		c.t = c.t.Add(time.Hour)
		again := announce(t, j, "2.0")
		if again.ID == two.ID || again.Attempt != 2 || three.Attempt != 1 {
			t.Errorf("got ID %s attempt %d after %s, and %d of 3.0; want another ID, 2 and 1", again.ID, again.Attempt, two.ID, three.Attempt)
		}
		if s, err := j.Newest(t.Context(), rollout.KeyOf(two)); err != nil || s.Rollout.ID != again.ID {
			t.Errorf("newest: got %s, error %v; want %s", s.Rollout.ID, err, again.ID)
		}

		end := func(id string) {
			t.Helper()
			if err := j.End(t.Context(), id, time.Time{}, "done"); err != nil {
				t.Fatal(err)
			}
		}
		end(again.ID)
		// Exactly 24 hours after the first one: it no longer counts, the second does.
		c.t = start.Add(24 * time.Hour)
		third := announce(t, j, "2.0")
		if third.Attempt != 2 {
			t.Errorf("got attempt %d, want 2", third.Attempt)
		}
		end(third.ID)
		// The clock stands still: still a rollout of its own.
		fourth := announce(t, j, "2.0")
		if fourth.ID == third.ID || fourth.Attempt != 3 || !fourth.Started.Equal(c.t.Add(1)) {
			t.Errorf("got %s attempt %d started %s, want a new ID, 3 and %s", fourth.ID, fourth.Attempt, fourth.Started, c.t.Add(1))
		}
	})
}

func TestAnnouncingTheStartOfARolloutThatIsOver(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j := open(t, db.fresh(t))
		r := trial("r1")
		r.Started = start.Add(-time.Minute).In(time.FixedZone("elsewhere", 3600))
		a, err := j.Announce(t.Context(), r, aPlan())
		if err != nil {
			t.Fatal(err)
		}
		if !a.Rollout.Started.Equal(r.Started) || a.Rollout.Started.Location() != time.UTC {
			t.Errorf("got start %s, want %s in UTC", a.Rollout.Started, r.Started)
		}
		if err := j.End(t.Context(), a.Rollout.ID, start, "done"); err != nil {
			t.Fatal(err)
		}
		_, err = j.Announce(t.Context(), r, aPlan())
		wantIs(t, err, journal.ErrClosed)
	})
}

func TestAnnounceRefusals(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j := open(t, db.fresh(t))
		for name, edit := range map[string]func(*rollout.Rollout, *plan.Plan){
			"no service":    func(r *rollout.Rollout, _ *plan.Plan) { r.Service = "" },
			"no revision":   func(r *rollout.Rollout, _ *plan.Plan) { r.Revision = "" },
			"no controller": func(r *rollout.Rollout, _ *plan.Plan) { r.Controller = "" },
		} {
			r, p := trial("r1"), aPlan()
			edit(&r, &p)
			if _, err := j.Announce(t.Context(), r, p); err == nil || !strings.Contains(err.Error(), "needs a service, a revision and a controller") {
				t.Errorf("%s: got %v, want a refusal", name, err)
			}
		}
		if all, err := j.List(t.Context(), journal.Filter{}); err != nil || len(all) != 0 {
			t.Errorf("got %d rollouts, error %v; want none", len(all), err)
		}
	})
}

func TestDeclaredWeights(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		id := announce(t, j, "r1").ID
		at := func(m int) time.Time { return start.Add(time.Duration(m) * time.Minute) }
		for _, w := range []rollout.WeightAt{
			{At: at(1), Percent: 10}, {At: at(2), Percent: 10}, {At: at(4), Percent: 30},
			{At: at(3), Percent: 20}, // late news
			{At: at(5), Percent: 30}, // no news
			{Percent: 40},            // now
		} {
			c.t = at(6)
			if err := j.Declare(t.Context(), id, w); err != nil {
				t.Fatal(err)
			}
		}
		want := []rollout.WeightAt{{At: at(1), Percent: 10}, {At: at(3), Percent: 20}, {At: at(4), Percent: 30}, {At: at(6), Percent: 40}}
		if diff := cmp.Diff(want, load(t, j, id).Rollout.Weights); diff != "" {
			t.Errorf("weights (-want +got):\n%s", diff)
		}
		for _, percent := range []float64{-1, 100.5, nan()} {
			if err := j.Declare(t.Context(), id, rollout.WeightAt{At: at(7), Percent: percent}); err == nil {
				t.Errorf("a weight of %v was accepted", percent)
			}
		}
		wantIs(t, j.Declare(t.Context(), "nobody", rollout.WeightAt{Percent: 1}), journal.ErrNotFound)
	})
}

func TestFinalStepAndEndAreRecordedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		id := announce(t, j, "r1").ID
		for m := 1; m <= 2; m++ {
			if err := j.FinalStep(t.Context(), id, start.Add(time.Duration(m)*time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := load(t, j, id).Rollout.FinalStep, start.Add(time.Minute); !got.Equal(want) {
			t.Errorf("got final step %s, want the first, %s", got, want)
		}
		c.t = start.Add(time.Hour)
		for _, why := range []string{"promoted", "deleted"} {
			if err := j.End(t.Context(), id, time.Time{}, why); err != nil {
				t.Fatal(err)
			}
		}
		s, err := j.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if s.Why != "promoted" || !s.Closed.Equal(c.t) || !load(t, j, id).Closed.Equal(c.t) {
			t.Errorf("got closed %s because %q, want %s, promoted", s.Closed, s.Why, c.t)
		}
		wantIs(t, j.Declare(t.Context(), id, rollout.WeightAt{At: c.t, Percent: 5}), journal.ErrClosed)
		wantIs(t, j.FinalStep(t.Context(), id, c.t), journal.ErrClosed)
		wantIs(t, j.Commit(t.Context(), look(id, 1)), journal.ErrClosed)
		wantIs(t, j.End(t.Context(), "nobody", c.t, ""), journal.ErrNotFound)
	})
}

func TestList(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		var ids []string
		for _, revision := range []string{"r1", "r2", "r3"} {
			c.t = c.t.Add(time.Minute)
			ids = append(ids, announce(t, j, revision).ID)
		}
		commit(t, j, look(ids[2], 1), look(ids[2], 2))
		other := trial("r1")
		other.Service, other.Started = "cart", start
		a, err := j.Announce(t.Context(), other, aPlan())
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			filter journal.Filter
			want   []string
		}{
			"all":       {journal.Filter{}, []string{ids[2], ids[1], ids[0], a.Rollout.ID}},
			"limit":     {journal.Filter{Limit: 2}, []string{ids[2], ids[1]}},
			"live":      {journal.Filter{Live: true}, []string{ids[2], a.Rollout.ID}},
			"service":   {journal.Filter{Service: "checkout", Namespace: "shop"}, []string{ids[2], ids[1], ids[0]}},
			"namespace": {journal.Filter{Namespace: "nowhere"}, nil},
		} {
			got, err := j.List(t.Context(), c.filter)
			if err != nil {
				t.Fatal(err)
			}
			var gotIDs []string
			for _, s := range got {
				gotIDs = append(gotIDs, s.Rollout.ID)
			}
			if diff := cmp.Diff(c.want, gotIDs); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		s, err := j.Get(t.Context(), ids[2])
		if err != nil || s.Looks != 2 || s.Last == nil || s.Last.Seq != 2 {
			t.Errorf("got %+v, error %v; want two looks and the last verdict", s, err)
		}
		if s, err := j.Get(t.Context(), ids[0]); err != nil || s.Last != nil || s.Looks != 0 {
			t.Errorf("got %+v, error %v; want no looks", s, err)
		}
		if _, err := j.List(t.Context(), journal.Filter{Limit: -1}); err == nil {
			t.Error("a negative limit was accepted")
		}
	})
}

// Several replicas hear of the same rollouts at once: each is opened once, and one of
// a service is live.
func TestAnnouncingAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		replicas := make([]*journal.Journal, 3)
		for i := range replicas {
			replicas[i] = open(t, path)
		}
		const revisions, callers = 6, 2
		var (
			wg     sync.WaitGroup
			mu     sync.Mutex
			opened = map[string]int{}
			gate   = make(chan struct{})
		)
		for _, j := range replicas {
			for range callers {
				wg.Go(func() {
					<-gate
					for n := range revisions {
						a, err := j.Announce(t.Context(), trial("same"), aPlan())
						if err == nil {
							_, err = j.Announce(t.Context(), func() rollout.Rollout {
								r := trial(fmt.Sprint("r", n))
								r.Service = fmt.Sprint("other-", n)
								return r
							}(), aPlan())
						}
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						if a.New {
							opened[a.Rollout.ID]++
						}
						mu.Unlock()
					}
				})
			}
		}
		close(gate)
		wg.Wait()
		if len(opened) != 1 {
			t.Errorf("got %v opened, want one rollout, once", opened)
		}
		if all, err := replicas[0].List(t.Context(), journal.Filter{}); err != nil || len(all) != revisions+1 {
			t.Errorf("got %d rollouts, error %v; want %d", len(all), err, revisions+1)
		}
	})
}

// Replicas that announce different revisions of one service leave one live, and every
// other one closed by its successor.
func TestRevisionsAnnouncedAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		var wg sync.WaitGroup
		const replicas, each = 3, 8
		for i := range replicas {
			j := open(t, path)
			wg.Go(func() {
				for n := range each {
					if _, err := j.Announce(t.Context(), trial(fmt.Sprintf("r%d-%d", i, n)), aPlan()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		j := open(t, path)
		all, err := j.List(t.Context(), journal.Filter{})
		live, liveErr := j.List(t.Context(), journal.Filter{Live: true})
		if err != nil || liveErr != nil || len(all) != replicas*each || len(live) != 1 {
			t.Errorf("got %d rollouts and %d live, errors %v, %v; want %d and one", len(all), len(live), err, liveErr, replicas*each)
		}
	})
}

// Two replicas hear of one attempt at the same moment, by two names of its revision.
func TestAnAttemptBeginsOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		begin := func(revision, ref string) journal.Announced {
			r := trial(revision)
			r.Ref = ref
			a, err := j.Begin(t.Context(), r, aPlan(), func(other rollout.Rollout, _ bool) bool { return other.Ref == ref })
			if err != nil {
				t.Error(err)
			}
			return a
		}
		var all sync.WaitGroup
		var got [4]journal.Announced
		for i := range got {
			all.Go(func() { got[i] = begin(fmt.Sprint("r", i%2), "d-1") })
		}
		all.Wait()
		opened := 0
		for _, a := range got {
			if a.New {
				opened++
			}
			if a.Rollout.ID != got[0].Rollout.ID || len(a.Superseded) != 0 {
				t.Errorf("got %+v, want one rollout", a)
			}
		}
		if opened != 1 {
			t.Errorf("got %d opened, want 1", opened)
		}
		first := got[0].Rollout
		// Another attempt at the same revision ends it, and it does not come back.
		c.t = c.t.Add(time.Minute)
		second := begin(first.Revision, "d-2")
		if !second.New || second.Rollout.Attempt != 2 || !cmp.Equal(second.Superseded, []string{first.ID}) {
			t.Errorf("got %+v, want a second attempt in place of %s", second, first.ID)
		}
		if s, err := j.Get(t.Context(), first.ID); err != nil || !strings.Contains(s.Why, "another attempt at this revision: d-2") {
			t.Errorf("got %q, error %v; want why it ended", s.Why, err)
		}
		if late := begin(first.Revision, "d-1"); late.New || late.Rollout.ID != first.ID {
			t.Errorf("got %+v, want the first, which is over", late)
		}
		if _, err := j.Begin(t.Context(), trial("r1"), aPlan(), nil); err == nil {
			t.Error("got an attempt without a name, want it refused")
		}
	})
}
