package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

// The dialects of Amazon's deployment services. Their names are also those of the
// senders that tell their answers.
const (
	controllerCodeDeploy = "codedeploy"
	controllerECS        = "ecs"
)

const (
	pathCodeDeploy = "/codedeploy/hook"
	pathEvents     = "/aws/events"
	pathECSHook    = "/aws/ecs-hook"
)

// awsAck is how soon a hook or an event is acknowledged: EventBridge waits for five
// seconds, the forwarder for three.
const awsAck = 2500 * time.Millisecond

// AWS is what the dialects of CodeDeploy and ECS need.
type AWS struct {
	// Regions are those in which answers can be told.
	Regions []string
	// Services say what deployments are about; the first that fits counts.
	Services []AWSService
	// RollBackUnknown answers the paused hook of a service that none of Services fits
	// with a rollback. Otherwise it is left to whoever else may release it, and to its
	// own timeout.
	RollBackUnknown bool
	AWSReader
	// Tell answers a question without a look.
	Tell func(ctx context.Context, q reply.Question, yes bool, reason string) error
	// Documents count the pauses of a deployment.
	Documents Documents
}

// AWSReader asks Amazon's services how deployments stand. Where the credentials do
// not allow it, what is returned is not Known, without an error.
type AWSReader interface {
	ECSDeployment(ctx context.Context, region, arn string) (ECSDeployment, error)
	CodeDeployment(ctx context.Context, region, id string) (CodeDeployment, error)
}

// ECSDeployment is how a service deployment of ECS stands.
type ECSDeployment struct {
	Known bool
	// Strategy is ROLLING, BLUE_GREEN, LINEAR or CANARY, and Step what a LINEAR one
	// shifts at a time, in percent.
	Strategy string
	Step     float64
	// Canary and Baseline are the new service revision, its ID as Hash and its task
	// definition's revision as Version, and the one before.
	Canary, Baseline rollout.Arm
	// Weight is the new revision's share of production traffic in percent; nil where
	// it is not told.
	Weight *float64
	// Over says that it has ended, or is being rolled back.
	Over bool
}

// CodeDeployment is what a deployment of CodeDeploy is about.
type CodeDeployment struct {
	Known bool
	// Application and Group are whose deployment it is.
	Application, Group string
	// RollsBack says that the deployment undoes another one.
	RollsBack bool
	// Canary and Baseline are the two that it shifts traffic between: a function's
	// versions, or task sets.
	Canary, Baseline rollout.Arm
	// Over says that it has ended.
	Over bool
}

// AWSService says what the deployments of a service are about. Exactly one of ECS and
// CodeDeploy is set.
type AWSService struct {
	ECS        *ECSMatch
	CodeDeploy *CodeDeployMatch

	Namespace string
	Service   string // default: the name in ECS, or of the application
	Plan      string // default: the service's
	// Fallback is the answer where nothing was decided in time.
	Fallback   bool
	Comparison rollout.Comparison
	Canary     rollout.Arm
	Baseline   rollout.Arm
}

// ECSMatch selects services of ECS by patterns such as shop-*; an empty one is any.
type ECSMatch struct{ Account, Region, Cluster, Service string }

// CodeDeployMatch selects deployment groups by patterns; an empty one is any.
type CodeDeployMatch struct{ Account, Region, Application, Group string }

// Check reports everything that is wrong with an entry, by the field's name.
func (s AWSService) Check(fault func(field, format string, args ...any)) {
	switch {
	case s.ECS == nil && s.CodeDeploy == nil:
		fault("", "an entry needs the deployments that it is about: ecs: {cluster: …, service: …} or codedeploy: {application: …, group: …}")
	case s.ECS != nil && s.CodeDeploy != nil:
		fault("", "an entry is either about ecs or about codedeploy; write two")
	}
	pattern := func(field, text string) {
		if _, err := path.Match(text, ""); err != nil {
			fault(field, "%q is no pattern; write a name, or one with * in it", text)
		}
	}
	if m := s.ECS; m != nil {
		pattern("ecs.account", m.Account)
		pattern("ecs.region", m.Region)
		pattern("ecs.cluster", m.Cluster)
		pattern("ecs.service", m.Service)
	}
	if m := s.CodeDeploy; m != nil {
		pattern("codedeploy.account", m.Account)
		pattern("codedeploy.region", m.Region)
		pattern("codedeploy.application", m.Application)
		pattern("codedeploy.group", m.Group)
	}
	said := func(field string, err error) {
		var l faultList
		if l.take(err); len(l) > 0 {
			fault(field, "%s", strings.TrimPrefix(l[0], field+": "))
		}
	}
	said("namespace", checkFact("namespace", s.Namespace))
	said("service", checkFact("service", s.Service))
	said("plan", checkFact("plan", s.Plan))
	said("canary", checkArm("canary", s.Canary))
	said("baseline", checkArm("baseline", s.Baseline))
	switch s.Comparison {
	case "", rollout.Concurrent, rollout.ChecksOnly, rollout.BeforeAfter:
	default:
		fault("comparison", "%q is none; write concurrent, checks or before-after", string(s.Comparison))
	}
}

