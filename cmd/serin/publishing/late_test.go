package publishing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/alerts"
	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// meanwhile is what happens once while something is published.
type meanwhile struct{ do func() }

func (m *meanwhile) happens() {
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
}

type slowRuler struct {
	*ruler
	meanwhile
}

func (s *slowRuler) Publish(ctx context.Context, set alerts.Set) error {
	s.happens()
	return s.ruler.Publish(ctx, set)
}

type slowShelf struct {
	*shelf
	meanwhile
}

func (s *slowShelf) Publish(ctx context.Context, b dashboards.Board, folder string) (string, error) {
	s.happens()
	return s.shelf.Publish(ctx, b, folder)
}

// closes ends the rollout, and does at once what follows of a kind: another worker has it.
func (s *scene) closes(kind string, v *judge.Verdict) {
	s.t.Helper()
	s.journal.sum.Closed, s.journal.sum.Why = s.now, "rolled back"
	if v != nil {
		s.journal.sum.Last = v
	}
	for _, j := range s.p.Follow(journal.Event{Kind: journal.EventClosed, Rollout: s.journal.sum.Rollout, At: s.now}) {
		if j.Kind != kind {
			continue
		}
		if err := s.p.Handlers()[kind](s.t.Context(), j); err != nil {
			s.t.Fatal(err)
		}
		s.done[j.Key] = true
	}
}

func TestRulesOfARolloutThatIsClosedMeanwhile(t *testing.T) {
	for name, fires := range map[string]bool{"silent": false, "while they fire": true} {
		t.Run(name, func(t *testing.T) {
			var slow *slowRuler
			s := newScene(t, "", func(c *Config) {
				slow = &slowRuler{ruler: c.Rules[0].Place.(*ruler)}
				c.Rules[0].Place = slow
			})
			slow.do = func() { s.closes(kindRulesGone, nil) }
			s.tell(journal.Event{Kind: journal.EventAnnounced})
			s.ruler.fires = fires
			s.pass(10 * time.Minute)
			if len(s.ruler.sets) != 0 {
				t.Errorf("got %d sets of rules, want none of a rollout that is over", len(s.ruler.sets))
			}
		})
	}
}

// A place that took the rules, and whose answer was lost.
func TestRulesThatWereWrittenWithoutAnAnswer(t *testing.T) {
	s := newScene(t, "", nil)
	s.ruler.err = errors.New("cut off")
	s.tell(journal.Event{Kind: journal.EventAnnounced})
	s.ruler.err = nil
	k, err := s.p.load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	set, err := s.p.write(k)
	if err != nil {
		t.Fatal(err)
	}
	s.closes(kindRulesGone, nil)
	s.ruler.sets[set.Name()] = set // it came through after the burial
	s.pass(10 * time.Minute)
	if len(s.ruler.sets) != 0 {
		t.Errorf("got %d sets of rules, want none of a rollout that is over", len(s.ruler.sets))
	}
}

func TestABoardOfARolloutThatIsClosedMeanwhile(t *testing.T) {
	for retire, want := range map[string]string{"archive": "Canary: shop/checkout 2 (rollback)", "delete": ""} {
		t.Run(retire, func(t *testing.T) {
			var slow *slowShelf
			s := newScene(t, "dashboard: { retire: "+retire+" }\n", func(c *Config) {
				slow = &slowShelf{shelf: c.Boards[0].Place.(*shelf)}
				c.Boards[0].Place = slow
			})
			s.tell(journal.Event{Kind: journal.EventAnnounced})
			v := s.look(1, judge.Continue, nil)
			s.look(2, judge.Continue, v)
			slow.do = func() {
				s.closes(kindBoard, &judge.Verdict{Seq: 3, Outcome: judge.Rollback, Reason: "bad", At: s.now, Rollout: s.journal.sum.Rollout})
			}
			s.pass(2 * time.Minute)
			if got := s.shelf.boards[dashboards.UID(id)]; got != want {
				t.Errorf("got a board %q, want %q", got, want)
			}
		})
	}
}

