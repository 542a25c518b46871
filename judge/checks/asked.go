package checks

import "time"

// Prometheus is a query to the plan's own source, and what its values must be.
type Prometheus struct {
	// Source is the store's name in the server's configuration: the plan's.
	Source string `json:"source" yaml:"source"`
	// Query is PromQL; a template, whose facts hold nothing that ends a text in it.
	Query string `json:"query" yaml:"query"`
	// Assert are the texts of [Assertion]s ([OfQuery]). One that names value is held
	// against each series.
	Assert []string `json:"assert" yaml:"assert"`
	// Any passes where one series fulfils what is asserted of each (default: all must).
	Any bool `json:"any,omitempty" yaml:"any,omitempty"`
	// Within bounds the whole attempt. Zero means the runner's own limit.
	Within time.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}

// Logs are lines that must not be there, or only few: of a Loki, or of a text over HTTP.
type Logs struct {
	// Loki is the base URL of a Loki; a template. Query is a LogQL query of lines, and
	// Since how far back it looks (0 means 5 minutes).
	Loki  string        `json:"loki,omitempty" yaml:"loki,omitempty"`
	Query string        `json:"query,omitempty" yaml:"query,omitempty"`
	Since time.Duration `json:"since,omitempty" yaml:"since,omitempty"`
	// URL is a text in the place of a Loki; a template. Pattern is a regular expression:
	// each line that matches is counted.
	URL     string `json:"url,omitempty" yaml:"url,omitempty"`
	Pattern string `json:"pattern,omitempty" yaml:"pattern,omitempty"`
	// Max is how many lines may be counted (default 0).
	Max int `json:"max,omitempty" yaml:"max,omitempty"`
	// Quiet passes also where there are no lines at all, counted or not.
	Quiet bool `json:"quiet,omitempty" yaml:"quiet,omitempty"`
	// Headers are sent with the requests; values are templates.
	Headers map[string]string `json:"headers,omitempty" yaml:"headers,omitempty"`
	// Within bounds the whole attempt. Zero means the runner's own limit.
	Within time.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}
