package publishing

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/alerts"
	alertplaces "github.com/serin-canary/serin/alerts/publish"
	"github.com/serin-canary/serin/dashboards"
	boardplaces "github.com/serin-canary/serin/dashboards/publish"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// id is the rollout of every test.
const id = "abcdefghijklmnop"

func began() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// record is a journal of one rollout.
type record struct {
	sum  journal.Summary
	plan plan.Plan
	err  error
}

func (r *record) Get(_ context.Context, asked string) (journal.Summary, error) {
	if asked != id {
		return journal.Summary{}, journal.ErrNotFound
	}
	return r.sum, r.err
}

func (r *record) List(_ context.Context, f journal.Filter) ([]journal.Summary, error) {
	if f.Live && !r.sum.Closed.IsZero() {
		return nil, r.err
	}
	return []journal.Summary{r.sum}, r.err
}

func (r *record) Plan(context.Context, string) (plan.Plan, error) { return r.plan, r.err }

// shelf is a place for boards and for marks.
type shelf struct {
	boards map[string]string // titles by UID
	folder string
	marks  map[string]boardplaces.Mark
	err    error
}

func (s *shelf) Publish(_ context.Context, b dashboards.Board, folder string) (string, error) {
	if s.err == nil {
		s.boards[b.UID], s.folder = b.Title, folder
	}
	return "", s.err
}

func (s *shelf) Remove(_ context.Context, uid string) error {
	delete(s.boards, uid)
	return s.err
}

func (s *shelf) Owned(context.Context) ([]string, error) {
	var out []string
	for uid := range s.boards {
		out = append(out, uid)
	}
	slices.Sort(out)
	return out, s.err
}

func (s *shelf) Annotate(_ context.Context, m boardplaces.Mark) error {
	s.marks[m.Key] = m
	return s.err
}

func (s *shelf) RemoveMarks(_ context.Context, tag string) error {
	for key, m := range s.marks {
		if slices.Contains(m.Tags, tag) {
			delete(s.marks, key)
		}
	}
	return s.err
}

// ruler is a place for rules, whose alerts fire until they are buried.
type ruler struct {
	sets   map[string]alerts.Set
	fires  bool
	buried int // evaluations until a buried alert is resolved
	err    error
}

func (r *ruler) Publish(_ context.Context, s alerts.Set) error {
	if r.err == nil {
		r.sets[s.Name()] = s
	}
	return r.err
}

func (r *ruler) Firing(_ context.Context, s alerts.Set) (bool, error) {
	if there, ok := r.sets[s.Name()]; ok && r.fires && !strings.Contains(fmt.Sprint(there.Group.Rules), "vector(0) == 1") {
		return true, r.err
	}
	if r.buried > 0 {
		r.buried--
		return true, r.err
	}
	return false, r.err
}

func (r *ruler) Remove(_ context.Context, name string) error {
	delete(r.sets, name)
	return r.err
}

func (r *ruler) Owned(context.Context) ([]string, error) {
	var out []string
	for name := range r.sets {
		out = append(out, name)
	}
	return out, r.err
}

// scene is a publishing with everything around it.
type scene struct {
	t       *testing.T
	p       *Publishing
	now     time.Time
	journal *record
	shelf   *shelf
	ruler   *ruler
	queue   map[string]outbox.Job
	done    map[string]bool
}

func newScene(t *testing.T, planText string, change func(*Config)) *scene {
	t.Helper()
	p, err := plan.Parse("plan.yaml", []byte("service: checkout\npreset: http\n"+planText))
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{
		t: t, now: began(), queue: map[string]outbox.Job{}, done: map[string]bool{},
		shelf: &shelf{boards: map[string]string{}, marks: map[string]boardplaces.Mark{}}, ruler: &ruler{sets: map[string]alerts.Set{}},
		journal: &record{plan: p, sum: journal.Summary{Rollout: rollout.Rollout{
			ID: id, Service: "checkout", Namespace: "shop", Revision: "2", Plan: "checkout", Started: began(),
			Baseline: rollout.Arm{Namespace: "shop", PodPattern: "checkout-primary-.*"}, Canary: rollout.Arm{Namespace: "shop", PodPattern: "checkout-[0-9]+"},
		}}},
	}
	c := Config{
		Boards: []BoardPlace{{Name: "grafana", Target: "grafana.example.com", Page: "https://grafana.example.com/d/", Place: s.shelf, Marks: s.shelf}},
		Rules:  []RulePlace{{Name: "ruler", Target: "mimir.example.com", Place: s.ruler}},
		Add:    s.add, Now: func() time.Time { return s.now }, BaseURL: "https://serin.example.com",
	}
	if change != nil {
		change(&c)
	}
	s.p = New(c)
	s.p.Attach(s.journal)
	return s
}

