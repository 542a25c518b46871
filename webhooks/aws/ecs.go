package aws

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/serin-canary/serin/webhooks/reply"
)

// SenderECS is the name under which [ECS] is registered.
const SenderECS = "ecs"

// pauseTo is which paused hook an answer releases, as the question carries it.
type pauseTo struct {
	Region     string `json:"region"`
	Deployment string `json:"serviceDeploymentArn"`
	Hook       string `json:"hookId"`
	// Until is when the hook expires.
	Until time.Time `json:"until,omitzero"`
}

// ECS releases the paused hooks of service deployments.
type ECS struct{ client *Client }

var _ reply.Sender = ECS{}

// ECS returns the sender that releases paused hooks.
func (c *Client) ECS() ECS { return ECS{c} }

// releasing says what the errors of a release mean.
func releasing() meaning {
	return meaning{
		call:      "ecs:ContinueServiceDeployment",
		permanent: []string{"ServiceDeploymentNotFoundException", "ClusterNotFoundException", "ServiceNotFoundException", "UnsupportedFeatureException"},
	}
}

// Send implements [reply.Sender]. The action is always written out: ECS takes a
// missing one for CONTINUE.
func (s ECS) Send(ctx context.Context, q reply.Question, a reply.Answer) error {
	var to pauseTo
	if err := read(q.To, &to); err != nil {
		return err
	}
	if err := errors.Join(s.client.may(to.Region), s.client.inTime(to.Until)); err != nil {
		return err
	}
	action := types.DeploymentLifecycleHookActionRollback
	if a.Yes {
		action = types.DeploymentLifecycleHookActionContinue
	}
	_, err := s.client.ecs.ContinueServiceDeployment(ctx, &ecs.ContinueServiceDeploymentInput{
		HookId: &to.Hook, ServiceDeploymentArn: &to.Deployment, Action: action,
	}, func(o *ecs.Options) { o.Region = to.Region })
	if err != nil && doubtful(codeOf(err)) && s.released(ctx, to) {
		return nil
	}
	return releasing().of(err)
}

// doubtful reports whether a code may say that the hook waits no more: ECS has none
// of its own for that. Where it does not, the call is tried again.
func doubtful(code string) bool {
	return slices.Contains([]string{"InvalidParameterException", "ClientException", "ConflictException", "ResourceNotFoundException", "AccessDeniedException"}, code)
}

// released reports whether a hook is seen to wait no more: an earlier attempt
// arrived, somebody else released it, or the deployment is over.
func (s ECS) released(ctx context.Context, to pauseTo) bool {
	d, err := s.client.describe(ctx, to.Region, to.Deployment)
	if err != nil {
		return false
	}
	if d.Status != types.ServiceDeploymentStatusInProgress && d.Status != types.ServiceDeploymentStatusPending && d.Status != "" {
		return true
	}
	for _, h := range d.LifecycleHookDetails {
		if h.HookId != nil && *h.HookId == to.Hook {
			return h.Status != types.DeploymentLifecycleHookStatusAwaitingAction && h.Status != ""
		}
	}
	return false
}

// Target implements [reply.Sender].
func (s ECS) Target(q reply.Question) string {
	var to pauseTo
	if read(q.To, &to) != nil {
		return SenderECS
	}
	return SenderECS + "." + to.Region
}

// Deployment is where a service deployment of ECS stands.
type Deployment struct {
	// Strategy is ROLLING, BLUE_GREEN, LINEAR or CANARY; empty where it is not told.
	Strategy string
	// Step is how much traffic a LINEAR deployment shifts at each step, in percent.
	Step float64
	// Sides are the new service revision and the one that it replaces, which is empty
	// where there is none, or more than one.
	Sides
	// Weight is the new revision's share of production traffic, in percent; nil
	// where it is not told.
	Weight *float64
	// Over says that the deployment has ended, or is being rolled back.
	Over bool
}

// ServiceDeployment tells where a service deployment stands.
func (c *Client) ServiceDeployment(ctx context.Context, region, arn string) (Deployment, error) {
	d, err := c.describe(ctx, region, arn)
	if err != nil {
		return Deployment{}, meaning{call: "ecs:DescribeServiceDeployments"}.of(err)
	}
	out := Deployment{Over: !slices.Contains([]types.ServiceDeploymentStatus{
		types.ServiceDeploymentStatusInProgress, types.ServiceDeploymentStatusPending, "",
	}, d.Status)}
	if c := d.DeploymentConfiguration; c != nil {
		out.Strategy = string(c.Strategy)
		if c.LinearConfiguration != nil && c.LinearConfiguration.StepPercent != nil {
			out.Step = *c.LinearConfiguration.StepPercent
		}
	}
	var target *string
	if t := d.TargetServiceRevision; t != nil {
		target, out.Weight = t.Arn, t.RequestedProductionTrafficWeight
	}
	out.Sides, err = c.revisions(ctx, region, target, one(d.SourceServiceRevisions))
	return out, err
}

// describe asks for one service deployment.
func (c *Client) describe(ctx context.Context, region, arn string) (types.ServiceDeployment, error) {
	if err := c.may(region); err != nil {
		return types.ServiceDeployment{}, err
	}
	answer, err := c.ecs.DescribeServiceDeployments(ctx, &ecs.DescribeServiceDeploymentsInput{ServiceDeploymentArns: []string{arn}},
		func(o *ecs.Options) { o.Region = region })
	if err != nil {
		return types.ServiceDeployment{}, err
	}
	if len(answer.ServiceDeployments) != 1 {
		return types.ServiceDeployment{}, unexpected("ecs:DescribeServiceDeployments")
	}
	return answer.ServiceDeployments[0], nil
}

// lastPart returns what follows an ARN's last slash.
func lastPart(arn *string) string {
	if arn == nil {
		return ""
	}
	return (*arn)[strings.LastIndexByte(*arn, '/')+1:]
}
