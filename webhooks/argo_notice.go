package webhooks

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/journal"
)

const pathNotice = "/argo/notifications"

// noticeWithin is how long a notification may take, and noticeAgain when to send it
// again. Argo's controller sends it in the middle of its reconciliation, without a
// timeout of its own, and stands still until it has been answered, four times where
// the answer is 5xx.
const (
	noticeWithin = 3 * time.Second
	noticeAgain  = time.Second
)

// argoNotice is the body of POST /argo/notifications. The templates that `serin
// export argo notifications` prints write it; each says its own event, since Argo
// does not. What a Rollout does not have is empty. Fields that a later template may
// add are ignored.
//
// The Rollout in a notification is the one from before the event: the phase and,
// of an updated Rollout, the hashes are the old ones.
type argoNotice struct {
	Event      text `json:"event"`
	Namespace  text `json:"namespace"`
	Rollout    text `json:"rollout"`
	UID        text `json:"uid"`
	Revision   text `json:"revision"`
	CanaryHash text `json:"canaryHash"` // status.currentPodHash
	StableHash text `json:"stableHash"` // status.stableRS
	Strategy   text `json:"strategy"`   // canary or blueGreen
	Step       text `json:"step"`       // status.currentStepIndex: of the step that was completed
	Weight     text `json:"weight"`     // of the last setWeight up to that step
	MaxWeight  text `json:"maxWeight"`  // trafficRouting.maxTrafficWeight, of which weight is a part
	Aborted    text `json:"aborted"`    // true, where status.abort is
	Phase      text `json:"phase"`      // for the log
	Image      text `json:"image"`      // for the log
	Plan       text `json:"plan"`       // default: the plan of the service of this name
	Comparison text `json:"comparison"` // where the arms share no traffic
	Watch      text `json:"watch"`      // true: Serin itself looks at each block's close
	At         text `json:"at"`         // by the controller's clock; the same whenever it is sent again
}

// fields lists the texts of a notification.
func (n *argoNotice) fields() []*text {
	return []*text{
		&n.Event, &n.Namespace, &n.Rollout, &n.UID, &n.Revision, &n.CanaryHash, &n.StableHash, &n.Strategy, &n.Step,
		&n.Weight, &n.MaxWeight, &n.Aborted, &n.Phase, &n.Image, &n.Plan, &n.Comparison, &n.Watch, &n.At,
	}
}

// read checks a notification. What a template wrote for nothing becomes nothing.
func (n *argoNotice) read() error {
	for _, f := range n.fields() {
		switch *f = text(strings.TrimSpace(string(*f))); *f {
		case "null", "<nil>", "<no value>":
			*f = ""
		}
	}
	if err := checkKube("namespace", string(n.Namespace)); err != nil {
		return err
	}
	if err := checkKube("rollout", string(n.Rollout)); err != nil {
		return err
	}
	for _, f := range [...]struct {
		name string
		text text
	}{
		{"uid", n.UID}, {"canaryHash", n.CanaryHash}, {"stableHash", n.StableHash}, {"plan", n.Plan},
	} {
		if err := checkFact(f.name, string(f.text)); err != nil {
			return err
		}
	}
	if n.Revision != "" && n.number() == 0 {
		return bad("send the annotation rollout.argoproj.io/revision", "revision: %s is no number of one", quoted(string(n.Revision)))
	}
	_, _, err := n.percent()
	return err
}

// call is the measurement that a poll of the same revision would be: both find the
// same rollout, with the same arms.
func (n *argoNotice) call() argoCall {
	return argoCall{
		Namespace: n.Namespace, Rollout: n.Rollout, UID: n.UID, Revision: n.Revision,
		CanaryHash: n.CanaryHash, StableHash: n.StableHash, Plan: n.Plan, Comparison: n.Comparison,
	}
}

// number is the revision as a number, 0 where it is none.
func (n *argoNotice) number() int {
	number, err := strconv.Atoi(string(n.Revision))
	if err != nil || number < 0 {
		return 0
	}
	return number
}

// percent is the canary's share, and false where the notification tells none.
func (n *argoNotice) percent() (float64, bool, error) {
	if n.Weight == "" {
		return 0, false, nil
	}
	most := 100.0
	if n.MaxWeight != "" {
		m, err := strconv.ParseFloat(string(n.MaxWeight), 64)
		if err != nil || !(m >= 1) {
			return 0, false, bad("send trafficRouting.maxTrafficWeight", "maxWeight: %s is none", quoted(string(n.MaxWeight)))
		}
		most = m
	}
	w, err := strconv.ParseFloat(string(n.Weight), 64)
	if err != nil {
		return 0, false, bad("send the number that setWeight has", "weight: %s is not a number", quoted(string(n.Weight)))
	}
	return w * 100 / most, true, checkPercent("weight", w*100/most)
}

// when is the time of the event. Clocks that differ by more than a notification can
// be late are not believed.
func (n *argoNotice) when(now time.Time) time.Time {
	at, err := time.Parse(time.RFC3339, string(n.At))
	if err != nil || at.After(now) || now.Sub(at) > skew {
		return now
	}
	return at
}

