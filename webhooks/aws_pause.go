package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

const (
	// pauseSlack is what the way back takes, and clocks that differ.
	pauseSlack = 15 * time.Second
	// pauseTime is how long a hook waits that does not say when it expires; ECS's own
	// default is a day.
	pauseTime = time.Hour
	// pauseDocuments are the pauses before production traffic, to count them by.
	pauseDocuments = "ecs pause"
)

// hookState is the detail of an event about a hook of ECS.
type hookState struct {
	EventName            string    `json:"eventName"`
	HookID               string    `json:"hookId"`
	HookType             string    `json:"hookType"`
	ExpiresAt            time.Time `json:"expiresAt"`
	LifecycleStage       string    `json:"lifecycleStage"`
	ServiceDeploymentARN string    `json:"serviceDeploymentArn"`
}

// The stages of a deployment of ECS at which hooks can stand.
const (
	stageReconcile = "RECONCILE_SERVICE"
	stagePreScale  = "PRE_SCALE_UP"
	stagePostScale = "POST_SCALE_UP"
	stageTest      = "TEST_TRAFFIC_SHIFT"
	stagePostTest  = "POST_TEST_TRAFFIC_SHIFT"
	stagePre       = "PRE_PRODUCTION_TRAFFIC_SHIFT" // before every step
	stageShift     = "PRODUCTION_TRAFFIC_SHIFT"     // at every step
	stagePost      = "POST_PRODUCTION_TRAFFIC_SHIFT"
)

func ecsStages() []string {
	return []string{stageReconcile, stagePreScale, stagePostScale, stageTest, stagePostTest, stagePre, stageShift, stagePost}
}

