package webhooks

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// mayHook refuses a Flagger hook that its caller has no right to. Any question may
// open the rollout that it asks about, so both rights are needed.
func (s *Server) mayHook(w caller, p flaggerCall) error {
	if err := w.may(controllerFlagger, RightJudge, RightAnnounce); err != nil {
		return err
	}
	if err := w.mayIn(p.Namespace); err != nil {
		return err
	}
	return s.mayPlan(w, p.Metadata["plan"])
}

// mayMeasure refuses a measurement of Argo that its caller has no right to.
func (s *Server) mayMeasure(w caller, a argoCall) error {
	if err := w.may(controllerArgo, RightJudge, RightAnnounce); err != nil {
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

// mayAnnounce refuses an announcement that its caller has no right to. Who speaks
// for a controller must be that controller's caller: its own calls would find the
// rollout.
func (s *Server) mayAnnounce(w caller, a announcement) error {
	if a.Controller != controllerAPI && slices.Contains(Callers(), a.Controller) {
		if err := w.may(a.Controller); err != nil {
			return err
		}
	}
	if err := w.mayIn(a.Namespace); err != nil {
		return err
	}
	if err := w.mayArms(a.Canary, a.Baseline); err != nil {
		return err
	}
	return s.mayPlan(w, a.Plan)
}

// mayArms refuses arms in namespaces that the caller's token is not good for: their
// numbers would be told in the verdict.
func (w caller) mayArms(arms ...rollout.Arm) error {
	for _, a := range arms {
		if a.Namespace != "" {
			if err := w.mayIn(a.Namespace); err != nil {
				return err
			}
		}
		for name, value := range a.Labels {
			if !strings.Contains(strings.ToLower(name), "namespace") {
				continue
			}
			if err := w.mayIn(value); err != nil {
				return err
			}
		}
	}
	return nil
}

// mayPlan refuses a plan that belongs to a namespace of which the caller may not
// know, as if there were none.
func (s *Server) mayPlan(w caller, name string) error {
	if name == "" || w.everywhere() {
		return nil
	}
	// Where there is none, whoever looks for it next says so.
	if p, err := s.cfg.Plans.Find(name, "", ""); err == nil && p.Namespace != "" && !w.sees(p.Namespace) {
		return hiddenPlan(&plan.UnknownError{Name: name})
	}
	return nil
}

// hiddenPlan says that there is no plan to a caller that may not know all of them.
func hiddenPlan(err error) *HTTPError {
	return &HTTPError{
		Code: http.StatusNotFound, Public: "there is no such plan for this caller",
		Next: "ask who runs this server for its plans", Err: err,
	}
}

// guarded brings an error to what its caller may know: the names of plans are for
// those who may see every namespace.
func guarded(w caller, e *HTTPError) *HTTPError {
	var unknown *plan.UnknownError
	if !w.everywhere() && errors.As(e, &unknown) {
		return hiddenPlan(e)
	}
	return e
}

// visible lists the rollouts that a caller may know of, the newest first. Where its
// token has patterns, they are looked for among the thousand newest.
func (s *Server) visible(ctx context.Context, w caller, f journal.Filter) ([]journal.Summary, error) {
	if f.Namespace != "" {
		if err := w.mayIn(f.Namespace); err != nil {
			return nil, err
		}
	}
	if f.Namespace != "" || w.everywhere() {
		return s.cfg.Journal.List(ctx, f)
	}
	limit := f.Limit
	f.Limit = 1000
	list, err := s.cfg.Journal.List(ctx, f)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(sum journal.Summary) bool { return !w.sees(sum.Rollout.Namespace) })
	return list[:min(len(list), limit)], nil
}
