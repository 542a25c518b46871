package reply

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
)

var (
	promote   = judge.Verdict{Outcome: judge.Promote, Reason: "proven", Promotion: judge.Answer{Yes: true, Reason: "400 requests"}, Advance: judge.Answer{Yes: true}, Progress: judge.Progress{Paired: 9}}
	bad       = judge.Verdict{Outcome: judge.Rollback, Reason: "worse", RollBack: judge.Answer{Yes: true, Reason: "errors 9 %"}}
	going     = judge.Verdict{Reason: "not decided yet", Advance: judge.Answer{Reason: "the canary is warming up"}, Promotion: judge.Answer{Reason: "too few"}}
	advancing = judge.Verdict{Reason: "not decided yet", Advance: judge.Answer{Yes: true, Reason: "fresh"}, Promotion: judge.Answer{Reason: "too few"}, Progress: judge.Progress{Paired: 2}}
)

func always(v judge.Verdict) func(int) (judge.Verdict, error) {
	return func(int) (judge.Verdict, error) { return v, nil }
}

// from is waiting until a look, and from then on a verdict.
func from(look int, v judge.Verdict) func(int) (judge.Verdict, error) {
	return func(n int) (judge.Verdict, error) {
		if n < look {
			return going, nil
		}
		return v, nil
	}
}

func withCheck(class judge.Class, critical bool) judge.Verdict {
	v := going
	v.Findings = []judge.Finding{
		{Name: "optional", About: judge.AboutCheck, Class: judge.CheckFailed},
		{Name: "errors", About: judge.AboutMetric, Class: judge.QueryFailed, Required: true},
		{Name: "home", About: judge.AboutCheck, Class: class, Required: true, Critical: critical, Reason: "status 500"},
	}
	return v
}

// notRun is a verdict of a required check that is due and has not been run.
func notRun() judge.Verdict {
	v := withCheck(judge.NoData, false)
	v.Findings[2].Stops, v.Findings[2].Reason = true, "has not been run yet"
	return v
}

func weighing(percent float64) judge.Verdict {
	v := advancing
	v.Progress = judge.Progress{Weight: &percent}
	return v
}

// TestGates is the table of gates: what each is told, after how many looks.
func TestGates(t *testing.T) {
	held := judge.Verdict{Outcome: judge.Inconclusive, Reason: "the deadline came first", Promotion: judge.Answer{Reason: "held"}, Advance: judge.Answer{Reason: "held"}, Progress: judge.Progress{Paired: 9}}
	trusting := held
	trusting.Promotion = judge.Answer{Yes: true, Reason: "not proven; the plan says atDeadline: promote"}
	irreversible := bad
	irreversible.RollBack = judge.Answer{Reason: "held, not rolled back, because the plan says reversible: false"}
	unknown := advancing
	unknown.Progress = judge.Progress{}
	for name, c := range map[string]struct {
		gate     Gate
		says     func(int) (judge.Verdict, error)
		yes      bool
		looks    int // 0: until the deadline
		fallback bool
		reason   string
	}{
		"start, no checks":   {GateStart, always(going), true, 1, false, "no required check has failed"},
		"start, passed":      {GateStart, always(withCheck(judge.Passed, false)), true, 1, false, ""},
		"start, not due yet": {GateStart, always(withCheck(judge.NoData, false)), true, 1, false, ""},
		"start, not run yet": {GateStart, always(notRun()), false, 0, true, "check home: has not been run yet"},
		"start, run at the second look": {GateStart, func(n int) (judge.Verdict, error) {
			if n < 2 {
				return notRun(), nil
			}
			return withCheck(judge.Passed, false), nil
		}, true, 2, false, "no required check has failed"},
		"start, both arms fail":         {GateStart, always(withCheck(judge.Environment, true)), false, 0, true, "check home: status 500"},
		"start, failed twice":           {GateStart, always(withCheck(judge.CheckFailed, false)), false, 2, false, "check home: status 500"},
		"start, critical failed":        {GateStart, always(withCheck(judge.CheckFailed, true)), false, 1, false, "check home"},
		"start, failed once":            {GateStart, from(2, withCheck(judge.Passed, false)), true, 1, false, ""},
		"start, broken to the end":      {GateStart, always(withCheck(judge.CheckBroken, false)), false, 0, true, "could not be run"},
		"start, rollback":               {GateStart, always(bad), false, 1, false, "rollback: errors 9 %"},
		"step, advance":                 {GateStep, from(4, advancing), true, 4, false, "advance: fresh"},
		"step, no traffic at weight 0":  {GateStep, always(weighing(0)), true, 1, false, "advance"},
		"step, nothing known":           {GateStep, always(unknown), false, 0, true, "nothing is known"},
		"step, rollback":                {GateStep, from(3, bad), false, 3, false, "rollback"},
		"step, held":                    {GateStep, always(held), false, 0, true, "hold: held"},
		"promotion":                     {GatePromotion, from(5, promote), true, 5, false, "promote: 400 requests"},
		"promotion, advance is not it":  {GatePromotion, always(advancing), false, 0, true, "hold: too few"},
		"promotion, rollback":           {GatePromotion, from(5, bad), false, 5, false, "rollback: errors 9 %"},
		"promotion, atDeadline hold":    {GatePromotion, always(held), false, 0, true, "hold: held"},
		"promotion, atDeadline promote": {GatePromotion, always(trusting), true, 1, false, "promote: not proven"},
		"promotion, reversible false":   {GatePromotion, always(irreversible), false, 0, true, "hold"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.says = c.says
			a := w.answers(w.question(c.gate))
			if a.Yes != c.yes || a.Fallback != c.fallback || !strings.Contains(a.Reason, c.reason) {
				t.Errorf("got %+v, want yes %v, fallback %v, because %q", a, c.yes, c.fallback, c.reason)
			}
			if c.looks > 0 && w.looks != c.looks {
				t.Errorf("got %d looks, want %d", w.looks, c.looks)
			}
			if c.looks == 0 && (w.looks < 50 || w.clock.After(w.began.Add(time.Hour))) {
				t.Errorf("got %d looks until %s, want one a minute until shortly before the deadline", w.looks, w.clock)
			}
			if a.Link != "https://serin.example.org/r/"+w.id {
				t.Errorf("got link %s", a.Link)
			}
			if want := []string{"told codedeploy " + map[bool]string{true: "yes", false: "no"}[c.yes]}; !slices.Equal(w.notes(), want) {
				t.Errorf("got notes %q, want %q", w.notes(), want)
			}
		})
	}
}

