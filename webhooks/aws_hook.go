package webhooks

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

const (
	// lambdaTime is how long a Lambda hook waits where it does not say: ECS's own
	// default is a day, and a rollback then.
	lambdaTime = 23*time.Hour + 30*time.Minute
	// lambdaAgain is when ECS calls a hook again that is not decided, in seconds.
	lambdaAgain = 30
)

// The results of a Lambda hook of ECS.
const (
	lambdaSucceeded  = "SUCCEEDED"
	lambdaFailed     = "FAILED"
	lambdaInProgress = "IN_PROGRESS"
)

// lambdaEvent is what ECS calls a Lambda hook with, and the body of POST /aws/ecs-hook.
type lambdaEvent struct {
	ExecutionID    string `json:"executionId"`
	LifecycleStage string `json:"lifecycleStage"`
	ResourceARN    string `json:"resourceArn"` // of the service deployment
	Details        struct {
		Target     string             `json:"targetServiceRevisionArn"`
		Test       map[string]float64 `json:"testTrafficWeights"`
		Production map[string]float64 `json:"productionTrafficWeights"`
	} `json:"executionDetails"`
	HookDetails json.RawMessage `json:"hookDetails"`
}

// lambdaDetails is what a service's definition may say, as serin in the hookDetails.
type lambdaDetails struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	Plan      string `json:"plan"`
	// Fallback is the answer where nothing was decided within Within: FAILED (default)
	// or SUCCEEDED.
	Fallback   string             `json:"fallback"`
	Within     string             `json:"within"`
	Comparison rollout.Comparison `json:"comparison"`

	Canary   rollout.Arm `json:"canary"`
	Baseline rollout.Arm `json:"baseline"`
}

// lambdaAnswer is what ECS is told. Its details are merged into those of the next
// call of the same hook.
type lambdaAnswer struct {
	HookStatus    string            `json:"hookStatus"`
	CallBackDelay int               `json:"callBackDelay,omitempty"` // seconds
	HookDetails   map[string]string `json:"hookDetails,omitempty"`
}

// lambdaHook is an event that has been read.
type lambdaHook struct {
	lambdaEvent
	details  lambdaDetails
	name     ecsName
	fallback bool
	within   time.Duration
	weight   *float64 // of the new revision; nil where it is not told
	source   string   // the other revision's ID, where there is one
	undone   bool
}

// read checks an event and reports everything that is wrong.
func (e lambdaEvent) read() (lambdaHook, error) {
	h := lambdaHook{lambdaEvent: e, within: lambdaTime}
	var l faultList
	var ok bool
	if h.name, ok = readDeploymentARN(e.ResourceARN); !ok {
		l.add("resourceArn: %s is not the ARN of a service deployment", quoted(e.ResourceARN))
	}
	if len(e.ExecutionID) > maxExecution || !executionID.MatchString(e.ExecutionID) {
		l.add("executionId: missing, longer than %d characters, or not printable", maxExecution)
	}
	if !slices.Contains(ecsStages(), e.LifecycleStage) {
		l.add("lifecycleStage: %s is no stage of a deployment", quoted(e.LifecycleStage))
	}
	if target := lastOf(e.Details.Target); target == "" || len(target) > maxFact {
		l.add("executionDetails.targetServiceRevisionArn: missing, or not an ARN")
	} else {
		l.take(checkFact("executionDetails.targetServiceRevisionArn", target))
	}
	for _, weights := range [...]map[string]float64{e.Details.Test, e.Details.Production} {
		if len(weights) > maxFacts {
			l.add("executionDetails: more than %d revisions", maxFacts)
		}
		for name, w := range weights {
			l.take(checkFact("executionDetails: a revision", lastOf(name)))
			l.take(checkPercent("executionDetails: a weight", w))
		}
	}
	h.readDetails(&l)
	h.readWeights()
	return h, l.err("pass ECS's own event, and correct hookDetails.serin in the service's definition")
}

