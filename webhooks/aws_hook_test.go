package webhooks

import (
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

const revisions = "arn:aws:ecs:eu-west-1:123456789012:service-revision/shop/checkout-live/"

// lambdaEventBody is what ECS calls a Lambda hook with. The weights are those of
// production traffic.
func lambdaEventBody(t testing.TB, stage string, weights map[string]any, change map[string]any) string {
	details := map[string]any{
		"serviceArn": "arn:aws:ecs:eu-west-1:123456789012:service/shop/checkout-live", "targetServiceRevisionArn": revisions + "222",
		"testTrafficWeights": map[string]any{}, "productionTrafficWeights": weights,
	}
	if weights == nil {
		details["productionTrafficWeights"] = map[string]any{}
	}
	return object(t, map[string]any{
		"executionId": "f4fc0000-1111", "lifecycleStage": stage, "resourceArn": serviceDeployment("NCWGC2ZR"), "executionDetails": details, "hookDetails": map[string]any{},
	}, change)
}

func shares(target, other float64) map[string]any {
	return map[string]any{revisions + "222": target, revisions + "111": other}
}

func TestECSLambdaHook(t *testing.T) {
	a := newAmazon(t)
	call := func(weights map[string]any) map[string]any {
		t.Helper()
		return a.want(a.do("POST", "/aws/ecs-hook", lambdaEventBody(t, preProduction, weights, nil)), 200).object(t)
	}
	got := call(shares(0, 100))
	if got["hookStatus"] != "IN_PROGRESS" || got["callBackDelay"] != 30.0 {
		t.Errorf("got %v, want it to be called again", got)
	}
	q := a.question(t)
	if q.Sender != reply.SenderPolled || q.Gate != reply.GateStart || q.Fallback || !q.Deadline.Equal(start().Add(lambdaTime)) {
		t.Errorf("got %+v, want a question that is polled", q)
	}
	r := a.only().Rollout
	if r.Controller != "ecs" || r.Ref != serviceDeployment("NCWGC2ZR") || r.Canary.Hash != "222" || r.Baseline.Hash != "111" || r.Service != "checkout" || !r.Watch || len(r.Weights) != 0 {
		t.Errorf("got %+v, want the revisions in it", r)
	}
	call(shares(0, 100)) // called again: the same question
	a.question(t)
	a.desk.given[q.ID] = reply.Answer{Yes: true, Reason: "no required check has failed", Link: "/v1/rollouts/x"}
	if got := call(shares(0, 100)); got["hookStatus"] != "SUCCEEDED" || got["callBackDelay"] != nil || got["hookDetails"].(map[string]any)["serinReason"] != "no required check has failed" {
		t.Errorf("got %v, want it to go on, and why", got)
	}
	// The same hook at the next step is another question.
	if got := call(shares(10, 90)); got["hookStatus"] != "IN_PROGRESS" {
		t.Errorf("got %v, want the next step judged", got)
	}
	if len(a.desk.asked) != 2 || len(a.only().Rollout.Weights) != 1 || a.only().Rollout.Weights[0].Percent != 10 {
		t.Errorf("got %v about %+v, want two questions and the weight", a.desk.asked, a.only().Rollout)
	}
	for id, q := range a.desk.asked {
		if q.Gate == reply.GateStep {
			a.desk.given[id] = reply.Answer{Reason: "rollback: errors 9 %"}
		}
	}
	if got := call(shares(10, 90)); got["hookStatus"] != "FAILED" {
		t.Errorf("got %v, want it rolled back", got)
	}
}

// TestECSLambdaGates is what a Lambda hook asks at each stage.
func TestECSLambdaGates(t *testing.T) {
	for name, tt := range map[string]struct {
		stage    string
		weights  map[string]any
		strategy string
		gate     reply.Gate // empty: answered at once
	}{
		"reconcile":             {"RECONCILE_SERVICE", nil, "", ""},
		"before anything runs":  {"PRE_SCALE_UP", shares(0, 100), "", ""},
		"scaled up":             {"POST_SCALE_UP", shares(0, 100), "", reply.GateStart},
		"after test traffic":    {"POST_TEST_TRAFFIC_SHIFT", shares(0, 100), "", reply.GateStart},
		"before the first step": {preProduction, shares(0, 100), "LINEAR", reply.GateStart},
		"only the other's told": {preProduction, map[string]any{revisions + "111": 100}, "LINEAR", reply.GateStart},
		"before a step":         {preProduction, shares(10, 90), "LINEAR", reply.GateStep},
		"before the last step":  {preProduction, shares(90, 10), "LINEAR", reply.GatePromotion},
		"canary's last step":    {preProduction, shares(5, 95), "CANARY", reply.GatePromotion},
		"strategy not known":    {preProduction, shares(5, 95), "", reply.GateStep},
		"weights not told":      {preProduction, nil, "CANARY", reply.GateStep},
		"a step":                {"PRODUCTION_TRAFFIC_SHIFT", shares(10, 90), "", reply.GateStep},
		"the last step":         {"PRODUCTION_TRAFFIC_SHIFT", shares(100, 0), "", reply.GatePromotion},
		"all traffic":           {"POST_PRODUCTION_TRAFFIC_SHIFT", shares(100, 0), "", reply.GatePromotion},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAmazon(t)
			a.server.cfg.AWS.Services[0].Canary.Labels = map[string]string{"color": "green"}
			if tt.strategy != "" {
				a.described[serviceDeployment("NCWGC2ZR")] = ECSDeployment{Known: true, Strategy: tt.strategy}
			}
			got := a.want(a.do("POST", "/aws/ecs-hook", lambdaEventBody(t, tt.stage, tt.weights, nil)), 200).object(t)
			if tt.gate == "" {
				if got["hookStatus"] != "SUCCEEDED" || len(a.desk.asked) != 0 {
					t.Errorf("got %v, want it to go on: nothing runs that could be judged", got)
				}
				return
			}
			if q := a.question(t); q.Gate != tt.gate || got["hookStatus"] != "IN_PROGRESS" {
				t.Errorf("got %v at gate %s, want %s", got, q.Gate, tt.gate)
			}
		})
	}
}

