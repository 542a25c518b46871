package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

const controllerArgo = "argo"

// delivered is for how long a finished verdict is told again. Argo's polls come
// up to a second early and in pairs; a retry of the same revision, later, has the
// very same arguments and must be judged anew.
const delivered = time.Minute

// text is a string that may be written as a number or a boolean too: Argo's
// template arguments are strings, what people write beside them is not.
type text string

// UnmarshalJSON reads a string, a number or a boolean.
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if len(b) > 0 && (b[0] == '{' || b[0] == '[') {
		return errors.New("an object or a list stands where a text is expected")
	}
	*t = text(b)
	return nil
}

// gate says what an analysis asks, which is when it passes.
type gate string

const (
	// gatePromotion passes when the canary may be promoted, and ends the judging (default).
	gatePromotion gate = "promotion"
	// gateStep passes when traffic may increase: an analysis between two steps.
	gateStep gate = "step"
	// gateGuard never ends the judging by passing: a background analysis that only
	// looks for failure.
	gateGuard gate = "guard"
)

// argoCall is the body of POST /argo/analysis, as a web metric's jsonBody. It is
// written by people, so unknown fields are refused.
type argoCall struct {
	Namespace  text `json:"namespace"`
	Rollout    text `json:"rollout"` // the Rollout's name
	UID        text `json:"uid"`     // of the Rollout; tells a recreated one apart
	Revision   text `json:"revision"`
	Step       text `json:"step"`
	CanaryHash text `json:"canaryHash"` // podTemplateHashValue: Latest
	StableHash text `json:"stableHash"` // podTemplateHashValue: Stable
	Plan       text `json:"plan"`       // default: the plan of the service of this name
	Gate       text `json:"gate"`
	Weight     text `json:"weight"` // the canary's percentage, where it is known
	Comparison text `json:"comparison"`
	// AnswerWithin is how soon to answer: a little less than the metric's
	// timeoutSeconds, where that is not Argo's default.
	AnswerWithin text `json:"answerWithin"`
	// Run is the AnalysisRun that asks, where the caller knows it.
	Run argoRun `json:"run"`

	// Canary and Baseline override what is derived from the name and the hashes.
	Canary   rollout.Arm `json:"canary"`
	Baseline rollout.Arm `json:"baseline"`
}

// check reports what is missing or cannot be meant.
func (a argoCall) check() error {
	if err := checkKube("namespace", string(a.Namespace)); err != nil {
		return err
	}
	if err := checkKube("rollout", string(a.Rollout)); err != nil {
		return err
	}
	for _, f := range [...]struct {
		name string
		text text
	}{
		{"uid", a.UID}, {"revision", a.Revision}, {"step", a.Step}, {"plan", a.Plan},
		{"canaryHash", a.CanaryHash}, {"stableHash", a.StableHash},
	} {
		if err := checkFact(f.name, string(f.text)); err != nil {
			return err
		}
	}
	switch a.gate() {
	case gatePromotion, gateStep, gateGuard:
	default:
		return bad("write promotion (default), step or guard", "gate: %s is none", quoted(string(a.Gate)))
	}
	if a.Revision == "" && a.CanaryHash == "" {
		return bad("pass the Rollout's podTemplateHashValue Latest as canaryHash", "canaryHash: missing, and no revision is given")
	}
	if a.CanaryHash != "" && a.CanaryHash == a.StableHash {
		return bad("the first deployment has nothing to be compared with; in an Experiment pass the templates' own hashes",
			"canaryHash and stableHash are the same")
	}
	if err := checkArm("canary", a.Canary); err != nil {
		return err
	}
	return checkArm("baseline", a.Baseline)
}

func (a argoCall) gate() gate {
	if a.Gate == "" {
		return gatePromotion
	}
	return gate(a.Gate)
}

// rollout derives who is on trial. The pods of a Rollout NAME are NAME-HASH-….
func (a argoCall) rollout() rollout.Rollout {
	arm := func(hash text, own rollout.Arm) rollout.Arm {
		derived := rollout.Arm{Namespace: string(a.Namespace), Workload: string(a.Rollout), Hash: string(hash)}
		if hash != "" {
			derived.PodPattern = regexp.QuoteMeta(string(a.Rollout)+"-"+string(hash)) + `-[0-9a-zA-Z]+`
		}
		return override(derived, own)
	}
	var revision []string
	for _, part := range [...]text{a.Revision, a.CanaryHash, text(strings.ToValidUTF8(string(a.UID[:min(8, len(a.UID))]), ""))} {
		if part != "" {
			revision = append(revision, string(part))
		}
	}
	return rollout.Rollout{
		Controller: controllerArgo, Namespace: string(a.Namespace), Service: string(a.Rollout),
		Revision: strings.Join(revision, "/"), Comparison: rollout.Comparison(a.Comparison), Ref: a.Run.ref(),
		Canary: arm(a.CanaryHash, a.Canary), Baseline: arm(a.StableHash, a.Baseline),
	}
}