// hookIDForm is the form of a hook's ID, such as ecs-pause-e7tK9G_WRJqNF.
var hookIDForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,255}$`)

// pause is a hook that waits.
type pause struct {
	hookState
	name ecsName
	at   time.Time // of the event
}

// pauseTo is which hook an answer releases.
type pauseTo struct {
	Region     string `json:"region"`
	Deployment string `json:"serviceDeploymentArn"`
	Hook       string `json:"hookId"`
	// Until is when it expires; nothing is sent after that.
	Until time.Time `json:"until,omitzero"`
}

func (p pause) to() pauseTo {
	return pauseTo{p.name.region, p.ServiceDeploymentARN, p.HookID, p.ExpiresAt}
}

// readPause checks the detail of an event.
func readPause(e busEvent, regions []string) (pause, error) {
	p := pause{at: e.Time}
	if err := decode(e.Detail, &p.hookState, tolerant); err != nil {
		return p, err
	}
	if p.EventName != "HOOK_AWAITING_ACTION" || (p.HookType != "" && p.HookType != "PAUSE") {
		return p, nil
	}
	var l faultList
	var ok bool
	if p.name, ok = readDeploymentARN(p.ServiceDeploymentARN); !ok {
		l.add("detail.serviceDeploymentArn: %s is not the ARN of a service deployment", quoted(p.ServiceDeploymentARN))
	} else if !slices.Contains(regions, p.name.region) {
		l.add("detail.serviceDeploymentArn: region %s is not among those that are configured under aws.regions", quoted(p.name.region))
	}
	if !hookIDForm.MatchString(p.HookID) {
		l.add("detail.hookId: %s is none", quoted(p.HookID))
	}
	if !slices.Contains(ecsStages(), p.LifecycleStage) {
		l.add("detail.lifecycleStage: %s is no stage of a deployment", quoted(p.LifecycleStage))
	}
	return p, l.err("send EventBridge's own event")
}

// takePause takes the question of a paused hook.
func (s *Server) takePause(ctx context.Context, w caller, e busEvent) (eventTaken, error) {
	p, err := readPause(e, s.cfg.AWS.Regions)
	switch {
	case err != nil:
		return eventTaken{}, err
	case p.EventName != "HOOK_AWAITING_ACTION":
		return eventTaken{Ignored: oneLine(p.EventName, 100) + " asks nothing"}, nil
	case p.HookType != "" && p.HookType != "PAUSE":
		return eventTaken{Ignored: "only paused hooks are released by a call"}, nil
	}
	rule, ok := s.cfg.AWS.ecsService(p.name)
	if !ok {
		return s.unknownPause(ctx, w, p)
	}
	if err := w.mayIn(rule.Namespace); err != nil {
		return eventTaken{}, err
	}
	q := p.question(s.now(), rule.Fallback)
	if t, given, err := s.answered(ctx, q); given || err != nil {
		return eventTaken{Question: &t}, err
	}
	if !q.Deadline.After(s.now()) {
		return eventTaken{Ignored: "the hook has expired, and ECS has done what its timeout says"}, nil
	}
	if p.LifecycleStage == stageReconcile || p.LifecycleStage == stagePreScale {
		t, err := s.tellNow(ctx, q, p.to(), reply.Answer{Yes: true, Reason: "nothing of the new revision runs at " + p.LifecycleStage + ", so there is nothing to judge"})
		return eventTaken{Question: &t}, err
	}
	return s.judgePause(ctx, rule, p, q)
}

// unknownPause is the hook of a service that no entry fits.
func (s *Server) unknownPause(ctx context.Context, w caller, p pause) (eventTaken, error) {
	const why = "no entry of aws.services fits this service"
	s.cfg.Log.WarnContext(ctx, "a paused hook belongs to no service that is configured", "hook", p.HookID, "deployment", p.ServiceDeploymentARN,
		"rolled back", s.cfg.AWS.RollBackUnknown)
	if !s.cfg.AWS.RollBackUnknown {
		return eventTaken{Ignored: why + "; the hook is left to its timeout"}, nil
	}
	if !w.everywhere() {
		return eventTaken{}, w.forbidden("use one for every namespace", "is limited to namespaces, and this service belongs to none")
	}
	t, err := s.tellNow(ctx, p.question(s.now(), false), p.to(), reply.Answer{Reason: why + ", and the configuration has such hooks rolled back"})
	return eventTaken{Question: &t}, err
}

// question is what a paused hook asks. Each pause has an ID of its own; with another
// deployment's name it is another question.
func (p pause) question(now time.Time, fallback bool) reply.Question {
	q := reply.Question{
		ID: "ecs/" + shortHash(p.ServiceDeploymentARN) + "/" + p.HookID, Sender: controllerECS, Gate: reply.GateStart,
		Asked: now, Deadline: p.ExpiresAt.Add(-pauseSlack), Fallback: fallback,
	}
	if p.ExpiresAt.IsZero() {
		q.Deadline = now.Add(pauseTime)
	}
	return q
}

// judgePause opens the rollout of a paused hook and asks at the gate of its stage.
func (s *Server) judgePause(ctx context.Context, rule AWSService, p pause, q reply.Question) (eventTaken, error) {
	d, err := s.describeECS(ctx, p.name.region, p.ServiceDeploymentARN)
	if err != nil {
		return eventTaken{}, err
	}
	if d.Over {
		return eventTaken{Ignored: "the deployment has ended, or is being rolled back: ECS takes no action for it"}, nil
	}
	f, err := s.onDeployment(ctx, ecsDeployment(rule, p.ServiceDeploymentARN, p.name, d))
	if err != nil {
		return eventTaken{}, err
	}
	q.Rollout = f.Rollout.ID
	if q.Gate, err = s.gateOf(ctx, p, d); err != nil {
		return eventTaken{}, err
	}
	if err := s.declareShift(ctx, f.Summary, d.Weight); err != nil {
		return eventTaken{}, err
	}
	if p.LifecycleStage == stagePost {
		if q.Granted, err = s.grantedBefore(ctx, q.Rollout); err != nil {
			return eventTaken{}, err
		}
	}
	t, err := s.askDesk(ctx, q, p.to())
	return eventTaken{Question: &t}, err
}

// describeECS asks ECS how a deployment stands.
func (s *Server) describeECS(ctx context.Context, region, arn string) (ECSDeployment, error) {
	if s.cfg.AWS.AWSReader == nil || !slices.Contains(s.cfg.AWS.Regions, region) {
		return ECSDeployment{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, awsAck/2)
	defer cancel()
	d, err := s.cfg.AWS.ECSDeployment(ctx, region, arn)
	if err != nil {
		return d, &HTTPError{
			Code: http.StatusServiceUnavailable, Public: "ECS did not say how the deployment stands", Next: "ask again; the log of Serin says why, and serin doctor tries its credentials",
			Err: err, RetryAfter: 10 * time.Second,
		}
	}
	return d, nil
}

// ecsDeployment derives who is on trial. The deployment's ID is the revision: ECS
// makes a new service revision for each.
func ecsDeployment(rule AWSService, arn string, n ecsName, d ECSDeployment) deployment {
	comparison := rule.Comparison
	if comparison == "" && d.Strategy == "BLUE_GREEN" {
		comparison = rollout.ChecksOnly // the two never share production traffic
	}
	return deployment{plan: rule.Plan, rollout: rollout.Rollout{
		Controller: controllerECS, Namespace: rule.Namespace, Service: rule.Service, Revision: n.deployment,
		Canary: override(d.Canary, rule.Canary), Baseline: override(d.Baseline, rule.Baseline),
		Comparison: comparison, Watch: true, Ref: arn,
	}}
}

// gateOf says what a pause asks:
//
//	POST_SCALE_UP, POST_TEST_TRAFFIC_SHIFT  the start: no production traffic yet
//	PRE_PRODUCTION_TRAFFIC_SHIFT            the start where the canary has no traffic,
//	                                        the promotion before the last step, else a step
//	POST_PRODUCTION_TRAFFIC_SHIFT           the promotion
func (s *Server) gateOf(ctx context.Context, p pause, d ECSDeployment) (reply.Gate, error) {
	switch p.LifecycleStage {
	case stagePost:
		return reply.GatePromotion, nil
	case stagePre:
	default:
		return reply.GateStart, nil
	}
	first, err := s.firstPause(ctx, p)
	switch {
	case err != nil:
		return "", err
	case d.Weight != nil:
		return stepOf(*d.Weight, d), nil
	case first:
		return reply.GateStart, nil
	}
	return reply.GateStep, nil
}

// stepOf says what is asked before a step, by the weight that the canary has.
func stepOf(weight float64, d ECSDeployment) reply.Gate {
	const linearStep = 10 // percent, ECS's default
	step := d.Step
	if step == 0 {
		step = linearStep
	}
	switch {
	case weight == 0:
		return reply.GateStart
	case d.Strategy == "CANARY", d.Strategy == "LINEAR" && weight+step >= 100:
		return reply.GatePromotion
	}
	return reply.GateStep
}

// firstPause reports whether a pause is the first before production traffic of its
// deployment. Pauses are counted in the journal, each once, whether or not ECS tells
// the weight: that the canary has no traffic must be known, and not follow from
// nothing being known.
func (s *Server) firstPause(ctx context.Context, p pause) (bool, error) {
	if s.cfg.AWS.Documents == nil {
		return false, nil
	}
	_, err := s.cfg.AWS.Documents.AddDocument(ctx, journal.Document{
		Kind: pauseDocuments, ID: p.HookID, Owner: p.ServiceDeploymentARN, State: p.LifecycleStage, Body: json.RawMessage(`{}`),
	})
	if err != nil && !errors.Is(err, journal.ErrExists) {
		return false, err
	}
	const most = 1000 // steps of 0.1 %
	list, err := s.cfg.AWS.Documents.Documents(ctx, journal.DocumentFilter{Kind: pauseDocuments, Owner: p.ServiceDeploymentARN, Limit: most})
	if err != nil {
		return false, err
	}
	first := len(list) > 0 && list[len(list)-1].ID == p.HookID
	if first {
		_, err = s.cfg.AWS.Documents.PruneDocuments(ctx, pauseDocuments, s.now().Add(-maxAge))
	}
	return first, err
}

// declareShift records the weight that ECS tells, where it is not that of a canary
// without traffic: a zero would be believed until another weight is told.
func (s *Server) declareShift(ctx context.Context, sum journal.Summary, weight *float64) error {
	if weight == nil || *weight == 0 || !live(sum) {
		return nil
	}
	return ignoreClosed(s.cfg.Journal.Declare(ctx, sum.Rollout.ID, rollout.WeightAt{At: s.now(), Percent: *weight}))
}
