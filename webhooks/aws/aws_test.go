package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks/aws/awstest"
	"github.com/serin-canary/serin/webhooks/reply"
)

// open returns a fake of the services and the real SDK's client of it.
func open(t *testing.T) (*awstest.Fake, *Client) {
	t.Helper()
	f := awstest.New(t)
	for name, value := range f.Environment() {
		t.Setenv(name, value)
	}
	c, err := New(t.Context(), Options{Regions: []string{"eu-west-1", "us-east-2"}, Version: "v1.2.3 (dirty)"})
	if err != nil {
		t.Fatal(err)
	}
	return f, c
}

const arn = "arn:aws:ecs:eu-west-1:123456789012:service-deployment/shop/checkout/NCWGC2ZR"

func hookQuestion() reply.Question {
	return reply.Question{To: json.RawMessage(`{"region":"us-east-2","deploymentId":"d-ABC","lifecycleEventHookExecutionId":"exec-1"}`)}
}

func pauseQuestion() reply.Question {
	return reply.Question{To: json.RawMessage(`{"region":"eu-west-1","serviceDeploymentArn":"` + arn + `","hookId":"ecs-pause-1"}`)}
}

func TestWhatIsSent(t *testing.T) {
	f, c := open(t)
	ctx := t.Context()
	for _, err := range []error{
		c.CodeDeploy().Send(ctx, hookQuestion(), reply.Answer{Yes: true, Reason: "proven"}),
		c.ECS().Send(ctx, pauseQuestion(), reply.Answer{}),
		c.Stop(ctx, outbox.Job{Body: json.RawMessage(`{"region":"eu-west-1","deploymentId":"d-ABC"}`)}),
	} {
		if err != nil {
			t.Errorf("got %v, want it sent", err)
		}
	}
	for target, want := range map[string]struct{ body, region string }{
		awstest.Put:      {`{"deploymentId":"d-ABC","lifecycleEventHookExecutionId":"exec-1","status":"Succeeded"}`, "us-east-2"},
		awstest.Continue: {`{"action":"ROLLBACK","hookId":"ecs-pause-1","serviceDeploymentArn":"` + arn + `"}`, "eu-west-1"},
		awstest.Stop:     {`{"autoRollbackEnabled":true,"deploymentId":"d-ABC"}`, "eu-west-1"},
	} {
		calls := f.Calls(target)
		if len(calls) != 1 {
			t.Errorf("%s: got %d calls, want 1", target, len(calls))
			continue
		}
		if got := calls[0]; sorted(t, got.Body) != sorted(t, want.body) || got.Region != want.region {
			t.Errorf("%s: got %s to %s, want %s to %s", target, got.Body, got.Region, want.body, want.region)
		}
	}
	if got := c.CodeDeploy().Target(hookQuestion()); got != "codedeploy.us-east-2" {
		t.Errorf("got target %q, want the region in it", got)
	}
	if got := c.ECS().Target(pauseQuestion()); got != "ecs.eu-west-1" {
		t.Errorf("got target %q, want the region in it", got)
	}
}

// sorted writes a JSON object with its keys in order.
func sorted(t *testing.T, text string) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAnswersAreTheTwoWords(t *testing.T) {
	f, c := open(t)
	for yes, want := range map[bool][2]string{true: {"Succeeded", "CONTINUE"}, false: {"Failed", "ROLLBACK"}} {
		hook, pause := hookQuestion(), pauseQuestion()
		id := fmt.Sprint("x", yes)
		hook.To = json.RawMessage(strings.Replace(string(hook.To), "exec-1", id, 1))
		pause.To = json.RawMessage(strings.Replace(string(pause.To), "ecs-pause-1", id, 1))
		if err := errors.Join(c.CodeDeploy().Send(t.Context(), hook, reply.Answer{Yes: yes}), c.ECS().Send(t.Context(), pause, reply.Answer{Yes: yes})); err != nil {
			t.Fatal(err)
		}
		if got := [2]string{f.Reported(id), f.Released(id)}; got != want {
			t.Errorf("yes %v: got %v, want %v", yes, got, want)
		}
	}
}