// A yes to the last promotion ends the judging, and nothing else does.
func TestWhatEndsTheJudging(t *testing.T) {
	for name, c := range map[string]struct {
		gate Gate
		says judge.Verdict
		why  string
	}{
		"promotion": {GatePromotion, promote, WhyGranted}, "no promotion": {GatePromotion, bad, ""}, "step": {GateStep, promote, ""},
	} {
		w := newWorld(t)
		w.says = always(c.says)
		w.answers(w.question(c.gate))
		if s := w.state(); s.Why != c.why || s.Closed.IsZero() != (c.why == "") {
			t.Errorf("%s: got closed %s because %q, want %q", name, s.Closed, s.Why, c.why)
		}
	}
}

// A rollout that is over is never looked at.
func TestRolloutsThatAreOver(t *testing.T) {
	for name, c := range map[string]struct {
		last   *judge.Verdict
		why    string
		mode   plan.Mode
		yes    bool
		reason string
	}{
		"superseded":                 {&going, "superseded by v3", plan.Enforce, false, "superseded by v3"},
		"superseded though proven":   {&promote, "superseded by v3", plan.Enforce, false, "superseded by v3"},
		"granted before":             {&promote, WhyGranted, plan.Enforce, true, "promotion granted: 400 requests"},
		"rolled back":                {&bad, "closed by api", plan.Enforce, false, "rollback: errors 9 %"},
		"never looked at":            {nil, "swept", plan.Enforce, false, "swept"},
		"shadow":                     {nil, "superseded by v3", plan.Shadow, true, "shadow"},
		"rolled back after it began": {&bad, WhyGranted, plan.Enforce, false, "rollback"},
	} {
		w := newWorld(t, func(p *plan.Plan) { p.Mode = c.mode })
		if c.last != nil {
			w.says = always(*c.last)
			if _, err := w.Decide(t.Context(), w.state().Rollout, w.clock); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.journal.End(t.Context(), w.id, w.clock, c.why); err != nil {
			t.Fatal(err)
		}
		looks := w.looks
		a := w.answers(w.question(GatePromotion))
		if a.Yes != c.yes || a.Fallback || !strings.Contains(a.Reason, c.reason) || w.looks != looks {
			t.Errorf("%s: got %+v after %d looks, want %v because %q after none", name, a, w.looks-looks, c.yes, c.reason)
		}
	}
}

// It is superseded while the judge looks.
func TestClosedDuringALook(t *testing.T) {
	w := newWorld(t)
	w.says = func(int) (judge.Verdict, error) {
		return promote, w.journal.End(t.Context(), w.id, w.clock, "superseded by v3")
	}
	if a := w.answers(w.question(GateStep)); a.Yes || a.Fallback || !strings.Contains(a.Reason, "superseded by v3") {
		t.Errorf("got %+v, want no, because it was superseded", a)
	}
}

func TestARolloutThatIsGone(t *testing.T) {
	w := newWorld(t)
	q := w.question(GateStep)
	q.Rollout, q.Fallback = "abcdefghijklmnop", true
	if a := w.answers(q); a.Yes || !strings.Contains(a.Reason, "not recorded") {
		t.Errorf("got %+v, want no", a)
	}
}

// Work that is handed out twice looks no more once there is an answer.
func TestHandedOutAgain(t *testing.T) {
	w := newWorld(t)
	w.says = from(2, promote)
	a := w.answers(w.question(GateStep))
	looks := w.looks
	for _, j := range w.jobs {
		if j.Kind == KindQuestion {
			j.State = outbox.Queued
		}
	}
	w.finish()
	if w.looks != looks || len(w.sent) != 1 || w.sent[0] != a {
		t.Errorf("got %d more looks and %d answers, want none and one", w.looks-looks, len(w.sent))
	}
}

// Looks that fail again and again end with the configured answer, which says why.
func TestLooksThatFail(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		w := newWorld(t)
		w.says = func(n int) (judge.Verdict, error) {
			if n%2 == 0 {
				panic("the judge has a fault")
			}
			return judge.Verdict{}, errors.New("the disk is full")
		}
		q := w.question(GatePromotion)
		q.Fallback = fallback
		a := w.answers(q)
		if a.Yes != fallback || !a.Fallback || a.Outcome != "" || !strings.Contains(a.Reason, "nothing was decided by 13:00:07 UTC") ||
			!strings.Contains(a.Reason, "no verdict could be formed") {
			t.Errorf("got %+v, want the fallback %v, and why", a, fallback)
		}
		if w.clock.After(q.Deadline) || w.looks < 50 {
			t.Errorf("got %d looks until %s, want one a minute and an answer before %s", w.looks, w.clock, q.Deadline)
		}
		if s := w.state(); (s.Why == "") == fallback {
			t.Errorf("fallback %v: got closed because %q", fallback, s.Why)
		}
	}
}

