package webhooks

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

const (
	controllerAzure = "azure"
	pathAzure       = "/azure/check"
)

// AzureCallback reads the headers of a check in callback mode: its question's ID, and
// where the answer goes, in which no credential can be read. It asks nothing of the
// network. Its errors are told to the caller.
type AzureCallback interface {
	Ask(h http.Header) (id string, to json.RawMessage, err error)
}

// The ways in which a check of Azure DevOps ends.
const (
	azureResponse = "response" // by what it is answered, again and again
	azureCallback = "callback" // by an event that is posted later
)

const (
	// azureAck is how soon a check in callback mode is acknowledged; Azure's guidance
	// is three seconds.
	azureAck = 2500 * time.Millisecond
	// azureAnswer is how soon a check in response mode is answered; Azure gives up
	// after twenty.
	azureAnswer = 15 * time.Second
	// azureWithin is how long a check in callback mode waits where it does not say,
	// and azureToken for how long its token is good, less what telling takes.
	azureWithin = 12 * time.Hour
	azureToken  = 47 * time.Hour
)

// azureCall is the body of POST /azure/check. It is written by people, so unknown
// fields are refused; variables of a pipeline are texts, whatever they hold.
type azureCall struct {
	Mode      text `json:"mode"` // response or callback, as the check's completion event
	Run       text `json:"run"`  // of the pipeline: another one tries anew
	Namespace text `json:"namespace"`
	Service   text `json:"service"`
	Revision  text `json:"revision"`
	Plan      text `json:"plan"` // default: the service's
	Gate      text `json:"gate"` // promotion (default), step or start
	Weight    text `json:"weight"`
	// Within is how long a check in callback mode waits: a little less than its timeout.
	Within text `json:"within"`
	// Undecided is what a check in callback mode is told where nothing was decided in
	// that time: reject (default) or approve.
	Undecided  text `json:"undecided"`
	Comparison text `json:"comparison"`

	Canary   rollout.Arm `json:"canary"`
	Baseline rollout.Arm `json:"baseline"`
}

// azureCheck is a call that has been read.
type azureCheck struct {
	azureCall
	gate     reply.Gate
	weight   *float64
	within   time.Duration
	callback bool
}

// read checks a call.
func (a azureCall) read() (azureCheck, error) {
	c := azureCheck{azureCall: a}
	switch a.Mode {
	case azureCallback:
		c.callback = true
	case azureResponse:
	default:
		return c, bad(`write "callback" where the check's completion event is Callback, "response" where it is ApiResponse`, "mode: %s is neither", quoted(string(a.Mode)))
	}
	for _, f := range [...]struct {
		name   string
		text   text
		needed bool
	}{
		{"service", a.Service, true}, {"revision", a.Revision, true}, {"run", a.Run, true}, {"namespace", a.Namespace, false}, {"plan", a.Plan, false},
	} {
		check := checkFact
		if f.needed {
			check = checkNeeded
		}
		if err := check(f.name, string(f.text)); err != nil {
			return c, err
		}
	}
	if err := checkArm("canary", a.Canary); err != nil {
		return c, err
	}
	if err := checkArm("baseline", a.Baseline); err != nil {
		return c, err
	}
	err := c.readTimes()
	return c, err
}

// readTimes reads the gate, the weight and the patience.
func (c *azureCheck) readTimes() error {
	var err error
	if c.gate, err = checkGate(string(c.Gate)); err != nil {
		return err
	}
	if c.gate == reply.GateStart && !c.callback {
		return bad(`use callback mode for the gate "start"`, "gate: a check before the first traffic waits for what has run, and cannot be polled")
	}
	if c.Weight != "" {
		percent, err := readPercent("weight", string(c.Weight))
		if err != nil {
			return err
		}
		c.weight = &percent
	}
	switch c.Undecided {
	case "", "reject", "approve":
	default:
		return bad("write reject (default) or approve", "undecided: %s is neither", quoted(string(c.Undecided)))
	}
	c.within = azureWithin
	if c.Within != "" {
		c.within, err = time.ParseDuration(string(c.Within))
		if err != nil || c.within < time.Minute || c.within > azureToken {
			return bad("write a duration from 1m to 47h, a little less than the check's timeout", "within: %s is not one; the run's token is good for 48 h", quoted(string(c.Within)))
		}
	}
	return nil
}

// trial is the rollout that the check asks about.
func (c azureCheck) trial() trial {
	arm := func(own rollout.Arm) rollout.Arm {
		return override(rollout.Arm{Namespace: string(c.Namespace)}, own)
	}
	return trial{
		rollout: rollout.Rollout{
			Controller: controllerAzure, Namespace: string(c.Namespace), Service: string(c.Service), Revision: string(c.Revision), Ref: string(c.Run),
			Comparison: rollout.Comparison(c.Comparison), Canary: arm(c.Canary), Baseline: arm(c.Baseline),
		},
		plan: string(c.Plan), polled: !c.callback,
	}
}

// mayCheck refuses a check that its caller has no right to.
func (s *Server) mayCheck(w caller, a azureCall) error {
	if err := w.may(controllerAzure, RightJudge, RightAnnounce); err != nil {
		return err
	}
	if err := w.mayIn(string(a.Namespace)); err != nil {
		return err
	}
	if err := w.mayArms(a.Canary, a.Baseline); err != nil {
		return err
	}
	return s.mayPlan(w, string(a.Plan))
}

// azure is POST /azure/check: a check of Azure DevOps that calls an HTTP address.
func (s *Server) azure(c echo.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	var a azureCall
	if err := decode(body, &a, strict); err != nil {
		return err
	}
	if err := s.mayCheck(callerOf(c), a); err != nil {
		return err
	}
	check, err := a.read()
	if err != nil {
		return err
	}
	if check.callback {
		return s.azureLater(c, check)
	}
	return s.azureNow(c, check)
}

// azureLater takes a check in callback mode. Where the answer goes is checked before
// anything is recorded.
func (s *Server) azureLater(c echo.Context, check azureCheck) error {
	if s.cfg.Azure == nil || s.cfg.Asker == nil {
		return bad("an operator of Serin configures azure.hosts and a key (azure.keys) to seal the run's token with; without them the check's completion event must be ApiResponse",
			"callback mode is not configured here: it needs a key to keep the run's token with")
	}
	id, to, err := s.cfg.Azure.Ask(c.Request().Header)
	if err != nil {
		return bad("mend the check's headers or its service connection, or ask who runs Serin", "%s", err)
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), azureAck)
	defer cancel()
	now := s.now()
	done, err := s.askLater(ctx, check.trial(), check.weight, reply.Question{
		ID: id, Sender: controllerAzure, Gate: check.gate, Asked: now, Deadline: now.Add(check.within), Fallback: check.Undecided == "approve", To: to,
	})
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, done)
}