// readDetails reads what the service's definition says. What is beside it belongs to
// others.
func (h *lambdaHook) readDetails(l *faultList) {
	var beside struct {
		Serin json.RawMessage `json:"serin"`
	}
	// Details that are no object are not ours.
	if json.Unmarshal(h.HookDetails, &beside) != nil || len(beside.Serin) == 0 {
		return
	}
	if err := decode(beside.Serin, &h.details, strict); err != nil {
		l.add("hookDetails.serin: %s", asHTTPError(err).Public)
		return
	}
	d := h.details
	for name, text := range map[string]string{"namespace": d.Namespace, "service": d.Service, "plan": d.Plan} {
		l.take(checkFact("hookDetails.serin."+name, text))
	}
	l.take(checkArm("hookDetails.serin.canary", d.Canary))
	l.take(checkArm("hookDetails.serin.baseline", d.Baseline))
	switch d.Fallback {
	case "", lambdaFailed:
	case lambdaSucceeded:
		h.fallback = true
	default:
		l.add("hookDetails.serin.fallback: %s is neither FAILED (default) nor SUCCEEDED", quoted(d.Fallback))
	}
	if d.Within != "" {
		within, err := time.ParseDuration(d.Within)
		if err != nil || within < time.Minute || within > lambdaTime {
			l.add("hookDetails.serin.within: %s is no duration from 1m to 23h30m, a little less than the hook's timeout", quoted(d.Within))
		}
		h.within = within
	}
}

// readWeights reads how much traffic the new revision has, and whether ECS takes it
// back: there is no stage of its own for that, but a stage that shifts traffic with
// nothing for the new revision and something for another one.
func (h *lambdaHook) readWeights() {
	target := lastOf(h.Details.Target)
	weights := h.Details.Production
	if h.LifecycleStage == stageTest {
		weights = h.Details.Test
	}
	var others float64
	for name, w := range weights {
		if lastOf(name) == target {
			h.weight = &w
			continue
		}
		others += w
		if h.source = lastOf(name); len(weights) > 2 {
			h.source = ""
		}
	}
	if h.weight == nil && others >= 100 {
		none := 0.0
		h.weight = &none
	}
	shifts := h.LifecycleStage == stageTest || h.LifecycleStage == stageShift
	h.undone = shifts && h.weight != nil && *h.weight == 0 && others > 0
}

// lastOf returns what follows the last slash of an ARN.
func lastOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// ecsHook is POST /aws/ecs-hook: it takes the event of a Lambda hook as it is, and
// answers what the function has to return. ECS calls again while the answer is
// IN_PROGRESS.
func (s *Server) ecsHook(c echo.Context) error {
	if err := s.noAWS(); err != nil {
		return err
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	var e lambdaEvent
	if err := decode(body, &e, tolerant); err != nil {
		return err
	}
	h, err := e.read()
	if err != nil {
		return err
	}
	w := callerOf(c)
	if err := w.may(controllerECS, RightJudge, RightAnnounce); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), awsAck)
	defer cancel()
	a, err := s.pollHook(ctx, w, h)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, a)
}

func (s *Server) pollHook(ctx context.Context, w caller, h lambdaHook) (lambdaAnswer, error) {
	if h.undone {
		_, err := s.endMeant(ctx, w, "ecs: it rolls back", func(r rollout.Rollout) bool {
			return r.Controller == controllerECS && r.Ref == h.ResourceARN
		})
		return lambdaAnswer{HookStatus: lambdaSucceeded, HookDetails: map[string]string{"serinReason": "a rollback is not judged"}}, err
	}
	if h.LifecycleStage == stageReconcile || h.LifecycleStage == stagePreScale {
		return lambdaAnswer{HookStatus: lambdaSucceeded, HookDetails: map[string]string{"serinReason": "nothing of the new revision runs yet"}}, nil
	}
	rule, err := s.serviceOf(h)
	if err != nil {
		return lambdaAnswer{}, err
	}
	for _, err := range [...]error{w.mayIn(rule.Namespace), w.mayArms(h.details.Canary, h.details.Baseline), s.mayPlan(w, h.details.Plan)} {
		if err != nil {
			return lambdaAnswer{}, err
		}
	}
	q := h.question(s.now(), rule)
	a, given, err := s.cfg.Asker.Given(ctx, q.ID)
	if err != nil {
		return lambdaAnswer{}, unrecorded(err)
	}
	if given {
		return asLambda(a), nil
	}
	return s.askHook(ctx, rule, h, q)
}

