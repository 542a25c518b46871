package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/aws/awstest"
)

// strictly reads an example's JSON into a type, and refuses what the type has not.
func strictly(t *testing.T, path string, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(example(t, path)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestExampleOfECSService reads the service's definition with the SDK's own type.
func TestExampleOfECSService(t *testing.T) {
	var in ecs.CreateServiceInput
	strictly(t, "aws/ecs-service.json", &in)
	d := in.DeploymentConfiguration
	if d == nil || !slices.Contains(d.Strategy.Values(), d.Strategy) || d.LinearConfiguration == nil || len(d.LifecycleHooks) != 1 {
		t.Fatalf("got %+v, want a linear deployment with one hook", d)
	}
	h := d.LifecycleHooks[0]
	if h.TargetType != types.DeploymentLifecycleHookTargetTypePause || h.TimeoutConfiguration == nil || h.TimeoutConfiguration.Action != types.DeploymentLifecycleHookActionRollback {
		t.Errorf("got %+v, want a pause that rolls back where nobody answers", h)
	}
	for _, stage := range h.LifecycleStages {
		if !slices.Contains(stage.Values(), stage) || stage == types.DeploymentLifecycleHookStageTestTrafficShift || stage == types.DeploymentLifecycleHookStageProductionTrafficShift {
			t.Errorf("got %s, at which no pause can stand", stage)
		}
	}
}

// TestExampleOfAppspec reads what CodeDeploy documents of the file.
func TestExampleOfAppspec(t *testing.T) {
	var spec struct {
		Version   float64 `yaml:"version"`
		Resources []map[string]struct {
			Type       string         `yaml:"Type"`
			Properties map[string]any `yaml:"Properties"`
		} `yaml:"Resources"`
		Hooks []map[string]string `yaml:"Hooks"`
	}
	d := yaml.NewDecoder(bytes.NewReader(example(t, "aws/appspec-ecs.yaml")))
	d.KnownFields(true)
	if err := d.Decode(&spec); err != nil {
		t.Fatal(err)
	}
	known := []string{"BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"}
	last := -1
	for _, h := range spec.Hooks {
		for name, function := range h {
			i := slices.Index(known, name)
			if i <= last || !strings.HasPrefix(function, "CodeDeployHook_") {
				t.Errorf("got hook %s of function %s, want those of ECS, in order, of functions that CodeDeploy's own policy may call", name, function)
			}
			last = i
		}
	}
	if len(spec.Hooks) == 0 || len(spec.Resources) != 1 || spec.Resources[0]["TargetService"].Type != "AWS::ECS::Service" {
		t.Errorf("got %+v", spec)
	}
}

// TestExampleOfPolicy holds the policy to the calls that are made.
func TestExampleOfPolicy(t *testing.T) {
	var policy struct {
		Version   string
		Statement []struct {
			Sid, Effect string
			Action      []string
			Resource    any
		}
	}
	strictly(t, "aws/policy.json", &policy)
	var allowed []string
	for _, s := range policy.Statement {
		if s.Effect != "Allow" || fmt.Sprint(s.Resource) == "*" {
			t.Errorf("got %+v, want the service's own resources only", s)
		}
		allowed = append(allowed, s.Action...)
	}
	var called []string
	for _, target := range []string{awstest.Put, awstest.Stop, awstest.Get, awstest.List, awstest.Targets, awstest.Continue, awstest.Describe, awstest.Revise} {
		service, operation, _ := strings.Cut(target, ".")
		called = append(called, map[string]string{"CodeDeploy_20141006": "codedeploy:", "AmazonEC2ContainerServiceV20141113": "ecs:"}[service]+operation)
	}
	slices.Sort(allowed)
	slices.Sort(called)
	if !reflect.DeepEqual(allowed, called) {
		t.Errorf("got %v allowed, want %v", allowed, called)
	}
}

// TestExampleOfRule sends the server of the example, with the plan of the example, what
// the rule of the example lets through.
func TestExampleOfRule(t *testing.T) {
	f := newAWS(t)
	arn := "arn:aws:ecs:eu-west-1:123456789012:service-deployment/shop/checkout/NCWGC2ZR"
	f.Put(arn, `{"status":"IN_PROGRESS","deploymentConfiguration":{"strategy":"LINEAR"},"targetServiceRevision":{"arn":"r/222","requestedProductionTrafficWeight":0},"sourceServiceRevisions":[{"arn":"r/111"}]}`)
	f.Put("r/222", "task-definition/checkout:42")
	f.Put("r/111", "task-definition/checkout:41")
	config, err := Parse("serin.yaml", example(t, "aws/serin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"plans/checkout.yaml": example(t, "aws/plan.yaml"), "amazon-token": []byte("amazon-token-of-the-test\n")} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config.Listen, config.WebConfig, config.Plans, config.Journal = "127.0.0.1:0", "", filepath.Join(dir, "plans"), filepath.Join(dir, "serin.db")
	config.Tokens[0].File = filepath.Join(dir, "amazon-token")
	a, err := New(t.Context(), Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	defer func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	}()
	pause := strings.NewReplacer(serviceARN+"checkout/NCWGC2ZR", arn, "POST_SCALE_UP", "PRE_PRODUCTION_TRAFFIC_SHIFT").Replace(pauseOf("checkout", "NCWGC2ZR"))
	if !passes(t, example(t, "aws/eventbridge-rule.json"), pause) || passes(t, example(t, "aws/eventbridge-rule.json"), strings.Replace(pause, "ECS Hook", "ECS Task", 1)) {
		t.Errorf("got the rule wrong about %s", pause)
	}
	// So does a connection of EventBridge send it, with Basic: the user's name is any.
	basic := map[string]string{"Content-Type": "application/json", "Authorization": "Basic YW1hem9uOmFtYXpvbi10b2tlbi1vZi10aGUtdGVzdA=="}
	if code, body := post(t, a.URL()+"/aws/events", pause, map[string]string{"Content-Type": "application/json"}); code != http.StatusUnauthorized {
		t.Errorf("got %d %s without the token, want 401", code, body)
	}
	if code, body := post(t, a.URL()+"/aws/events", pause, basic); code != http.StatusAccepted {
		t.Fatalf("got %d %s, want it taken", code, body)
	}
	list, err := a.Journal().List(t.Context(), journal.Filter{})
	if err != nil || len(list) != 1 {
		t.Fatalf("got %v, %v, want one rollout", list, err)
	}
	r := list[0].Rollout
	want := rollout.Arm{Workload: "checkout", Version: "42", Hash: "222", URL: "http://checkout-test.shop.internal:8081"}
	if !reflect.DeepEqual(r.Canary, want) || r.Baseline.Version != "41" || r.Plan == "" {
		t.Errorf("got %+v against %+v, want what ECS and the configuration say", r.Canary, r.Baseline)
	}
	p, err := plan.Parse("plan.yaml", example(t, "aws/plan.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range p.Metrics {
		for _, arm := range []rollout.Arm{r.Canary, r.Baseline} {
			if _, err := m.Scoped(plan.Arm(arm)); err != nil {
				t.Errorf("%s: %v", m.Name, err)
			}
		}
	}
}

// passes reports whether an event pattern lets an event through: every field of the
// pattern lists the value that the event has there.
func passes(t *testing.T, pattern []byte, event string) bool {
	t.Helper()
	var want map[string][]string
	var got map[string]any
	if err := json.Unmarshal(pattern, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(event), &got); err != nil {
		t.Fatal(err)
	}
	for field, values := range want {
		if !slices.Contains(values, fmt.Sprint(got[field])) {
			return false
		}
	}
	return len(want) > 0
}
