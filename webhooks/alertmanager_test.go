package webhooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// burning is a plan that counts alerts.
func burning(t testing.TB, service string) plan.Plan {
	t.Helper()
	ms, err := queries.ParseSelector(fmt.Sprintf(`alertname=~"Burn|SerinVerdict", service=%q`, service))
	if err != nil {
		t.Fatal(err)
	}
	return plan.Plan{Name: service, Service: service, Mode: plan.Enforce, Alertmanager: []plan.AlertWatch{{Name: "budget", Match: ms, Action: plan.AlertRollback}}}
}

// trial opens a rollout whose plan counts alerts.
func (w *world) trial(namespace, service string) rollout.Rollout {
	w.t.Helper()
	a, err := w.journal.Announce(w.t.Context(), rollout.Rollout{Namespace: namespace, Service: service, Revision: "v2", Controller: "api"}, burning(w.t, service))
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Rollout
}

func (w *world) alerts(id string) []judge.Alert {
	w.t.Helper()
	rec, err := w.journal.Load(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return rec.Alerts
}

// fired is an alert as Alertmanager 0.25 writes it.
func fired(change map[string]any) map[string]any {
	m := map[string]any{
		"status": "firing", "labels": map[string]any{"alertname": "Burn", "service": "checkout", "severity": "page"},
		"annotations": map[string]any{"summary": "The budget burns"}, "startsAt": "2026-03-01T12:01:00.123Z", "endsAt": "0001-01-01T00:00:00Z",
		"generatorURL": "http://bob:hunter2@prometheus:9090/graph?g0.expr=1", "fingerprint": "ea0a9ea0f0f0f0f0",
	}
	for k, v := range change {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	return m
}

// group is what Alertmanager sends of some alerts.
func group(change map[string]any, alerts ...map[string]any) string {
	if alerts == nil {
		alerts = []map[string]any{}
	}
	m := map[string]any{
		"receiver": "serin", "status": "firing", "alerts": alerts, "groupLabels": map[string]any{}, "commonLabels": map[string]any{},
		"commonAnnotations": map[string]any{}, "externalURL": "http://bob:hunter2@alertmanager:9093", "version": "4", "groupKey": `{}:{}`, "truncatedAlerts": 0,
	}
	for k, v := range change {
		if m[k] = v; v == nil {
			delete(m, k)
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestWhatIsReadOfAnAlert(t *testing.T) {
	began := time.Date(2026, 3, 1, 12, 1, 0, 123e6, time.UTC)
	firing := judge.Alert{Fingerprint: "ea0a9ea0f0f0f0f0", Started: began, Name: "Burn", Watch: "budget", Summary: "The budget burns"}
	with := func(f func(*judge.Alert)) []judge.Alert {
		a := firing
		f(&a)
		return []judge.Alert{a}
	}
	as := []judge.Alert{firing}
	ended := func(at time.Time) []judge.Alert { return with(func(a *judge.Alert) { a.Ended = at }) }
	summary := func(text string) []judge.Alert { return with(func(a *judge.Alert) { a.Summary = text }) }
	now := start().Add(5 * time.Minute)
	burn := map[string]any{"alertname": "Burn", "service": "checkout", "severity": "page"}
	for name, c := range map[string]struct {
		group, alert map[string]any
		want         []judge.Alert
		told         string // part of the message
	}{
		"as it is":                      {nil, nil, as, "1 of 1 alerts"},
		"a newer version's fields":      {map[string]any{"notification_reason": "x", "routeLabels": map[string]any{"a": "b"}}, map[string]any{"new": []any{1}}, as, ""},
		"version as a number":           {map[string]any{"version": 4}, nil, as, ""},
		"alerts that were left out":     {map[string]any{"truncatedAlerts": 7}, nil, as, "left 7 out"},
		"a count that is none":          {map[string]any{"truncatedAlerts": "many"}, nil, as, ""},
		"an end while it fires":         {nil, map[string]any{"endsAt": "2026-03-01T12:02:00Z"}, as, ""},
		"no end":                        {nil, map[string]any{"endsAt": nil}, as, ""},
		"an end that is null":           {nil, map[string]any{"endsAt": json.RawMessage("null")}, as, ""},
		"no status, and no end":         {nil, map[string]any{"status": nil}, as, ""},
		"no status, and an end to come": {nil, map[string]any{"status": nil, "endsAt": "2026-03-01T12:30:00Z"}, as, ""},
		"no status, and an end":         {nil, map[string]any{"status": nil, "endsAt": "2026-03-01T12:02:00Z"}, ended(began.Truncate(time.Minute).Add(time.Minute)), ""},
		"resolved":                      {nil, map[string]any{"status": "resolved", "endsAt": "2026-03-01T12:02:00Z"}, ended(began.Truncate(time.Minute).Add(time.Minute)), ""},
		"resolved, in another zone":     {nil, map[string]any{"status": "resolved", "endsAt": "2026-03-01T14:02:00+02:00"}, ended(began.Truncate(time.Minute).Add(time.Minute)), ""},
		"resolved at no time":           {nil, map[string]any{"status": "resolved"}, ended(now), ""},
		"resolved in the future":        {nil, map[string]any{"status": "resolved", "endsAt": "2027-03-01T12:02:00Z"}, ended(now), ""},
		"resolved before it began":      {nil, map[string]any{"status": "resolved", "endsAt": "2026-03-01T12:00:30Z"}, ended(began), ""},
		"resolved before the rollout":   {nil, map[string]any{"status": "resolved", "startsAt": "2026-03-01T11:00:00Z", "endsAt": "2026-03-01T11:59:00Z"}, nil, "0 of 1"},
		"began before the rollout":      {nil, map[string]any{"startsAt": "2026-02-01T00:00:00Z"}, with(func(a *judge.Alert) { a.Started = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC) }), ""},
		// What model.LabelSet.Fingerprint of prometheus/common says of these labels.
		"no fingerprint":                 {nil, map[string]any{"fingerprint": nil}, with(func(a *judge.Alert) { a.Fingerprint = "d58468b131ae0fcc" }), ""},
		"a fingerprint that is none":     {nil, map[string]any{"fingerprint": "a\nb"}, with(func(a *judge.Alert) { a.Fingerprint = "d58468b131ae0fcc" }), ""},
		"no summary":                     {nil, map[string]any{"annotations": nil}, summary(""), ""},
		"a description":                  {nil, map[string]any{"annotations": map[string]any{"description": "It burns"}}, summary("It burns"), ""},
		"a summary of many lines":        {nil, map[string]any{"annotations": map[string]any{"summary": "It\r\n burns\x00\tnow"}}, summary("It burns now"), ""},
		"a long summary":                 {nil, map[string]any{"annotations": map[string]any{"summary": strings.Repeat("ä", 400)}}, summary(strings.Repeat("ä", 148) + "…"), ""},
		"a summary with credentials":     {nil, map[string]any{"annotations": map[string]any{"summary": "see http://bob:hunter2@wiki/x?token=hunter2 now"}}, summary("see http://…@wiki/x?… now"), ""},
		"another alert":                  {nil, map[string]any{"labels": map[string]any{"alertname": "Slow", "service": "checkout"}}, nil, "0 of 1"},
		"another service's":              {nil, map[string]any{"labels": map[string]any{"alertname": "Burn", "service": "cart"}}, nil, "0 of 1"},
		"Serin's own, about the judge":   {nil, map[string]any{"labels": map[string]any{"alertname": "SerinVerdict", "service": "checkout", "managed_by": "serin"}}, nil, "0 of 1"},
		"a number as a label":            {nil, map[string]any{"labels": map[string]any{"alertname": "Burn", "service": "checkout", "severity": "page", "code": 7}}, as, ""},
		"no labels":                      {nil, map[string]any{"labels": nil}, nil, "alert 1: it has no labels"},
		"no beginning":                   {nil, map[string]any{"startsAt": nil}, nil, `alert 1: startsAt: "" is not`},
		"a beginning that is none":       {nil, map[string]any{"startsAt": "yesterday"}, nil, `"yesterday" is not an RFC 3339 time`},
		"a beginning in the year 1":      {nil, map[string]any{"startsAt": "0001-01-01T00:00:00Z"}, nil, "cannot be when it began"},
		"a beginning in the far future":  {nil, map[string]any{"startsAt": "9999-01-01T00:00:00Z"}, nil, "cannot be when it began"},
		"another status":                 {nil, map[string]any{"status": "pending"}, nil, `"pending" is neither firing nor resolved`},
		"labels without a name of alert": {nil, map[string]any{"labels": burn, "annotations": map[string]any{"summary": "The budget burns"}}, as, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.trial("shop", "checkout")
			w.clock.add(5 * time.Minute)
			m := w.want(w.do("POST", pathAlertmanager, group(c.group, fired(c.alert))), 200).object(t)
			got := w.alerts(r.ID)
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
			if text := fmt.Sprint(m["message"]); !strings.Contains(text, c.told) || m["matched"] != float64(len(c.want)) || m["news"] != float64(len(c.want)) {
				t.Errorf("got %v, want %q and %d matched", m, c.told, len(c.want))
			}
			if log := w.logs.String(); strings.Contains(log, "hunter2") || strings.Contains(fmt.Sprint(got), "hunter2") {
				t.Errorf("got %s, want no credentials", log)
			}
		})
	}
}

func TestBodiesThatAreNoAlerts(t *testing.T) {
	many := make([]map[string]any, maxSent+1)
	for i := range many {
		many[i] = map[string]any{}
	}
	for name, c := range map[string]struct {
		body string
		code int
		want string
	}{
		"nothing":           {"", 400, "empty"},
		"no JSON":           {"{", 400, "not JSON"},
		"a list":            {"[]", 400, "not an object"},
		"no version":        {group(map[string]any{"version": nil}), 400, "version: missing"},
		"version 3":         {group(map[string]any{"version": "3"}), 400, `\"3\" is not read`},
		"version null":      {`{"version":null}`, 400, "version: missing"},
		"alerts of text":    {group(map[string]any{"alerts": "x"}), 400, "cannot be"},
		"alert of text":     {group(map[string]any{"alerts": []string{"x"}}), 400, "cannot be"},
		"labels of text":    {group(nil, fired(map[string]any{"labels": "x"})), 400, "cannot be"},
		"a label of lists":  {group(nil, fired(map[string]any{"labels": map[string]any{"a": []int{1}}})), 400, "object or a list"},
		"too many":          {group(nil, many...), 413, "2001 alerts at once"},
		"too large":         {group(map[string]any{"x": strings.Repeat("x", maxAlertBody)}), 413, "larger than 4096 KiB"},
		"no alert":          {group(nil), 200, "0 of 0"},
		"a newer one's own": {`{"version":"4","alerts":null,"x":{"y":[]}}`, 200, "0 of 0"},
	} {
		w := newWorld(t)
		w.trial("shop", "checkout")
		if a := w.do("POST", pathAlertmanager, c.body); a.code != c.code || !strings.Contains(a.body, c.want) {
			t.Errorf("%s: got %d %s, want %d and %q", name, a.code, a.body, c.code, c.want)
		}
	}
}

// The same alert again is no news, its resolution is, once.
func TestAlertsAreKnownByFingerprintAndBeginning(t *testing.T) {
	w := newWorld(t)
	r := w.trial("shop", "checkout")
	w.clock.add(5 * time.Minute)
	over := fired(map[string]any{"status": "resolved", "endsAt": "2026-03-01T12:02:00Z"})
	again := map[string]any{"startsAt": "2026-03-01T12:03:00Z"}
	for i, step := range []struct {
		alerts []map[string]any
		news   float64
		kept   int
	}{
		{[]map[string]any{fired(nil)}, 1, 1},
		{[]map[string]any{fired(nil)}, 0, 1},
		{[]map[string]any{over}, 1, 1},
		{[]map[string]any{over}, 0, 1},
		{[]map[string]any{fired(nil)}, 0, 1}, // sent late
		{[]map[string]any{fired(again), over}, 1, 2},
		{[]map[string]any{fired(map[string]any{"fingerprint": "b"}), fired(map[string]any{"fingerprint": "c", "labels": nil})}, 1, 3},
	} {
		m := w.want(w.do("POST", pathAlertmanager, group(nil, step.alerts...)), 200).object(t)
		if m["news"] != step.news || len(w.alerts(r.ID)) != step.kept {
			t.Errorf("step %d: got %v and %d kept, want %v news and %d", i, m, len(w.alerts(r.ID)), step.news, step.kept)
		}
	}
	if all := w.alerts(r.ID); all[1].Ended.IsZero() || !all[0].Ended.IsZero() || !all[2].Ended.IsZero() {
		t.Errorf("got %+v, want nothing but the second one over", all)
	}
}

// One group is about many rollouts; what is closed is about none.
func TestAlertsReachEveryLiveRollout(t *testing.T) {
	w := newWorld(t)
	a, b, other := w.trial("shop", "checkout"), w.trial("bank", "checkout"), w.trial("shop", "cart")
	closed := w.trial("old", "checkout")
	if err := w.journal.End(t.Context(), closed.ID, w.clock.Now(), "done"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time the plans are remembered
		m := w.want(w.do("POST", pathAlertmanager, group(nil, fired(nil), fired(map[string]any{"labels": map[string]any{"alertname": "Burn", "service": "none"}}))), 200).object(t)
		if m["alerts"] != 2.0 || m["matched"] != 1.0 || m["rollouts"] != 2.0 {
			t.Errorf("got %v, want one alert about two rollouts", m)
		}
	}
	for id, want := range map[string]int{a.ID: 1, b.ID: 1, other.ID: 0, closed.ID: 0} {
		if got := len(w.alerts(id)); got != want {
			t.Errorf("rollout %s: got %d alerts, want %d", id, got, want)
		}
	}
	if n := len(w.server.watches.plans); n != 2 {
		t.Errorf("got %d plans remembered, want 2", n)
	}
}

func TestWhoMaySendAlerts(t *testing.T) {
	only := func(change func(*Token)) func(*Config) {
		return func(c *Config) {
			tk := Token{Name: "alertmanager", Hash: HashToken("am-token"), Namespaces: []string{"shop", "team-*"}, Callers: []string{controllerAlertmanager}, Allow: []Right{RightAlert}}
			change(&tk)
			c.Tokens = []Token{FullToken("all", "full-token"), tk}
		}
	}
	for name, c := range map[string]struct {
		change   func(*Token)
		password string
		basic    bool
		code     int
	}{
		"bearer":          {func(*Token) {}, "am-token", false, 200},
		"basic":           {func(*Token) {}, "am-token", true, 200},
		"a wrong token":   {func(*Token) {}, "am-tokem", false, 401},
		"nothing":         {func(*Token) {}, "", false, 401},
		"other rights":    {func(tk *Token) { tk.Allow = []Right{RightRead, RightAnnounce, RightJudge, RightOverride, RightAdmin} }, "am-token", false, 403},
		"another's token": {func(tk *Token) { tk.Callers = []string{controllerFlagger, controllerAPI} }, "am-token", false, 403},
	} {
		w := newWorld(t, only(c.change))
		shop, team, bank, none := w.trial("shop", "checkout"), w.trial("team-a", "checkout"), w.trial("bank", "checkout"), w.trial("", "checkout")
		r := httptest.NewRequest("POST", pathAlertmanager, strings.NewReader(group(nil, fired(nil))))
		switch {
		case c.basic:
			r.SetBasicAuth("alertmanager", c.password)
		case c.password != "":
			r.Header.Set("Authorization", "Bearer "+c.password)
		}
		if a := w.send(r); a.code != c.code {
			t.Errorf("%s: got %d %s, want %d", name, a.code, a.body, c.code)
		}
		heard := 0
		if c.code == 200 {
			heard = 1
		}
		if got := [...]int{len(w.alerts(shop.ID)), len(w.alerts(team.ID)), len(w.alerts(bank.ID)), len(w.alerts(none.ID))}; got != [...]int{heard, heard, 0, 0} {
			t.Errorf("%s: got %v alerts, want %d in the token's namespaces and none elsewhere", name, got, heard)
		}
	}
}

// Alertmanager sends again what was answered 5xx, and nothing else.
func TestAlertsAreAskedForAgainWhereTheJournalFailed(t *testing.T) {
	for method, c := range map[string]struct {
		err   error
		code  int
		heard int // of two rollouts
	}{
		"List": {journal.ErrUnavailable, 503, 0}, "Plan": {journal.ErrUnavailable, 503, 0}, "Alert": {journal.ErrUnavailable, 503, 0},
		"Alert ": {journal.ErrTooMany, 200, 0}, "Alert  ": {journal.ErrClosed, 200, 0}, "Plan ": {journal.ErrNotFound, 200, 0},
		"Plan  ": {errors.New("damaged"), 500, 0},
	} {
		w := newWorld(t)
		a, b := w.trial("shop", "checkout"), w.trial("bank", "checkout")
		w.faults.set(strings.TrimSpace(method), fmt.Errorf("x: %w", c.err))
		if a := w.do("POST", pathAlertmanager, group(nil, fired(nil))); a.code != c.code {
			t.Errorf("%s: got %d %s, want %d", method, a.code, a.body, c.code)
		}
		w.faults.set(strings.TrimSpace(method), nil)
		w.want(w.do("POST", pathAlertmanager, group(nil, fired(nil))), 200)
		if len(w.alerts(a.ID)) != 1 || len(w.alerts(b.ID)) != 1 {
			t.Errorf("%s: got %v and %v, want both to hear it the second time", method, w.alerts(a.ID), w.alerts(b.ID))
		}
	}
}

// A rollout that has no room for more hears of those that it knows.
func TestARolloutWithoutRoomForMoreAlerts(t *testing.T) {
	w := newWorld(t)
	w.trial("shop", "checkout")
	var all []map[string]any
	for i := range 210 {
		all = append(all, fired(map[string]any{"fingerprint": fmt.Sprint("f", i)}))
	}
	m := w.want(w.do("POST", pathAlertmanager, group(nil, all...)), 200).object(t)
	if m["news"] != 200.0 || m["skipped"] != 10.0 || !strings.Contains(fmt.Sprint(m["message"]), "no room for 10") {
		t.Errorf("got %v, want 200 kept and 10 told", m)
	}
}

func FuzzAlertmanager(f *testing.F) {
	for _, seed := range [...]string{
		"", "null", "{}", "[]", `{"version":"4"}`, group(nil, fired(nil)), group(nil, fired(map[string]any{"status": "resolved"}), fired(map[string]any{"fingerprint": nil})),
		group(map[string]any{"truncatedAlerts": "1e9"}, map[string]any{}), `{"version":"4","alerts":[{"labels":{"alertname":"Burn","service":"checkout"},"startsAt":"2026-03-01T12:00:00Z","endsAt":"\u0000"}]}`,
		`{"version":"4","alerts":[{"labels":{"":null,"alertname":"\ud800","service":"checkout"},"annotations":{"summary":7},"startsAt":"2026-03-01T12:00:00+23:59"}]}`,
	} {
		f.Add([]byte(seed))
	}
	w := fuzzed(f)
	r := w.trial("shop", "checkout")
	f.Fuzz(func(t *testing.T, body []byte) {
		w.try(t, pathAlertmanager, string(body))
		for _, a := range w.alerts(r.ID) {
			if err := a.Validate(); err != nil || strings.ContainsAny(a.Name+a.Summary+a.Fingerprint, "\n\r\x00") {
				t.Fatalf("got %+v recorded (%v), want one that is valid and of one line", a, err)
			}
		}
	})
}