// add queues work as the outbox does: a key that is there changes nothing.
func (s *scene) add(_ context.Context, jobs ...outbox.Job) error {
	for _, j := range jobs {
		if _, there := s.queue[j.Key]; !there && !s.done[j.Key] {
			if j.Deadline.IsZero() {
				due := s.now
				if j.NotBefore.After(due) {
					due = j.NotBefore
				}
				j.Deadline = due.Add(Kinds()[j.Kind].Patience)
			}
			s.queue[j.Key] = j
		}
	}
	return nil
}

// tell does what follows from an event.
func (s *scene) tell(e journal.Event) {
	s.t.Helper()
	e.Rollout, e.At = s.journal.sum.Rollout, s.now
	if err := s.add(s.t.Context(), s.p.Follow(e)...); err != nil {
		s.t.Fatal(err)
	}
	s.work()
}

// work does everything that is due, and returns the errors by key.
func (s *scene) work() map[string]error {
	s.t.Helper()
	errs := map[string]error{}
	for again := true; again; {
		again = false
		for key, j := range s.queue {
			if j.NotBefore.After(s.now) || errs[key] != nil {
				continue
			}
			if !s.now.Before(j.Deadline) { // it is given up unseen
				delete(s.queue, key)
				s.done[key] = true
				continue
			}
			if err := s.p.Handlers()[j.Kind](s.t.Context(), j); err != nil {
				errs[key] = err
				if !errors.Is(err, outbox.ErrPermanent) && !errors.Is(err, outbox.ErrMoot) {
					continue
				}
			}
			delete(s.queue, key)
			s.done[key], again = true, true
		}
	}
	return errs
}

// pass lets time pass in small steps, and does what comes due.
func (s *scene) pass(d time.Duration) {
	step := time.Hour
	if d < step {
		step = time.Minute
	}
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(min(step, end.Sub(s.now)))
		s.work()
	}
}

func (s *scene) look(seq int, o judge.Outcome, before *judge.Verdict) *judge.Verdict {
	v := &judge.Verdict{Seq: seq, Outcome: o, Reason: "because", At: s.now, Rollout: s.journal.sum.Rollout}
	s.journal.sum.Last = v
	s.tell(journal.Event{Kind: journal.EventLooked, Verdict: v, Before: before})
	return v
}

func (s *scene) end(why string) {
	s.journal.sum.Closed, s.journal.sum.Why = s.now, why
	s.tell(journal.Event{Kind: journal.EventClosed, Why: why})
}

