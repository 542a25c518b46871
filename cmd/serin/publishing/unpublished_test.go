package publishing

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/report"
)

// ledger is work that is recorded.
type ledger struct {
	works []outbox.Work
	err   error
}

func (l ledger) List(_ context.Context, f outbox.Filter) ([]outbox.Work, error) {
	var out []outbox.Work
	for _, w := range l.works {
		if (f.Kind == "" || f.Kind == w.Kind) && (f.Rollout == "" || f.Rollout == w.Rollout) && (f.State == "" || f.State == w.State) && (!f.Failed || w.Error != "") {
			out = append(out, w)
		}
	}
	slices.Reverse(out) // the newest first
	return out, l.err
}

// at is minutes after the beginning.
func at(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }

// piece is work on the rollout of every test.
func piece(kind, where string, added int, change func(*outbox.Work)) outbox.Work {
	w := outbox.Work{ID: kind, Kind: kind, Rollout: id, Body: body{Place: where}.json(), State: outbox.Done, Attempts: 1, Added: at(added), NotBefore: at(added), Tried: at(added)}
	if change != nil {
		change(&w)
	}
	return w
}

func failed(text string, tried, next, attempts int) func(*outbox.Work) {
	return func(w *outbox.Work) {
		w.State, w.Error, w.Attempts, w.Tried, w.NotBefore = outbox.Queued, text, attempts, at(tried), at(next)
	}
}

func ended(state outbox.State, text string) func(*outbox.Work) {
	return func(w *outbox.Work) { w.State, w.Error, w.Ended = state, text, w.Tried }
}

func untried(w *outbox.Work) { w.State, w.Attempts, w.Tried = outbox.Queued, 0, time.Time{} }

func TestUnpublished(t *testing.T) {
	const now = 60
	for name, c := range map[string]struct {
		works []outbox.Work
		want  []report.Unpublished
	}{
		"nothing was queued": {},
		"everything is there": {works: []outbox.Work{
			piece(kindBoard, "grafana", 1, nil), piece(kindRules, "ruler", 1, nil), piece(kindBoard, "grafana", now, untried),
		}},
		"refused, and tried again": {
			works: []outbox.Work{piece(kindRules, "ruler", 1, failed("ruler answered with 400", 59, 61, 7))},
			want:  []report.Unpublished{{What: "alert rules", Where: "ruler", Why: "ruler answered with 400", Since: at(1), Attempts: 7, Next: at(61), Work: kindRules}},
		},
		"missing since the first failure after the last success": {
			works: []outbox.Work{
				piece(kindBoard, "grafana", 1, ended(outbox.Cancelled, "its deadline passed; the last attempt: 502")), piece(kindBoard, "grafana", 2, nil),
				piece(kindBoard, "grafana", 3, ended(outbox.Cancelled, "its deadline passed; the last attempt: 502")),
				piece(kindBoard, "grafana", 4, failed("502", 59, 62, 3)), piece(kindBoard, "grafana", now, untried),
			},
			want: []report.Unpublished{{What: "dashboard", Where: "grafana", Why: "502", Since: at(3), Attempts: 4, Next: at(62), Work: kindBoard}},
		},
		"given up, without the outbox's own words": {
			works: []outbox.Work{piece(kindRules, "ruler", 1, ended(outbox.Dead, "a metric cannot be written: "+outbox.ErrPermanent.Error()))},
			want:  []report.Unpublished{{What: "alert rules", Where: "ruler", Why: "a metric cannot be written", Since: at(1), Attempts: 1, Work: kindRules}},
		},
		"nobody tries": {
			works: []outbox.Work{piece(kindBoard, "grafana", 10, untried)},
			want: []report.Unpublished{{
				What: "dashboard", Where: "grafana", Since: at(10), Next: at(10), Work: kindBoard,
				Why: "it waits to be tried; the place rests after failures, or no server is there to do the work",
			}},
		},
		"rules that cannot be taken away": {
			works: []outbox.Work{piece(kindRules, "ruler", 1, nil), piece(kindRulesGone, "ruler", 30, failed("no answer", 50, 70, 2))},
			want:  []report.Unpublished{{What: "alert rules", Where: "ruler", Why: "no answer", Since: at(30), Attempts: 2, Next: at(70), Work: kindRulesGone}},
		},
		"of no interest": {works: []outbox.Work{
			piece(kindRules, "ruler", 1, ended(outbox.Cancelled, "the rollout is gone: "+outbox.ErrMoot.Error())),
			piece(kindBoard, "a place of before", 1, ended(outbox.Dead, "no")),
			piece(kindBoardGone, "grafana", now+24*60, untried),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "", nil)
			s.p.c.Work, s.now = ledger{works: c.works}, at(now)
			got, err := s.p.Unpublished(t.Context(), id)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestUnpublishedThatCannotBeRead(t *testing.T) {
	s := newScene(t, "", func(c *Config) { c.Work = ledger{err: errors.New("away")} })
	if _, err := s.p.Unpublished(t.Context(), id); err == nil {
		t.Error("got no error: what cannot be read is taken for published")
	}
	if err := s.p.Ping(t.Context()); err == nil {
		t.Error("got no error on /readyz: what cannot be read is taken for published")
	}
	s.p.c.Work = nil
	if us, err := s.p.Unpublished(t.Context(), id); us != nil || err != nil {
		t.Errorf("got %v, %v, want nothing where nothing is recorded", us, err)
	}
	// Who reads a journal alone knows no places, and is told of all.
	dead := ledger{works: []outbox.Work{piece(kindRules, "ruler", 1, ended(outbox.Dead, "no"))}}
	if us, err := New(Config{}).UnpublishedIn(t.Context(), dead, id); len(us) != 1 || err != nil {
		t.Errorf("got %v, %v, want the rules", us, err)
	}
}

// What is refused is shown on /readyz with the next attempt, whichever server tried.
func TestPing(t *testing.T) {
	s := newScene(t, "", nil)
	for name, c := range map[string]struct {
		works []outbox.Work
		want  string
	}{
		"well":              {works: []outbox.Work{piece(kindRules, "ruler", 1, nil), piece(kindBoard, "grafana", 2, untried)}},
		"a place of before": {works: []outbox.Work{piece(kindRules, "gone", 1, failed("no", 2, 3, 1))}},
		"refused": {
			works: []outbox.Work{piece(kindRules, "ruler", 1, failed("add DIR/*.yml to rule_files", 2, 4, 1))},
			want:  "ruler: add DIR/*.yml to rule_files (rules; tried again at 12:04:00 UTC)",
		},
		"two of one place, and one without": {
			works: []outbox.Work{
				piece(kindBoard, "grafana", 1, failed("502", 2, 4, 1)), piece(kindStanding, "grafana", 1, failed("503", 3, 5, 1)),
				piece(kindTidy, "", 1, failed("cannot list", 3, 5, 1)),
			},
			want: "grafana: 503 (standing, and 1 more; tried again at 12:04:00 UTC)\ntidy: cannot list (tidy; tried again at 12:05:00 UTC)",
		},
	} {
		s.p.c.Work = ledger{works: c.works}
		var got string
		if err := s.p.Ping(t.Context()); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