// TestErrors is the table of what an error means to the queue.
func TestErrors(t *testing.T) {
	const done, again, later, dead = "done", "again", "later", "dead"
	for _, tt := range []struct {
		target string
		with   awstest.Failure
		want   string
	}{
		{awstest.Put, awstest.Failure{Status: 400, Code: "LifecycleEventAlreadyCompletedException"}, done},
		{awstest.Put, awstest.Failure{Status: 400, Code: "DeploymentDoesNotExistException"}, dead},
		{awstest.Put, awstest.Failure{Status: 400, Code: "InvalidLifecycleEventHookExecutionIdException"}, dead},
		{awstest.Put, awstest.Failure{Status: 400, Code: "InvalidLifecycleEventHookExecutionStatusException"}, dead},
		{awstest.Put, awstest.Failure{Status: 400, Code: "InvalidDeploymentIdException"}, dead},
		{awstest.Put, awstest.Failure{Status: 400, Code: "DeploymentIdRequiredException"}, dead},
		{awstest.Put, awstest.Failure{Status: 400, Code: "UnsupportedActionForDeploymentTypeException"}, dead},
		{awstest.Put, awstest.Failure{Status: 400, Code: "ThrottlingException"}, later},
		{awstest.Put, awstest.Failure{Status: 400, Code: "AccessDeniedException"}, again},
		{awstest.Put, awstest.Failure{Status: 400, Code: "ExpiredTokenException"}, again},
		{awstest.Put, awstest.Failure{Status: 500, Code: "InternalFailure"}, again},
		{awstest.Put, awstest.Failure{Status: 503}, again},
		{awstest.Stop, awstest.Failure{Status: 400, Code: "DeploymentAlreadyCompletedException"}, done},
		{awstest.Stop, awstest.Failure{Status: 400, Code: "DeploymentDoesNotExistException"}, dead},
		{awstest.Stop, awstest.Failure{Status: 400, Code: "DeploymentGroupDoesNotExistException"}, dead},
		{awstest.Stop, awstest.Failure{Status: 400, Code: "UnsupportedActionForDeploymentTypeException"}, dead},
		{awstest.Stop, awstest.Failure{Status: 400, Code: "Throttling"}, later},
		{awstest.Stop, awstest.Failure{Status: 500}, again},
		{awstest.Continue, awstest.Failure{Status: 400, Code: "ServiceDeploymentNotFoundException"}, dead},
		{awstest.Continue, awstest.Failure{Status: 400, Code: "ClusterNotFoundException"}, dead},
		{awstest.Continue, awstest.Failure{Status: 400, Code: "UnsupportedFeatureException"}, dead},
		{awstest.Continue, awstest.Failure{Status: 400, Code: "InvalidParameterException"}, again}, // it is seen to wait still
		{awstest.Continue, awstest.Failure{Status: 400, Code: "AccessDeniedException"}, again},
		{awstest.Continue, awstest.Failure{Status: 400, Code: "ThrottlingException"}, later},
		{awstest.Continue, awstest.Failure{Status: 500, Code: "ServerException"}, again},
	} {
		t.Run(strings.TrimPrefix(tt.target[strings.IndexByte(tt.target, '.'):], ".")+"/"+tt.with.Code+fmt.Sprint(tt.with.Status), func(t *testing.T) {
			f, c := open(t)
			f.Put(arn, `{"status":"IN_PROGRESS","lifecycleHookDetails":[{"hookId":"ecs-pause-1","targetType":"PAUSE","status":"AWAITING_ACTION"}]}`)
			f.Fail(tt.target, tt.with)
			var err error
			switch tt.target {
			case awstest.Put:
				err = c.CodeDeploy().Send(t.Context(), hookQuestion(), reply.Answer{Yes: true})
			case awstest.Stop:
				err = c.Stop(t.Context(), outbox.Job{Body: json.RawMessage(`{"region":"eu-west-1","deploymentId":"d-ABC"}`)})
			default:
				err = c.ECS().Send(t.Context(), pauseQuestion(), reply.Answer{Yes: true})
			}
			if got := class(err); got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
			if n := len(f.Calls(tt.target)); n != 1 {
				t.Errorf("got %d calls, want 1: the queue repeats, the SDK does not", n)
			}
			if err != nil && (strings.Contains(err.Error(), "secretsecret") || strings.ContainsAny(err.Error(), "\n")) {
				t.Errorf("got %q, want one line without credentials", err)
			}
		})
	}
}

// class says what an error means to the queue.
func class(err error) string {
	var later *outbox.LaterError
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, outbox.ErrPermanent):
		return "dead"
	case errors.As(err, &later):
		return "later"
	}
	return "again"
}

