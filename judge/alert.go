package judge

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// Alert is an alert of somebody else's that is about a rollout. It is a recorded input
// like every other: the verdict says what fires, and replays with it.
type Alert struct {
	// Fingerprint and Started tell an alert from every other: an alert that fires again
	// is another one.
	Fingerprint string    `json:"fingerprint"`
	Started     time.Time `json:"started"`
	// Ended is when it was resolved; zero while it fires.
	Ended time.Time `json:"ended,omitzero"`
	Name  string    `json:"name"` // its alertname
	// Watch names the plan's entry that it matched.
	Watch   string `json:"watch"`
	Summary string `json:"summary,omitempty"`
}

// maxAlertText bounds an alert's texts, in bytes: they are quoted in verdicts.
const maxAlertText = 500

// Validate returns everything that is wrong with an alert.
func (a Alert) Validate() error {
	var errs []error
	for name, text := range map[string]string{"fingerprint": a.Fingerprint, "name": a.Name, "watch": a.Watch} {
		if strings.TrimSpace(text) == "" {
			errs = append(errs, fmt.Errorf("an alert needs a %s", name))
		}
	}
	for _, text := range []string{a.Fingerprint, a.Name, a.Watch, a.Summary} {
		if len(text) > maxAlertText {
			errs = append(errs, fmt.Errorf("the texts of an alert may have %d bytes each", maxAlertText))
			break
		}
	}
	switch {
	case a.Started.IsZero():
		errs = append(errs, errors.New("an alert needs a time when it began"))
	case !a.Ended.IsZero() && a.Ended.Before(a.Started):
		errs = append(errs, errors.New("the alert ended before it began"))
	}
	return errors.Join(errs...)
}

// ownAlerts are Serin's alerts about the judge itself. They follow from verdicts, so
// that no verdict may follow from them.
func ownAlerts() []string {
	return []string{"JudgeSilent", "CanaryRolledBack", "RolloutNeedsAPerson", "RolloutStuck", "SerinVerdict"}
}

// WatchOf returns the plan's entry that an alert with these labels matches, the first
// one of them. An alert that names another rollout is about that one.
func WatchOf(p plan.Plan, r rollout.Rollout, labels map[string]string) (plan.AlertWatch, bool) {
	if whose := labels["rollout"]; whose != "" && whose != r.ID && labels["managed_by"] == "serin" {
		return plan.AlertWatch{}, false
	}
	if labels["managed_by"] == "serin" && slices.Contains(ownAlerts(), labels["alertname"]) {
		return plan.AlertWatch{}, false
	}
	for _, w := range p.Alertmanager {
		fits := len(w.Match) > 0
		for _, m := range w.Match {
			fits = fits && m.Accepts(labels[m.Label])
		}
		if fits {
			return w, true
		}
	}
	return plan.AlertWatch{}, false
}

// findAlerts says which alerts of others fire, one finding for each entry of the plan.
func (e *evaluator) findAlerts() {
	for _, w := range e.p.Alertmanager {
		var firing, over []Alert
		for _, a := range e.in.Record.Alerts {
			switch {
			case a.Watch != w.Name:
			case a.Ended.IsZero():
				firing = append(firing, a)
			default:
				over = append(over, a)
			}
		}
		switch {
		case len(firing) > 0:
			e.findings = append(e.findings, e.firing(w, firing))
		case len(over) > 0:
			e.findings = append(e.findings, Finding{
				Name: w.Name, About: AboutAlert, Class: Shown, Reason: quoteAlerts(over, "fired"),
			})
		}
	}
}

// firing is the finding of alerts that fire.
func (e *evaluator) firing(w plan.AlertWatch, firing []Alert) Finding {
	f := Finding{
		Name: w.Name, About: AboutAlert, Class: AlertFiring, Critical: w.Action == plan.AlertRollback,
		Reason: quoteAlerts(firing, "fires"), Next: "it counts until it is resolved",
	}
	during := slices.ContainsFunc(firing, func(a Alert) bool { return a.Started.After(e.r.Started) })
	switch {
	case w.Action == plan.AlertShow:
		f.Class, f.Next = Shown, ""
	case w.Action == plan.AlertRollback && during:
		f.RollsBack = true
	default:
		f.Holds, f.Stops = true, true
		if w.Action == plan.AlertRollback {
			f.Reason += "; it began before the rollout, so that it is not taken for the canary's doing"
		}
	}
	return f
}

// quoteAlerts writes alerts for a finding, the oldest first.
func quoteAlerts(all []Alert, verb string) string {
	const most = 3
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Alert) int { return a.Started.Compare(b.Started) })
	var parts []string
	for _, a := range all[:min(most, len(all))] {
		text := fmt.Sprintf("%s %s since %s", a.Name, verb, a.Started.UTC().Format("15:04:05 MST"))
		if !a.Ended.IsZero() {
			text = fmt.Sprintf("%s %s from %s to %s", a.Name, verb, a.Started.UTC().Format("15:04:05"), a.Ended.UTC().Format("15:04:05 MST"))
		}
		if a.Summary != "" {
			text += " (" + a.Summary + ")"
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts, "; ")
	if more := len(all) - most; more > 0 {
		text += "; and " + count(float64(more)) + " more"
	}
	return text
}