// fits reports whether a text is meant by a pattern.
func fits(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, text)
	return err == nil && ok
}

// ecsService returns the first service that an ARN of ECS fits.
func (a *AWS) ecsService(n ecsName) (AWSService, bool) {
	for _, s := range a.Services {
		m := s.ECS
		if m != nil && fits(m.Account, n.account) && fits(m.Region, n.region) && fits(m.Cluster, n.cluster) && fits(m.Service, n.service) {
			if s.Service == "" {
				s.Service = n.service
			}
			return s, true
		}
	}
	return AWSService{}, false
}

// codeDeployService returns the first service that a deployment group fits. The
// account is empty where it is not told.
func (a *AWS) codeDeployService(account, region, application, group string) (AWSService, bool) {
	for _, s := range a.Services {
		m := s.CodeDeploy
		if m != nil && (account == "" || fits(m.Account, account)) && fits(m.Region, region) && fits(m.Application, application) && fits(m.Group, group) {
			if s.Service == "" {
				s.Service = application
			}
			return s, true
		}
	}
	return AWSService{}, false
}

// ecsName is what an ARN of ECS names: a service, or a deployment of one.
type ecsName struct{ partition, region, account, cluster, service, deployment string }

var (
	deploymentARN = regexp.MustCompile(`^arn:(aws[a-z-]{0,20}):ecs:([a-z0-9-]{1,30}):([0-9]{12}):service-deployment/([0-9A-Za-z_-]{1,255})/([0-9A-Za-z_-]{1,255})/([0-9A-Za-z_-]{1,128})$`)
	serviceARN    = regexp.MustCompile(`^arn:(aws[a-z-]{0,20}):ecs:([a-z0-9-]{1,30}):([0-9]{12}):service/([0-9A-Za-z_-]{1,255})/([0-9A-Za-z_-]{1,255})$`)
)

// readDeploymentARN reads the ARN of a service deployment.
func readDeploymentARN(text string) (ecsName, bool) {
	m := deploymentARN.FindStringSubmatch(text)
	if m == nil {
		return ecsName{}, false
	}
	return ecsName{m[1], m[2], m[3], m[4], m[5], m[6]}, true
}

// readServiceARN reads the ARN of a service.
func readServiceARN(text string) (ecsName, bool) {
	m := serviceARN.FindStringSubmatch(text)
	if m == nil {
		return ecsName{}, false
	}
	return ecsName{m[1], m[2], m[3], m[4], m[5], ""}, true
}

// deployments returns the beginning of the ARNs of a service's deployments.
func (n ecsName) deployments() string {
	return fmt.Sprintf("arn:%s:ecs:%s:%s:service-deployment/%s/%s/", n.partition, n.region, n.account, n.cluster, n.service)
}

// faultList collects what is wrong with a request, to say all of it at once.
type faultList []string

func (l *faultList) add(format string, args ...any) { *l = append(*l, fmt.Sprintf(format, args...)) }

// take adds an error that is a refusal.
func (l *faultList) take(err error) {
	var e *HTTPError
	switch {
	case err == nil:
	case errors.As(err, &e):
		*l = append(*l, e.Public)
	default:
		*l = append(*l, err.Error())
	}
}

// err returns the refusal, or nil where nothing is wrong.
func (l faultList) err(next string) error {
	if len(l) == 0 {
		return nil
	}
	return bad(next, "%s", strings.Join(l, "; "))
}

// deployment is one attempt as Amazon's services name it: the rollout's Ref is the
// deployment.
type deployment struct {
	rollout rollout.Rollout
	plan    string
}

// found is a rollout of a deployment, and whether it was opened now.
type found struct {
	journal.Summary
	opened bool
}

// ofRef returns the rollout of a deployment, live or over, where there is one.
func (s *Server) ofRef(ctx context.Context, r rollout.Rollout) (journal.Summary, bool, error) {
	return s.amongNewest(ctx, r, func(other rollout.Rollout) bool { return other.Ref == r.Ref })
}

