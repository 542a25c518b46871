package checks

import "time"

// Synthetics are tests of Datadog Synthetics, which are run by Datadog against the
// canary.
type Synthetics struct {
	// Tests are the tests' public IDs: abc-def-ghi.
	Tests []string `json:"tests" yaml:"tests"`
	// StartURL is asked in place of the tests' own URL; a template.
	StartURL string `json:"startUrl,omitempty" yaml:"startUrl,omitempty"`
	// Headers are sent beside the tests' own; values are templates.
	Headers map[string]string `json:"headers,omitempty" yaml:"headers,omitempty"`
	// Variables replace the tests' own; values are templates.
	Variables map[string]string `json:"variables,omitempty" yaml:"variables,omitempty"`
	// Locations run the tests in place of their own: aws:us-east-1.
	Locations []string `json:"locations,omitempty" yaml:"locations,omitempty"`
	// Within bounds the time from triggering the tests to their last result. Zero means
	// the runner's own limit.
	Within time.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}
