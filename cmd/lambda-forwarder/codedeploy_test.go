package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const deployed = `{"DeploymentId":"d-ABC","LifecycleEventHookExecutionId":"exec-1"}`

// took is what Serin answers to a hook that it took.
const took = `{"question":"codedeploy/eu-central-1/d-ABC/BeforeAllowTraffic/1","rollout":"abcdefghijklmnop","gate":"start"}`

// TestAHookIsHandedToSerin: Serin takes it, and the function reports nothing.
func TestAHookIsHandedToSerin(t *testing.T) {
	serin, aws := newFake(t, always(202, took)), newCodeDeploy(t)
	f := start(t, environmentOf(callerCodeDeploy, serin.URL, aws.URL))
	if text, failed := f.invoke(deployed); failed || text != `{"forwarded":true}` {
		t.Errorf("got %s (failed: %v), want it forwarded", text, failed)
	}
	calls := serin.got()
	if len(calls) != 1 || calls[0].path != "/codedeploy/hook" || calls[0].header.Get("Authorization") != "Bearer "+secret || calls[0].header.Get("Content-Type") != "application/json" {
		t.Fatalf("Serin got %+v, want one call with the token", calls)
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(calls[0].body), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"deploymentId": "d-ABC", "lifecycleEventHookExecutionId": "exec-1", "hook": "BeforeAllowTraffic", "application": "checkout-app",
		"deploymentGroup": "live", "platform": "lambda", "region": "eu-central-1", "service": "checkout", "namespace": "shop",
		"revision": "v2", "plan": "checkout-plan", "fallback": "Failed",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("and nobody agreed upon %v", got)
	}
	if s := reported(t, aws); s != "" {
		t.Errorf("%s was reported here, want Serin to report", s)
	}
}

// TestWhatHappensWhereSerinDoesNotTakeAHook goes through every way in which the call
// can end, with both fallbacks.
func TestWhatHappensWhereSerinDoesNotTakeAHook(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(int, call) (int, string) // nil: there is no server
		asked  int
		strict string // what is reported with the default fallback
		lax    string // and with SERIN_FALLBACK=Succeeded
	}{
		"accepted":          {always(202, took), 1, "", ""},
		"a sign-in page":    {always(200, `<html>please sign in`), 1, failed, failed},
		"another's answer":  {always(202, `{"ok":true}`), 1, failed, failed},
		"no answer":         {always(202, ``), 1, failed, failed},
		"away":              {nil, 0, failed, succeeded},
		"broken":            {always(503, `{"error":"starting"}`), 3, failed, succeeded},
		"crowded":           {always(429, ``), 3, failed, succeeded},
		"back in time":      {func(n int, _ call) (int, string) { return map[bool]int{true: 500, false: 202}[n < 3], took }, 3, "", ""},
		"token not good":    {always(401, `{"error":"no accepted token was presented"}`), 1, failed, failed},
		"not its namespace": {always(403, ``), 1, failed, failed},
		"no plan":           {always(404, `{"error":"no plan"}`), 1, failed, failed},
		"not understood":    {always(400, `{"error":"hook: unknown"}`), 1, failed, failed},
		"redirect":          {always(307, ``), 1, failed, failed},
		"some page":         {always(204, ``), 1, failed, failed},
	} {
		for fallback, want := range map[string]string{"": tt.strict, succeeded: tt.lax, failed: tt.strict} {
			t.Run(name+"/"+fallback, func(t *testing.T) {
				t.Parallel()
				url, aws := "http://127.0.0.1:1", newCodeDeploy(t)
				var serin *fake
				if tt.answer != nil {
					serin = newFake(t, tt.answer)
					url = serin.URL
				}
				env := environmentOf(callerCodeDeploy, url, aws.URL)
				if fallback != "" {
					env["SERIN_FALLBACK"] = fallback
				}
				text, bad := start(t, env).invoke(deployed)
				if got := reported(t, aws); got != want || bad || len(aws.got()) > 1 {
					t.Errorf("got %q reported, %d times, answer %s; want %q once", got, len(aws.got()), text, want)
				}
				if want != "" && !strings.Contains(text, `"reported":"`+want+`"`) {
					t.Errorf("got the answer %s, want it to name %s", text, want)
				}
				if serin != nil && len(serin.got()) != tt.asked {
					t.Errorf("Serin was asked %d times, want %d", len(serin.got()), tt.asked)
				}
			})
		}
	}
}