// amongNewest returns the newest rollout of a service and a controller that is meant.
func (s *Server) amongNewest(ctx context.Context, r rollout.Rollout, meant func(rollout.Rollout) bool) (journal.Summary, bool, error) {
	const newest = 50 // what comes again later than so many attempts is lost anyway
	list, err := s.cfg.Journal.List(ctx, journal.Filter{Service: r.Service, Namespace: r.Namespace, Limit: newest})
	for _, sum := range list {
		if sum.Rollout.Controller == r.Controller && sum.Rollout.Namespace == r.Namespace && meant(sum.Rollout) {
			return sum, true, err
		}
	}
	return journal.Summary{}, false, err
}

// onDeployment finds the rollout of a deployment, or opens it. A deployment is one
// attempt: what is over is not opened again by a delivery that comes late.
func (s *Server) onDeployment(ctx context.Context, d deployment) (found, error) {
	sum, known, err := s.ofRef(ctx, d.rollout)
	if known || err != nil {
		return found{Summary: sum}, err
	}
	p, err := s.cfg.Plans.Find(d.plan, d.rollout.Namespace, d.rollout.Service)
	if err != nil {
		return found{}, err
	}
	r, err := applyPlan(d.rollout, p)
	if err != nil {
		return found{}, &unfitError{err}
	}
	// A deployment's event and its first hook come at the same moment, maybe to two
	// replicas, and may call the revision by two names: the one that comes second must see
	// the first. A deployment group has one deployment at a time, and so has a service:
	// whatever was live, of the same revision too, is over.
	return s.begin(ctx, r, p, func(other rollout.Rollout, _ bool) bool { return other.Ref == r.Ref })
}

// unfitError is a deployment that the plan and the configuration do not fit, as they are
// now: its arms cannot be told apart, for one.
type unfitError struct{ err error }

// Error returns the words of the refusal.
func (e *unfitError) Error() string { return e.err.Error() }

// Unwrap returns the refusal.
func (e *unfitError) Unwrap() error { return e.err }

// grantedBefore reports whether the newest verdict that had fresh evidence of both
// arms granted the last promotion. It is asked when the canary has all the traffic.
func (s *Server) grantedBefore(ctx context.Context, id string) (bool, error) {
	list, err := s.cfg.Journal.Verdicts(ctx, id)
	if err != nil {
		return false, err
	}
	for _, v := range slices.Backward(list) {
		if v.Fresh || v.Outcome == judge.Rollback {
			return v.Promotion.Yes, nil
		}
	}
	return false, nil
}

// askDesk hands a question to the desk, once.
func (s *Server) askDesk(ctx context.Context, q reply.Question, to any) (taken, error) {
	var err error
	if q.To, err = json.Marshal(to); err != nil {
		return taken{}, err
	}
	if err := s.cfg.Asker.Ask(ctx, q); err != nil {
		return taken{}, unrecorded(err)
	}
	s.note(ctx, "asked by "+q.Sender, q.Rollout, q.ID+" at gate "+string(q.Gate))
	return taken{Question: q.ID, Rollout: q.Rollout, Gate: string(q.Gate), Deadline: q.Deadline.UTC(), Report: s.link(q.Rollout)}, nil
}

// tellNow hands the desk an answer that needs no look.
func (s *Server) tellNow(ctx context.Context, q reply.Question, to any, a reply.Answer) (taken, error) {
	var err error
	if q.To, err = json.Marshal(to); err != nil {
		return taken{}, err
	}
	if err := s.cfg.AWS.Tell(ctx, q, a.Yes, a.Reason); err != nil {
		return taken{}, unrecorded(err)
	}
	s.note(ctx, "answered "+q.Sender+" without a look", q.Rollout, q.ID+": "+a.Reason)
	return taken{Question: q.ID, Rollout: q.Rollout, Gate: string(q.Gate), Answered: true}, nil
}

// answered returns what is told to a delivery that comes again.
func (s *Server) answered(ctx context.Context, q reply.Question) (taken, bool, error) {
	a, given, err := s.cfg.Asker.Given(ctx, q.ID)
	if err != nil {
		return taken{}, false, unrecorded(err)
	}
	return taken{Question: q.ID, Gate: string(q.Gate), Answered: true, Report: a.Link}, given, nil
}

// noAWS refuses calls while nothing is configured that could answer them.
func (s *Server) noAWS() error {
	if s.cfg.AWS != nil && s.cfg.Asker != nil {
		return nil
	}
	return &HTTPError{
		Code: http.StatusNotFound, Public: "this server is not configured to answer Amazon's services",
		Next: "add an aws section to its configuration; docs/aws.md shows one",
	}
}