// TestAReleaseThatArrivedBefore is a process that died between the call and its
// record: what is tried again finds that the hook waits no more.
func TestAReleaseThatArrivedBefore(t *testing.T) {
	f, c := open(t)
	f.Put(arn, `{"status":"IN_PROGRESS"}`)
	f.Fail(awstest.Continue, awstest.Failure{Status: 500, After: true})
	if err := c.ECS().Send(t.Context(), pauseQuestion(), reply.Answer{Yes: true}); class(err) != "again" {
		t.Fatalf("got %v, want it tried again", err)
	}
	if err := c.ECS().Send(t.Context(), pauseQuestion(), reply.Answer{Yes: true}); err != nil {
		t.Errorf("got %v, want it done: the hook was released", err)
	}
	if n := f.Taken(awstest.Continue); n != 1 {
		t.Errorf("got %d releases, want 1", n)
	}
	// A deployment that is over has no hook that waits, whoever ended it.
	f.Put(arn, `{"status":"ROLLBACK_SUCCESSFUL"}`)
	f.Fail(awstest.Continue, awstest.Failure{Status: 400, Code: "ClientException"})
	if err := c.ECS().Send(t.Context(), pauseQuestion(), reply.Answer{Yes: true}); err != nil {
		t.Errorf("got %v, want it done: the deployment is over", err)
	}
	// Where it cannot be seen, nothing is taken for granted.
	f.Fail(awstest.Continue, awstest.Failure{Status: 400, Code: "ClientException"})
	f.Fail(awstest.Describe, awstest.Failure{Status: 400, Code: "AccessDeniedException"})
	if err := c.ECS().Send(t.Context(), pauseQuestion(), reply.Answer{Yes: true}); class(err) != "again" {
		t.Errorf("got %v, want it tried again", err)
	}
}

func TestWhomToTellIsRead(t *testing.T) {
	f, c := open(t)
	for _, to := range []string{
		"", "{", `{"region":"eu-west-1","planet":"x"}`, `{"region":"mars-north-1","deploymentId":"d","lifecycleEventHookExecutionId":"e"}`,
		`{"region":"eu-west-1.evil.example/#","deploymentId":"d","lifecycleEventHookExecutionId":"e"}`,
	} {
		q := reply.Question{To: json.RawMessage(to)}
		if err := c.CodeDeploy().Send(t.Context(), q, reply.Answer{}); class(err) != "dead" {
			t.Errorf("%s: got %v, want it dead", to, err)
		}
		if err := c.ECS().Send(t.Context(), q, reply.Answer{}); class(err) != "dead" {
			t.Errorf("%s: got %v, want it dead", to, err)
		}
		if err := c.Stop(t.Context(), outbox.Job{Body: q.To}); class(err) != "dead" {
			t.Errorf("%s: got %v, want it dead", to, err)
		}
	}
	if n := len(f.Calls(awstest.Put)); n != 0 {
		t.Errorf("got %d calls, want none", n)
	}
}

func TestRegions(t *testing.T) {
	for _, good := range []string{"eu-west-1", "us-gov-east-1", "cn-north-1", "ap-southeast-4", "us-iso-east-1"} {
		if err := CheckRegion(good); err != nil {
			t.Errorf("%s: got %v, want it taken", good, err)
		}
	}
	for _, bad := range []string{"", "eu", "eu-west", "EU-WEST-1", "eu-west-1.", "eu-west-1/x", "eu west 1", "eu-west-1\n"} {
		if CheckRegion(bad) == nil {
			t.Errorf("%q: got it taken, want it refused", bad)
		}
	}
	if _, err := New(t.Context(), Options{}); err == nil {
		t.Error("got a client without a region, want it refused")
	}
	if _, err := New(t.Context(), Options{Regions: []string{"mars"}}); err == nil {
		t.Error("got a client of no region, want it refused")
	}
}