// Grafana is away for a day, and the rollout ends.
func TestABoardIsFrozenAfterADay(t *testing.T) {
	s := newScene(t, "", nil)
	s.tell(journal.Event{Kind: journal.EventAnnounced})
	s.look(1, judge.Rollback, nil)
	s.shelf.err = errors.New("away")
	s.end("rolled back")
	s.pass(24 * time.Hour)
	s.shelf.err = nil
	s.pass(2 * time.Hour)
	if got := s.shelf.boards[dashboards.UID(id)]; got != "Canary: shop/checkout 2 (rollback)" {
		t.Errorf("got a board %q, want it frozen", got)
	}
	if _, there := s.shelf.marks[id+"-closed"]; !there {
		t.Errorf("got marks %v, want the end among them", s.shelf.marks)
	}
	s.pass(32 * 24 * time.Hour)
	if len(s.shelf.marks) != 0 || s.shelf.boards[dashboards.UID(id)] != "" {
		t.Errorf("got %v and %d marks, want nothing left of it", s.shelf.boards, len(s.shelf.marks))
	}
}

// Where a board goes at once, its marks go when a board would.
func TestMarksGoAfterABoardThatWasDeleted(t *testing.T) {
	s := newScene(t, "dashboard: { retire: delete }\n", nil)
	s.tell(journal.Event{Kind: journal.EventAnnounced})
	s.look(1, judge.Rollback, nil)
	s.end("rolled back")
	if len(s.shelf.marks) == 0 || s.shelf.boards[dashboards.UID(id)] != "" {
		t.Fatalf("got %v and %d marks, want no board and its marks", s.shelf.boards, len(s.shelf.marks))
	}
	s.pass(31 * 24 * time.Hour)
	if len(s.shelf.marks) != 0 {
		t.Errorf("got marks %v, want none", s.shelf.marks)
	}
}

// Nobody does any work for twelve hours: the server is away. What Alertmanager was told
// lapses meanwhile, and is told again.
func TestAVerdictsAlertOutlastsAServerThatIsAway(t *testing.T) {
	s, a, b := newPaged(t)
	s.says(1, func(v *judge.Verdict) { v.Outcome = judge.Rollback })
	for _, away := range []time.Duration{10 * time.Minute, 12 * time.Hour} {
		s.now = s.now.Add(away)
		if a.active() != "" {
			t.Fatalf("got %q, want it lapsed", a.active())
		}
		s.pass(5 * time.Minute)
		if a.active() != "rollback page" || b.active() != "rollback page" {
			t.Errorf("away for %s: got %q and %q, want it active again", away, a.active(), b.active())
		}
	}
	// A replica that is away does not pile work up, and hears of it when it is back.
	a.err = errors.New("away")
	s.pass(59 * time.Minute)
	if len(s.queue) > 6 {
		t.Errorf("got %d jobs queued after an hour, want a few", len(s.queue))
	}
	a.err = nil
	s.pass(3 * time.Minute)
	if a.active() != "rollback page" {
		t.Errorf("got %q, want it active at the replica that is back", a.active())
	}
}

// The mark of a rollback is where the evidence was enough, not where it was told last.
func TestARollbacksMarkIsWhereItWasProven(t *testing.T) {
	s := newScene(t, "", nil)
	s.tell(journal.Event{Kind: journal.EventAnnounced})
	proven := s.now.Add(-time.Minute)
	v := &judge.Verdict{Seq: 1, Outcome: judge.Rollback, Reason: "bad", At: s.now, Rollout: s.journal.sum.Rollout, Latched: &judge.Latch{End: proven}}
	s.journal.sum.Last = v
	s.tell(journal.Event{Kind: journal.EventLooked, Verdict: v})
	s.now = s.now.Add(30 * time.Minute)
	again := *v
	again.Seq, again.At = 2, s.now
	s.journal.sum.Last = &again
	s.end("rolled back")
	if m := s.shelf.marks[id+"-rollback"]; !m.At.Equal(proven) || m.Stays {
		t.Errorf("got %+v, want it at %s", m, proven)
	}
}

