package webhooks

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// controllerFlagger is what rollouts that Flagger announced are known by.
const controllerFlagger = "flagger"

// maxLine bounds what Flagger is told, in bytes: it lands in Kubernetes events.
const maxLine = 500

// flaggerCall is the body of every Flagger webhook. Metadata is what the Canary's
// author wrote at the hook; these keys are read, and others are ignored:
//
//	plan            the plan's name (default: the plan of the service of this name)
//	token           an accepted token, where it is not in the URL's user part
//	canary          the canary's workload (default: the Canary's name)
//	baseline        the baseline's workload (default: the canary's with -primary)
//	url.canary      where checks reach the canary
//	url.baseline    where checks reach the baseline
//	version.canary  the version on trial, for people
//	weight          the canary's constant share in percent, where Flagger has no
//	                weights (A/B tests, mirroring); or metrics, where Flagger's own
//	                metric tells it
//	comparison      concurrent, checks or before-after
//	answerWithin    how soon to answer: a little less than the hook's timeout, where
//	                that is not Flagger's default
//
// Flagger's own keys of event hooks (eventMessage, eventType, timestamp) win over
// the author's. Fields that a later Flagger may add are ignored.
type flaggerCall struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Phase     string            `json:"phase"`
	Checksum  string            `json:"checksum"`
	Metadata  map[string]string `json:"metadata"`
}

// check reports what is missing or cannot be meant.
func (p flaggerCall) check() error {
	if err := checkKube("name", p.Name); err != nil {
		return err
	}
	if err := checkKube("namespace", p.Namespace); err != nil {
		return err
	}
	if err := checkFact("phase", p.Phase); err != nil {
		return err
	}
	return checkFact("checksum", p.Checksum)
}

// key is what Flagger identifies a rollout by. The checksum is one of contents:
// the same revision tried again has the same one.
func (p flaggerCall) key() rollout.Key {
	return rollout.Key{Controller: controllerFlagger, Namespace: p.Namespace, Service: p.Name, Revision: p.Checksum}
}

// rollout derives who is on trial. A Deployment NAME has its baseline beside it as
// NAME-primary.
func (p flaggerCall) rollout() (rollout.Rollout, error) {
	canary := p.Metadata["canary"]
	if canary == "" {
		canary = p.Name
	}
	baseline := p.Metadata["baseline"]
	if baseline == "" {
		baseline = canary + "-primary"
	}
	r := rollout.Rollout{
		Controller: controllerFlagger, Namespace: p.Namespace, Service: p.Name, Revision: p.Checksum,
		Comparison: rollout.Comparison(p.Metadata["comparison"]),
		Canary: rollout.Arm{
			Namespace: p.Namespace, Workload: canary, PodPattern: podsOf(canary),
			URL: p.Metadata["url.canary"], Version: p.Metadata["version.canary"],
		},
		Baseline: rollout.Arm{
			Namespace: p.Namespace, Workload: baseline, PodPattern: podsOf(baseline), URL: p.Metadata["url.baseline"],
		},
	}
	for _, f := range [...]struct{ name, workload string }{{"canary", canary}, {"baseline", baseline}} {
		if err := checkKube("metadata."+f.name, f.workload); err != nil {
			return r, err
		}
	}
	if err := checkNeeded("checksum", r.Revision); err != nil {
		return r, err
	}
	if err := checkArm("canary", r.Canary); err != nil {
		return r, err
	}
	return r, checkArm("baseline", r.Baseline)
}

// weight returns the constant weight in the metadata, and false where there is none.
func (p flaggerCall) weight() (float64, bool, error) {
	text, ok := p.Metadata["weight"]
	if !ok || text == "" || text == weightOfMetrics {
		return 0, false, nil
	}
	percent, err := readPercent("metadata.weight", text)
	return percent, err == nil, err
}

// plan finds the plan for a call. A name that is longer than names are is not
// repeated to anybody.
func (s *Server) planFor(p flaggerCall) (plan.Plan, error) {
	name := p.Metadata["plan"]
	if err := checkFact("metadata.plan", name); err != nil {
		return plan.Plan{}, err
	}
	return s.cfg.Plans.Find(name, p.Namespace, p.Name)
}

// ruling is what a hook is told: yes or no, and why in one line.
type ruling struct {
	yes  bool
	text string
	id   string // of the rollout, for a link; may be empty
}

// hook is one of Flagger's eight.
type hook struct {
	name   string
	answer func(ctx context.Context, p flaggerCall) (ruling, error)
	// looks: it asks the judge, which may take as long as its author allows.
	looks bool
}

// hooks lists Flagger's hooks. The first three never open a rollout and are never
// refused; the others ask the judge.
func (s *Server) hooks() []hook {
	list := []hook{
		{"confirm-rollout", s.confirmRollout, false},
		{"event", s.event, false},
		{"post-rollout", s.postRollout, false},
	}
	for _, q := range questions() {
		list = append(list, hook{q.hook, func(ctx context.Context, p flaggerCall) (ruling, error) {
			r, err := s.ask(ctx, q, p)
			if err != nil {
				return s.excuse(ctx, q, p, err)
			}
			return r, nil
		}, true})
	}
	return list
}

// flagger answers one hook.
func (s *Server) flagger(h hook) echo.HandlerFunc {
	return func(c echo.Context) error {
		body, err := readBody(c)
		if err != nil {
			return err
		}
		var p flaggerCall
		err = decode(body, &p, tolerant)
		if err := s.authoriseHook(c, p.Metadata["token"]); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		if err := p.check(); err != nil {
			return err
		}
		if err := s.mayHook(callerOf(c), p); err != nil {
			return err
		}
		within := s.cfg.Pressure.Flagger
		if h.looks {
			if within, err = s.withinOf(p.Metadata["answerWithin"], within); err != nil {
				return err
			}
		}
		ctx, cancel := context.WithTimeout(c.Request().Context(), within)
		defer cancel()
		r, err := h.answer(ctx, p)
		if err != nil {
			return err
		}
		if consequential(h.name, r.yes) {
			s.note(c.Request().Context(), "told "+h.name+map[bool]string{true: " yes", false: " no"}[r.yes], r.id, r.text)
		}
		code := http.StatusOK
		if !r.yes {
			code = http.StatusConflict
		}
		text := r.text
		if r.id != "" && s.cfg.BaseURL != "" {
			link := " (" + s.link(r.id) + ")"
			text = oneLine(text, max(maxLine-1-len(link), maxLine/2)) + link
		}
		return sayFlagger(c, code, text, "")
	}
}

// consequential reports whether an answer makes Flagger promote or give up.
func consequential(hook string, yes bool) bool {
	switch hook {
	case "confirm-promotion", "rollback":
		return yes
	case "pre-rollout", "rollout":
		return !yes
	}
	return false
}

// sayFlagger writes one line of plain text.
func sayFlagger(c echo.Context, code int, text, next string) error {
	if next != "" {
		text = oneLine(text, maxLine*2/3) + "; " + next
	}
	return c.Blob(code, echo.MIMETextPlainCharsetUTF8, []byte(oneLine(text, maxLine-1)+"\n"))
}

// unknownHook answers calls to hooks that Flagger does not have.
func (s *Server) unknownHook(c echo.Context) error {
	names := make([]string, 0, 8)
	for _, h := range s.hooks() {
		names = append(names, h.name)
	}
	return &HTTPError{
		Code: http.StatusNotFound, Public: "there is no such hook",
		Next: "POST to /flagger/ and one of: " + strings.Join(names, ", "),
	}
}
