package webhooks

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

const (
	// hookLimit is how long CodeDeploy waits for a hook's result before it fails the
	// deployment.
	hookLimit = time.Hour
	// hookTime is how long CodeDeploy waits for a hook's result, less what the
	// forwarder and the way back take. Nothing is reported after it.
	hookTime = 55 * time.Minute
	// hookAfter is how long the hook after all traffic has moved waits: nothing can be
	// proven any more, so only failures are waited for.
	hookAfter = 10 * time.Minute
)

// codeDeployCall is the body of POST /codedeploy/hook: the two IDs that CodeDeploy
// gives its hook, and what the forwarder knows from its environment.
type codeDeployCall struct {
	DeploymentID    string `json:"deploymentId"`
	ExecutionID     string `json:"lifecycleEventHookExecutionId"`
	Hook            string `json:"hook"` // the lifecycle event's name
	Application     string `json:"application"`
	DeploymentGroup string `json:"deploymentGroup"`
	Platform        string `json:"platform"` // ecs or lambda
	Region          string `json:"region"`
	Service         string `json:"service"` // default: by the configuration, else the application
	Namespace       string `json:"namespace"`
	Revision        string `json:"revision"` // default: the deployment's ID
	Plan            string `json:"plan"`     // default: the service's
	// Fallback is what is reported where nothing was decided in time: Failed (default)
	// or Succeeded.
	Fallback string `json:"fallback"`
	// Within is how long to wait for a decision; at most 55m, by default 10m after all
	// traffic has moved and 55m before.
	Within     string             `json:"within"`
	Comparison rollout.Comparison `json:"comparison"`

	Canary   rollout.Arm `json:"canary"`
	Baseline rollout.Arm `json:"baseline"`
}

// The results of a hook.
const (
	hookSucceeded = "Succeeded"
	hookFailed    = "Failed"
)

// codeDeployHooks are the hooks of each platform that a function may be called by, in
// their order.
func codeDeployHooks(platform string) []string {
	switch platform {
	case "lambda":
		return []string{"BeforeAllowTraffic", hookLast}
	case "ecs":
		return []string{hookFirst, "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", hookLast}
	}
	return nil
}

const (
	maxExecution = 8192

	hookFirst = "BeforeInstall"     // nothing runs yet
	hookLast  = "AfterAllowTraffic" // the new revision has all the traffic
)

var (
	// deploymentID is the form of a deployment's ID.
	deploymentID = regexp.MustCompile(`^d-[0-9A-Za-z]{1,60}$`)
	// executionID is the form of a hook's execution ID, which is opaque and long: up to
	// maxExecution characters.
	executionID = regexp.MustCompile(`^[\x21-\x7e]+$`)
)

// codeDeployHook is a call that has been read.
type codeDeployHook struct {
	codeDeployCall
	within   time.Duration
	fallback bool
}

// read checks a call and reports everything that is wrong.
func (a codeDeployCall) read(regions []string) (codeDeployHook, error) {
	h := codeDeployHook{codeDeployCall: a, within: hookTime}
	var l faultList
	if !deploymentID.MatchString(a.DeploymentID) {
		l.add("deploymentId: %s is not one like d-A1B2C3D4E", quoted(a.DeploymentID))
	}
	if len(a.ExecutionID) > maxExecution || !executionID.MatchString(a.ExecutionID) {
		l.add("lifecycleEventHookExecutionId: missing, longer than %d characters, or not printable", maxExecution)
	}
	hooks := codeDeployHooks(a.Platform)
	switch {
	case hooks == nil:
		l.add("platform: %s is neither ecs nor lambda", quoted(a.Platform))
	case !slices.Contains(hooks, a.Hook):
		l.add("hook: %s is none of platform %s, which has %s", quoted(a.Hook), a.Platform, strings.Join(hooks, ", "))
	}
	if !slices.Contains(regions, a.Region) {
		l.add("region: %s is not among those that are configured under aws.regions", quoted(a.Region))
	}
	for _, f := range [...]struct {
		name, text string
		check      func(field, text string) error
	}{
		{"application", a.Application, checkNeeded}, {"deploymentGroup", a.DeploymentGroup, checkNeeded}, {"service", a.Service, checkFact},
		{"namespace", a.Namespace, checkFact}, {"revision", a.Revision, checkFact}, {"plan", a.Plan, checkFact},
	} {
		l.take(f.check(f.name, f.text))
	}
	h.readTimes(&l)
	l.take(checkArm("canary", a.Canary))
	l.take(checkArm("baseline", a.Baseline))
	return h, l.err("correct the forwarder's environment; docs/aws.md lists what it sends")
}