// noticeEvent is what one of Argo's triggers tells.
type noticeEvent struct {
	name string
	take func(s *Server, ctx context.Context, n *argoNotice) (noticed, error)
}

// noticeEvents lists the events. None but those of a step, a pause and an analysis
// that runs opens a rollout: of an updated Rollout Argo tells the old hashes.
func noticeEvents() []noticeEvent {
	return []noticeEvent{
		{"updated", (*Server).noticeUpdated},
		{"step-completed", (*Server).noticeOnTrial},
		{"paused", (*Server).noticeOnTrial},
		{"analysis-run-running", (*Server).noticeOnTrial},
		{"analysis-run-failed", (*Server).noticeAnalysis},
		{"analysis-run-error", (*Server).noticeAnalysis},
		{"completed", over("Argo completed the rollout")},
		{"aborted", over("Argo aborted the rollout")},
		{"deleted", over("the Rollout was deleted")},
	}
}

// The states that an answer tells of a rollout.
const (
	noticeOpen   = "open"   // it is judged
	noticeClosed = "closed" // it is judged no more
	noticeNone   = "none"   // there is none
)

// noticed is what a notification led to. It says what is so, not what changed: the
// same notification again is told the same.
type noticed struct {
	id    string // of the rollout; may be empty
	state string
	text  string
}

// noticeAnswer is what a notification is answered with, errors included. Of a 4xx
// the controller's log has the whole text.
type noticeAnswer struct {
	Event   string `json:"event"`
	State   string `json:"state"` // open, closed or none; empty where the notification was refused
	Rollout string `json:"rollout"`
	Report  string `json:"report"`
	Message string `json:"message"`
	Error   string `json:"error"`
	Next    string `json:"next"`
}

// notice is POST /argo/notifications.
func (s *Server) notice(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	var n argoNotice
	if err := decode(body, &n, tolerant); err != nil {
		return err
	}
	if err := n.read(); err != nil {
		return err
	}
	event, err := eventOf(string(n.Event))
	if err != nil {
		return err
	}
	if err := s.mayNotice(callerOf(c), &n); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), noticeWithin)
	defer cancel()
	did, err := event.take(s, ctx, &n)
	if err != nil {
		return hasten(asHTTPError(err))
	}
	s.cfg.Log.InfoContext(ctx, "notification of argo", "event", event.name, "namespace", string(n.Namespace), "service", string(n.Rollout),
		"revision", string(n.Revision), "step", oneLine(string(n.Step), 20), "phase", oneLine(string(n.Phase), 40),
		"image", oneLine(string(n.Image), 200), "rollout", did.id, "state", did.state)
	a := noticeAnswer{Event: event.name, State: did.state, Rollout: did.id, Message: oneLine(did.text, maxSummary)}
	if did.id != "" {
		a.Report = s.link(did.id)
	}
	return writeJSON(c, http.StatusOK, a)
}

// eventOf finds an event by its name.
func eventOf(name string) (noticeEvent, error) {
	var known []string
	for _, e := range noticeEvents() {
		if e.name == name {
			return e, nil
		}
		known = append(known, e.name)
	}
	what := "event: " + quoted(name) + " is not known"
	if name == "" {
		what = "event: missing"
	}
	return noticeEvent{}, bad("use the templates that serin export argo notifications prints; the events are "+strings.Join(known, ", "), "%s", what)
}

// hasten asks for another try soon, since the controller waits.
func hasten(e *HTTPError) error {
	if e.RetryAfter > noticeAgain {
		e.RetryAfter = noticeAgain
	}
	return e
}

// noticeFailure is the object that an error is told by.
func noticeFailure(e *HTTPError) noticeAnswer {
	text := oneLine(e.Public, maxSummary)
	return noticeAnswer{Message: text, Error: text, Next: oneLine(e.Next, maxSummary)}
}

// mayNotice refuses a notification that its caller has no right to.
func (s *Server) mayNotice(w caller, n *argoNotice) error {
	if err := w.may(controllerArgo, RightAnnounce); err != nil {
		return err
	}
	if err := w.mayIn(string(n.Namespace)); err != nil {
		return err
	}
	return s.mayPlan(w, string(n.Plan))
}

// recent is how many of a service's newest rollouts a notification is held against.
const recent = 20

// known lists what is recorded of a Rollout, the newest first, live or not.
func (s *Server) known(ctx context.Context, n *argoNotice) ([]journal.Summary, error) {
	return s.argoList(ctx, journal.Filter{Service: string(n.Rollout), Namespace: string(n.Namespace), Limit: recent})
}

// argoList lists rollouts that are Argo's.
func (s *Server) argoList(ctx context.Context, f journal.Filter) ([]journal.Summary, error) {
	list, err := s.cfg.Journal.List(ctx, f)
	var ours []journal.Summary
	for _, sum := range list {
		if sum.Rollout.Controller == controllerArgo {
			ours = append(ours, sum)
		}
	}
	return ours, err
}
