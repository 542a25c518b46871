package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// shift is an event of ECS at a stage, with the weights of the new revision and of the
// old one, written as in the service's documentation.
func shift(stage string, own, old float64, details string) string {
	const arn = "arn:aws:ecs:eu-central-1:123456789012:service-revision/shop/checkout/"
	weights := fmt.Sprintf(`{%q:%v,%q:%v}`, arn+"9313", own, arn+"1920", old)
	return fmt.Sprintf(`{"executionId":"f4fc","lifecycleStage":%q,"resourceArn":"arn:aws:ecs:eu-central-1:123456789012:service-deployment/shop/checkout/ID",`+
		`"executionDetails":{"serviceArn":"arn:aws:ecs:eu-central-1:123456789012:service/shop/checkout","targetServiceRevisionArn":%q,`+
		`"testTrafficWeights":%s,"productionTrafficWeights":%s},"hookDetails":%s}`, stage, arn+"9313", weights, weights, details)
}

// merged plays what ECS does between two calls of a hook: details that are returned
// are merged into those that there are.
func merged(t *testing.T, event string, a hookAnswer) string {
	t.Helper()
	var e map[string]json.RawMessage
	var details map[string]json.RawMessage
	if err := json.Unmarshal([]byte(event), &e); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(e["hookDetails"], &details); err != nil {
		t.Fatal(err)
	}
	for name, value := range a.HookDetails {
		details[name] = value
	}
	b, err := json.Marshal(details)
	if err != nil {
		t.Fatal(err)
	}
	e["hookDetails"] = b
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestAHookOfECSGoesOnUntilItIsDecided: Serin says what ECS is told, event by event.
func TestAHookOfECSGoesOnUntilItIsDecided(t *testing.T) {
	for _, end := range []string{hookSucceeded, hookFailed} {
		serin := newFake(t, func(n int, _ call) (int, string) {
			if n < 3 {
				return 200, `{"hookStatus":"IN_PROGRESS","callBackDelay":7,"hookDetails":{"evaluation":"abc"}}`
			}
			return 200, `{"hookStatus":"` + end + `","reason":"kept to itself"}`
		})
		f := start(t, environmentOf(callerECS, serin.URL, newCodeDeploy(t).URL))
		event := shift("PRODUCTION_TRAFFIC_SHIFT", 10, 90, `{"policy":"strict"}`)
		for n := range 2 {
			a := f.answered(event)
			if a.HookStatus != hookInProgress || a.CallBackDelay != 7 || string(a.HookDetails["evaluation"]) != `"abc"` {
				t.Fatalf("call %d: got %+v, want Serin's answer", n+1, a)
			}
			event = merged(t, event, a)
		}
		if a := f.answered(event); a.HookStatus != end {
			t.Errorf("got %+v, want %s", a, end)
		}
		calls := serin.got()
		if len(calls) != 3 || calls[2].path != "/aws/ecs-hook" || calls[2].body != event || calls[2].header.Get("Authorization") != "Bearer "+secret {
			t.Errorf("got %+v, want three events as they came, with the token", calls)
		}
		if !strings.Contains(calls[2].body, `"policy":"strict"`) || !strings.Contains(calls[2].body, `"evaluation":"abc"`) {
			t.Errorf("the third event has not the details of the definition and of the answers: %s", calls[2].body)
		}
	}
}

// TestECSIsToldTheFallbackAfterABoundedNumberOfCalls, which the function itself does
// not remember: hookDetails do.
func TestECSIsToldTheFallbackAfterABoundedNumberOfCalls(t *testing.T) {
	for fallback, want := range map[string]string{"": hookFailed, failed: hookFailed, succeeded: hookSucceeded} {
		t.Run(fallback, func(t *testing.T) {
			t.Parallel()
			env := environmentOf(callerECS, "http://127.0.0.1:1", newCodeDeploy(t).URL)
			env["SERIN_ECS_TRIES"], env["SERIN_ECS_DELAY"], env["SERIN_TRIES"] = "3", "45s", "1"
			if fallback != "" {
				env["SERIN_FALLBACK"] = fallback
			}
			event := shift("PRE_PRODUCTION_TRAFFIC_SHIFT", 0, 100, `{}`)
			for n := 1; n <= 3; n++ {
				f := start(t, env) // a new process each time
				a := f.answered(event)
				if n < 3 && (a.HookStatus != hookInProgress || a.CallBackDelay != 45 || string(a.HookDetails[triesKey]) != fmt.Sprint(n)) {
					t.Fatalf("call %d: got %+v, want IN_PROGRESS and the count", n, a)
				}
				if n == 3 && (a.HookStatus != want || len(a.HookDetails[reasonKey]) < 10) {
					t.Fatalf("call %d: got %+v, want %s with a reason", n, a, want)
				}
				event = merged(t, event, a)
			}
		})
	}
}

// TestOnlyMissesInARowCount: a Serin that comes back sets the count to nothing.
func TestOnlyMissesInARowCount(t *testing.T) {
	serin := newFake(t, func(n int, _ call) (int, string) {
		if n%2 == 1 {
			return 503, ""
		}
		return 200, `{"hookStatus":"IN_PROGRESS"}`
	})
	env := environmentOf(callerECS, serin.URL, newCodeDeploy(t).URL)
	env["SERIN_ECS_TRIES"], env["SERIN_TRIES"] = "2", "1"
	f := start(t, env)
	event := shift("POST_PRODUCTION_TRAFFIC_SHIFT", 100, 0, `{}`)
	for n := range 8 {
		a := f.answered(event)
		if a.HookStatus != hookInProgress {
			t.Fatalf("call %d: got %+v, want IN_PROGRESS", n+1, a)
		}
		event = merged(t, event, a)
	}
}

// TestECSIsFailedWhereSerinMakesNoSense goes through answers that are none.
func TestECSIsFailedWhereSerinMakesNoSense(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
	}{
		"no status":         {200, `{}`},
		"empty":             {200, ``},
		"a page":            {200, `<html>`},
		"an unknown word":   {200, `{"hookStatus":"PASSED"}`},
		"details as a text": {200, `{"hookStatus":"SUCCEEDED","hookDetails":"x"}`},
		"too long":          {200, `{"hookStatus":"SUCCEEDED","x":"` + strings.Repeat("x", maxAnswer) + `"}`},
		"refused":           {403, `{"error":"the token is not meant for namespace shop"}`},
		"no plan":           {404, `{"error":"no plan"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := environmentOf(callerECS, newFake(t, always(tt.status, tt.body)).URL, newCodeDeploy(t).URL)
			env["SERIN_FALLBACK"] = succeeded // which is not meant for this
			if a := start(t, env).answered(shift("PRODUCTION_TRAFFIC_SHIFT", 10, 90, "{}")); a.HookStatus != hookFailed || len(a.HookDetails[reasonKey]) < 10 {
				t.Errorf("got %+v, want FAILED with a reason", a)
			}
		})
	}
}

// TestARollbackIsNeverHeldUp: ECS calls the hooks of a traffic shift again while it
// rolls back, with the weight 0 for the revision that was to be deployed.
func TestARollbackIsNeverHeldUp(t *testing.T) {
	for name, answer := range map[string]func(int, call) (int, string){
		"Serin is away": nil, "Serin would fail it": always(200, `{"hookStatus":"FAILED"}`), "Serin refuses": always(401, ``),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := "http://127.0.0.1:1"
			var serin *fake
			if answer != nil {
				serin = newFake(t, answer)
				url = serin.URL
			}
			f := start(t, environmentOf(callerECS, url, newCodeDeploy(t).URL))
			for _, stage := range []string{"PRODUCTION_TRAFFIC_SHIFT", "TEST_TRAFFIC_SHIFT"} {
				if a := f.answered(shift(stage, 0, 100, `{"serinTries":9}`)); a.HookStatus != hookSucceeded {
					t.Errorf("%s: got %+v, want SUCCEEDED", stage, a)
				}
			}
			if serin != nil && len(serin.got()) != 2 {
				t.Errorf("Serin was told %d times, want once for each call", len(serin.got()))
			}
		})
	}
}

// TestWhatIsARollback: at the weight 0 before any traffic nothing is rolled back.
func TestWhatIsARollback(t *testing.T) {
	for name, tt := range map[string]struct {
		event string
		want  bool
	}{
		"rolled back":           {shift("PRODUCTION_TRAFFIC_SHIFT", 0, 100, "{}"), true},
		"test traffic back":     {shift("TEST_TRAFFIC_SHIFT", 0, 100, "{}"), true},
		"a step":                {shift("PRODUCTION_TRAFFIC_SHIFT", 10, 90, "{}"), false},
		"all of it":             {shift("PRODUCTION_TRAFFIC_SHIFT", 100, 0, "{}"), false},
		"before the first step": {shift("PRE_PRODUCTION_TRAFFIC_SHIFT", 0, 100, "{}"), false},
		"scaled up":             {shift("POST_SCALE_UP", 0, 100, "{}"), false},
		"nobody has traffic":    {shift("PRODUCTION_TRAFFIC_SHIFT", 0, 0, "{}"), false},
		"no weights": {`{"lifecycleStage":"PRODUCTION_TRAFFIC_SHIFT","executionDetails":{"targetServiceRevisionArn":"a/9313",` +
			`"productionTrafficWeights":{}}}`, false},
		"without weight": {`{"lifecycleStage":"PRODUCTION_TRAFFIC_SHIFT","executionDetails":{"targetServiceRevisionArn":"a/9313",` +
			`"productionTrafficWeights":{"a/1920":100}}}`, true},
		"without weight, midway": {`{"lifecycleStage":"PRODUCTION_TRAFFIC_SHIFT","executionDetails":{"targetServiceRevisionArn":"a/9313",` +
			`"productionTrafficWeights":{"a/1920":90}}}`, false},
		"weights by revision": {`{"lifecycleStage":"PRODUCTION_TRAFFIC_SHIFT","executionDetails":{"targetServiceRevisionArn":"a/9313",` +
			`"productionTrafficWeights":{"9313":0,"1920":100}}}`, true},
		"weights as texts": {`{"lifecycleStage":"PRODUCTION_TRAFFIC_SHIFT","executionDetails":{"targetServiceRevisionArn":"a/9313",` +
			`"productionTrafficWeights":{"a/9313":"0","a/1920":"100"}}}`, false},
		"no details": {`{"lifecycleStage":"PRODUCTION_TRAFFIC_SHIFT"}`, false},
	} {
		var e shape
		if err := json.Unmarshal([]byte(tt.event), &e); err != nil {
			t.Fatal(err)
		}
		if got := goesBack(e); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// TestEventsThatECSDoesNotSend are failed, with a reason.
func TestEventsThatECSDoesNotSend(t *testing.T) {
	serin := newFake(t, always(200, `{"hookStatus":"SUCCEEDED"}`))
	f := start(t, environmentOf(callerECS, serin.URL, newCodeDeploy(t).URL))
	for event, want := range map[string]string{
		`{"executionId":"x"}`: "needs executionId, lifecycleStage and resourceArn",
		`{"lifecycleStage":["PRODUCTION_TRAFFIC_SHIFT"],"executionId":"x","resourceArn":"y"}`:  "needs executionId",
		shift("PRODUCTION_TRAFFIC_SHIFT", 10, 90, `{"serinTries":"many"}`):                     "is not a count",
		shift("PRODUCTION_TRAFFIC_SHIFT", 10, 90, `{"serinTries":-1}`):                         "is not a count",
		shift("PRODUCTION_TRAFFIC_SHIFT", 10, 90, `{"x":"`+strings.Repeat("x", maxEvent)+`"}`): "is none of ECS's",
	} {
		if a := f.answered(event); a.HookStatus != hookFailed || !strings.Contains(string(a.HookDetails[reasonKey]), want) {
			t.Errorf("%.80s: got %s %s, want FAILED because it %q", event, a.HookStatus, a.HookDetails[reasonKey], want)
		}
	}
	if n := len(serin.got()); n > 0 {
		t.Errorf("Serin was asked %d times, want never", n)
	}
}

// TestDetailsThatCannotKeepACount: ECS merges objects only, so the fallback comes at once.
func TestDetailsThatCannotKeepACount(t *testing.T) {
	f := start(t, environmentOf(callerECS, "http://127.0.0.1:1", newCodeDeploy(t).URL))
	if a := f.answered(shift("PRODUCTION_TRAFFIC_SHIFT", 10, 90, `"strict"`)); a.HookStatus != hookFailed {
		t.Errorf("got %+v, want the fallback at once", a)
	}
}