func TestLife(t *testing.T) {
	s := newScene(t, "dashboard: { folder: own }\n", nil)
	s.tell(journal.Event{Kind: journal.EventAnnounced})
	uid, name := dashboards.UID(id), alerts.NameOf(id)
	if s.shelf.boards[uid] == "" || s.shelf.boards[dashboards.ServiceUID("shop", "checkout")] == "" || len(s.ruler.sets) != 1 {
		t.Fatalf("got boards %v and %d sets, want the rollout's, its service's and its rules", s.shelf.boards, len(s.ruler.sets))
	}
	notes := s.ruler.sets[name].Group.Rules[len(s.ruler.sets[name].Group.Rules)-1].Annotations
	if notes["dashboard_url"] != "https://grafana.example.com/d/"+uid || notes["__dashboardUid__"] != uid || notes["report_url"] == "" {
		t.Errorf("got annotations %v, want them to lead to the board and the report", notes)
	}
	first := s.look(1, judge.Continue, nil)
	s.journal.sum.Rollout.Weights = []rollout.WeightAt{{At: s.now, Percent: 10}}
	s.now = s.now.Add(10 * time.Second)
	second := s.look(2, judge.Continue, first)
	if len(s.shelf.marks) != 1 {
		t.Errorf("got marks %v, want the first weight's", s.shelf.marks)
	}
	// Where only time passes, a board is drawn once a minute.
	for seq := range 20 {
		second = s.look(3+seq, judge.Continue, second)
	}
	waiting := 0
	for key := range s.queue {
		if strings.Contains(key, "."+kindBoard+".") {
			waiting++
		}
	}
	if waiting != 1 {
		t.Errorf("got %d boards that wait, want one for the minute", waiting)
	}
	s.pass(time.Minute)
	s.look(30, judge.Rollback, second)
	if m := s.shelf.marks[id+"-rollback"]; !strings.Contains(m.Text, "rollback. because") {
		t.Errorf("got marks %v, want the verdict's", s.shelf.marks)
	}

	s.ruler.fires, s.ruler.buried = true, 2
	s.end("Flagger's phase is Failed")
	if s.shelf.boards[uid] != "Canary: shop/checkout 2 (rollback)" || s.shelf.folder != "own" {
		t.Errorf("got the title %q in %q", s.shelf.boards[uid], s.shelf.folder)
	}
	if rules := s.ruler.sets[name].Group.Rules; len(rules) == 0 || !strings.Contains(rules[0].Expr, "vector(0) == 1") {
		t.Errorf("got rules that can fire, want them buried first")
	}
	s.pass(10 * time.Minute)
	if len(s.ruler.sets) != 0 {
		t.Errorf("got %d sets, want the rules gone once nothing fires", len(s.ruler.sets))
	}
	if m := s.shelf.marks[id+"-step-0"]; m.Until.IsZero() {
		t.Errorf("got %+v, want the last region closed", m)
	}
	s.pass(29 * 24 * time.Hour)
	if s.shelf.boards[uid] == "" {
		t.Error("the board is gone before its time")
	}
	s.pass(2 * 24 * time.Hour)
	if s.shelf.boards[uid] != "" || len(s.shelf.marks) != 0 {
		t.Errorf("got %v and %v, want the board and its marks gone", s.shelf.boards, s.shelf.marks)
	}
}

func TestRulesThatDoNotFireGoAtOnce(t *testing.T) {
	s := newScene(t, "dashboard: { retire: delete }\n", nil)
	s.tell(journal.Event{Kind: journal.EventAnnounced})
	s.end("promotion granted")
	if len(s.ruler.sets) != 0 || s.shelf.boards[dashboards.UID(id)] != "" {
		t.Errorf("got %v and %v, want nothing left", s.ruler.sets, s.shelf.boards)
	}
}

func TestWhatThePlanDoesNotWant(t *testing.T) {
	s := newScene(t, "dashboard: { enabled: false }\nalerts: { enabled: false }\n", nil)
	s.tell(journal.Event{Kind: journal.EventAnnounced})
	s.look(1, judge.Rollback, nil)
	s.end("over")
	if s.shelf.boards[dashboards.UID(id)] != "" || len(s.ruler.sets) != 0 || len(s.shelf.marks) != 0 {
		t.Errorf("got %v, %v and %v, want nothing", s.shelf.boards, s.ruler.sets, s.shelf.marks)
	}
}

// slowly reports whether a failure is tried again at the pace of people who mend things.
func slowly(err error) bool {
	var l *outbox.LaterError
	return errors.As(err, &l) && l.After == mending && l.Refused && !errors.Is(err, outbox.ErrPermanent)
}