// A check that fails is no absence, so the configured yes does not cover it.
func TestTheFallbackDoesNotCoverAFailedCheck(t *testing.T) {
	w := newWorld(t)
	q := w.question(GateStart)
	q.Fallback, q.Deadline = true, w.began.Add(4*time.Second) // one look, and then the last, before a block closes
	w.says = always(withCheck(judge.CheckFailed, false))
	if a := w.answers(q); a.Yes {
		t.Errorf("got %+v, want no", a)
	}
}

// Shadow mode never blocks, whatever breaks, and goes on judging.
func TestShadow(t *testing.T) {
	for name, says := range map[string]func(int) (judge.Verdict, error){
		"rollback": always(bad), "waiting": always(going),
		"broken": func(int) (judge.Verdict, error) { return judge.Verdict{}, errors.New("the disk is full") },
	} {
		for _, g := range []Gate{GateStart, GateStep, GatePromotion} {
			w := newWorld(t, func(p *plan.Plan) { p.Mode = plan.Shadow })
			w.says = says
			if a := w.answers(w.question(g)); !a.Yes || a.Fallback || !strings.HasPrefix(a.Reason, "shadow: ") || w.looks != 1 || !w.state().Closed.IsZero() {
				t.Errorf("%s at %s: got %+v after %d looks, closed %q; want yes at once, and the rollout live", name, g, a, w.looks, w.state().Why)
			}
		}
	}
}

