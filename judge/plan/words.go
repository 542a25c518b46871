package plan

// Mode says whether a verdict has consequences.
type Mode string

// The modes of a plan.
const (
	Enforce Mode = "enforce" // default
	Shadow  Mode = "shadow"  // judges, draws and records; never blocks or rolls back
)

// Kind says how a metric's numbers are compared.
type Kind string

// The kinds of a metric.
const (
	Errors     Kind = "errors"     // bad events among all; worse when higher
	Proportion Kind = "proportion" // events among all, either direction (a business metric)
	Latency    Kind = "latency"    // a histogram of durations
	Rate       Kind = "rate"       // requests; compared with the declared weight
	Gauge      Kind = "gauge"      // a value for each block
)

// Direction says which way is worse.
type Direction string

// The directions of a metric.
const (
	Higher Direction = "higher"
	Lower  Direction = "lower"
	Either Direction = "either" // the request rate only
)

// Action is what callers are told where nothing is proven.
type Action string

// The actions.
const (
	Hold     Action = "hold"
	Promote  Action = "promote"
	Rollback Action = "rollback"
)

// Advance says when traffic may be increased.
type Advance string

// The advance policies.
const (
	UnlessHarm Advance = "unless-harm" // fresh evidence, no harm, no hold (default)
	WhenProven Advance = "when-proven" // only once the newest prefix is proven not worse
)

// LowTraffic says what to do where no verdict is reachable with this traffic.
type LowTraffic string

// The low-traffic policies.
const (
	LowHold   LowTraffic = "hold"
	LowLoad   LowTraffic = "load"
	LowLonger LowTraffic = "longer"
)

// Guarantee says of what population the promise speaks.
type Guarantee string

// The guarantees.
const (
	AllPods   Guarantee = "all_pods"   // of pods like these (default; allows for pod luck)
	ThesePods Guarantee = "these_pods" // of the present canary pods only
)

// Looks says how often a rollout may be looked at for a proof of harm.
type Looks string

// The modes of looking.
const (
	Anytime Looks = "anytime" // as often and as long as anybody likes (default; a loaded plan has "")
	Horizon Looks = "horizon" // up to the deadline, with a lower threshold
)

// Dispersion says what evidence from counts takes for granted.
type Dispersion string

// The dispersions.
const (
	Estimated Dispersion = "estimated" // noise and the luck of pods are measured and allowed for (default)
	Exact     Dispersion = "exact"     // requests fail independently; nothing is estimated
)

// Comparison has the values of rollout.Comparison.
type Comparison string

// Retire says what becomes of a published dashboard or rule group at the end.
type Retire string

// The ways of retiring.
const (
	Archive Retire = "archive"
	Delete  Retire = "delete"
)
