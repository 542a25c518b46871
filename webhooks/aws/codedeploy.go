package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks/reply"
)

// SenderCodeDeploy is the name under which [CodeDeploy] is registered.
const SenderCodeDeploy = "codedeploy"

// hookTo is whom a lifecycle hook's answer is for, as the question carries it.
type hookTo struct {
	Region      string `json:"region"`
	Deployment  string `json:"deploymentId"`
	HookExecute string `json:"lifecycleEventHookExecutionId"`
	// Until is when CodeDeploy gives the hook up.
	Until time.Time `json:"until,omitzero"`
}

// CodeDeploy reports the results of lifecycle hooks.
type CodeDeploy struct{ client *Client }

var _ reply.Sender = CodeDeploy{}

// CodeDeploy returns the sender of lifecycle hooks' results.
func (c *Client) CodeDeploy() CodeDeploy { return CodeDeploy{c} }

// reporting says what the errors of a report mean. A hook that has its result
// already has ours: the report is sent twice where a process died in between.
func reporting() meaning {
	return meaning{
		call: "codedeploy:PutLifecycleEventHookExecutionStatus",
		done: []string{"LifecycleEventAlreadyCompletedException"},
		permanent: []string{
			"DeploymentDoesNotExistException", "DeploymentIdRequiredException", "InvalidDeploymentIdException",
			"InvalidLifecycleEventHookExecutionIdException", "InvalidLifecycleEventHookExecutionStatusException",
			"UnsupportedActionForDeploymentTypeException",
		},
	}
}

// Send implements [reply.Sender]: Succeeded lets the deployment go on, Failed ends
// it. CodeDeploy takes no other word from a hook.
func (s CodeDeploy) Send(ctx context.Context, q reply.Question, a reply.Answer) error {
	var to hookTo
	if err := read(q.To, &to); err != nil {
		return err
	}
	if err := errors.Join(s.client.may(to.Region), s.client.inTime(to.Until)); err != nil {
		return err
	}
	status := types.LifecycleEventStatusFailed
	if a.Yes {
		status = types.LifecycleEventStatusSucceeded
	}
	_, err := s.client.codedeploy.PutLifecycleEventHookExecutionStatus(ctx, &codedeploy.PutLifecycleEventHookExecutionStatusInput{
		DeploymentId: &to.Deployment, LifecycleEventHookExecutionId: &to.HookExecute, Status: status,
	}, func(o *codedeploy.Options) { o.Region = to.Region })
	return reporting().of(err)
}

// Target implements [reply.Sender].
func (s CodeDeploy) Target(q reply.Question) string {
	var to hookTo
	if read(q.To, &to) != nil {
		return SenderCodeDeploy
	}
	return SenderCodeDeploy + "." + to.Region
}

// stopping says what the errors of ending a deployment mean.
func stopping() meaning {
	return meaning{
		call: "codedeploy:StopDeployment",
		done: []string{"DeploymentAlreadyCompletedException"},
		permanent: []string{
			"DeploymentDoesNotExistException", "DeploymentIdRequiredException", "InvalidDeploymentIdException",
			"DeploymentGroupDoesNotExistException", "UnsupportedActionForDeploymentTypeException",
		},
	}
}

// Stop ends a deployment and has CodeDeploy roll it back; it is the outbox's handler
// of [KindStop].
func (c *Client) Stop(ctx context.Context, j outbox.Job) error {
	var to stopTo
	if err := read(j.Body, &to); err != nil {
		return err
	}
	if err := c.may(to.Region); err != nil {
		return err
	}
	_, err := c.codedeploy.StopDeployment(ctx, &codedeploy.StopDeploymentInput{
		DeploymentId: &to.Deployment, AutoRollbackEnabled: awssdk.Bool(true),
	}, func(o *codedeploy.Options) { o.Region = to.Region })
	return stopping().of(err)
}

// Origin is whose a deployment of CodeDeploy is, and why it is there.
type Origin struct {
	Application, Group string
	// RollsBack says that it undoes another one: CodeDeploy rolls back by a new
	// deployment of an older revision.
	RollsBack bool
	// Over says that it has ended: it succeeded, failed, or was stopped.
	Over bool
}

// Origin asks whose a deployment is.
func (c *Client) Origin(ctx context.Context, region, deployment string) (Origin, error) {
	if err := c.may(region); err != nil {
		return Origin{}, err
	}
	answer, err := c.codedeploy.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &deployment}, func(o *codedeploy.Options) { o.Region = region })
	if err != nil {
		return Origin{}, meaning{call: "codedeploy:GetDeployment"}.of(err)
	}
	d := answer.DeploymentInfo
	if d == nil {
		return Origin{}, unexpected("codedeploy:GetDeployment")
	}
	over := []types.DeploymentStatus{types.DeploymentStatusSucceeded, types.DeploymentStatusFailed, types.DeploymentStatusStopped}
	triggered := d.RollbackInfo != nil && d.RollbackInfo.RollbackTriggeringDeploymentId != nil
	return Origin{
		Application: text(d.ApplicationName), Group: text(d.DeploymentGroupName),
		Over:      slices.Contains(over, d.Status),
		RollsBack: d.Creator == types.DeploymentCreatorCodeDeployRollback || triggered && *d.RollbackInfo.RollbackTriggeringDeploymentId != deployment,
	}, nil
}

// Reachable asks for a deployment that cannot exist, to find out whether the
// service answers and takes the credentials. It changes nothing.
func (c *Client) Reachable(ctx context.Context, region string) error {
	if err := c.may(region); err != nil {
		return err
	}
	_, err := c.codedeploy.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: awssdk.String("d-SERINTEST")},
		func(o *codedeploy.Options) { o.Region = region })
	switch code := codeOf(err); {
	case err == nil, code == "DeploymentDoesNotExistException", code == "InvalidDeploymentIdException":
		return nil
	case code == "":
		return fmt.Errorf("no answer: %s", oneLine(err.Error()))
	case code == "AccessDeniedException":
		// Whoever may report and stop need not be allowed to look.
		return nil
	default:
		return errors.New(code)
	}
}
