// Package checks says what a check is: a yes/no probe that a plan declares, the
// result it leaves, and the function that runs it.
//
// Runners live in sub-packages, one a kind, and are registered in cmd/serin, so
// that a plan compiles without the libraries that its probes need.
package checks

import (
	"context"
	"time"
)

// When says at which moments of a rollout a check is run.
type When string

// The moments of a check.
const (
	// BeforeTraffic: at the announcement and at pre-rollout calls.
	BeforeTraffic When = "before-traffic"
	// EachLook: whenever the judge is asked (default, also where empty).
	EachLook When = "each-look"
	// AtEnd: when the last promotion is asked for.
	AtEnd When = "at-end"
)

// Arms says which arms a check is run on.
type Arms string

// The arms of a check.
const (
	// OnCanary: the canary alone (default, also where empty).
	OnCanary Arms = "canary"
	// OnBoth: both arms at once, each as .Arm. What fails on the canary alone is a
	// failure; what fails on both is the environment's.
	OnBoth Arms = "both"
)

// Spec is one check as a plan declares it. Exactly one of the kinds is set: each
// pointer is a kind, called as JSON calls it.
type Spec struct {
	// Name is unique among the plan's checks.
	Name string `json:"name" yaml:"name"`
	// When says at which moments it is run.
	When When `json:"when,omitempty" yaml:"when,omitempty"`
	// Required checks must have passed before promotion (default true).
	Required bool `json:"required" yaml:"required"`
	// Critical checks roll back when they fail (default false).
	Critical bool `json:"critical,omitempty" yaml:"critical,omitempty"`
	// Retries is how often a failed attempt is repeated before it counts (default 1).
	Retries int `json:"retries,omitempty" yaml:"retries,omitempty"`
	// Arms are where it is run (default: the canary).
	Arms Arms `json:"arms,omitempty" yaml:"arms,omitempty"`
	// Repeat is how many runs in a row must pass (0 means 1). Retries are those of each.
	Repeat int `json:"repeat,omitempty" yaml:"repeat,omitempty"`
	// Total bounds all runs, attempts and pauses together. Zero means the caller's limit.
	Total time.Duration `json:"total,omitempty" yaml:"total,omitempty"`

	HTTP *HTTP      `json:"http,omitempty" yaml:"http,omitempty"`
	TCP  *TCP       `json:"tcp,omitempty" yaml:"tcp,omitempty"`
	DNS  *DNS       `json:"dns,omitempty" yaml:"dns,omitempty"`
	TLS  *Handshake `json:"tls,omitempty" yaml:"tls,omitempty"`
	GRPC *GRPC      `json:"grpc,omitempty" yaml:"grpc,omitempty"`
	Load *Load      `json:"load,omitempty" yaml:"load,omitempty"`

	Journey *Journey `json:"journey,omitempty" yaml:"journey,omitempty"`

	WebSocket *WebSocket `json:"websocket,omitempty" yaml:"websocket,omitempty"`

	Synthetics  *Synthetics  `json:"synthetics,omitempty" yaml:"synthetics,omitempty"`
	DatadogGate *DatadogGate `json:"datadogGate,omitempty" yaml:"datadogGate,omitempty"`

	Prometheus *Prometheus `json:"prometheus,omitempty" yaml:"prometheus,omitempty"`
	Logs       *Logs       `json:"logs,omitempty" yaml:"logs,omitempty"`
	Exec       *Exec       `json:"exec,omitempty" yaml:"exec,omitempty"`
}

