package journal_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

func TestAlertsAreRecorded(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j, c := openAt(t, path)
		id := announce(t, j, "r1").ID
		fires := judge.Alert{Fingerprint: "f1", Name: "Burn\x00", Watch: "burn", Started: start.In(time.FixedZone("", 60))}
		put := func(a judge.Alert, news bool) {
			t.Helper()

			if got, err := j.Alert(t.Context(), id, a); err != nil || got != news {
				t.Errorf("got %v, error %v; want news: %v", got, err, news)
			}
		}
		put(fires, true)
		put(fires, false)
		again := fires
		again.Started = start.Add(time.Minute)
		put(again, true)
		over := fires
		over.Ended = start.Add(30 * time.Second)
		put(over, true)
		put(fires, false) // told late
		over.Started, over.Ended, over.Name = over.Started.UTC(), over.Ended.UTC(), load(t, j, id).Alerts[0].Name
		again.Started, again.Name = again.Started.UTC(), over.Name
		if diff := cmp.Diff([]judge.Alert{over, again}, load(t, open(t, path), id).Alerts); diff != "" {
			t.Errorf("loaded (-want +got):\n%s", diff)
		}

		_, err := j.Alert(t.Context(), id, judge.Alert{})
		if err == nil {
			t.Error("got no error, want a refusal of an alert that is none")
		}
		_, err = j.Alert(t.Context(), "nobody", fires)
		wantIs(t, err, journal.ErrNotFound)
		for n := range 198 {
			put(judge.Alert{Fingerprint: fmt.Sprint("g", n), Name: "Burn", Watch: "burn", Started: start}, true)
		}
		_, err = j.Alert(t.Context(), id, judge.Alert{Fingerprint: "one more", Name: "Burn", Watch: "burn", Started: start})
		wantIs(t, err, journal.ErrTooMany)
		again.Ended = start.Add(time.Hour)
		put(again, true) // a resolution always has room
		if err := j.End(t.Context(), id, time.Time{}, "done"); err != nil {
			t.Fatal(err)
		}
		_, err = j.Alert(t.Context(), id, fires)
		wantIs(t, err, journal.ErrClosed)
		ended := c.t
		c.t = c.t.Add(48 * time.Hour)
		if got, err := j.Prune(t.Context(), ended.Add(time.Hour)); err != nil || got.Rollouts != 1 {
			t.Errorf("got %v, error %v; want a rollout with alerts pruned", got, err)
		}
	})
}

// TestAlertsAreMerged goes through what Alertmanager tells where two Prometheus tell it of
// one alert, which then has the earlier of two starts.
func TestAlertsAreMerged(t *testing.T) {
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute).UTC() }
	alert := func(began, ended int) judge.Alert {
		a := judge.Alert{Fingerprint: "f", Name: "Burn", Watch: "burn", Started: at(began)}
		if ended > 0 {
			a.Ended = at(ended)
		}
		return a
	}
	for name, c := range map[string]struct{ told, want []judge.Alert }{
		"resolved under an earlier start":             {[]judge.Alert{alert(2, 0), alert(1, 9)}, []judge.Alert{alert(1, 9)}},
		"and then told late":                          {[]judge.Alert{alert(2, 0), alert(1, 9), alert(2, 0), alert(1, 0)}, []judge.Alert{alert(1, 9)}},
		"resolved under a later start":                {[]judge.Alert{alert(1, 0), alert(2, 9)}, []judge.Alert{alert(1, 9)}},
		"fires under an earlier start":                {[]judge.Alert{alert(2, 0), alert(1, 0)}, []judge.Alert{alert(1, 0)}},
		"fires under a later start, and ends":         {[]judge.Alert{alert(1, 0), alert(2, 0), alert(2, 9)}, []judge.Alert{alert(1, 9), alert(2, 9)}},
		"fires again before the end is told":          {[]judge.Alert{alert(1, 0), alert(5, 0), alert(1, 3)}, []judge.Alert{alert(1, 3), alert(5, 0)}},
		"fires again, and ends under the first start": {[]judge.Alert{alert(1, 0), alert(1, 3), alert(5, 0), alert(1, 9)}, []judge.Alert{alert(1, 3), alert(5, 9)}},
		"resolved twice, with two ends":               {[]judge.Alert{alert(1, 0), alert(1, 3), alert(1, 4)}, []judge.Alert{alert(1, 3)}},
		"an end that nobody knew the start of":        {[]judge.Alert{alert(1, 3), alert(1, 0), alert(2, 0), alert(4, 0)}, []judge.Alert{alert(1, 3), alert(4, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			j, _ := openAt(t, filepath.Join(t.TempDir(), "j.db"))
			id := announce(t, j, "r1").ID
			for _, a := range c.told {
				if _, err := j.Alert(t.Context(), id, a); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(c.want, load(t, j, id).Alerts); diff != "" {
				t.Errorf("loaded (-want +got):\n%s", diff)
			}
		})
	}
}
