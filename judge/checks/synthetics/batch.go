package synthetics

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// batch is what is read of a batch.
type batch struct {
	Status  string   `json:"status"`
	Results []result `json:"results"`
}

// result is one run of a test at a location.
type result struct {
	Test     string  `json:"test_public_id"`
	Name     string  `json:"test_name"`
	Status   string  `json:"status"`
	Rule     string  `json:"execution_rule"`
	Location string  `json:"location"`
	Device   string  `json:"device"`
	Duration float64 `json:"duration"` // in milliseconds
	Retries  float64 `json:"retries"`
}

// The words of Datadog that are known here.
const (
	inProgress  = "in_progress"
	passed      = "passed"
	failed      = "failed"
	skipped     = "skipped"
	nonBlocking = "non_blocking"
)

func readBatch(text []byte) (batch, error) {
	var out struct {
		Data *batch `json:"data"`
	}
	if json.Unmarshal(text, &out) != nil || out.Data == nil {
		return batch{}, errors.New("Datadog's answer is no batch")
	}
	return *out.Data, nil
}

// attempt says what a batch that has ended comes to. Every test that was asked for must
// have a result.
func (b batch) attempt(tests []string) checks.Attempt {
	if b.Status != passed && b.Status != failed {
		return checks.Breaking("ended as %s, which is neither passed nor failed", checks.Excerpt(b.Status))
	}
	var bad, tolerated, unknown, at []string
	seen, good := map[string]bool{}, 0
	for _, r := range b.Results {
		switch {
		case r.Status == skipped || r.Rule == skipped:
			continue
		case r.Status == failed && r.Rule == nonBlocking:
			tolerated = append(tolerated, r.words())
		case r.Status == failed: // one without a rule blocks
			bad = append(bad, r.words())
		case r.Status == passed:
			good++
			if r.Location != "" && !slices.Contains(at, r.Location) {
				at = append(at, r.Location)
			}
		default:
			unknown = append(unknown, r.words()+" ended as "+checks.Excerpt(r.Status))
			continue
		}
		seen[r.Test] = true
	}
	var missing []string
	for _, t := range tests {
		if !seen[t] {
			missing = append(missing, t)
		}
	}
	switch {
	case len(bad) > 0:
		return checks.Failing("failed: %s", few(bad))
	case len(unknown) > 0:
		return checks.Breaking("has results that are neither passed nor failed: %s", few(unknown))
	case len(missing) > 0:
		return checks.Breaking("has no result of %s: Datadog skipped it, or lost it", few(missing))
	case b.Status == failed && len(tolerated) == 0:
		return checks.Failing("failed as a whole, and no result says why")
	}
	text := fmt.Sprintf("passed: %d of %d results", good, good+len(tolerated))
	if len(at) > 0 {
		text += " at " + few(at)
	}
	if len(tolerated) > 0 {
		text += "; failed without blocking: " + few(tolerated)
	}
	return checks.Attempt{Status: checks.Passed, Said: text}
}

// words names a result.
func (r result) words() string {
	text := shown(r.Test)
	if r.Name != "" {
		text = shown(r.Name) + " (" + text + ")"
	}
	if r.Location != "" {
		text += " at " + shown(r.Location)
	}
	if r.Device != "" {
		text += " on " + shown(r.Device)
	}
	if r.Duration > 0 && r.Duration < 1e9 {
		text += " after " + checks.Took(time.Duration(r.Duration*float64(time.Millisecond)))
	}
	if r.Retries > 0 {
		text += fmt.Sprintf(", tried %.0f times more", r.Retries)
	}
	return text
}

// shown returns a text of Datadog's on one line, without what looks like a credential.
func shown(s string) string { return strings.Trim(checks.Excerpt(s), `"`) }

// few joins the first five texts.
func few(texts []string) string {
	const most = 5
	if len(texts) > most {
		texts = append(slices.Clone(texts[:most]), fmt.Sprintf("and %d more", len(texts)-most))
	}
	return strings.Join(texts, ", ")
}
