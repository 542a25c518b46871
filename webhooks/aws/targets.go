package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Side is one of the two that a deployment shifts traffic between, as far as it is
// told.
type Side struct {
	// Workload is the name of the function, or the family of the task definition.
	Workload string
	// Version is the version of the function, the revision of the task definition or,
	// where CodeDeploy deploys to ECS, the name of the target group.
	Version string
	// ID is that of the service revision, or of the task set.
	ID string
}

// Sides are the new and the old one.
type Sides struct{ Canary, Baseline Side }

// Targets tells between which two a deployment of CodeDeploy shifts traffic: versions
// of a function, or task sets. Where that is not told yet the sides are empty.
func (c *Client) Targets(ctx context.Context, region, deployment string) (Sides, error) {
	if err := c.may(region); err != nil {
		return Sides{}, err
	}
	in := func(o *codedeploy.Options) { o.Region = region }
	list, err := c.codedeploy.ListDeploymentTargets(ctx, &codedeploy.ListDeploymentTargetsInput{DeploymentId: &deployment}, in)
	if err != nil {
		return Sides{}, meaning{call: "codedeploy:ListDeploymentTargets"}.of(err)
	}
	if len(list.TargetIds) != 1 {
		return Sides{}, nil
	}
	answer, err := c.codedeploy.BatchGetDeploymentTargets(ctx, &codedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &deployment, TargetIds: list.TargetIds}, in)
	if err != nil {
		return Sides{}, meaning{call: "codedeploy:BatchGetDeploymentTargets"}.of(err)
	}
	var s Sides
	for _, t := range answer.DeploymentTargets {
		if t.LambdaTarget != nil && t.LambdaTarget.LambdaFunctionInfo != nil {
			s = ofFunction(*t.LambdaTarget.LambdaFunctionInfo)
		}
		if t.EcsTarget != nil {
			s = ofTaskSets(t.EcsTarget.TaskSetsInfo)
		}
	}
	return s, nil
}

func ofFunction(f cdtypes.LambdaFunctionInfo) Sides {
	name := text(f.FunctionName)
	return Sides{Canary: Side{Workload: name, Version: text(f.TargetVersion)}, Baseline: Side{Workload: name, Version: text(f.CurrentVersion)}}
}

func ofTaskSets(sets []cdtypes.ECSTaskSet) Sides {
	var s Sides
	for _, set := range sets {
		side := Side{ID: text(set.Identifer)}
		if set.TargetGroup != nil {
			side.Version = text(set.TargetGroup.Name)
		}
		switch set.TaskSetLabel {
		case cdtypes.TargetLabelGreen:
			s.Canary = side
		case cdtypes.TargetLabelBlue:
			s.Baseline = side
		}
	}
	return s
}

// revisions tells which task definitions two service revisions are of.
func (c *Client) revisions(ctx context.Context, region string, canary, baseline *string) (Sides, error) {
	s := Sides{Canary: Side{ID: lastPart(canary)}, Baseline: Side{ID: lastPart(baseline)}}
	var arns []string
	for _, arn := range []*string{canary, baseline} {
		if arn != nil {
			arns = append(arns, *arn)
		}
	}
	if len(arns) == 0 {
		return s, nil
	}
	answer, err := c.ecs.DescribeServiceRevisions(ctx, &ecs.DescribeServiceRevisionsInput{ServiceRevisionArns: arns}, func(o *ecs.Options) { o.Region = region })
	if err != nil {
		err = meaning{call: "ecs:DescribeServiceRevisions"}.of(err)
		if errors.Is(err, ErrDenied) {
			return s, nil // the IDs are known without it
		}
		return s, err
	}
	for _, r := range answer.ServiceRevisions {
		for _, side := range []*Side{&s.Canary, &s.Baseline} {
			if side.ID != "" && lastPart(r.ServiceRevisionArn) == side.ID {
				side.Workload, side.Version = ofTask(r)
			}
		}
	}
	return s, nil
}

// ofTask returns the family and the revision of a service revision's task definition.
func ofTask(r ecstypes.ServiceRevision) (family, revision string) {
	family, revision, _ = strings.Cut(lastPart(r.TaskDefinition), ":")
	return family, revision
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// one returns the ARN of the only revision of a list, or nil.
func one(list []ecstypes.ServiceRevisionSummary) *string {
	if len(list) != 1 {
		return nil
	}
	return list[0].Arn
}

// unexpected is an answer that lacks what was asked for.
func unexpected(call string) error {
	return fmt.Errorf("%s: an answer without what was asked for", call)
}