// asLambda says an answer in ECS's words.
func asLambda(a reply.Answer) lambdaAnswer {
	status := lambdaFailed
	if a.Yes {
		status = lambdaSucceeded
	}
	return lambdaAnswer{HookStatus: status, HookDetails: map[string]string{"serinReason": a.Reason, "serinReport": a.Link}}
}

// serviceOf returns what a hook's deployment is about: what the service's definition
// says, over what the configuration says.
func (s *Server) serviceOf(h lambdaHook) (AWSService, error) {
	rule, ok := s.cfg.AWS.ecsService(h.name)
	d := h.details
	if !ok && d.Service == "" {
		return rule, bad("add an entry to aws.services, or hookDetails.serin.service to the service's definition", "no entry of aws.services fits service %s of cluster %s",
			quoted(h.name.service), quoted(h.name.cluster))
	}
	for _, f := range [...]struct {
		to   *string
		from string
	}{{&rule.Namespace, d.Namespace}, {&rule.Service, d.Service}, {&rule.Plan, d.Plan}, {(*string)(&rule.Comparison), string(d.Comparison)}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if d.Fallback != "" {
		rule.Fallback = h.fallback
	}
	rule.Canary, rule.Baseline = override(rule.Canary, d.Canary), override(rule.Baseline, d.Baseline)
	return rule, nil
}

// question is what a hook asks. Called again it must be the same, and at the next step
// another: the weight tells steps apart, and the execution where no weight is told.
// Who is on trial is in it: what somebody asks about a service of theirs, in the name of
// this deployment, is no answer to this hook.
func (h lambdaHook) question(now time.Time, rule AWSService) reply.Question {
	step := "of " + shortHash(h.ExecutionID)
	if h.weight != nil {
		step = "at " + strconv.FormatFloat(*h.weight, 'g', -1, 64)
	}
	q := reply.Question{
		ID:     "ecs-hook/" + h.name.region + "/" + h.name.deployment + "/" + shortHash(h.ResourceARN+"\n"+rule.Namespace+"\n"+rule.Service) + "/" + h.LifecycleStage + "/" + step,
		Sender: reply.SenderPolled,
		Gate:   reply.GateStart, Asked: now, Deadline: now.Add(h.within), Fallback: rule.Fallback,
	}
	switch {
	case h.LifecycleStage == stagePost, h.LifecycleStage == stageShift && h.weight != nil && *h.weight >= 100:
		q.Gate = reply.GatePromotion
	case h.LifecycleStage == stagePre && (h.weight == nil || *h.weight > 0), h.LifecycleStage == stageShift:
		q.Gate = reply.GateStep
	}
	return q
}

// askHook opens the rollout and takes the question. Asked again, the first asking
// counts.
func (s *Server) askHook(ctx context.Context, rule AWSService, h lambdaHook, q reply.Question) (lambdaAnswer, error) {
	d, err := s.describeECS(ctx, h.name.region, h.ResourceARN)
	if err != nil {
		return lambdaAnswer{}, err
	}
	if !d.Known {
		d.Canary, d.Baseline = rollout.Arm{Hash: lastOf(h.Details.Target)}, rollout.Arm{Hash: h.source}
	}
	if d.Known && h.LifecycleStage == stagePre && q.Gate == reply.GateStep && h.weight != nil {
		// The event does not say whether this step is the last one.
		q.Gate = stepOf(*h.weight, d)
	}
	f, err := s.onDeployment(ctx, ecsDeployment(rule, h.ResourceARN, h.name, d))
	if err != nil {
		return lambdaAnswer{}, err
	}
	q.Rollout = f.Rollout.ID
	if h.LifecycleStage != stageTest {
		if err := s.declareShift(ctx, f.Summary, h.weight); err != nil {
			return lambdaAnswer{}, err
		}
	}
	if q.Gate == reply.GatePromotion && h.LifecycleStage != stagePre {
		if q.Granted, err = s.grantedBefore(ctx, q.Rollout); err != nil {
			return lambdaAnswer{}, err
		}
	}
	if err := s.cfg.Asker.Ask(ctx, q); err != nil {
		return lambdaAnswer{}, unrecorded(err)
	}
	return lambdaAnswer{HookStatus: lambdaInProgress, CallBackDelay: lambdaAgain, HookDetails: map[string]string{"serinReport": s.link(q.Rollout)}}, nil
}
