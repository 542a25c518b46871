package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

// amazon is a world in which Amazon's services call, a desk that notes what it is
// asked, and services that say of deployments what the test tells them to.
type amazon struct {
	*world
	desk *noted
	told map[string]reply.Answer // without a look, by the question's ID
	to   map[string]string       // whom, by the question's ID

	described map[string]ECSDeployment
	rollbacks map[string]bool
	over      map[string]bool // deployments of CodeDeploy that have ended
	failed    error
	unknown   bool // deployments of CodeDeploy may not be asked about
}

func newAmazon(t testing.TB, change ...func(*Config)) *amazon {
	a := &amazon{desk: newNoted(), told: map[string]reply.Answer{}, to: map[string]string{}, described: map[string]ECSDeployment{}, rollbacks: map[string]bool{}}
	all := append([]func(*Config){func(c *Config) {
		c.Asker = a.desk
		j := c.Journal.(*faulty).Journal.(Documents)
		c.AWS = &AWS{
			Regions: []string{"eu-west-1", "us-east-2"}, AWSReader: a, Documents: j,
			Services: []AWSService{
				{ECS: &ECSMatch{Cluster: "shop", Service: "checkout-*"}, Namespace: "shop", Service: "checkout",
					Canary: rollout.Arm{Workload: "checkout"}, Baseline: rollout.Arm{Workload: "checkout"}},
				{CodeDeploy: &CodeDeployMatch{Application: "Checkout", Group: "live"}, Namespace: "shop", Service: "checkout", Fallback: true,
					Canary: rollout.Arm{Version: "2"}, Baseline: rollout.Arm{Version: "1"}},
			},
			Tell: func(_ context.Context, q reply.Question, yes bool, reason string) error {
				if a.failed != nil {
					return a.failed
				}
				a.told[q.ID], a.to[q.ID] = reply.Answer{Yes: yes, Reason: reason}, string(q.To)
				return nil
			},
		}
	}}, change...)
	a.world = newWorld(t, all...)
	return a
}

func (a *amazon) ECSDeployment(_ context.Context, _, arn string) (ECSDeployment, error) {
	return a.described[arn], a.failed
}

func (a *amazon) CodeDeployment(_ context.Context, _, id string) (CodeDeployment, error) {
	if a.unknown {
		return CodeDeployment{}, nil
	}
	return CodeDeployment{
		Known: true, Application: "Checkout", Group: "live", RollsBack: a.rollbacks[id], Over: a.over[id], Canary: rollout.Arm{Workload: "fn", Version: "8"}, Baseline: rollout.Arm{Workload: "fn", Version: "7"},
	}, a.failed
}

// only returns the one question that there must be.
func (a *amazon) question(t *testing.T) reply.Question { return a.desk.only(t) }

// object writes a JSON object with changes; a nil value removes a key.
func object(t testing.TB, base, change map[string]any) string {
	t.Helper()
	m := maps.Clone(base)
	for k, v := range change {
		if v == nil {
			delete(m, k)
			continue
		}
		m[k] = v
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// codeDeployHookBody is what the forwarder sends.
func codeDeployHookBody(t testing.TB, change map[string]any) string {
	return object(t, map[string]any{
		"deploymentId": "d-A1B2C3D4E", "lifecycleEventHookExecutionId": "eyJlbmNyeXB0ZWREYXRhIjoi", "hook": "BeforeAllowTraffic",
		"application": "Checkout", "deploymentGroup": "live", "platform": "lambda", "region": "eu-west-1", "service": "checkout", "fallback": "Failed",
	}, change)
}

func serviceDeployment(id string) string {
	return "arn:aws:ecs:eu-west-1:123456789012:service-deployment/shop/checkout-live/" + id
}

// pauseID is the question of a paused hook.
func pauseID(hook string) string {
	return "ecs/" + shortHash(serviceDeployment("NCWGC2ZR")) + "/" + hook
}

// pauseEvent is an event of a paused hook; changes are of its detail.
func pauseEvent(t testing.TB, hook, stage string, change map[string]any) string {
	detail := object(t, map[string]any{
		"eventType": "INFO", "eventName": "HOOK_AWAITING_ACTION", "hookId": hook, "hookType": "PAUSE", "expiresAt": "2026-03-01T14:00:00Z",
		"lifecycleStage": stage, "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/shop",
		"serviceArn":           "arn:aws:ecs:eu-west-1:123456789012:service/shop/checkout-live",
		"serviceDeploymentArn": serviceDeployment("NCWGC2ZR"), "updatedAt": "2026-03-01T11:59:58Z",
	}, change)
	return busEventBody("ECS Hook State Change", "aws.ecs", serviceDeployment("NCWGC2ZR"), detail)
}

func busEventBody(detailType, source, resource, detail string) string {
	return fmt.Sprintf(`{"version":"0","id":"0f2c1a3b-1111-2222-3333-444455556666","detail-type":%q,"source":%q,"account":"123456789012",
		"time":"2026-03-01T11:59:59Z","region":"eu-west-1","resources":[%q],"detail":%s}`, detailType, source, resource, detail)
}

func deployEvent(t testing.TB, state, id string) string {
	return busEventBody("CodeDeploy Deployment State-change Notification", "aws.codedeploy",
		"arn:aws:codedeploy:eu-west-1:123456789012:deploymentgroup:Checkout/live",
		object(t, map[string]any{"instanceGroupId": "x", "region": "eu-west-1", "application": "Checkout", "deploymentId": id, "state": state, "deploymentGroup": "live"}, nil))
}

func percent(x float64) *float64 { return &x }