// TestASerinThatHangsIsGivenUpInTime: the report leaves before Lambda ends the process.
func TestASerinThatHangsIsGivenUpInTime(t *testing.T) {
	hang := make(chan struct{})
	serin, aws := newFake(t, func(int, call) (int, string) { <-hang; return 202, took }), newCodeDeploy(t)
	t.Cleanup(func() { close(hang) })
	env := environmentOf(callerCodeDeploy, serin.URL, aws.URL)
	env["SERIN_TIMEOUT"] = "60s"
	f := start(t, env)
	f.api.timeout = 3e9
	text, bad := f.invoke(deployed)
	if got := reported(t, aws); got != failed || bad {
		t.Errorf("got %q reported and the answer %s, want %s", got, text, failed)
	}
}

// TestTheReportIsRepeatedUntilItArrives: it is the only thing that releases the
// deployment.
func TestTheReportIsRepeatedUntilItArrives(t *testing.T) {
	const typed = `{"__type":"%s","message":"said AWS"}`
	already := strings.Replace(typed, "%s", "LifecycleEventAlreadyCompletedException", 1)
	invalid := strings.Replace(typed, "%s", "InvalidLifecycleEventHookExecutionIdException", 1)
	for name, tt := range map[string]struct {
		answer func(int, call) (int, string)
		bad    bool
		calls  int
	}{
		"at once":         {always(200, `{}`), false, 1},
		"told before":     {always(400, already), false, 1},
		"500 twice":       {func(n int, _ call) (int, string) { return map[bool]int{true: 500, false: 200}[n < 3], "{}" }, false, 3},
		"never an answer": {always(400, invalid), true, 1}, // an error, so that Lambda calls again
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := newFake(t, tt.answer)
			text, bad := start(t, environmentOf(callerCodeDeploy, "http://127.0.0.1:1", aws.URL)).invoke(deployed)
			if bad != tt.bad || len(aws.got()) != tt.calls || reported(t, aws) != failed {
				t.Errorf("got %s (failed: %v) after %d reports, want failed %v after %d", text, bad, len(aws.got()), tt.bad, tt.calls)
			}
			if bad && !strings.Contains(text, "could not be reported to CodeDeploy") {
				t.Errorf("got the error %s, want it to say what failed", text)
			}
		})
	}
}

// TestEventsThatNobodySends ends in an error where nobody can be told, and in Failed
// where CodeDeploy can.
func TestEventsThatNobodySends(t *testing.T) {
	big := `{"DeploymentId":"d-ABC","LifecycleEventHookExecutionId":"exec-1","x":"` + strings.Repeat("x", maxEvent) + `"}`
	serin, aws := newFake(t, always(202, took)), newCodeDeploy(t)
	f := start(t, environmentOf(callerCodeDeploy, serin.URL, aws.URL))
	for event, want := range map[string]string{
		`[]`:                     "not a JSON object",
		`null`:                   "not a JSON object",
		`"d-ABC"`:                "not a JSON object",
		`{}`:                     "neither CodeDeploy's",
		`{"source":"aws.ec2"}`:   "neither CodeDeploy's",
		`{"DeploymentId":"d-1"}`: "needs DeploymentId and LifecycleEventHookExecutionId",
		`{"DeploymentId":7,"LifecycleEventHookExecutionId":"exec-1"}`:                                   "needs DeploymentId and LifecycleEventHookExecutionId",
		`{"DeploymentId":"","LifecycleEventHookExecutionId":"exec-1"}`:                                  "needs DeploymentId and LifecycleEventHookExecutionId",
		`{"DeploymentId":"` + strings.Repeat("d", 9000) + `","LifecycleEventHookExecutionId":"exec-1"}`: "needs DeploymentId and LifecycleEventHookExecutionId",
	} {
		if text, bad := f.invoke(event); !bad || !strings.Contains(text, want) {
			t.Errorf("%.60s: got %s (failed: %v), want an error with %q", event, text, bad, want)
		}
	}
	if n := len(aws.got()) + len(serin.got()); n > 0 {
		t.Errorf("somebody was called %d times, want nobody", n)
	}
	if text, bad := f.invoke(big); bad || reported(t, aws) != failed || !strings.Contains(text, "none of CodeDeploy's") {
		t.Errorf("an oversized event: got %s (failed: %v), want Failed reported", text, bad)
	}
	if text, bad := f.invoke(deployed); bad || text != `{"forwarded":true}` {
		t.Errorf("afterwards: got %s (failed: %v), want the function to go on", text, bad)
	}
}