// readTimes reads the fallback, the patience and how the arms are compared.
func (h *codeDeployHook) readTimes(l *faultList) {
	switch h.Fallback {
	case "", hookFailed:
	case hookSucceeded:
		h.fallback = true
	default:
		l.add("fallback: %s is neither Failed (default) nor Succeeded", quoted(h.Fallback))
	}
	if h.Hook == hookLast {
		h.within = hookAfter
	}
	if h.Within != "" {
		d, err := time.ParseDuration(h.Within)
		if err != nil || d < time.Minute || d > hookTime {
			l.add("within: %s is no duration from 1m to 55m, which is when CodeDeploy gives up", quoted(h.Within))
		}
		h.within = d
	}
	switch h.Comparison {
	case "", rollout.Concurrent, rollout.ChecksOnly, rollout.BeforeAfter:
	default:
		l.add("comparison: %s is neither concurrent, checks nor before-after", quoted(string(h.Comparison)))
	}
}

// codeDeploy is POST /codedeploy/hook: the hook's result is reported later.
func (s *Server) codeDeploy(c echo.Context) error {
	if err := s.noAWS(); err != nil {
		return err
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	var call codeDeployCall
	if err := decode(body, &call, strict); err != nil {
		return err
	}
	h, err := call.read(s.cfg.AWS.Regions)
	if err != nil {
		return err
	}
	w := callerOf(c)
	if err := s.byConfiguration(w, &h); err != nil {
		return err
	}
	if err := s.mayDeploy(w, h); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), awsAck)
	defer cancel()
	t, err := s.takeHook(ctx, w, h)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusAccepted, t)
}

// byConfiguration fills in what the call leaves out. Which namespace a deployment group
// belongs to is the configuration's to say where the caller's token is good for some
// namespaces only: the call would have Serin's own role report and stop deployments.
func (s *Server) byConfiguration(w caller, h *codeDeployHook) error {
	rule, ok := s.cfg.AWS.codeDeployService("", h.Region, h.Application, h.DeploymentGroup)
	if !ok {
		rule = AWSService{Service: h.Application}
	}
	switch {
	case !w.known():
		return unauthorised()
	case rule.Namespace == "" && !w.everywhere():
		return w.forbidden("use one for every namespace, or add an entry with a namespace to aws.services", "is limited to namespaces, and the configuration does not say which one this deployment group belongs to")
	case rule.Namespace != "" && h.Namespace != "" && h.Namespace != rule.Namespace:
		return &HTTPError{Code: http.StatusForbidden, Public: "namespace: the configuration says that this deployment group belongs to another one", Next: "leave it out"}
	}
	for _, f := range [...]struct {
		to   *string
		from string
	}{{&h.Service, rule.Service}, {&h.Namespace, rule.Namespace}, {&h.Plan, rule.Plan}, {(*string)(&h.Comparison), string(rule.Comparison)}, {&h.Revision, h.DeploymentID}} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
	if h.Fallback == "" {
		h.fallback = rule.Fallback
	}
	h.Canary, h.Baseline = override(rule.Canary, h.Canary), override(rule.Baseline, h.Baseline)
	return nil
}

// mayDeploy refuses a hook that its caller has no right to.
func (s *Server) mayDeploy(w caller, h codeDeployHook) error {
	if err := w.may(controllerCodeDeploy, RightJudge, RightAnnounce); err != nil {
		return err
	}
	if err := w.mayIn(h.Namespace); err != nil {
		return err
	}
	if err := w.mayArms(h.Canary, h.Baseline); err != nil {
		return err
	}
	return s.mayPlan(w, h.Plan)
}

// codeDeployTo is whom a hook's result is for.
type codeDeployTo struct {
	Region       string `json:"region"`
	DeploymentID string `json:"deploymentId"`
	ExecutionID  string `json:"lifecycleEventHookExecutionId"`
	// Until is when CodeDeploy gives the hook up; nothing is sent after that.
	Until time.Time `json:"until"`
}

// refOf is what a rollout calls a deployment of CodeDeploy: whoever ends it must know
// its region.
func refOf(region, deployment string) string { return region + "/" + deployment }

// deployment derives who is on trial. Serin looks by itself: while CodeDeploy shifts
// traffic it asks nothing.
func (h codeDeployHook) deployment() deployment {
	return deployment{plan: h.Plan, rollout: rollout.Rollout{
		Controller: controllerCodeDeploy, Namespace: h.Namespace, Service: h.Service, Revision: h.Revision,
		Canary: h.Canary, Baseline: h.Baseline, Comparison: h.Comparison, Watch: true, Ref: refOf(h.Region, h.DeploymentID),
	}}
}