func TestServiceDeployment(t *testing.T) {
	f, c := open(t)
	f.Put(arn, `{"status":"IN_PROGRESS","deploymentConfiguration":{"strategy":"LINEAR","linearConfiguration":{"stepPercent":20}},
		"targetServiceRevision":{"arn":"arn:aws:ecs:eu-west-1:123456789012:service-revision/shop/checkout/222","requestedProductionTrafficWeight":40},
		"sourceServiceRevisions":[{"arn":"arn:aws:ecs:eu-west-1:123456789012:service-revision/shop/checkout/111","requestedProductionTrafficWeight":60}]}`)
	f.Put("arn:aws:ecs:eu-west-1:123456789012:service-revision/shop/checkout/222", "arn:aws:ecs:eu-west-1:123456789012:task-definition/checkout:42")
	f.Put("arn:aws:ecs:eu-west-1:123456789012:service-revision/shop/checkout/111", "arn:aws:ecs:eu-west-1:123456789012:task-definition/checkout:41")
	got, err := c.ServiceDeployment(t.Context(), "eu-west-1", arn)
	if err != nil {
		t.Fatal(err)
	}
	if got.Strategy != "LINEAR" || got.Step != 20 || got.Canary != (Side{"checkout", "42", "222"}) || got.Baseline != (Side{"checkout", "41", "111"}) || got.Weight == nil || *got.Weight != 40 || got.Over {
		t.Errorf("got %+v, want the revisions and the step", got)
	}
	f.Fail(awstest.Revise, awstest.Failure{Status: 400, Code: "AccessDeniedException"})
	if got, err := c.ServiceDeployment(t.Context(), "eu-west-1", arn); err != nil || got.Canary != (Side{ID: "222"}) {
		t.Errorf("got %+v, %v, want the IDs without the task definitions", got, err)
	}
	f.Fail(awstest.Revise, awstest.Failure{Status: 500})
	if _, err := c.ServiceDeployment(t.Context(), "eu-west-1", arn); err == nil {
		t.Error("got half a deployment without an error")
	}
	f.Put(arn, `{"status":"ROLLBACK_IN_PROGRESS"}`)
	if got, err := c.ServiceDeployment(t.Context(), "eu-west-1", arn); err != nil || !got.Over || got.Weight != nil {
		t.Errorf("got %+v, %v, want it over and no weight", got, err)
	}
	if _, err := c.ServiceDeployment(t.Context(), "eu-west-1", arn+"x"); err == nil {
		t.Error("got a deployment that is not there")
	}
	f.Fail(awstest.Describe, awstest.Failure{Status: 400, Code: "AccessDeniedException"})
	if _, err := c.ServiceDeployment(t.Context(), "eu-west-1", arn); err == nil || !strings.Contains(err.Error(), "allow ecs:DescribeServiceDeployments") {
		t.Errorf("got %v, want the permission named", err)
	}
}

func TestReachable(t *testing.T) {
	f, c := open(t)
	if err := c.Reachable(t.Context(), "eu-west-1"); err != nil {
		t.Errorf("got %v, want it reachable", err)
	}
	f.Fail(awstest.Get, awstest.Failure{Status: http.StatusBadRequest, Code: "UnrecognizedClientException"})
	if err := c.Reachable(t.Context(), "eu-west-1"); err == nil || !strings.Contains(err.Error(), "UnrecognizedClient") {
		t.Errorf("got %v, want the credentials refused", err)
	}
	if from, err := c.Credentials(t.Context()); err != nil || from == "" || strings.Contains(from, "secretsecret") {
		t.Errorf("got %q, %v, want where they come from", from, err)
	}
}