// TestAFunctionWithoutSettingsFailsDeploymentsAtOnce: with a function that did not
// start, they would hang for an hour.
func TestAFunctionWithoutSettingsFailsDeploymentsAtOnce(t *testing.T) {
	aws := newCodeDeploy(t)
	env := environmentOf(callerCodeDeploy, "http://user:"+secret+"@serin", aws.URL)
	delete(env, "SERIN_APPLICATION")
	env["SERIN_FALBACK"], env["SERIN_TRIES"], env["SERIN_FALLBACK"] = "Failed", "0", succeeded
	f := start(t, env)
	text, bad := f.invoke(deployed)
	if bad || reported(t, aws) != failed || !strings.Contains(text, "configured wrongly") {
		t.Errorf("got %s (failed: %v), want Failed reported, whatever the fallback", text, bad)
	}
	for _, want := range []string{"SERIN_URL: must have no user", "SERIN_APPLICATION: is missing", "SERIN_FALBACK: is unknown", "SERIN_TRIES:"} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, f.log)
		}
	}
	if text, bad := f.invoke(shift("PRODUCTION_TRAFFIC_SHIFT", 10, 90, "{}")); bad || !strings.Contains(text, hookFailed) {
		t.Errorf("ECS: got %s (failed: %v), want FAILED", text, bad)
	}
}

// TestAFunctionForAnotherCaller fails what it is not meant for.
func TestAFunctionForAnotherCaller(t *testing.T) {
	serin, aws := newFake(t, always(202, took)), newCodeDeploy(t)
	f := start(t, environmentOf(callerECS, serin.URL, aws.URL))
	if text, bad := f.invoke(deployed); bad || reported(t, aws) != failed || !strings.Contains(text, "SERIN_CALLER=ecs") {
		t.Errorf("got %s (failed: %v), want Failed reported", text, bad)
	}
	f = start(t, environmentOf(callerCodeDeploy, serin.URL, aws.URL))
	if a := f.answered(shift("PRODUCTION_TRAFFIC_SHIFT", 10, 90, "{}")); a.HookStatus != hookFailed {
		t.Errorf("ECS: got %+v, want FAILED", a)
	}
}

// signed is what AWS says of a wrong signature.
type signed struct{ code string }

func (e signed) Error() string     { return "the canonical string is x-amz-security-token:IQoJb3JpZ2lu" }
func (e signed) ErrorCode() string { return e.code }

func TestWhatWasSignedIsNotLogged(t *testing.T) {
	for _, code := range []string{"InvalidSignatureException", "IncompleteSignature", "MissingAuthenticationTokenException"} {
		if text := unsigned(fmt.Errorf("operation error CodeDeploy: %w", signed{code})).Error(); strings.Contains(text, "IQoJ") || !strings.Contains(text, code) {
			t.Errorf("got %q, want the code and nothing that was signed", text)
		}
	}
	for _, err := range []error{nil, errors.New("timeout"), signed{"DeploymentDoesNotExistException"}} {
		if got := unsigned(err); got != err {
			t.Errorf("got %v, want %v", got, err)
		}
	}
}
