package webhooks

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge"
)

// TestCallersSendNoQueries holds that no caller can have a query of its own put to
// a source: there is no field for one, and one that is sent is refused or, where a
// controller may send what it likes, not looked at.
func TestCallersSendNoQueries(t *testing.T) {
	const query = `sum({__name__=~\".+\"})`
	w := newWorld(t)
	var judged []string
	w.judge.say(func(v *judge.Verdict) { v.Advance = yes("no harm") })
	for _, field := range []string{"query", "queries", "metrics", "metric", "promql", "selector", "source", "limits", "plan.metrics"} {
		value := `"` + query + `"`
		for path, body := range map[string]string{
			"/v1/rollouts": announced1, "/v1/judge": announced1, "/argo/analysis": argoArgs(nil),
		} {
			a := w.do("POST", path, strings.Replace(body, "{", `{"`+field+`":`+value+`,`, 1))
			if a.code != 400 || !strings.Contains(a.body, "unknown field") {
				t.Errorf("%s with %s: got %d %s, want it refused", path, field, a.code, a.body)
			}
		}
		hook := strings.Replace(`{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"FIELD":`+value+`}}`, "FIELD", field, 1)
		w.want(w.do("POST", "/flagger/rollout", hook), 200)
	}
	// What is recorded of them, which is what the judge reads, has no trace of it.
	for _, sum := range w.rollouts() {
		rec, err := w.journal.Load(t.Context(), sum.Rollout.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range rec.Plan.Metrics {
			judged = append(judged, m.Name, m.Query.Expr)
		}
	}
	if text := strings.Join(judged, " "); strings.Contains(text, "__name__") || text == "" {
		t.Errorf("got queries %q, want those of the plan", judged)
	}
	// An arm's facts are values of labels; they cannot leave the place where they are.
	for _, arm := range []string{`{"podPattern":"a\"} or {b=\"c"}`, `{"workload":"a\"} or vector(1)"}`, `{"labels":{"a\"}":"b"}}`, `{"podPattern":"("}`} {
		a := w.do("POST", "/v1/rollouts", `{"service":"checkout","namespace":"shop","revision":"v3","canary":`+arm+`}`)
		if a.code != 400 {
			t.Errorf("%s: got %d %s, want it refused", arm, a.code, a.body)
		}
	}
}
