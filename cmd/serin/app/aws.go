package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks"
	"github.com/serin-canary/serin/webhooks/aws"
)

// AWS configures hooks of CodeDeploy and ECS; without it they are refused. The
// credentials are those that the SDK finds: none are written here.
type AWS struct {
	// Regions are those in which answers are told.
	Regions []string `yaml:"regions"`
	// UnknownServices says what becomes of a paused hook of ECS that no entry of
	// Services fits: leave (default), which leaves it to its own timeout, or rollback.
	UnknownServices string `yaml:"unknownServices"`
	// Services say what deployments are about; the first that fits counts.
	Services []AWSService `yaml:"services"`
}

// AWSService says what the deployments of a service are about.
type AWSService struct {
	ECS        *ECSMatch        `yaml:"ecs"`
	CodeDeploy *CodeDeployMatch `yaml:"codedeploy"`

	Namespace string `yaml:"namespace"`
	Service   string `yaml:"service"` // default: the name in ECS, or of the application
	Plan      string `yaml:"plan"`    // default: the service's
	// Fallback is the answer where nothing was decided in time: rollback (default) or
	// continue.
	Fallback   string             `yaml:"fallback"`
	Comparison rollout.Comparison `yaml:"comparison"`
	Canary     rollout.Arm        `yaml:"canary"`
	Baseline   rollout.Arm        `yaml:"baseline"`
}

// ECSMatch selects services of ECS by patterns such as shop-*; an empty one is any.
type ECSMatch struct {
	Account string `yaml:"account"`
	Region  string `yaml:"region"`
	Cluster string `yaml:"cluster"`
	Service string `yaml:"service"`
}

// CodeDeployMatch selects deployment groups by patterns; an empty one is any.
type CodeDeployMatch struct {
	Account     string `yaml:"account"`
	Region      string `yaml:"region"`
	Application string `yaml:"application"`
	Group       string `yaml:"group"`
}

// on reports whether Amazon's services are configured.
func (a AWS) on() bool { return len(a.Regions)+len(a.Services) > 0 || a.UnknownServices != "" }

const unknownRollback = "rollback"

func (a AWS) check(fault func(path, format string, args ...any)) {
	if a.on() && len(a.Regions) == 0 {
		fault("aws.regions", "answers are told in a region, and none is listed; write for example [eu-west-1]")
	}
	for i, r := range a.Regions {
		at := fmt.Sprintf("aws.regions[%d]", i)
		if err := aws.CheckRegion(r); err != nil {
			fault(at, "%s", err)
		}
		if slices.Contains(a.Regions[:i], r) {
			fault(at, "%s is listed already", r)
		}
	}
	switch a.UnknownServices {
	case "", "leave", unknownRollback:
	default:
		fault("aws.unknownServices", "%q is neither; write leave or rollback", a.UnknownServices)
	}
	for i, s := range a.Services {
		at := fmt.Sprintf("aws.services[%d]", i)
		s.service().Check(func(field, format string, args ...any) {
			path := at
			if field != "" {
				path += "." + field
			}
			fault(path, format, args...)
		})
		switch s.Fallback {
		case "", "rollback", "continue":
		default:
			fault(at+".fallback", "%q is neither; write rollback or continue", s.Fallback)
		}
	}
}

// service returns an entry as the front takes it.
func (s AWSService) service() webhooks.AWSService {
	return webhooks.AWSService{
		ECS: (*webhooks.ECSMatch)(s.ECS), CodeDeploy: (*webhooks.CodeDeployMatch)(s.CodeDeploy),
		Namespace: s.Namespace, Service: s.Service, Plan: s.Plan, Fallback: s.Fallback == "continue",
		Comparison: s.Comparison, Canary: s.Canary, Baseline: s.Baseline,
	}
}

// openAWS opens the client of Amazon's services and the senders that use it, where
// they are configured.
func (l *later) openAWS(c Config) error {
	if !c.AWS.on() {
		return nil
	}
	// What is read is the environment and the SDK's own files.
	client, err := aws.New(context.Background(), aws.Options{Regions: c.AWS.Regions})
	if err != nil {
		return err
	}
	l.aws = client
	l.senders[aws.SenderCodeDeploy], l.senders[aws.SenderECS] = client.CodeDeploy(), client.ECS()
	return nil
}