// TestECSRollsBack is ECS's trap: a rollback has no stage of its own. It calls the
// hooks of the traffic shift again, with no weight for the new revision, and a
// failure then would roll back the rollback.
func TestECSRollsBack(t *testing.T) {
	test := func(target, other float64) map[string]any {
		return map[string]any{"executionDetails": map[string]any{"targetServiceRevisionArn": revisions + "222", "testTrafficWeights": shares(target, other), "productionTrafficWeights": map[string]any{}}}
	}
	for name, tt := range map[string]struct {
		body   string
		undone bool
	}{
		"production":                {lambdaEventBody(t, "PRODUCTION_TRAFFIC_SHIFT", shares(0, 100), nil), true},
		"target not among them":     {lambdaEventBody(t, "PRODUCTION_TRAFFIC_SHIFT", map[string]any{revisions + "111": 100}, nil), true},
		"named by their IDs":        {lambdaEventBody(t, "PRODUCTION_TRAFFIC_SHIFT", map[string]any{"…/222": 0, "…/111": 100}, nil), true},
		"test traffic":              {lambdaEventBody(t, "TEST_TRAFFIC_SHIFT", nil, test(0, 100)), true},
		"test traffic, forward":     {lambdaEventBody(t, "TEST_TRAFFIC_SHIFT", nil, test(100, 0)), false},
		"forward":                   {lambdaEventBody(t, "PRODUCTION_TRAFFIC_SHIFT", shares(100, 0), nil), false},
		"forward, a step":           {lambdaEventBody(t, "PRODUCTION_TRAFFIC_SHIFT", shares(10, 90), nil), false},
		"nobody has any":            {lambdaEventBody(t, "PRODUCTION_TRAFFIC_SHIFT", shares(0, 0), nil), false},
		"no weights":                {lambdaEventBody(t, "PRODUCTION_TRAFFIC_SHIFT", nil, nil), false},
		"before the first step":     {lambdaEventBody(t, preProduction, shares(0, 100), nil), false},
		"after traffic, no weight ": {lambdaEventBody(t, "POST_PRODUCTION_TRAFFIC_SHIFT", shares(0, 100), nil), false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAmazon(t)
			a.server.cfg.AWS.Services[0].Canary.Labels = map[string]string{"color": "green"}
			a.want(a.do("POST", "/aws/ecs-hook", lambdaEventBody(t, "POST_SCALE_UP", shares(0, 100), nil)), 200)
			asked := len(a.desk.asked)
			// Whatever is known of the rollout, a rollback is let through.
			a.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, yes("errors") })
			got := a.want(a.do("POST", "/aws/ecs-hook", tt.body), 200).object(t)
			if undone := got["hookStatus"] == "SUCCEEDED"; undone != tt.undone || (len(a.desk.asked) == asked) != tt.undone || a.only().Closed.IsZero() == tt.undone {
				t.Errorf("got %v, %d questions, closed %q; want undone %v", got, len(a.desk.asked)-asked, a.only().Why, tt.undone)
			}
		})
	}
}

