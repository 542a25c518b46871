package smoke

import (
	"encoding/json"
	"io"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// jsonReport is a [Report] as machines read it. Its keys are documented in
// docs/check-run.md, and are only ever added to.
type jsonReport struct {
	Plan        string      `json:"plan"`
	Service     string      `json:"service"`
	Target      string      `json:"target"`
	Baseline    string      `json:"baseline,omitempty"`
	Began       time.Time   `json:"began"`
	Seconds     float64     `json:"seconds"`
	ExitCode    int         `json:"exitCode"`
	Interrupted bool        `json:"interrupted,omitempty"`
	Summary     string      `json:"summary"`
	Checks      []jsonCheck `json:"checks"`
}

type jsonCheck struct {
	Name     string    `json:"name"`
	Kind     string    `json:"kind"`
	When     string    `json:"when"`
	Counts   bool      `json:"counts"`
	Critical bool      `json:"critical,omitempty"`
	At       time.Time `json:"at"`
	jsonEnd
	Canary   *jsonEnd `json:"canary,omitempty"`
	Baseline *jsonEnd `json:"baseline,omitempty"`
}

// jsonEnd is how a check ended, on one arm or as a whole.
type jsonEnd struct {
	Status   checks.Status `json:"status"`
	Seconds  float64       `json:"seconds"`
	Attempts int           `json:"attempts"`
	Reason   string        `json:"reason"`
	Steps    []jsonStep    `json:"steps,omitempty"`
}

// jsonStep is one step of a journey, of the arm's last attempt.
type jsonStep struct {
	Name    string        `json:"name"`
	Part    checks.Part   `json:"part"`
	Status  checks.Status `json:"status"`
	Seconds float64       `json:"seconds"`
	Reason  string        `json:"reason"`
}

func stepsOf(all []checks.StepResult) []jsonStep {
	var out []jsonStep
	for _, s := range all {
		out = append(out, jsonStep{s.Name, s.Part, s.Status, s.Took.Seconds(), s.Reason})
	}
	return out
}

// JSON writes the report for machines.
func (r Report) JSON(w io.Writer) error {
	out := jsonReport{
		r.Plan, r.Service, r.Target, r.Baseline, r.Began, r.Took.Seconds(), r.Exit(), r.Interrupted, r.Sentence(), []jsonCheck{},
	}
	for _, e := range r.Checks {
		out.Checks = append(out.Checks, jsonCheck{
			e.Name, e.Kind, e.When, e.Counts, e.Critical, e.Result.At,
			jsonEnd{e.Result.Status, e.Result.Took.Seconds(), e.Result.Attempts, e.Result.Reason, stepsOf(e.Result.Steps)},
			onArm(e.Result.Canary), onArm(e.Result.Baseline),
		})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func onArm(r *checks.ArmResult) *jsonEnd {
	if r == nil {
		return nil
	}
	return &jsonEnd{r.Status, r.Took.Seconds(), r.Attempts, r.Reason, stepsOf(r.Steps)}
}
