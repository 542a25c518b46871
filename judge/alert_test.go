package judge

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

func TestAlerts(t *testing.T) {
	watch := func(a plan.AlertAction) []plan.AlertWatch { return []plan.AlertWatch{{Name: "burn", Action: a}} }
	fires := Alert{Fingerprint: "f1", Name: "CheckoutBurn", Watch: "burn", Summary: "budget", Started: testStart.Add(2 * time.Minute)}
	over, early, other := fires, fires, fires
	over.Ended = fires.Started.Add(time.Minute)
	early.Started, early.Fingerprint = testStart.Add(-time.Hour), "f2"
	other.Watch = "somebody's"
	type want struct {
		outcome           Outcome
		advance, rollBack bool
		class             Class
	}
	for name, c := range map[string]struct {
		watches []plan.AlertWatch
		alerts  []Alert
		edit    func(*plan.Plan)
		want    want
	}{
		"nothing is watched":      {alerts: []Alert{fires}, want: want{Continue, true, false, ""}},
		"nothing fires":           {watches: watch(plan.AlertRollback), want: want{Continue, true, false, ""}},
		"another watch's":         {watches: watch(plan.AlertRollback), alerts: []Alert{other}, want: want{Continue, true, false, ""}},
		"held":                    {watches: watch(plan.AlertHold), alerts: []Alert{fires}, want: want{Continue, false, false, AlertFiring}},
		"shown":                   {watches: watch(plan.AlertShow), alerts: []Alert{fires}, want: want{Continue, true, false, Shown}},
		"rolled back":             {watches: watch(plan.AlertRollback), alerts: []Alert{fires}, want: want{Rollback, false, true, AlertFiring}},
		"resolved":                {watches: watch(plan.AlertRollback), alerts: []Alert{over}, want: want{Continue, true, false, Shown}},
		"older than the rollout":  {watches: watch(plan.AlertRollback), alerts: []Alert{early}, want: want{Continue, false, false, AlertFiring}},
		"one older and one newer": {watches: watch(plan.AlertRollback), alerts: []Alert{early, fires}, want: want{Rollback, false, true, AlertFiring}},
		"shadow": {watches: watch(plan.AlertRollback), alerts: []Alert{fires}, edit: func(p *plan.Plan) { p.Mode = plan.Shadow },
			want: want{Rollback, true, false, AlertFiring}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(2)
			in := w.input(8)
			in.Record.Plan.Alertmanager, in.Record.Alerts = c.watches, c.alerts
			if c.edit != nil {
				c.edit(&in.Record.Plan)
			}
			v := Evaluate(in)
			got := want{v.Outcome, v.Advance.Yes, v.RollBack.Yes, ""}
			for _, f := range v.Findings {
				if f.About == AboutAlert {
					got.class = f.Class
					if !strings.Contains(f.Reason, "CheckoutBurn fire") || !strings.Contains(f.Reason, "(budget)") {
						t.Errorf("got the reason %q, want the alert's name and summary", f.Reason)
					}
				}
			}
			if got != c.want {
				t.Errorf("got %+v\nwant %+v\nreason: %s", got, c.want, v.Reason)
			}
			if v.Proven {
				t.Error("an alert of others proves nothing")
			}
			if v.Latched != nil && !(strings.HasPrefix(v.Reason, "burn: CheckoutBurn fires since ") && strings.Contains(v.Reason, "12:02:00 UTC")) {
				// The sentence on which a rollback rests names what fired, and since when.
				t.Errorf("got the reason %q", v.Reason)
			}
		})
	}
}

func TestAlertsReplay(t *testing.T) {
	w := newWorld(2)
	in := w.input(8)
	in.Record.Plan.Alertmanager = []plan.AlertWatch{{Name: "burn", Action: plan.AlertRollback}}
	in.Record.Alerts = []Alert{{Fingerprint: "f1", Name: "CheckoutBurn", Watch: "burn", Started: testStart.Add(2 * time.Minute)}}
	v := Evaluate(in)
	again, err := Replay(in.Record.Plan, []Look{{
		Rollout: in.Record.Rollout.ID, Freeze: in.Record.Frozen, Verdict: v, Context: Context{Closed: in.Closed, Alerts: in.Record.Alerts},
	}}, "test")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(v)
	if got, _ := json.Marshal(again[0]); string(got) != string(want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestWatchOf(t *testing.T) {
	match := func(text string) plan.AlertWatch {
		ms, err := queries.ParseSelector(text)
		if err != nil {
			t.Fatal(err)
		}
		return plan.AlertWatch{Name: text, Match: ms}
	}
	p := plan.Plan{Alertmanager: []plan.AlertWatch{match(`alertname="Burn", service="checkout"`), match(`severity=~"page|critical", team!="x"`), {Name: "no matcher"}}}
	r := rollout.Rollout{ID: "abc"}
	for name, c := range map[string]struct {
		labels map[string]string
		want   string
	}{
		"by name":               {map[string]string{"alertname": "Burn", "service": "checkout", "severity": "page"}, p.Alertmanager[0].Name},
		"another service's":     {map[string]string{"alertname": "Burn", "service": "cart"}, ""},
		"by severity":           {map[string]string{"alertname": "Slow", "severity": "critical"}, p.Alertmanager[1].Name},
		"refused by a label":    {map[string]string{"alertname": "Slow", "severity": "critical", "team": "x"}, ""},
		"this rollout's own":    {map[string]string{"alertname": "CanaryErrorsVsBaseline", "severity": "page", "managed_by": "serin", "rollout": "abc"}, p.Alertmanager[1].Name},
		"another rollout's":     {map[string]string{"alertname": "CanaryErrorsVsBaseline", "severity": "page", "managed_by": "serin", "rollout": "xyz"}, ""},
		"about the judge":       {map[string]string{"alertname": "CanaryRolledBack", "severity": "page", "managed_by": "serin", "rollout": "abc"}, ""},
		"its own verdict":       {map[string]string{"alertname": "SerinVerdict", "severity": "page", "managed_by": "serin", "rollout": "abc"}, ""},
		"somebody else's label": {map[string]string{"alertname": "Slow", "severity": "page", "rollout": "xyz"}, p.Alertmanager[1].Name},
		"nothing":               {map[string]string{}, ""},
	} {
		if got, ok := WatchOf(p, r, c.labels); got.Name != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q, %v; want %q", name, got.Name, ok, c.want)
		}
	}
}

func TestAlertRefusals(t *testing.T) {
	good := Alert{Fingerprint: "f", Name: "n", Watch: "w", Started: testStart}
	if err := good.Validate(); err != nil {
		t.Errorf("got %v, want a good alert", err)
	}
	for want, edit := range map[string]func(*Alert){
		"needs a fingerprint":   func(a *Alert) { a.Fingerprint = " " },
		"needs a name":          func(a *Alert) { a.Name = "" },
		"needs a watch":         func(a *Alert) { a.Watch = "" },
		"needs a time":          func(a *Alert) { a.Started = time.Time{} },
		"ended before it began": func(a *Alert) { a.Ended = testStart.Add(-1) },
		"may have 500 bytes":    func(a *Alert) { a.Summary = strings.Repeat("x", 501) },
	} {
		a := good
		edit(&a)
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