func TestECSLambdaDetails(t *testing.T) {
	a := newAmazon(t)
	with := func(serin map[string]any) string {
		body := lambdaEventBody(t, preProduction, shares(0, 100), map[string]any{"hookDetails": map[string]any{"serin": serin, "serinTries": 3, "theirs": []int{1}}})
		return strings.ReplaceAll(body, "checkout-live", "billing") // which no entry fits
	}
	a.want(a.do("POST", "/aws/ecs-hook", with(map[string]any{
		"namespace": "shop", "service": "checkout", "fallback": "SUCCEEDED", "within": "40m", "comparison": "checks", "canary": map[string]any{"url": "http://green.shop"},
	})), 200)
	q, r := a.question(t), a.only().Rollout
	if !q.Fallback || !q.Deadline.Equal(start().Add(40*time.Minute)) || r.Comparison != rollout.ChecksOnly || r.Canary.URL != "http://green.shop" || r.Canary.Hash != "222" {
		t.Errorf("got %+v about %+v, want what the service's definition says", q, r)
	}
	got := a.want(a.do("POST", "/aws/ecs-hook", with(map[string]any{"service": "a\"b", "fallback": "maybe", "within": "90h", "canary": map[string]any{"podPattern": "("}})), 400).body
	for _, field := range []string{"serin.service", "serin.fallback", "serin.within", "serin.canary.podPattern"} {
		if !strings.Contains(got, field) {
			t.Errorf("got %s, want %s named", got, field)
		}
	}
	for name, tt := range map[string]struct {
		body, says string
	}{
		"nobody's service": {with(map[string]any{"namespace": "shop"}), "no entry of aws.services"},
		"misspelt":         {with(map[string]any{"servize": "checkout"}), "unknown field"},
		"not a deployment": {lambdaEventBody(t, preProduction, nil, map[string]any{"resourceArn": "x"}), "resourceArn"},
		"stage":            {lambdaEventBody(t, "SOMETIME", nil, nil), "lifecycleStage"},
		"weight":           {lambdaEventBody(t, preProduction, shares(101, 0), nil), "weight"},
		"no details":       {lambdaEventBody(t, preProduction, nil, map[string]any{"executionDetails": nil}), "targetServiceRevisionArn"},
		"no execution":     {lambdaEventBody(t, preProduction, nil, map[string]any{"executionId": ""}), "executionId"},
	} {
		if got := a.want(a.do("POST", "/aws/ecs-hook", tt.body), 400).body; !strings.Contains(got, tt.says) {
			t.Errorf("%s: got %s, want %q", name, got, tt.says)
		}
	}
	a.desk.failed = errBroken
	a.want(a.do("POST", "/aws/ecs-hook", lambdaEventBody(t, preProduction, shares(0, 100), nil)), 503)
}

func FuzzECSHook(f *testing.F) {
	f.Add([]byte(lambdaEventBody(f, preProduction, shares(0, 100), nil)))
	f.Add([]byte(lambdaEventBody(f, "PRODUCTION_TRAFFIC_SHIFT", shares(0, 100), nil)))
	f.Add([]byte(lambdaEventBody(f, preProduction, nil, map[string]any{"hookDetails": map[string]any{"serin": map[string]any{"within": "1h"}}})))
	for _, seed := range []string{"", "{}", "null", `{"hookDetails":7}`, `{"executionDetails":{"productionTrafficWeights":{"":1e308}}}`} {
		f.Add([]byte(seed))
	}
	a := newAmazon(f, func(c *Config) { c.Judge = quick{judge.Verdict{}} })
	f.Fuzz(func(t *testing.T, body []byte) {
		got := a.try(t, "/aws/ecs-hook", string(body))
		if s, _ := got.object(t)["hookStatus"].(string); (got.code == 200) != (s == "SUCCEEDED" || s == "FAILED" || s == "IN_PROGRESS") {
			t.Fatalf("%q: got %d %s, want one of ECS's words with 200 only", body, got.code, got.body)
		}
	})
}
