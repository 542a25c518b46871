package webhooks

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
)

// argoArgs are the arguments that a template sends: all of them strings.
func argoArgs(change map[string]any) string {
	m := map[string]any{
		"namespace": "shop", "rollout": "checkout", "uid": "0f2c1a3b-aaaa-bbbb", "revision": "2", "step": "1",
		"canaryHash": "6cb7cc687d", "stableHash": "5b48864f7f",
	}
	maps.Copy(m, change)
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// poll takes one measurement and checks what every answer must have.
func (w *world) poll(query string, change map[string]any, code int) map[string]any {
	w.t.Helper()
	a := w.want(w.do("POST", "/argo/analysis"+query, argoArgs(change)), code)
	m := a.object(w.t)
	keys := slices.Sorted(maps.Keys(m))
	if got := fmt.Sprint(keys); got != "[code error next reason report retryAfterSeconds score summary verdict]" {
		w.t.Errorf("got keys %v, want all of them in every answer", got)
	}
	if a.header.Get("Content-Type") != "application/json" {
		w.t.Errorf("got content type %q, want application/json", a.header.Get("Content-Type"))
	}
	summary, _ := m["summary"].(string)
	if verdict, _ := m["verdict"].(string); verdict == "" || !strings.HasPrefix(summary, verdict+" ") || len(summary) >= 1000 {
		w.t.Errorf("got verdict %q and summary of %d bytes %q, want it short and beginning with the verdict", verdict, len(summary), summary)
	}
	return m
}

func TestArgoVerdicts(t *testing.T) {
	for name, tt := range map[string]struct {
		say     func(*judge.Verdict)
		gate    string
		verdict string
		code    float64
		pending int // status with ?pending=503
		closed  bool
	}{
		"continue":            {func(v *judge.Verdict) {}, "", "running", 0, 503, false},
		"promote, not final":  {func(v *judge.Verdict) { v.Outcome = judge.Promote }, "", "running", 0, 503, false},
		"promote":             {func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") }, "", "pass", 1, 200, true},
		"promote, at a step":  {func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") }, "step", "pass", 1, 200, false},
		"promote, to a guard": {func(v *judge.Verdict) { v.Outcome, v.Promotion = judge.Promote, yes("proven") }, "guard", "pass", 1, 200, false},
		"no traffic yet":      {func(v *judge.Verdict) { v.Advance, v.Phase = yes("no traffic"), rollout.Announced }, "step", "running", 0, 503, false},
		"declared as none": {func(v *judge.Verdict) {
			v.Advance, v.Phase, v.Progress.Weight = yes("-"), rollout.Announced, new(float64)
		}, "step", "pass", 1, 200, false},
		"advance":              {func(v *judge.Verdict) { v.Advance = yes("no harm") }, "", "running", 0, 503, false},
		"advance, at a step":   {func(v *judge.Verdict) { v.Advance = yes("no harm") }, "step", "pass", 1, 200, false},
		"advance, to a guard":  {func(v *judge.Verdict) { v.Advance = yes("no harm") }, "guard", "running", 0, 503, false},
		"rollback":             {func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes("errors") }, "", "fail", -1, 200, true},
		"rollback, to a guard": {func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes("errors") }, "guard", "fail", -1, 200, true},
		"fail wins":            {func(v *judge.Verdict) { v.Promotion, v.RollBack = yes("x"), yes("errors") }, "", "fail", -1, 200, true},
		"irreversible":         {func(v *judge.Verdict) { v.Outcome = judge.Rollback }, "", "running", 0, 503, false},
		"inconclusive":         {func(v *judge.Verdict) { v.Outcome = judge.Inconclusive }, "", "inconclusive", 0, 200, false},
		"shadow rollback":      {func(v *judge.Verdict) { v.Outcome, v.RollBack, v.Mode = judge.Rollback, yes("bug"), "shadow" }, "", "pass", 1, 200, false},
		"shadow":               {func(v *judge.Verdict) { v.Mode = "shadow" }, "", "pass", 1, 200, false},
		"long reason":          {func(v *judge.Verdict) { v.Reason = strings.Repeat("ä\n", 5000) }, "", "running", 0, 503, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.judge.say(func(v *judge.Verdict) { v.Reason, v.Score = "because", 93.1; tt.say(v) })
			m := w.poll("", map[string]any{"gate": tt.gate}, 200)
			if m["verdict"] != tt.verdict || m["code"] != tt.code || m["score"] != 93.1 {
				t.Errorf("got %v, want %s with code %v", m, tt.verdict, tt.code)
			}
			if again := m["retryAfterSeconds"].(float64) > 0; again != (tt.verdict == "running") {
				t.Errorf("got retryAfterSeconds %v, want it while running only", m["retryAfterSeconds"])
			}
			if sum := w.only(); sum.Closed.IsZero() == tt.closed {
				t.Errorf("got closed %v (%s), want %v", sum.Closed, sum.Why, tt.closed)
			}
			w = newWorld(t)
			w.judge.say(func(v *judge.Verdict) { v.Reason, v.Score = "because", 93.1; tt.say(v) })
			w.poll("?pending=503", map[string]any{"gate": tt.gate}, tt.pending)
		})
	}
}