func TestAskedTwice(t *testing.T) {
	w := newWorld(t)
	w.says = from(3, promote)
	q := w.question(GatePromotion)
	for range 2 {
		if err := w.Ask(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		w.turn()
		q.Fallback = true // asked otherwise: the first asking counts
	}
	if _, given, err := w.Given(t.Context(), q.ID); given || err != nil {
		t.Errorf("got given %v, %v before it is decided", given, err)
	}
	a := w.answers(q)
	got, given, err := w.Given(t.Context(), q.ID)
	if err != nil || !given || got != a || !a.Yes {
		t.Errorf("got %+v, given %v, %v; want what was sent, %+v", got, given, err, a)
	}
	if err := w.Ask(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	w.finish()
	if len(w.sent) != 1 {
		t.Errorf("got %d answers after asking again, want one", len(w.sent))
	}
}

func TestQuestionsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for want, edit := range map[string]func(*Question){
		"needs an ID":        func(q *Question) { q.ID = "" },
		"at most 400 bytes":  func(q *Question) { q.ID = strings.Repeat("x", 401) },
		"no rollout":         func(q *Question) { q.Rollout = "" },
		"unknown gate":       func(q *Question) { q.Gate = "promote" },
		"nothing is config":  func(q *Question) { q.Sender = "telegraph" },
		"is not JSON":        func(q *Question) { q.To = []byte(`{`) },
		"has passed already": func(q *Question) { q.Deadline = w.clock },
	} {
		q := w.question(GateStep)
		edit(&q)
		if err := w.Ask(t.Context(), q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if len(w.jobs) != 0 {
		t.Errorf("got %d jobs, want none", len(w.jobs))
	}
	if err := w.Ask(t.Context(), Question{ID: "x", Sender: "codedeploy", Rollout: w.id, Gate: GateStep, Deadline: w.clock}); !errors.Is(err, ErrPast) {
		t.Errorf("got %v, want ErrPast", err)
	}
}

// The receiver is away, or refuses for good.
func TestTelling(t *testing.T) {
	for name, c := range map[string]struct {
		send  func(int) error
		sent  int
		notes []string
	}{
		"away for a while": {func(n int) error {
			if n < 4 {
				return errors.New("no route to host")
			}
			return nil
		}, 4, []string{"told codedeploy yes"}},
		"refused for good": {func(int) error { return fmt.Errorf("unknown deployment: %w", outbox.ErrPermanent) }, 1, []string{"could not tell codedeploy yes"}},
	} {
		w := newWorld(t)
		w.says, w.send = always(promote), c.send
		if err := w.Ask(t.Context(), w.question(GatePromotion)); err != nil {
			t.Fatal(err)
		}
		w.finish()
		if len(w.sent) != c.sent || !slices.Equal(w.notes(), c.notes) {
			t.Errorf("%s: got %d attempts and %q, want %d and %q", name, len(w.sent), w.notes(), c.sent, c.notes)
		}
	}
}

// A caller that can be told how far its question is hears it a bounded number of times.
func TestReports(t *testing.T) {
	w := newWorld(t)
	w.says = always(going)
	q := w.question(GatePromotion)
	q.Deadline = w.began.Add(30 * 24 * time.Hour)
	if err := w.Ask(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	for range 400 {
		w.turn()
	}
	if w.reports != 8 {
		t.Errorf("got %d reports in 400 looks, want 8", w.reports)
	}
}

// Wherever the process dies, the caller is told one answer: at least once, and
// always the same. The judge changes its mind with every look, so an answer that
// was made anew would differ.
func TestDeathAnywhere(t *testing.T) {
	fickle := func(n int) (judge.Verdict, error) {
		v := [...]judge.Verdict{bad, promote}[n%2]
		v.Promotion.Reason, v.RollBack.Reason = fmt.Sprint("look ", n), fmt.Sprint("look ", n)
		return v, nil
	}
	deaths := 0
	for at := 1; ; at++ {
		w := newWorld(t)
		w.says, w.dieAt = fickle, at
		q := w.question(GatePromotion)
		accepted := w.alive(func() {
			if err := w.Ask(t.Context(), q); err != nil {
				t.Error(err)
			}
		})
		if !accepted { // the caller was not acknowledged, so it asks again
			if err := w.Ask(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		w.finish()
		died := w.steps >= at
		if len(w.sent) == 0 || len(w.sent) > 2 {
			t.Fatalf("death at step %d: got %d answers, want one, or the same one twice", at, len(w.sent))
		}
		for _, a := range w.sent {
			if a != w.sent[0] {
				t.Errorf("death at step %d: got two answers, %+v and %+v", at, w.sent[0], a)
			}
		}
		if s := w.state(); w.sent[0].Yes != (s.Why == WhyGranted) {
			t.Errorf("death at step %d: got the answer %v and the rollout closed because %q", at, w.sent[0].Yes, s.Why)
		}
		if n := len(w.notes()); n == 0 && len(w.sent) == 1 || n > 2 {
			t.Errorf("death at step %d: got notes %q", at, w.notes())
		}
		if !died {
			break
		}
		deaths++
	}
	if deaths < 13 {
		t.Errorf("got %d deaths, want one at every step", deaths)
	}
}
