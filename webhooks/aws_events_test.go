package webhooks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

const preProduction = "PRE_PRODUCTION_TRAFFIC_SHIFT"

func TestPause(t *testing.T) {
	a := newAmazon(t)
	a.described[serviceDeployment("NCWGC2ZR")] = ECSDeployment{Known: true, Strategy: "LINEAR", Step: 20, Canary: rollout.Arm{Hash: "222"}, Baseline: rollout.Arm{Hash: "111"}, Weight: percent(0)}
	got := a.want(a.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-1", preProduction, nil)), 202).object(t)
	q := a.question(t)
	if q.ID != pauseID("ecs-pause-1") || q.Sender != "ecs" || q.Gate != reply.GateStart || q.Fallback || !q.Deadline.Equal(start().Add(2*time.Hour-15*time.Second)) {
		t.Errorf("got %+v, want the start, a little before it expires", q)
	}
	if want := `{"region":"eu-west-1","serviceDeploymentArn":"` + serviceDeployment("NCWGC2ZR") + `","hookId":"ecs-pause-1","until":"2026-03-01T14:00:00Z"}`; string(q.To) != want {
		t.Errorf("got to %s, want %s", q.To, want)
	}
	if got["question"].(map[string]any)["question"] != q.ID {
		t.Errorf("got %v, want the question named", got)
	}
	r := a.only().Rollout
	if r.Controller != "ecs" || r.Namespace != "shop" || r.Service != "checkout" || r.Revision != "NCWGC2ZR" || r.Ref != serviceDeployment("NCWGC2ZR") || !r.Watch ||
		r.Canary.Hash != "222" || r.Baseline.Hash != "111" || r.Comparison != rollout.Concurrent || len(r.Weights) != 0 {
		t.Errorf("got %+v, want the deployment in it, and no weight: none is not zero", r)
	}
	// EventBridge delivers at least once, and not always in order.
	a.want(a.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-1", preProduction, nil)), 202)
	a.question(t)
	a.desk.given[q.ID] = reply.Answer{Yes: true}
	a.clock.add(3 * time.Hour)
	a.want(a.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-1", preProduction, nil)), 202)
	a.only()
}

// TestPauseGates is the table of what a pause asks.
func TestPauseGates(t *testing.T) {
	for name, tt := range map[string]struct {
		stage    string
		d        ECSDeployment
		gate     reply.Gate // empty: released without a look
		declares float64
		checks   bool
	}{
		"reconcile":                {"RECONCILE_SERVICE", ECSDeployment{}, "", 0, false},
		"before anything runs":     {"PRE_SCALE_UP", ECSDeployment{}, "", 0, false},
		"scaled up":                {"POST_SCALE_UP", ECSDeployment{Known: true, Weight: percent(0)}, reply.GateStart, 0, false},
		"test traffic":             {"POST_TEST_TRAFFIC_SHIFT", ECSDeployment{Known: true, Weight: percent(0)}, reply.GateStart, 0, false},
		"linear, first":            {preProduction, ECSDeployment{Known: true, Strategy: "LINEAR", Step: 20, Weight: percent(0)}, reply.GateStart, 0, false},
		"linear, midway":           {preProduction, ECSDeployment{Known: true, Strategy: "LINEAR", Step: 20, Weight: percent(40)}, reply.GateStep, 40, false},
		"linear, before the last":  {preProduction, ECSDeployment{Known: true, Strategy: "LINEAR", Step: 20, Weight: percent(80)}, reply.GatePromotion, 80, false},
		"linear, step not told":    {preProduction, ECSDeployment{Known: true, Strategy: "LINEAR", Weight: percent(90)}, reply.GatePromotion, 90, false},
		"canary, before the last":  {preProduction, ECSDeployment{Known: true, Strategy: "CANARY", Weight: percent(5)}, reply.GatePromotion, 5, false},
		"blue/green":               {preProduction, ECSDeployment{Known: true, Strategy: "BLUE_GREEN", Weight: percent(0)}, reply.GateStart, 0, true},
		"strategy not told":        {preProduction, ECSDeployment{Known: true, Weight: percent(95)}, reply.GateStep, 95, false},
		"all traffic":              {"POST_PRODUCTION_TRAFFIC_SHIFT", ECSDeployment{Known: true, Strategy: "CANARY", Weight: percent(100)}, reply.GatePromotion, 100, false},
		"may not describe, first":  {preProduction, ECSDeployment{}, reply.GateStart, 0, false},
		"may not describe, at all": {"POST_PRODUCTION_TRAFFIC_SHIFT", ECSDeployment{}, reply.GatePromotion, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAmazon(t)
			tt.d.Canary, tt.d.Baseline = rollout.Arm{Hash: "222", Version: "42"}, rollout.Arm{Hash: "111", Version: "41"}
			a.described[serviceDeployment("NCWGC2ZR")] = tt.d
			a.want(a.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-1", tt.stage, nil)), 202)
			if tt.gate == "" {
				if len(a.told) != 1 || !a.told[pauseID("ecs-pause-1")].Yes || len(a.rollouts()) != 0 {
					t.Errorf("got %v told, want it released: nothing runs that could be judged", a.told)
				}
				return
			}
			if q := a.question(t); q.Gate != tt.gate {
				t.Errorf("got gate %s, want %s", q.Gate, tt.gate)
			}
			r := a.only().Rollout
			if (len(r.Weights) == 1) != (tt.declares > 0) || tt.declares > 0 && r.Weights[0].Percent != tt.declares {
				t.Errorf("got weights %v, want %v", r.Weights, tt.declares)
			}
			if (r.Comparison == rollout.ChecksOnly) != tt.checks {
				t.Errorf("got comparison %s, want checks: %v", r.Comparison, tt.checks)
			}
		})
	}
}

// TestPausesAreCounted: without the right to describe deployments, only the first
// pause is known to be without traffic.
func TestPausesAreCounted(t *testing.T) {
	a := newAmazon(t)
	// Nothing is described, so the plan must tell the arms apart.
	a.server.cfg.AWS.Services[0].Canary.Version = "green"
	for n, want := range []reply.Gate{reply.GateStart, reply.GateStep, reply.GateStep} {
		hook := fmt.Sprintf("ecs-pause-%d", n)
		for range 2 { // each is delivered twice
			a.want(a.do("POST", "/aws/events", pauseEvent(t, hook, preProduction, nil)), 202)
		}
		if q := a.desk.asked[pauseID(hook)]; q.Gate != want {
			t.Errorf("pause %d: got gate %s, want %s", n, q.Gate, want)
		}
		a.clock.add(time.Minute)
	}
	// The first one comes again, last: it is still the first.
	delete(a.desk.asked, pauseID("ecs-pause-0"))
	a.want(a.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-0", preProduction, nil)), 202)
	if q := a.desk.asked[pauseID("ecs-pause-0")]; q.Gate != reply.GateStart {
		t.Errorf("got gate %s, want the first to stay the first", q.Gate)
	}
	// A pause whose weight was told is counted, too.
	b := newAmazon(t)
	b.described[serviceDeployment("NCWGC2ZR")] = ECSDeployment{Known: true, Canary: rollout.Arm{Hash: "2"}, Baseline: rollout.Arm{Hash: "1"}, Weight: percent(0)}
	b.want(b.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-0", preProduction, nil)), 202)
	b.clock.add(time.Minute)
	b.described[serviceDeployment("NCWGC2ZR")] = ECSDeployment{}
	b.want(b.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-1", preProduction, nil)), 202)
	if q := b.desk.asked[pauseID("ecs-pause-1")]; q.Gate != reply.GateStep {
		t.Errorf("got gate %s, want a step: the canary may have traffic by now", q.Gate)
	}
}

func TestEventsThatAreNoneOfOurs(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		says string
	}{
		"succeeded":       {pauseEvent(t, "ecs-pause-1", preProduction, map[string]any{"eventName": "HOOK_SUCCEEDED"}), "asks nothing"},
		"failed":          {pauseEvent(t, "ecs-pause-1", preProduction, map[string]any{"eventName": "HOOK_FAILED"}), "asks nothing"},
		"in progress":     {pauseEvent(t, "ecs-pause-1", preProduction, map[string]any{"eventName": "HOOK_IN_PROGRESS"}), "asks nothing"},
		"timed out":       {pauseEvent(t, "ecs-pause-1", preProduction, map[string]any{"eventName": "HOOK_TIMED_OUT"}), "asks nothing"},
		"lambda":          {pauseEvent(t, "ecs-pause-1", preProduction, map[string]any{"hookType": "AWS_LAMBDA"}), "paused hooks"},
		"expired":         {pauseEvent(t, "ecs-pause-1", preProduction, map[string]any{"expiresAt": "2026-03-01T12:00:10Z"}), "has expired"},
		"unknown service": {strings.ReplaceAll(pauseEvent(t, "ecs-pause-1", preProduction, nil), "shop/checkout-live", "shop/billing"), "left to its timeout"},
		"another source":  {busEventBody("ECS Hook State Change", "aws.s3", "x", "{}"), "say nothing"},
		"another type":    {busEventBody("ECS Task State Change", "aws.ecs", "x", "{}"), "say nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAmazon(t)
			if got := a.want(a.do("POST", "/aws/events", tt.body), 200).body; !strings.Contains(got, tt.says) {
				t.Errorf("got %s, want %q", got, tt.says)
			}
			if len(a.desk.asked)+len(a.told)+len(a.rollouts()) != 0 {
				t.Errorf("got %v, %v, want nothing asked or told", a.desk.asked, a.told)
			}
		})
	}
}

func TestUnknownServicesAreRolledBackWhereThatIsConfigured(t *testing.T) {
	a := newAmazon(t, func(c *Config) { c.AWS.RollBackUnknown = true })
	a.want(a.do("POST", "/aws/events", strings.ReplaceAll(pauseEvent(t, "ecs-pause-1", preProduction, nil), "shop/checkout-live", "shop/billing")), 202)
	billing := "ecs/" + shortHash(strings.ReplaceAll(serviceDeployment("NCWGC2ZR"), "shop/checkout-live", "shop/billing")) + "/ecs-pause-1"
	if said, ok := a.told[billing]; !ok || said.Yes || !strings.Contains(said.Reason, "aws.services") || !strings.Contains(a.to[billing], "shop/billing") {
		t.Errorf("got %+v to %s, want no", said, a.to[billing])
	}
}

func TestEventsThatCannotBeRead(t *testing.T) {
	a := newAmazon(t)
	for name, tt := range map[string]struct{ body, says string }{
		"no ID":       {strings.Replace(pauseEvent(t, "h", preProduction, nil), `"id":"0f2c1a3b-1111-2222-3333-444455556666",`, "", 1), "id"},
		"transformed": {`{"id":"1","detail":{}}`, "input transformer"},
		"all faults": {pauseEvent(t, "a b", "SOME_STAGE", map[string]any{"serviceDeploymentArn": "arn:aws:s3:::x"}),
			"serviceDeploymentArn"},
		"region":        {strings.ReplaceAll(pauseEvent(t, "h", preProduction, nil), "eu-west-1", "ap-south-1"), "aws.regions"},
		"bad time":      {pauseEvent(t, "h", preProduction, map[string]any{"expiresAt": "soon"}), "expiresAt"},
		"no deployment": {deployEvent(t, "START", "x y"), "no deployment"},
		"no service":    {busEventBody("ECS Deployment State Change", "aws.ecs", "x", `{"eventName":"SERVICE_DEPLOYMENT_FAILED"}`), "ARN of a service"},
	} {
		if got := a.want(a.do("POST", "/aws/events", tt.body), 400).body; !strings.Contains(got, tt.says) {
			t.Errorf("%s: got %s, want %q", name, got, tt.says)
		}
	}
	got := a.do("POST", "/aws/events", pauseEvent(t, "a b", "SOME_STAGE", map[string]any{"serviceDeploymentArn": "x"})).body
	for _, field := range []string{"hookId", "lifecycleStage", "serviceDeploymentArn"} {
		if !strings.Contains(got, field) {
			t.Errorf("got %s, want %s named too", got, field)
		}
	}
	for _, body := range []string{"", "null", "[]", "{"} {
		a.want(a.do("POST", "/aws/events", body), 400)
	}
}

// TestWhatEventBridgeSendsAgain: it comes again after a 5xx and gives up after
// another 4xx, so what can be mended must be a 5xx.
func TestWhatEventBridgeSendsAgain(t *testing.T) {
	event := pauseEvent(t, "ecs-pause-1", preProduction, nil)
	described := ECSDeployment{Known: true, Canary: rollout.Arm{Hash: "2"}, Baseline: rollout.Arm{Hash: "1"}, Weight: percent(0)}
	for name, change := range map[string]func(*amazon){
		"no plan":           func(a *amazon) { a.server.cfg.AWS.Services[0].Plan = "nope" },
		"ECS does not say":  func(a *amazon) { a.failed = errBroken },
		"arms are the same": func(a *amazon) { a.described = map[string]ECSDeployment{} },
		"journal":           func(a *amazon) { a.faults.set("Begin", fmt.Errorf("%w", errBroken)) },
		"desk":              func(a *amazon) { a.desk.failed = errBroken },
		"weight is not kept": func(a *amazon) {
			a.described[serviceDeployment("NCWGC2ZR")] = ECSDeployment{Canary: rollout.Arm{Hash: "2"}, Baseline: rollout.Arm{Hash: "1"}, Weight: percent(9)}
			a.faults.set("Declare", errBroken)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAmazon(t)
			a.described[serviceDeployment("NCWGC2ZR")] = described
			change(a)
			if got := a.do("POST", "/aws/events", event); got.code < 500 || strings.Contains(got.body, "hunter2") {
				t.Errorf("got %d %s, want a failure that is tried again", got.code, got.body)
			}
			if len(a.desk.asked) != 0 {
				t.Errorf("got %v asked, want nothing", a.desk.asked)
			}
		})
	}
}

func TestDeploymentsOfECSThatEnd(t *testing.T) {
	state := func(name, at string) string {
		return busEventBody("ECS Deployment State Change", "aws.ecs", "arn:aws:ecs:eu-west-1:123456789012:service/shop/checkout-live",
			fmt.Sprintf(`{"eventType":"INFO","eventName":%q,"deploymentId":"ecs-svc/123","updatedAt":%q,"reason":"r"}`, name, at))
	}
	a := newAmazon(t)
	a.described[serviceDeployment("NCWGC2ZR")] = ECSDeployment{Known: true, Canary: rollout.Arm{Hash: "2"}, Baseline: rollout.Arm{Hash: "1"}}
	a.want(a.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-1", preProduction, nil)), 202)
	for _, body := range []string{
		state("SERVICE_DEPLOYMENT_IN_PROGRESS", "2026-03-01T12:30:00Z"),
		state("SERVICE_DEPLOYMENT_COMPLETED", "2026-03-01T11:30:00Z"), // the one before, late
		strings.ReplaceAll(state("SERVICE_DEPLOYMENT_COMPLETED", "2026-03-01T12:30:00Z"), "checkout-live", "checkout-livestock"),
	} {
		a.want(a.do("POST", "/aws/events", body), 200)
		if !a.only().Closed.IsZero() {
			t.Fatalf("got it closed by %s", body)
		}
	}
	a.want(a.do("POST", "/aws/events", state("SERVICE_DEPLOYMENT_COMPLETED", "2026-03-01T12:30:00Z")), 200)
	if sum := a.only(); sum.Closed.IsZero() || sum.Why != "ecs: SERVICE_DEPLOYMENT_COMPLETED" {
		t.Errorf("got %+v, want it closed", sum)
	}
	// A pause of what is over asks about the record, and opens nothing.
	a.want(a.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-2", "POST_PRODUCTION_TRAFFIC_SHIFT", nil)), 202)
	if q := a.desk.asked[pauseID("ecs-pause-2")]; q.Rollout != a.only().Rollout.ID {
		t.Errorf("got %+v, want it about the rollout that is over", q)
	}
	// What ECS has ended by itself waits for nobody.
	a.described[serviceDeployment("NCWGC2ZR")] = ECSDeployment{Known: true, Over: true}
	if got := a.want(a.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-3", preProduction, nil)), 200).body; !strings.Contains(got, "has ended") {
		t.Errorf("got %s, want it ignored", got)
	}
}

func TestTokensOfAmazonsServices(t *testing.T) {
	with := func(callers ...string) *amazon {
		return newAmazon(t, func(c *Config) {
			c.Tokens = []Token{FullToken("all", "full-token"), scoped(func(tk *Token) { tk.Callers = callers })}
			c.AWS.RollBackUnknown = true
		})
	}
	a := with("ecs")
	a.described[serviceDeployment("NCWGC2ZR")] = ECSDeployment{Known: true, Canary: rollout.Arm{Hash: "2"}, Baseline: rollout.Arm{Hash: "1"}}
	event, hook := pauseEvent(t, "ecs-pause-1", preProduction, nil), codeDeployHookBody(t, nil)
	a.want(a.do("POST", "/aws/events", event), 401)
	a.want(a.as("shop-token", "POST", "/aws/events", event), 202)
	a.want(a.as("shop-token", "POST", "/codedeploy/hook", hook), 403)
	a.want(a.as("shop-token", "POST", "/aws/events", deployEvent(t, "START", "d-1")), 403)
	// A hook that belongs to no namespace is not for a token of one.
	a.want(a.as("shop-token", "POST", "/aws/events", strings.ReplaceAll(event, "shop/checkout-live", "shop/billing")), 403)
	a = with("codedeploy")
	a.want(a.as("shop-token", "POST", "/codedeploy/hook", hook), 202)
	a.want(a.as("shop-token", "POST", "/codedeploy/hook", codeDeployHookBody(t, map[string]any{"namespace": "bank"})), 403)
	// Nor may it say itself that somebody else's deployment group belongs to shop, nor
	// that a deployment is of another group.
	a.want(a.as("shop-token", "POST", "/codedeploy/hook", codeDeployHookBody(t, map[string]any{"application": "Billing", "namespace": "shop"})), 403)
	a.want(a.as("full-token", "POST", "/codedeploy/hook", codeDeployHookBody(t, map[string]any{"namespace": "bank"})), 403)
	a.want(a.as("full-token", "POST", "/codedeploy/hook", codeDeployHookBody(t, map[string]any{"application": "Billing", "deploymentId": "d-X"})), 400)
	a.want(a.as("shop-token", "POST", "/aws/events", event), 403)
	a.want(a.as("shop-token", "POST", "/aws/ecs-hook", lambdaEventBody(t, preProduction, nil, nil)), 403)
	// Who may not know of a rollout does not close it either.
	a = newAmazon(t, func(c *Config) {
		c.Tokens = []Token{FullToken("all", "full-token"), scoped(func(tk *Token) { tk.Namespaces = []string{"bank"} })}
	})
	a.want(a.as("full-token", "POST", "/codedeploy/hook", hook), 202)
	a.want(a.as("shop-token", "POST", "/aws/events", deployEvent(t, "SUCCESS", "d-A1B2C3D4E")), 200)
	if !a.only().Closed.IsZero() {
		t.Error("got it closed by a token of another namespace")
	}
	// The password of Basic is a token, too: so does a connection of EventBridge send it.
	a = with("ecs")
	a.want(a.as("full-token", "POST", "/aws/events", deployEvent(t, "READY", "d-1")), 200)
}

// A token that is limited to namespaces has Serin's role stop and release nothing of
// others, whatever it says of a deployment's ID.
func TestDeploymentsOfOthers(t *testing.T) {
	a := newAmazon(t, func(c *Config) {
		c.Tokens = []Token{FullToken("all", "full-token"), scoped()}
		c.AWS.Services = append(c.AWS.Services, AWSService{CodeDeploy: &CodeDeployMatch{Application: "Mine"}, Namespace: "shop", Service: "checkout"})
	})
	foreign := strings.ReplaceAll(deployEvent(t, "START", "d-OTHERS"), `"application":"Checkout"`, `"application":"Mine"`)
	a.want(a.as("shop-token", "POST", "/aws/events", foreign), 400) // d-OTHERS is Checkout's
	a.want(a.as("full-token", "POST", "/aws/events", foreign), 400)
	// Where CodeDeploy may not be asked, the caller's word is not enough.
	a.unknown = true
	a.want(a.as("shop-token", "POST", "/aws/events", foreign), 403)
	a.want(a.as("shop-token", "POST", "/codedeploy/hook", codeDeployHookBody(t, map[string]any{"deploymentId": "d-OTHERS"})), 403)
	if n := len(a.rollouts()); n != 0 {
		t.Errorf("got %d rollouts, want none", n)
	}
	a.want(a.as("full-token", "POST", "/codedeploy/hook", codeDeployHookBody(t, nil)), 202)
}

// What is asked about one's own service, in the name of another's hook, answers
// nothing there.
func TestHooksOfOthers(t *testing.T) {
	a := newAmazon(t, func(c *Config) {
		tk := scoped()
		tk.Namespaces = []string{"bank"}
		c.Tokens = []Token{FullToken("all", "full-token"), tk}
	})
	theirs := lambdaEventBody(t, preProduction, shares(0, 100), map[string]any{"hookDetails": map[string]any{"serin": map[string]any{"namespace": "bank", "service": "checkout"}}})
	a.want(a.as("shop-token", "POST", "/aws/ecs-hook", theirs), 200)
	a.desk.given[a.question(t).ID] = reply.Answer{Yes: true}
	got := a.want(a.as("full-token", "POST", "/aws/ecs-hook", lambdaEventBody(t, preProduction, shares(0, 100), nil)), 200).object(t)
	if got["hookStatus"] != "IN_PROGRESS" || len(a.desk.asked) != 2 {
		t.Errorf("got %v, want a question of its own", got)
	}
	// Nor does a hook's ID under the name of another service.
	b := newAmazon(t)
	for _, arn := range []string{serviceDeployment("NCWGC2ZR"), strings.ReplaceAll(serviceDeployment("NCWGC2ZR"), "checkout-live", "checkout-mine")} {
		b.described[arn] = ECSDeployment{Known: true, Canary: rollout.Arm{Hash: "2"}, Baseline: rollout.Arm{Hash: "1"}}
	}
	b.want(b.do("POST", "/aws/events", strings.ReplaceAll(pauseEvent(t, "ecs-pause-1", preProduction, nil), "shop/checkout-live", "shop/checkout-mine")), 202)
	b.want(b.do("POST", "/aws/events", pauseEvent(t, "ecs-pause-1", preProduction, nil)), 202)
	if len(b.desk.asked) != 2 {
		t.Errorf("got %v, want two questions", b.desk.asked)
	}
}

func FuzzAWSEvents(f *testing.F) {
	f.Add([]byte(pauseEvent(f, "ecs-pause-1", preProduction, nil)))
	f.Add([]byte(pauseEvent(f, "ecs-pause-1", "POST_PRODUCTION_TRAFFIC_SHIFT", map[string]any{"expiresAt": "9999-12-31T23:59:59Z"})))
	f.Add([]byte(deployEvent(f, "START", "d-A1B2C3D4E")))
	f.Add([]byte(deployEvent(f, "SUCCESS", "d-A1B2C3D4E")))
	for _, seed := range []string{"", "{}", "null", `{"id":"1","source":"aws.ecs","detail-type":"ECS Hook State Change"}`, `{"id":"1","source":"aws.ecs","detail-type":"ECS Hook State Change","detail":[]}`} {
		f.Add([]byte(seed))
	}
	a := newAmazon(f, func(c *Config) { c.Judge = quick{judge.Verdict{}} })
	a.described[serviceDeployment("NCWGC2ZR")] = ECSDeployment{Known: true, Canary: rollout.Arm{Hash: "2"}, Baseline: rollout.Arm{Hash: "1"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		a.try(t, "/aws/events", string(body)).object(t)
	})
}

// A delivery that comes late is of a deployment that is over, or was when the newer one
// began: it must not end what is judged now.
func TestAStartThatComesLate(t *testing.T) {
	a := newAmazon(t)
	a.clock.add(3 * time.Hour)
	a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, map[string]any{"deploymentId": "d-SECOND"})), 202)
	a.clock.add(5 * time.Minute)
	if got := a.want(a.do("POST", "/aws/events", deployEvent(t, "START", "d-FIRST")), 200).object(t); got["ignored"] == nil {
		t.Errorf("got %v, want it ignored", got)
	}
	if sum := a.only(); !live(sum) || a.question(t).Rollout != sum.Rollout.ID {
		t.Errorf("got %+v, want the second deployment judged on", sum)
	}
	a.over = map[string]bool{"d-THIRD": true}
	if got := a.want(a.do("POST", "/aws/events", strings.Replace(deployEvent(t, "START", "d-THIRD"), "T11:59:59Z", "T16:00:00Z", 1)), 200).object(t); got["ignored"] == nil {
		t.Errorf("got %v, want it ignored: the deployment has ended", got)
	}
	a.want(a.do("POST", "/codedeploy/hook", codeDeployHookBody(t, map[string]any{"deploymentId": "d-THIRD"})), 202)
	if sum := a.only(); !live(sum) || len(a.desk.asked) != 1 || len(a.told) != 1 {
		t.Errorf("got %+v, want it live", sum)
	}
	// The start of a newer one is not late.
	a.want(a.do("POST", "/aws/events", strings.Replace(deployEvent(t, "START", "d-FOURTH"), "T11:59:59Z", "T16:00:00Z", 1)), 200)
	if list := a.rollouts(); len(list) != 2 || live(list[1]) {
		t.Errorf("got %+v, want a second rollout", list)
	}
}
