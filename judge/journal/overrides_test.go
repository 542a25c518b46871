package journal_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

func TestOverridesAreRecorded(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j, c := openAt(t, path)
		id := announce(t, j, "r1").ID
		c.t = c.t.Add(time.Minute)
		hold := judge.Override{By: "ann", Action: judge.OverrideHold, Reason: "a sale"}
		got, err := j.Override(t.Context(), id, hold)
		if err != nil {
			t.Fatal(err)
		}
		hold.Seq, hold.At = 1, c.t
		if diff := cmp.Diff(hold, got); diff != "" {
			t.Errorf("override (-want +got):\n%s", diff)
		}
		clear := judge.Override{At: start.Add(time.Hour).In(time.FixedZone("", 60)), By: "bob", Action: judge.OverrideClear, Reason: "it is over"}
		if clear, err = j.Override(t.Context(), id, clear); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]judge.Override{hold, clear}, load(t, open(t, path), id).Overrides); diff != "" {
			t.Errorf("loaded (-want +got):\n%s", diff)
		}
		if listed, err := j.Overrides(t.Context(), id); err != nil || len(listed) != 2 {
			t.Errorf("got %v, error %v; want both", listed, err)
		}
		if _, err := j.Override(t.Context(), id, judge.Override{Action: "explode"}); err == nil || !strings.Contains(err.Error(), "is no action") {
			t.Errorf("got %v, want a refusal", err)
		}
		_, err = j.Override(t.Context(), "nobody", hold)
		wantIs(t, err, journal.ErrNotFound)
		_, err = j.Overrides(t.Context(), "nobody")
		wantIs(t, err, journal.ErrNotFound)
		if err := j.End(t.Context(), id, time.Time{}, "done"); err != nil {
			t.Fatal(err)
		}
		_, err = j.Override(t.Context(), id, hold)
		wantIs(t, err, journal.ErrClosed)
		run(t, db.shell(t, path), `update overrides set seq = 5 where seq = 1`)
		_, err = j.Load(t.Context(), id)
		wantIs(t, err, journal.ErrDamaged)
	})
}

// Many people decide at once on several replicas: each decision has its number.
func TestOverridesAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		handles := []*journal.Journal{open(t, path), open(t, path), open(t, path)}
		id := announce(t, handles[0], "r1").ID
		const each = 8
		var wg sync.WaitGroup
		for i, j := range handles {
			wg.Go(func() {
				for n := range each {
					o := judge.Override{By: fmt.Sprint(i), Action: judge.OverrideHold, Reason: fmt.Sprint(n)}
					if _, err := j.Override(t.Context(), id, o); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := len(load(t, handles[0], id).Overrides); got != each*len(handles) {
			t.Errorf("got %d overrides, want %d", got, each*len(handles))
		}
	})
}

func TestAuditLog(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		for n, e := range []journal.Entry{
			{Who: "ann", What: "override hold", Rollout: "x1", Detail: json.RawMessage(`{"reason":"a sale"}`)},
			{Who: "ci", What: "announce", Rollout: "x2"},
			{Who: "ann", What: "bad \xff bytes\x00"},
			{Who: "ann", What: "the same moment"},
		} {
			if n < 3 {
				c.t = c.t.Add(time.Minute)
			}
			if err := j.Audit(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			filter journal.AuditFilter
			want   int
		}{
			"all":     {journal.AuditFilter{}, 4},
			"rollout": {journal.AuditFilter{Rollout: "x1"}, 1},
			"who":     {journal.AuditFilter{Who: "ann"}, 3},
			"since":   {journal.AuditFilter{Since: start.Add(2 * time.Minute)}, 3},
			"limit":   {journal.AuditFilter{Limit: 2}, 2},
		} {
			got, err := j.AuditLog(t.Context(), c.filter)
			if err != nil || len(got) != c.want {
				t.Errorf("%s: got %d entries, error %v; want %d", name, len(got), err, c.want)
			}
		}
		all, err := j.AuditLog(t.Context(), journal.AuditFilter{})
		if err != nil {
			t.Fatal(err)
		}
		oldest := all[len(all)-1]
		if oldest.Who != "ann" || string(oldest.Detail) != `{"reason":"a sale"}` || !oldest.At.Equal(start.Add(time.Minute)) {
			t.Errorf("got %+v last, want the oldest entry", oldest)
		}
		if next, err := j.AuditLog(t.Context(), journal.AuditFilter{After: all[2].ID}); err != nil || len(next) != 1 || next[0].ID != oldest.ID {
			t.Errorf("got %+v, error %v; want the entries behind the third", next, err)
		}
		if err := j.Audit(t.Context(), journal.Entry{Who: "ann"}); err == nil {
			t.Error("an entry without a deed was accepted")
		}
		if _, err := j.AuditLog(t.Context(), journal.AuditFilter{Limit: -1}); err == nil {
			t.Error("a negative limit was accepted")
		}
	})
}