func TestArgoArguments(t *testing.T) {
	w := newWorld(t)
	w.poll("", map[string]any{"revision": 2, "step": 1, "weight": "20"}, 200)
	r := w.only().Rollout
	if r.Controller != "argo" || r.Service != "checkout" || r.Namespace != "shop" || r.Revision != "2/6cb7cc687d/0f2c1a3b" {
		t.Errorf("got %+v, want the arguments in it", r)
	}
	if r.Canary.PodPattern != "checkout-6cb7cc687d-[0-9a-zA-Z]+" || r.Baseline.PodPattern != "checkout-5b48864f7f-[0-9a-zA-Z]+" || r.Canary.Hash != "6cb7cc687d" {
		t.Errorf("got %+v and %+v, want the arms by hash", r.Canary, r.Baseline)
	}
	if len(r.Weights) != 1 || r.Weights[0].Percent != 20 || r.FinalStep.IsZero() {
		t.Errorf("got weights %v and final step %v, want both recorded", r.Weights, r.FinalStep)
	}

	w = newWorld(t)
	w.poll("", map[string]any{"gate": "guard", "canary": map[string]any{"podPattern": "web-2-.*", "labels": map[string]string{"role": "canary"}}}, 200)
	r = w.only().Rollout
	if r.Canary.PodPattern != "web-2-.*" || r.Canary.Labels["role"] != "canary" || !r.FinalStep.IsZero() {
		t.Errorf("got %+v, want the given facts and no final step", r)
	}
}

func TestArgoRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		query  string
		change map[string]any
		code   int
		says   string
	}{
		"unknown field":  {"", map[string]any{"planet": "x"}, 400, "planet: unknown field"},
		"unknown plan":   {"", map[string]any{"plan": "nope"}, 404, "arms, dark, shop, strict"},
		"equal hashes":   {"", map[string]any{"stableHash": "6cb7cc687d"}, 400, "the same"},
		"empty hashes":   {"", map[string]any{"stableHash": "", "canaryHash": ""}, 400, "nothing to compare"},
		"no identity":    {"", map[string]any{"revision": "", "canaryHash": ""}, 400, "canaryHash: missing"},
		"no namespace":   {"", map[string]any{"namespace": ""}, 400, "namespace: missing"},
		"gate":           {"", map[string]any{"gate": "door"}, 400, "gate"},
		"weight":         {"", map[string]any{"weight": "heavy"}, 400, "weight"},
		"object as text": {"", map[string]any{"step": map[string]any{}}, 400, "text"},
		"null":           {"", map[string]any{"step": nil}, 400, "step: null"},
		"pending":        {"?pending=500", nil, 400, "pending"},
		"injection":      {"", map[string]any{"canaryHash": "x\"}"}, 400, "canaryHash"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.poll(tt.query, tt.change, tt.code)
			if m["code"] != 0.0 || m["verdict"] != "inconclusive" || !strings.Contains(fmt.Sprint(m["error"], m["next"]), tt.says) {
				t.Errorf("got %v, want no verdict and %q", m, tt.says)
			}
		})
	}
	w := newWorld(t)
	for _, body := range [...]string{"", "null", "[]", "7", "{", `{"namespace":"a"}{"namespace":"b"}`} {
		w.want(w.do("POST", "/argo/analysis", body), 400).object(t)
	}
	for _, method := range [...]string{"GET", "PUT", "DELETE", "PATCH"} {
		w.want(w.do(method, "/argo/analysis", ""), 405).object(t)
	}
	w.want(w.do("GET", "/argo/else", ""), 404).object(t)
	w.want(w.do("POST", "/argo/analysis/", "null"), 400).object(t)
	w.want(w.do("GET", "/argo/analysis/", ""), 405).object(t)
}