// question is what a hook asks. The execution's ID is in it by its hash: it is long.
func (h codeDeployHook) question(now time.Time) reply.Question {
	q := reply.Question{
		ID: "codedeploy/" + h.Region + "/" + h.DeploymentID + "/" + h.Hook + "/" + shortHash(h.ExecutionID), Sender: controllerCodeDeploy,
		Gate: reply.GateStart, Asked: now, Deadline: now.Add(h.within), Fallback: h.fallback,
	}
	if h.Hook == hookLast {
		q.Gate = reply.GatePromotion
	}
	return q
}

// shortHash tells long opaque texts apart.
func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// takeHook opens the rollout of a hook and takes its question.
func (s *Server) takeHook(ctx context.Context, w caller, h codeDeployHook) (taken, error) {
	q := h.question(s.now())
	to := codeDeployTo{h.Region, h.DeploymentID, h.ExecutionID, q.Asked.Add(hookLimit)}
	if t, given, err := s.answered(ctx, q); given || err != nil {
		return t, err
	}
	if h.Hook == hookFirst {
		return s.tellNow(ctx, q, to, reply.Answer{Yes: true, Reason: "nothing of the new revision runs before its installation, so there is nothing to judge"})
	}
	about, err := s.aboutDeployment(ctx, h.Region, h.DeploymentID)
	if err == nil {
		err = about.isOf(w, h.Application, h.DeploymentGroup)
	}
	switch {
	case err != nil:
		return taken{}, err
	case about.RollsBack:
		return s.tellNow(ctx, q, to, reply.Answer{Yes: true, Reason: "this deployment undoes another one, and a rollback is not judged"})
	case about.Over:
		return s.tellNow(ctx, q, to, reply.Answer{Reason: "the deployment has ended already, so nothing is judged"})
	}
	d := h.deployment()
	d.rollout.Canary, d.rollout.Baseline = override(about.Canary, h.Canary), override(about.Baseline, h.Baseline)
	if h.Hook == hookLast && d.rollout.Comparison == "" {
		// It counts only where no earlier hook and no event has opened the rollout:
		// then nobody looked while both arms had traffic.
		d.rollout.Comparison = rollout.BeforeAfter
	}
	f, err := s.onDeployment(ctx, d)
	if err != nil {
		return taken{}, err
	}
	q.Rollout = f.Rollout.ID
	if q.Gate == reply.GatePromotion {
		if q.Granted, err = s.grantedBefore(ctx, q.Rollout); err != nil {
			return taken{}, err
		}
	}
	return s.askDesk(ctx, q, to)
}

// isOf refuses a deployment that is not of the group that its caller speaks of. Where
// CodeDeploy may not be asked, nobody but the caller says whose it is, and that is not
// enough of one whose token is good for some namespaces only: Serin's own role would
// stop the deployment of others.
func (d CodeDeployment) isOf(w caller, application, group string) error {
	switch {
	case differs(d.Application, application) || differs(d.Group, group):
		return bad("correct the forwarder's environment", "application, deploymentGroup: the deployment is not of these")
	case !d.Known && !w.everywhere():
		return w.forbidden("use one for every namespace, or allow codedeploy:GetDeployment to the role that Serin runs as", "is limited to namespaces, and CodeDeploy may not be asked whose deployment this is")
	}
	return nil
}

// differs reports whether what is known, if anything is, is not what is said.
func differs(known, said string) bool { return known != "" && known != said }

// aboutDeployment asks CodeDeploy what a deployment is about. What may not be asked is
// not known, and then it is judged like any other.
func (s *Server) aboutDeployment(ctx context.Context, region, id string) (CodeDeployment, error) {
	if s.cfg.AWS.AWSReader == nil || !slices.Contains(s.cfg.AWS.Regions, region) {
		return CodeDeployment{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, awsAck*4/5)
	defer cancel()
	d, err := s.cfg.AWS.CodeDeployment(ctx, region, id)
	if err != nil {
		// A rollback that is taken for a deployment could be stopped.
		return d, &HTTPError{
			Code: http.StatusServiceUnavailable, Public: "CodeDeploy did not say what the deployment is about",
			Next: "ask again; the log of Serin says why, and serin doctor tries its credentials",
			Err:  err, RetryAfter: 10 * time.Second,
		}
	}
	return d, nil
}
