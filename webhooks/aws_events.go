package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// busEvent is an event of EventBridge. It grows with the services, so what is not
// known of it is let pass.
type busEvent struct {
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       time.Time       `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// eventTaken is what EventBridge is told; it reads the status only. People read the
// rest.
type eventTaken struct {
	// Question is what was taken, and will be answered.
	Question *taken `json:"question,omitempty"`
	// Rollout was opened, or is live already.
	Rollout string `json:"rollout,omitempty"`
	// Ignored says why nothing was done.
	Ignored string `json:"ignored,omitempty"`
	// Closed are the rollouts that the event ended.
	Closed []string `json:"closed,omitempty"`
}

// awsEvents is POST /aws/events, the target of an API destination. EventBridge comes
// again after 401, 407, 409, 429, 5xx and silence, for a day; every other 4xx goes
// to the dead-letter queue at once. So what cannot be read is refused, what may be
// understood later is a 503, and what is none of Serin's business is a 200.
func (s *Server) awsEvents(c echo.Context) error {
	if err := s.noAWS(); err != nil {
		return err
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	var e busEvent
	if err := decode(body, &e, tolerant); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), awsAck)
	defer cancel()
	t, err := s.takeEvent(ctx, callerOf(c), e)
	if err != nil {
		return comeAgain(err)
	}
	code := http.StatusOK
	if t.Question != nil {
		code = http.StatusAccepted
	}
	if t.Ignored != "" {
		s.cfg.Log.InfoContext(ctx, "an event was ignored", "event", oneLine(e.ID, 100), "type", oneLine(e.DetailType, 100), "why", t.Ignored)
	}
	return writeJSON(c, code, t)
}

// comeAgain turns a refusal that another configuration or another minute would not
// repeat into one after which EventBridge comes again: a plan that is missing, an
// arm that cannot be told from the other.
func comeAgain(err error) error {
	e := asHTTPError(err)
	var unfit *unfitError
	if e.Code == http.StatusNotFound || e.Code == http.StatusConflict || errors.As(err, &unfit) {
		return &HTTPError{Code: http.StatusServiceUnavailable, Public: e.Public, Next: e.Next, Err: err, RetryAfter: 30 * time.Second}
	}
	return err
}

// The types of the events that are understood.
const (
	eventHook       = "ECS Hook State Change"
	eventDeployment = "ECS Deployment State Change"
	eventCodeDeploy = "CodeDeploy Deployment State-change Notification"
)

func (s *Server) takeEvent(ctx context.Context, w caller, e busEvent) (eventTaken, error) {
	dialect := map[string]string{"aws.ecs": controllerECS, "aws.codedeploy": controllerCodeDeploy}[e.Source]
	if dialect == "" {
		dialect = controllerECS
	}
	if err := w.may(dialect, RightJudge, RightAnnounce); err != nil {
		return eventTaken{}, err
	}
	var l faultList
	if e.ID == "" || len(e.ID) > maxFact {
		l.add("id: missing, or longer than %d characters", maxFact)
	}
	if e.DetailType == "" || e.Source == "" {
		l.add("detail-type and source: both are needed; pass the event as it is, without an input transformer")
	}
	if err := l.err("send EventBridge's own event"); err != nil {
		return eventTaken{}, err
	}
	switch {
	case e.Source == "aws.ecs" && e.DetailType == eventHook:
		return s.takePause(ctx, w, e)
	case e.Source == "aws.ecs" && e.DetailType == eventDeployment:
		return s.takeServiceState(ctx, w, e)
	case e.Source == "aws.codedeploy" && e.DetailType == eventCodeDeploy:
		return s.takeDeployState(ctx, w, e)
	}
	return eventTaken{Ignored: "events of this type say nothing about a rollout"}, nil
}

// serviceState is the detail of an event about a service's deployment.
type serviceState struct {
	EventName string    `json:"eventName"`
	UpdatedAt time.Time `json:"updatedAt"`
	Reason    string    `json:"reason"`
}

// takeServiceState closes the rollouts of a service whose deployment has ended. The
// event names no deployment, so one that began after it is not meant: deliveries may
// be late, and come in any order.
func (s *Server) takeServiceState(ctx context.Context, w caller, e busEvent) (eventTaken, error) {
	var d serviceState
	if err := decode(e.Detail, &d, tolerant); err != nil {
		return eventTaken{}, err
	}
	switch d.EventName {
	case "SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_DEPLOYMENT_FAILED":
	default:
		return eventTaken{Ignored: oneLine(d.EventName, 100) + " ends nothing"}, nil
	}
	at := d.UpdatedAt
	if at.IsZero() {
		at = e.Time
	}
	var prefixes []string
	for _, arn := range e.Resources {
		if n, ok := readServiceARN(arn); ok {
			prefixes = append(prefixes, n.deployments())
		}
	}
	if len(prefixes) == 0 {
		return eventTaken{}, bad("send EventBridge's own event", "resources: no ARN of a service is among them")
	}
	return s.endMeant(ctx, w, "ecs: "+oneLine(d.EventName, 100), func(r rollout.Rollout) bool {
		for _, p := range prefixes {
			if r.Controller == controllerECS && strings.HasPrefix(r.Ref, p) && r.Started.Before(at) {
				return true
			}
		}
		return false
	})
}

// deployState is the detail of an event about a deployment of CodeDeploy.
type deployState struct {
	Application     string `json:"application"`
	DeploymentGroup string `json:"deploymentGroup"`
	DeploymentID    string `json:"deploymentId"`
	Region          string `json:"region"`
	State           string `json:"state"`
}

// takeDeployState opens a rollout where a deployment starts, so that Serin looks by
// itself even where no hook asks, and closes it where the deployment ends.
func (s *Server) takeDeployState(ctx context.Context, w caller, e busEvent) (eventTaken, error) {
	var d deployState
	if err := decode(e.Detail, &d, tolerant); err != nil {
		return eventTaken{}, err
	}
	if d.Region == "" {
		d.Region = e.Region
	}
	if !deploymentID.MatchString(d.DeploymentID) || d.Region == "" {
		return eventTaken{}, bad("send EventBridge's own event", "detail: no deployment and region that could be read")
	}
	switch d.State {
	case "START":
		return s.openDeploy(ctx, w, e, d)
	case "SUCCESS", "FAILURE", "STOP", "STOPPED":
		ref := refOf(d.Region, d.DeploymentID)
		return s.endMeant(ctx, w, "codedeploy: "+d.State, func(r rollout.Rollout) bool {
			return r.Controller == controllerCodeDeploy && r.Ref == ref
		})
	}
	return eventTaken{Ignored: oneLine(d.State, 100) + " neither begins nor ends a deployment"}, nil
}

func (s *Server) openDeploy(ctx context.Context, w caller, e busEvent, d deployState) (eventTaken, error) {
	rule, ok := s.cfg.AWS.codeDeployService(e.Account, d.Region, d.Application, d.DeploymentGroup)
	if !ok {
		return eventTaken{Ignored: "no entry of aws.services fits this deployment group"}, nil
	}
	if err := w.mayIn(rule.Namespace); err != nil {
		return eventTaken{}, err
	}
	about, err := s.aboutDeployment(ctx, d.Region, d.DeploymentID)
	if err == nil {
		err = about.isOf(w, d.Application, d.DeploymentGroup)
	}
	switch {
	case err != nil:
		return eventTaken{}, err
	case about.RollsBack:
		return eventTaken{Ignored: "this deployment undoes another one, and a rollback is not judged"}, nil
	case about.Over:
		return eventTaken{Ignored: "the deployment has ended already, and the event comes late"}, nil
	}
	if late, err := s.overtaken(ctx, e.Time, rule, refOf(d.Region, d.DeploymentID)); late || err != nil {
		return eventTaken{Ignored: "a later deployment of the service is judged already, and the event comes late"}, err
	}
	f, err := s.onDeployment(ctx, deployment{plan: rule.Plan, rollout: rollout.Rollout{
		Controller: controllerCodeDeploy, Namespace: rule.Namespace, Service: rule.Service, Revision: d.DeploymentID,
		Canary: override(about.Canary, rule.Canary), Baseline: override(about.Baseline, rule.Baseline), Comparison: rule.Comparison, Watch: true, Ref: refOf(d.Region, d.DeploymentID),
	}})
	if err != nil {
		return eventTaken{}, err
	}
	return eventTaken{Rollout: f.Rollout.ID}, nil
}

// overtaken reports whether a deployment that began at a moment is older than the one
// that is live: EventBridge delivers for a day, in any order, and what is judged now must
// not end because of what began before it. Clocks may differ, but not by what lies between
// two deployments.
func (s *Server) overtaken(ctx context.Context, began time.Time, rule AWSService, ref string) (bool, error) {
	if began.IsZero() {
		return false, nil
	}
	list, err := s.cfg.Journal.List(ctx, journal.Filter{Service: rule.Service, Namespace: rule.Namespace, Live: true})
	for _, sum := range list {
		r := sum.Rollout
		if r.Controller == controllerCodeDeploy && r.Namespace == rule.Namespace && r.Ref != ref && r.Started.After(began) {
			return true, err
		}
	}
	return false, err
}

// endMeant ends the live rollouts that an event speaks of, as far as its sender may
// know of them.
func (s *Server) endMeant(ctx context.Context, w caller, why string, meant func(rollout.Rollout) bool) (eventTaken, error) {
	const most = 10_000
	list, err := s.cfg.Journal.List(ctx, journal.Filter{Live: true, Limit: most})
	if err != nil {
		return eventTaken{}, err
	}
	var t eventTaken
	for _, sum := range list {
		if !meant(sum.Rollout) || !w.sees(sum.Rollout.Namespace) {
			continue
		}
		if err := s.end(ctx, sum.Rollout, why); err != nil {
			return t, err
		}
		t.Closed = append(t.Closed, sum.Rollout.ID)
	}
	if len(t.Closed) == 0 {
		t.Ignored = "no live rollout is meant"
	}
	return t, nil
}