// A failure is told in the outbox's words.
func TestFailures(t *testing.T) {
	s := newScene(t, "", nil)
	for name, c := range map[string]struct {
		board error
		rules error
		check func(error) bool
	}{
		"later": {&boardplaces.Error{Err: errors.New("slow down"), After: time.Minute}, nil, func(err error) bool {
			var l *outbox.LaterError
			return errors.As(err, &l) && l.After == time.Minute
		}},
		"once mended":        {&boardplaces.Error{Err: errors.New("no right"), Permanent: true}, nil, slowly},
		"rules, once mended": {nil, &alertplaces.Error{Err: errors.New("bad"), Permanent: true}, slowly},
		"again":              {errors.New("away"), nil, func(err error) bool { return err != nil && !errors.Is(err, outbox.ErrPermanent) }},
	} {
		s.shelf.err, s.ruler.err = c.board, c.rules
		kind, where := kindBoard, "grafana"
		if c.rules != nil {
			kind, where = kindRules, "ruler"
		}
		err := s.p.Handlers()[kind](t.Context(), outbox.Job{Kind: kind, Rollout: id, Body: body{Place: where}.json()})
		if !c.check(err) {
			t.Errorf("%s: got %v", name, err)
		}
		s.shelf.err, s.ruler.err = nil, nil
		if err := s.p.Handlers()[kind](t.Context(), outbox.Job{Kind: kind, Rollout: id, Body: body{Place: where}.json()}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, j := range map[string]outbox.Job{
		"a pruned rollout":  {Kind: kindBoard, Rollout: "bbbbbbbbbbbbbbbb", Body: body{Place: "grafana"}.json()},
		"a removed place":   {Kind: kindBoard, Rollout: id, Body: body{Place: "gone"}.json()},
		"a removed ruler":   {Kind: kindRules, Rollout: id, Body: body{Place: "gone"}.json()},
		"rules of a pruned": {Kind: kindRules, Rollout: "bbbbbbbbbbbbbbbb", Body: body{Place: "ruler"}.json()},
	} {
		if err := s.p.Handlers()[j.Kind](t.Context(), j); !errors.Is(err, outbox.ErrMoot) {
			t.Errorf("%s: got %v, want it to be of no interest", name, err)
		}
	}
}

func TestTidy(t *testing.T) {
	for name, alone := range map[string]bool{"alone": true, "among others": false} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, "", func(c *Config) { c.Alone = alone })
			stranger := "bbbbbbbbbbbbbbbb"
			s.shelf.boards[dashboards.UID(stranger)] = "somebody's"
			s.shelf.boards[dashboards.FleetUID] = "fleet"
			s.shelf.boards["serin-s-0123456789a"] = "service"
			s.ruler.sets[alerts.NameOf(stranger)] = alerts.Set{}
			if err := s.p.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.work()
			want := []string{dashboards.FleetUID, "serin-s-0123456789a", dashboards.ServiceUID("shop", "checkout")}
			if !alone {
				want = slices.Insert(want, 0, dashboards.UID(stranger))
			}
			if got, _ := s.shelf.Owned(t.Context()); !reflect.DeepEqual(got, want) || len(s.ruler.sets) != len(want)-3 {
				t.Errorf("got %v and %d sets, want %v", got, len(s.ruler.sets), want)
			}
			// What was left behind by a removal that was given up.
			s.shelf.boards[dashboards.UID(id)], s.ruler.sets[alerts.NameOf(id)] = "mine", alerts.Set{}
			s.pass(2 * time.Hour)
			if s.shelf.boards[dashboards.UID(id)] == "" || s.ruler.sets[alerts.NameOf(id)].ID != "" {
				t.Error("what is live was tidied away")
			}
			s.journal.sum.Closed = s.now
			s.pass(3 * time.Hour)
			if _, there := s.ruler.sets[alerts.NameOf(id)]; there || s.shelf.boards[dashboards.UID(id)] == "" {
				t.Error("want the rules of a rollout that is over gone, and its board kept")
			}
			s.pass(31 * 24 * time.Hour)
			if s.shelf.boards[dashboards.UID(id)] != "" {
				t.Error("want the board gone after its time")
			}
		})
	}
}

func TestWithoutPlaces(t *testing.T) {
	p := New(Config{Add: func(context.Context, ...outbox.Job) error { return errors.New("asked") }})
	if err := p.Begin(t.Context()); err != nil || p.On() {
		t.Errorf("got %v, want nothing to do", err)
	}
	if jobs := p.Follow(journal.Event{Kind: journal.EventAnnounced}); len(jobs) != 0 {
		t.Errorf("got %v, want nothing", jobs)
	}
}