// HTTP is a request and what its answer must be. Strings may be text/templates
// over the [Target]: {{ .Canary.URL }}/health.
type HTTP struct {
	Method  string            `json:"method" yaml:"method"`
	URL     string            `json:"url" yaml:"url"`
	Headers map[string]string `json:"headers,omitempty" yaml:"headers,omitempty"`
	Body    string            `json:"body,omitempty" yaml:"body,omitempty"`
	// Form are fields that are sent in place of Body, as HTML forms send them.
	Form map[string]string `json:"form,omitempty" yaml:"form,omitempty"`
	// Redirects is how many redirects are followed (nil: 3). With 0 a redirect is the
	// answer.
	Redirects *int `json:"redirects,omitempty" yaml:"redirects,omitempty"`
	// Status is the set of status codes that pass (default 200).
	Status []int `json:"status,omitempty" yaml:"status,omitempty"`
	// JSON is a document every member of which the answer must contain: objects
	// match by their named members, everything else by equality.
	JSON any `json:"json,omitempty" yaml:"json,omitempty"`
	// Assert are the texts of [Assertion]s that must all hold for the answer.
	Assert []string `json:"assert,omitempty" yaml:"assert,omitempty"`
	// Within bounds the time from the request to the last byte of the answer.
	// Zero means the runner's own limit.
	Within time.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}

// Target is what a check may speak of: the two arms and the revision on trial.
type Target struct {
	Service, Namespace, Revision string
	Canary, Baseline             Arm
	// Arm is the arm that is probed: the canary, or each in turn with [OnBoth].
	Arm Arm
	// Values are what a journey's earlier steps extracted, by name.
	Values map[string]string

	secrets Secrets // nil: none are known
	veil    *Veil
}

// Arm is what a check knows of one arm.
type Arm struct {
	URL, Workload, Namespace, Version string
	Labels                            map[string]string
}

// Status is how a check ended. The zero value is no pass.
type Status string

// The ways a check ends.
const (
	// Passed: the probe answered as it must.
	Passed Status = "passed"
	// Failed: the probe answered otherwise, or not at all.
	Failed Status = "failed"
	// Broken: the check itself could not be run (a bad URL, a forbidden address).
	// It never counts as passed.
	Broken Status = "broken"
	// Environment: the canary fails, and so does the baseline. It never counts as
	// passed, and never blames the canary.
	Environment Status = "environment"
	// Measured: a load was sent. What came back says neither good nor bad by itself, and
	// never counts as passed.
	Measured Status = "measured"
)

// Result is what one check left.
type Result struct {
	Name     string        `json:"name"`
	Status   Status        `json:"status"`
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"took"`
	Attempts int           `json:"attempts"`
	// Reason is one sentence with numbers and without credentials.
	Reason string `json:"reason"`
	// Runs is how many of the runs that the check asks for passed, where it asks for
	// more than one.
	Runs int `json:"runs,omitempty"`
	// Steps are those of a journey, as far as it came.
	Steps []StepResult `json:"steps,omitempty"`
	// Round is which run of its rollout this is, from 1, where it ran as work of its own.
	Round int `json:"round,omitempty"`
	// Begins is how often that run began: more than once where what ran it ended before.
	Begins int `json:"begins,omitempty"`
	// GivenUp says of a broken one that it was the probed that had not answered, or was to
	// be tried again, when the time was over.
	GivenUp bool `json:"-"`
	// Cut says that its look's time was over before it had ended.
	Cut bool `json:"cut,omitempty"`
	// Earlier is how many rounds came before it, where it ran within a look.
	Earlier int `json:"earlier,omitempty"`
	// Load is what a load left.
	Load *LoadRun `json:"load,omitempty"`
	// Canary and Baseline are what each arm left, where it ran on both.
	Canary   *ArmResult `json:"canary,omitempty"`
	Baseline *ArmResult `json:"baseline,omitempty"`
}

// ArmResult is what a check left on one of both arms.
type ArmResult struct {
	Status   Status        `json:"status"`
	Took     time.Duration `json:"took"`
	Attempts int           `json:"attempts"`
	Reason   string        `json:"reason"`
	Steps    []StepResult  `json:"steps,omitempty"`
}

// Runner runs one check. It returns when the check has ended or ctx has; it never
// panics and never returns a pass that it did not see.
type Runner interface {
	Run(ctx context.Context, s Spec, t Target) Result
}

// RunnerFunc is a function that is a [Runner].
type RunnerFunc func(ctx context.Context, s Spec, t Target) Result

// Run calls f.
func (f RunnerFunc) Run(ctx context.Context, s Spec, t Target) Result { return f(ctx, s, t) }