func TestArgoWhenNoVerdictCanBeFormed(t *testing.T) {
	w := newWorld(t)
	w.judge.err = errBroken
	m := w.poll("", nil, 503)
	if strings.Contains(fmt.Sprint(m)+w.logs.String(), "hunter2") || m["error"] == "" {
		t.Errorf("got %v, want an error without credentials", m)
	}
	for _, method := range [...]string{"Newest", "Announce"} {
		w := newWorld(t)
		w.faults.set(method, errBroken)
		w.poll("", nil, 503)
		if m := w.poll("", map[string]any{"rollout": "dark"}, 200); m["verdict"] != "pass" {
			t.Errorf("%s: got %v, want shadow mode to pass", method, m)
		}
	}
	w = newWorld(t)
	w.judge.say(func(v *judge.Verdict) { v.Promotion = yes("proven") })
	w.faults.set("End", errBroken)
	w.poll("", nil, 503) // not passed until it is recorded
}

// TestArgoArgumentsRepeat is Argo's trap: an aborted or retried revision sends the
// very same arguments.
func TestArgoArgumentsRepeat(t *testing.T) {
	pass := func(v *judge.Verdict) {
		v.Outcome, v.Promotion, v.RollBack = judge.Promote, yes("proven"), judge.Answer{}
	}
	fail := func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes("errors") }
	run := func(v *judge.Verdict) {
		v.Outcome, v.RollBack, v.Promotion = judge.Continue, judge.Answer{}, judge.Answer{}
	}
	late := func(v *judge.Verdict) { run(v); v.Outcome = judge.Inconclusive }
	type poll struct {
		after   time.Duration
		say     func(*judge.Verdict)
		query   string
		change  map[string]any
		verdict string
		all     int
	}
	other := map[string]any{"step": "3"}
	guard := map[string]any{"gate": "guard", "step": ""}
	for name, polls := range map[string][]poll{
		"a fail is told again, and then judged anew": {
			{0, fail, "", nil, "fail", 1}, {time.Second, run, "", nil, "fail", 1}, {30 * time.Second, run, "", other, "fail", 1},
			{28 * time.Second, run, "", guard, "fail", 1}, {time.Second, run, "", nil, "running", 2},
		},
		"a pass is told again, and then judged anew": {
			{0, pass, "", nil, "pass", 1}, {59 * time.Second, run, "", nil, "pass", 1}, {time.Second, run, "", nil, "running", 2},
		},
		"a pass is no answer to the next step": {
			{0, pass, "", nil, "pass", 1}, {time.Second, run, "", other, "running", 2},
		},
		"a guard outlasts the promotion": {
			{0, pass, "", nil, "pass", 1}, {time.Second, fail, "", guard, "running", 1}, {guardOutlasts - 2*time.Second, fail, "", guard, "running", 1},
			{time.Second, fail, "", guard, "fail", 2},
		},
		"a guard that leaves parts out": {
			{0, run, "", map[string]any{"gate": "step"}, "running", 1}, {time.Second, run, "", map[string]any{"gate": "guard", "uid": ""}, "running", 1},
			{time.Second, run, "", map[string]any{"gate": "guard", "revision": ""}, "running", 1}, {time.Second, run, "", map[string]any{"gate": "step"}, "running", 1},
			{time.Second, run, "", map[string]any{"revision": "v3", "uid": ""}, "running", 2},
		},
		"a guard that leaves out what the first gave, and then a fail": {
			{0, fail, "", map[string]any{"uid": ""}, "fail", 1}, {time.Second, run, "", nil, "fail", 1},
		},
		"inconclusive ends where nobody asks on": {
			{0, late, "?pending=503", nil, "inconclusive", 1}, {time.Second, run, "?pending=503", nil, "inconclusive", 1},
			{time.Minute, run, "", nil, "running", 2},
		},
		"inconclusive goes on where somebody asks": {
			{0, late, "", nil, "inconclusive", 1}, {time.Hour, run, "", nil, "running", 1},
		},
		"steps share their evidence": {
			{0, run, "", map[string]any{"gate": "step"}, "running", 1}, {time.Minute, run, "", map[string]any{"gate": "step", "step": "3"}, "running", 1},
			{0, run, "", guard, "running", 1},
		},
		"a newer revision": {
			{0, run, "", nil, "running", 1}, {time.Second, run, "", map[string]any{"revision": "3", "canaryHash": "77"}, "running", 2},
			// The last poll of the older one must not bring it back.
			{time.Second, pass, "", nil, "running", 2}, {time.Minute, run, "", nil, "running", 3},
		},
		"a recreated Rollout": {
			{0, run, "", nil, "running", 1}, {time.Second, run, "", map[string]any{"uid": "another"}, "running", 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for i, p := range polls {
				w.clock.add(p.after)
				w.judge.say(p.say)
				code := 200
				m := w.poll(p.query, p.change, code)
				if all := len(w.rollouts()); m["verdict"] != p.verdict || all != p.all {
					t.Fatalf("poll %d: got %v with %d rollouts, want %s with %d", i+1, m, all, p.verdict, p.all)
				}
			}
		})
	}
}