// A canary that waited for hours has its alerts for as long as any other.
func TestRulesCountFromTheFirstTraffic(t *testing.T) {
	s := newScene(t, "", nil)
	s.tell(journal.Event{Kind: journal.EventAnnounced})
	expressions := func() (out string) {
		for _, r := range s.ruler.sets[alerts.NameOf(id)].Group.Rules {
			out += r.Expr + "\n"
		}
		return out
	}
	// An hour, four to hold, and one of slack.
	gate := func(from time.Time) string { return fmt.Sprintf("vector(time()) < %d", from.Add(6*time.Hour).Unix()) }
	if !strings.Contains(expressions(), gate(began())) {
		t.Fatalf("got\n%s\nwant alerts until six hours from the start", expressions())
	}
	first := s.look(1, judge.Continue, nil)
	s.now = s.now.Add(3 * time.Hour)
	v := &judge.Verdict{Seq: 2, Reason: "because", At: s.now, Rollout: s.journal.sum.Rollout, Progress: judge.Progress{From: s.now}}
	s.journal.sum.Last = v
	s.tell(journal.Event{Kind: journal.EventLooked, Verdict: v, Before: first})
	if got := expressions(); !strings.Contains(got, gate(s.now)) || strings.Contains(got, gate(began())) {
		t.Errorf("got\n%s\nwant alerts until six hours from the first traffic", got)
	}
}

// Somebody takes the rules of a live rollout away, and the board of its service.
func TestWhatIsTakenFromALiveRolloutIsPutBack(t *testing.T) {
	for name, c := range map[string]struct {
		plan string
		end  bool
		want int
	}{
		"live": {"", false, 1}, "without alerts": {"alerts: { enabled: false }\n", false, 0}, "over": {"", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, c.plan, nil)
			if err := s.p.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.tell(journal.Event{Kind: journal.EventAnnounced})
			s.pass(15 * time.Minute)
			if c.end {
				s.end("done")
			}
			clear(s.ruler.sets)
			service := dashboards.ServiceUID("shop", "checkout")
			delete(s.shelf.boards, service)
			s.pass(21 * time.Minute)
			if len(s.ruler.sets) != c.want {
				t.Errorf("got %d sets of rules, want %d", len(s.ruler.sets), c.want)
			}
			s.pass(24 * time.Hour)
			if there := s.shelf.boards[service] != ""; there == c.end {
				t.Errorf("got the service's board %v, want it back while the rollout lives", there)
			}
			// A place that refuses them does not make a pile.
			s.ruler.err = errors.New("refused")
			clear(s.ruler.sets)
			s.pass(59 * time.Minute)
			if len(s.queue) > 5 {
				t.Errorf("got %d jobs queued, want a few", len(s.queue))
			}
		})
	}
}

// Two servers with journals of their own know a service by the same name.
func TestTwoServersShareAGrafana(t *testing.T) {
	place := &shelf{boards: map[string]string{}}
	for _, instance := range []string{"eu", "us", ""} {
		s := newScene(t, "", func(c *Config) { c.Boards[0].Place, c.Boards[0].Marks, c.Instance = place, nil, instance })
		if err := s.p.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.tell(journal.Event{Kind: journal.EventAnnounced})
	}
	count := map[string]int{}
	for _, title := range place.boards {
		count[title]++
	}
	want := map[string]int{
		"Serin: all rollouts": 1, "Serin (eu): all rollouts": 1, "Serin (us): all rollouts": 1,
		"Serin: shop/checkout": 1, "Serin (eu): shop/checkout": 1, "Serin (us): shop/checkout": 1, "Canary: shop/checkout 2": 1,
	}
	if !maps.Equal(count, want) {
		t.Errorf("got boards %v, want %v", count, want)
	}
}