// argo answers one measurement of a web metric.
func (s *Server) argo(c echo.Context) error {
	pending := c.QueryParam("pending")
	if pending != "" && pending != strconv.Itoa(http.StatusServiceUnavailable) {
		return bad("write ?pending=503 or leave it out", "pending: %s is not understood", quoted(pending))
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	var a argoCall
	if err := decode(body, &a, strict); err != nil {
		return err
	}
	if err := a.check(); err != nil {
		return err
	}
	if err := a.Run.check(s.now()); err != nil {
		return err
	}
	if err := s.mayMeasure(callerOf(c), a); err != nil {
		return err
	}
	if a.Run.Ended != "" {
		return s.answerEnd(c, a)
	}
	within, err := s.withinOf(string(a.AnswerWithin), s.cfg.Pressure.Argo)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), within)
	defer cancel()
	m, err := s.measure(ctx, a, pending != "")
	if err != nil {
		if e := unanswered(err); e.Code < http.StatusInternalServerError || !s.argoShadow(c.Request().Context(), a) {
			return e
		}
		// Shadow mode never blocks, and an error would in the end.
		m = measured{verdict: judge.Verdict{Reason: "shadow: no verdict could be formed"}, word: wordPass}
	}
	if m.word != wordRunning {
		s.note(c.Request().Context(), "told argo "+m.word, m.id, m.verdict.Reason)
	}
	answer := s.argoAnswer(m)
	if m.word == wordRunning && pending != "" {
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(answer.RetryAfterSeconds))
		return writeJSON(c, http.StatusServiceUnavailable, answer)
	}
	return writeJSON(c, http.StatusOK, answer)
}

// measured is one measurement before it is put into words.
type measured struct {
	id      string // of the rollout; may be empty
	verdict judge.Verdict
	word    string
}

// measure finds or opens the rollout and asks for a verdict. A measurement that
// finishes the analysis ends the judging.
func (s *Server) measure(ctx context.Context, a argoCall, pending bool) (measured, error) {
	r := a.rollout()
	sum, err := s.newestArgo(ctx, a, r)
	if err != nil && !isNotFound(err) {
		return measured{}, err
	}
	if err == nil && a.outlasts(sum, s.now()) {
		return promoted(sum), nil
	}
	if err == nil && !live(sum) && a.toldAgain(sum, s.now()) {
		if m, ok := recorded(a, sum); ok {
			return m, nil
		}
	}
	if err != nil || !live(sum) {
		if sum, err = s.openArgo(ctx, a, r); err != nil {
			return measured{}, err
		}
	}
	id := sum.Rollout.ID
	if err := s.recordArgo(ctx, a, id); err != nil {
		return measured{}, err
	}
	v, err := s.decide(ctx, sum.Rollout, a.gate() == gatePromotion)
	if unlooked(err) {
		// An error would count towards the analysis' end, unless it is asked to wait by
		// errors; so would a pass or a fail that nobody has seen.
		if pending {
			return measured{}, shed(err)
		}
		s.cfg.Log.WarnContext(ctx, "a measurement was answered without a look", "rollout", id, cause(err))
		var done context.CancelFunc
		ctx, done = pastTime(ctx)
		defer done()
		v, err = s.standIn(ctx, sum, err), nil
	}
	if errors.Is(err, journal.ErrClosed) {
		if sum, err = s.closedMeanwhile(ctx, id, err); err == nil {
			m, _ := recorded(a, sum)
			return m, nil
		}
	}
	if err != nil {
		return measured{}, err
	}
	v.Reason += unread(v)
	m := measured{id: id, verdict: v, word: wordOf(v, a.gate())}
	if !shadow(v) && finishes(m.word, a.gate(), pending || a.Run.known()) {
		err = s.end(ctx, sum.Rollout, whyDelivered(m.word, a))
	}
	return m, err
}

func (s *Server) openArgo(ctx context.Context, a argoCall, r rollout.Rollout) (journal.Summary, error) {
	p, err := s.cfg.Plans.Find(string(a.Plan), r.Namespace, r.Service)
	if err != nil {
		return journal.Summary{}, err
	}
	if r, err = applyPlan(r, p); err != nil {
		return journal.Summary{}, err
	}
	opened, err := s.open(ctx, r, p)
	return journal.Summary{Rollout: opened.Rollout}, err
}

// recordArgo records what a call says of the rollout.
func (s *Server) recordArgo(ctx context.Context, a argoCall, id string) error {
	if a.Weight != "" {
		percent, err := readPercent("weight", string(a.Weight))
		if err != nil {
			return err
		}
		if err := ignoreClosed(s.cfg.Journal.Declare(ctx, id, rollout.WeightAt{At: s.now(), Percent: percent})); err != nil {
			return err
		}
	}
	if a.gate() != gatePromotion {
		return nil
	}
	return ignoreClosed(s.cfg.Journal.FinalStep(ctx, id, s.now()))
}

// argoShadow reports whether a call's plan is in shadow mode.
func (s *Server) argoShadow(ctx context.Context, a argoCall) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	r := a.rollout()
	if sum, err := s.cfg.Journal.Newest(ctx, rollout.KeyOf(r)); err == nil && live(sum) {
		return s.pinnedShadow(ctx, sum)
	}
	p, err := s.cfg.Plans.Find(string(a.Plan), r.Namespace, r.Service)
	return err == nil && p.Mode == plan.Shadow
}