func TestOrigin(t *testing.T) {
	f, c := open(t)
	for id, tt := range map[string]struct {
		deployment string
		want       bool
		over       bool
	}{
		"d-USER":      {`{"applicationName":"checkout","deploymentGroupName":"live","deploymentId":"d-USER","creator":"user","status":"InProgress"}`, false, false},
		"d-ROLLBACK":  {`{"applicationName":"checkout","deploymentGroupName":"live","deploymentId":"d-ROLLBACK","creator":"codeDeployRollback","status":"Succeeded"}`, true, true},
		"d-TRIGGERED": {`{"applicationName":"checkout","deploymentGroupName":"live","deploymentId":"d-TRIGGERED","creator":"user","status":"Stopped","rollbackInfo":{"rollbackTriggeringDeploymentId":"d-USER"}}`, true, true},
		"d-FAILED":    {`{"applicationName":"checkout","deploymentGroupName":"live","deploymentId":"d-FAILED","creator":"user","status":"Failed","rollbackInfo":{"rollbackDeploymentId":"d-ROLLBACK"}}`, false, true},
	} {
		f.Put(id, tt.deployment)
		if got, err := c.Origin(t.Context(), "eu-west-1", id); err != nil || got != (Origin{"checkout", "live", tt.want, tt.over}) {
			t.Errorf("%s: got %v, %v, want %v, over %v", id, got, err, tt.want, tt.over)
		}
	}
	if _, err := c.Origin(t.Context(), "eu-west-1", "d-NONE"); err == nil || errors.Is(err, ErrDenied) {
		t.Errorf("got %v, want an error", err)
	}
	f.Fail(awstest.Get, awstest.Failure{Status: 400, Code: "AccessDeniedException"})
	if _, err := c.Origin(t.Context(), "eu-west-1", "d-USER"); !errors.Is(err, ErrDenied) {
		t.Errorf("got %v, want it denied", err)
	}
	f.Fail(awstest.Get, awstest.Failure{Status: 400, Code: "ExpiredTokenException"})
	if _, err := c.Origin(t.Context(), "eu-west-1", "d-USER"); err == nil || errors.Is(err, ErrDenied) {
		t.Errorf("got %v, want an error that passes", err)
	}
}

// TestNothingIsSentTooLate: a server that was away for long finds nobody who waits.
func TestNothingIsSentTooLate(t *testing.T) {
	f, _ := open(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c, err := New(t.Context(), Options{Regions: []string{"eu-west-1", "us-east-2"}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	until := func(q reply.Question, at time.Time) reply.Question {
		q.To = json.RawMessage(strings.TrimSuffix(string(q.To), "}") + `,"until":"` + at.Format(time.RFC3339) + `"}`)
		return q
	}
	for _, at := range []time.Time{now, now.Add(-time.Second)} {
		for _, err := range []error{c.CodeDeploy().Send(t.Context(), until(hookQuestion(), at), reply.Answer{}), c.ECS().Send(t.Context(), until(pauseQuestion(), at), reply.Answer{})} {
			if class(err) != "dead" || !strings.Contains(err.Error(), "nobody waits") {
				t.Errorf("until %s: got %v, want it given up", at, err)
			}
		}
	}
	if n := len(f.Calls(awstest.Put)) + len(f.Calls(awstest.Continue)); n != 0 {
		t.Errorf("got %d calls, want none", n)
	}
	if err := errors.Join(c.CodeDeploy().Send(t.Context(), until(hookQuestion(), now.Add(time.Second)), reply.Answer{}), c.ECS().Send(t.Context(), until(pauseQuestion(), now.Add(time.Second)), reply.Answer{})); err != nil {
		t.Errorf("got %v, want both sent in time", err)
	}
}

func TestTargets(t *testing.T) {
	f, c := open(t)
	f.Put("targets d-LAMBDA", `{"deploymentTargetType":"LambdaTarget","lambdaTarget":{"lambdaFunctionInfo":{"functionName":"checkout","functionAlias":"live","currentVersion":"7","targetVersion":"8","targetVersionWeight":0}}}`)
	f.Put("targets d-ECS", `{"deploymentTargetType":"ECSTarget","ecsTarget":{"taskSetsInfo":[
		{"identifer":"ecs-svc/1","taskSetLabel":"Blue","targetGroup":{"name":"tg-a"},"trafficWeight":100,"status":"PRIMARY"},
		{"identifer":"ecs-svc/2","taskSetLabel":"Green","targetGroup":{"name":"tg-b"},"trafficWeight":0,"status":"ACTIVE"}]}}`)
	for id, want := range map[string]Sides{
		"d-LAMBDA": {Side{Workload: "checkout", Version: "8"}, Side{Workload: "checkout", Version: "7"}},
		"d-ECS":    {Side{Version: "tg-b", ID: "ecs-svc/2"}, Side{Version: "tg-a", ID: "ecs-svc/1"}},
		"d-NONE":   {},
	} {
		if got, err := c.Targets(t.Context(), "eu-west-1", id); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", id, got, err, want)
		}
	}
	for _, target := range []string{awstest.List, awstest.Targets} {
		f.Fail(target, awstest.Failure{Status: 400, Code: "AccessDeniedException"})
		if _, err := c.Targets(t.Context(), "eu-west-1", "d-ECS"); !errors.Is(err, ErrDenied) {
			t.Errorf("%s: got %v, want it denied", target, err)
		}
	}
}
