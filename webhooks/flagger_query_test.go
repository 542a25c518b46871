package webhooks

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
)

const asksCheckout = `serin_verdict{namespace="shop", name="checkout"}`

// queried asks a query. The value is empty where the vector is.
func (w *world) queried(query string) (answer, string) {
	w.t.Helper()
	a := w.send(httptest.NewRequest(http.MethodGet, "/flagger/api/v1/query?query="+url.QueryEscape(query), nil))
	var got struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     []struct{ Value []any }
		}
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		w.t.Fatalf("got %q, want JSON: %v", a.body, err)
	}
	if ok := a.code == http.StatusOK; ok != (got.Status == "success") || ok != (got.Data.ResultType == "vector") || ok == (got.Error != "") {
		w.t.Errorf("got %d %q, want Prometheus' form", a.code, a.body)
	}
	if len(got.Data.Result) == 0 {
		return a, ""
	}
	value, _ := got.Data.Result[0].Value[1].(string)
	return a, value
}

func TestVerdictsAsAMetric(t *testing.T) {
	rollback := func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes("errors") }
	stale := func(v *judge.Verdict) { v.Fresh, v.StaleBlocks, v.Progress.Block = false, 5, "1m0s" }
	for name, tt := range map[string]struct {
		service string
		say     func(*judge.Verdict)
		want    string
	}{
		"continue":                     {"checkout", func(*judge.Verdict) {}, "0"},
		"inconclusive":                 {"checkout", func(v *judge.Verdict) { v.Outcome = judge.Inconclusive }, "0"},
		"promote, not final":           {"checkout", func(v *judge.Verdict) { v.Outcome = judge.Promote }, "0"},
		"promote":                      {"checkout", func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") }, "1"},
		"rollback":                     {"checkout", rollback, "-1"},
		"rollback, irreversible":       {"checkout", func(v *judge.Verdict) { v.Outcome = judge.Rollback }, "0"},
		"stale, and the plan holds":    {"checkout", stale, "0"},
		"stale, and the plan does not": {"strict", stale, "-1"},
		"shadow": {"dark", func(v *judge.Verdict) {
			rollback(v)
			v.Mode, v.Promotion = string(plan.Shadow), yes("never blocks")
		}, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.want(w.hook("pre-rollout", call{name: tt.service}), 200)
			w.judge.say(tt.say)
			if a, got := w.queried(`serin_verdict{namespace="shop",name="` + tt.service + `"}`); got != tt.want {
				t.Errorf("got %q (%s), want %s", got, a.body, tt.want)
			}
		})
	}
}

// TestAMetricOpensNothing follows a Canary that is measured all the time.
func TestAMetricOpensNothing(t *testing.T) {
	w := newWorld(t)
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") })
	expect := func(when, want string) {
		t.Helper()
		if _, got := w.queried(asksCheckout); got != want {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
	expect("before anything", "")
	w.poll("", map[string]any{"gate": "guard"}, 200)
	expect("another controller's rollout", "")
	if n := len(w.rollouts()); n != 1 {
		t.Fatalf("got %d rollouts, want Argo's only", n)
	}
	w.want(w.hook("pre-rollout", call{}), 200)
	expect("live", "1")
	w.want(w.hook("confirm-promotion", call{}), 200)
	expect("between the two questions of blue/green", "1")
	w.clock.add(grantHolds + time.Second)
	expect("long after", "")
	w.want(w.hook("pre-rollout", call{checksum: "2"}), 200)
	w.want(w.hook("post-rollout", call{phase: "Failed"}), 200)
	expect("failed", "")
}

func TestAMetricWhenNoVerdictCanBeFormed(t *testing.T) {
	for what, breakIt := range map[string]func(*world){
		"judge": func(w *world) { w.judge.err = errBroken },
		"list":  func(w *world) { w.faults.set("List", errBroken) },
	} {
		w := newWorld(t)
		w.want(w.hook("pre-rollout", call{}), 200)
		breakIt(w)
		a, value := w.queried(asksCheckout)
		if a.code != 503 || value != "" || strings.Contains(a.body+w.logs.String(), "hunter2") {
			t.Errorf("%s: got %d %q, want 503 without credentials", what, a.code, a.body)
		}
	}
}

func TestQueriesThatAreAnswered(t *testing.T) {
	w := newWorld(t)
	w.want(w.hook("pre-rollout", call{}), 200)
	for query, want := range map[string]struct {
		code  int
		value string
	}{
		"vector(1)":    {200, "1"},
		" vector(1)\n": {200, "1"},
		asksCheckout:   {200, "0"},
		"serin_verdict {\n  name=\"checkout\",\n  namespace=\"shop\"\n}": {200, "0"},
		`serin_verdict{namespace="shop", name="other"}`:                  {200, ""},
		"":                                {400, ""},
		"vector(2)":                       {400, ""},
		"up":                              {400, ""},
		"serin_verdict":                   {400, ""},
		`serin_verdict{}`:                 {400, ""},
		`serin_verdict{name="checkout"}`:  {400, ""},
		`serin_verdict{namespace="shop"}`: {400, ""},
		`sum(` + asksCheckout + `)`:       {400, ""},
		asksCheckout + ` or vector(1)`:    {400, ""},
		asksCheckout + ` or up{name="a"}`: {400, ""},
		`serin_verdict{namespace="shop",name=~".*"}`:                     {400, ""},
		`serin_verdict{namespace="shop",name="checkout",name="other"}`:   {400, ""},
		`serin_verdict{namespace="shop",name="checkout",checksum="1"}`:   {400, ""},
		`serin_verdict{namespace="shop",name="Not A Name"}`:              {400, ""},
		`serin_verdict{namespace="` + strings.Repeat("x", 9000) + `"}`:   {400, ""},
		"serin_verdict{namespace=\"shop\",name=\"checkout\"} # }":        {400, ""},
		"serin_verdict{namespace=\"shop\",name=\"checkout\"}[5m:1m] > 0": {400, ""},
	} {
		a, value := w.queried(query)
		if a.code != want.code || value != want.value || len(a.body) > 1000 {
			t.Errorf("%q: got %d %s, want %d with %q", query, a.code, a.body, want.code, want.value)
		}
	}
	if a := w.do("GET", "/flagger/api/v1/query?query=vector(1)&query=vector(1)", ""); a.code != 400 {
		t.Errorf("got %d for two queries, want 400", a.code)
	}
}

// FuzzQuery holds that whatever is asked, one of Prometheus' two forms comes back and
// nothing is opened.
func FuzzQuery(f *testing.F) {
	for _, s := range [...]string{"vector(1)", asksCheckout, `serin_verdict{name="a"} or x{b="c"}`, `serin_verdict{"name"="a"}`, "serin_verdict{\n#}\n}"} {
		f.Add(s)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, query string) {
		w.t = t
		if _, err := readQuery(query); err == nil && !strings.HasPrefix(strings.TrimSpace(query), verdictMetric) {
			t.Errorf("%q: got read, want refused", query)
		}
		if a, _ := w.queried(query); a.code != 200 && a.code != 400 {
			t.Errorf("%q: got %d %s", query, a.code, a.body)
		}
		if n := len(w.rollouts()); n != 0 {
			t.Errorf("got %d rollouts, want none", n)
		}
	})
}