// frontAWS is what the front needs for hooks of CodeDeploy and ECS; nil where they are
// refused.
func (a *App) frontAWS() *webhooks.AWS {
	if a.later.aws == nil {
		return nil
	}
	out := &webhooks.AWS{
		Regions: a.config.AWS.Regions, RollBackUnknown: a.config.AWS.UnknownServices == unknownRollback,
		AWSReader: awsReader{a.later.aws}, Tell: a.later.desk.Tell, Documents: a.journal,
	}
	for _, s := range a.config.AWS.Services {
		out.Services = append(out.Services, s.service())
	}
	return out
}

// awsReader asks how deployments stand. What the credentials do not allow is not
// known, which is no error: the policy may leave it out.
type awsReader struct{ client *aws.Client }

// ECSDeployment implements webhooks.AWSReader.
func (r awsReader) ECSDeployment(ctx context.Context, region, arn string) (webhooks.ECSDeployment, error) {
	d, err := r.client.ServiceDeployment(ctx, region, arn)
	if errors.Is(err, aws.ErrDenied) {
		return webhooks.ECSDeployment{}, nil
	}
	return webhooks.ECSDeployment{
		Known: err == nil, Strategy: d.Strategy, Step: d.Step, Canary: armOf(d.Canary), Baseline: armOf(d.Baseline), Weight: d.Weight, Over: d.Over,
	}, err
}

// CodeDeployment implements webhooks.AWSReader.
func (r awsReader) CodeDeployment(ctx context.Context, region, id string) (webhooks.CodeDeployment, error) {
	o, err := r.client.Origin(ctx, region, id)
	if err != nil && !errors.Is(err, aws.ErrDenied) {
		return webhooks.CodeDeployment{}, err
	}
	out := webhooks.CodeDeployment{Known: err == nil, Application: o.Application, Group: o.Group, RollsBack: o.RollsBack, Over: o.Over}
	sides, err := r.client.Targets(ctx, region, id)
	if errors.Is(err, aws.ErrDenied) {
		return out, nil
	}
	out.Canary, out.Baseline = armOf(sides.Canary), armOf(sides.Baseline)
	return out, err
}

func armOf(s aws.Side) rollout.Arm {
	return rollout.Arm{Workload: s.Workload, Version: s.Version, Hash: s.ID}
}

// checkAWSPlans makes sure that every entry's plan is there, so that a typo is found
// at the start and not by the first deployment.
func (a *App) checkAWSPlans(plans *plan.Set) error {
	var wrong []string
	for i, s := range a.config.AWS.Services {
		if s.Plan == "" && s.Service == "" {
			continue // the service's name is known with the deployment
		}
		if _, err := plans.Find(s.Plan, s.Namespace, s.Service); err != nil {
			wrong = append(wrong, fmt.Sprintf("aws.services[%d]: %s", i, err))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%s\nadd the plan, or name another one in the configuration", strings.Join(wrong, "\n"))
}

// aws looks for credentials and asks whether CodeDeploy answers, for serin doctor.
func (x *examination) aws(ctx context.Context) {
	if !x.c.AWS.on() {
		return
	}
	client, err := aws.New(ctx, aws.Options{Regions: x.c.AWS.Regions})
	if err != nil {
		x.add(Diagnosis{"aws", Ill, oneLine(err), "mend aws in the configuration"})
		return
	}
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	from, err := client.Credentials(ctx)
	if err != nil {
		x.add(Diagnosis{"aws", Ill, oneLine(err), "give the process a role, or the variables that the SDK reads; docs/aws.md has the policy"})
		return
	}
	for _, r := range x.c.AWS.Regions {
		if err := client.Reachable(ctx, r); err != nil {
			x.add(Diagnosis{"aws " + r, Ill, "CodeDeploy: " + oneLine(err), "check the network's way out and the credentials"})
			continue
		}
		x.add(Diagnosis{Part: "aws " + r, Health: Well, Text: "CodeDeploy answers; credentials of " + from})
	}
}
