package plan

import (
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/queries"
)

// Edition is the edition of the judge's rules that plans are loaded for. It is raised
// where the same plan would be judged otherwise than before, so that what is recorded
// replays to the verdicts that it had.
//
// 1: margins that exclude nothing are not proven; growth is added up from steps upwards,
// and from 0 for a process that appears after the start.
const Edition = 1

// Plan says what is judged for a service, how, and what follows. It is written
// once and read three ways: judge runs it, dashboards draws it, alerts watches it.
//
// A loaded plan is complete: presets are merged, defaults are filled in, and every
// query has been understood. It is pinned to a rollout as JSON.
type Plan struct {
	// Edition is that of the rules by which it is judged; 0 for what was pinned before
	// they were counted.
	Edition   int    `json:"edition,omitempty"`
	Name      string `json:"name"`
	Service   string `json:"service"`
	Namespace string `json:"namespace,omitempty"`
	Source    string `json:"source"` // the source's name in the server's configuration

	Arms    Arms          `json:"arms,omitzero"`
	Metrics []Metric      `json:"metrics"`
	Limits  []Limit       `json:"limits,omitempty"`
	Checks  []checks.Spec `json:"checks,omitempty"`

	Mode       Mode       `json:"mode"`
	Comparison Comparison `json:"comparison,omitempty"` // empty: as the dialect derives it

	// Block is the length of a block; Lag is how long after its end a block is
	// taken as closed.
	Block Duration `json:"block"`
	Lag   Duration `json:"lag"`
	// PrePeriod is the time before the announcement from which dispersion is learnt.
	PrePeriod Duration `json:"prePeriod"`
	Warmup    Warmup   `json:"warmup"`

	// MinDuration, MaxDuration and MinBlocks count from the first block with
	// canary requests. HoldFor is how long a rollout is held past MaxDuration.
	MinDuration Duration `json:"minDuration"`
	MaxDuration Duration `json:"maxDuration"`
	HoldFor     Duration `json:"holdFor"`
	MinBlocks   int      `json:"minBlocks"`   // paired blocks after warm-up
	FinalBlocks int      `json:"finalBlocks"` // of them at the highest weight
	MinRequests int      `json:"minRequests"` // canary requests in them
	// NoDataBlocks is after how many blocks without fresh evidence NoData applies.
	NoDataBlocks int `json:"noDataBlocks"`

	Alpha float64 `json:"alpha"` // false rollback, per rollout
	Beta  float64 `json:"beta"`  // false promote at the margin, per rollout
	// Sequential says how evidence is turned into proof.
	Sequential Sequential `json:"sequential,omitzero"`

	AtDeadline Action     `json:"atDeadline"`
	NoData     Action     `json:"noData"`   // hold or rollback
	OnShared   Action     `json:"onShared"` // hold or rollback
	Advance    Advance    `json:"advance"`
	LowTraffic LowTraffic `json:"lowTraffic"`
	Reversible bool       `json:"reversible"` // false turns every rollback into a hold with a page
	Guarantee  Guarantee  `json:"guarantee"`
	DependsOn  []string   `json:"dependsOn,omitempty"`

	// Alertmanager says which alerts of others count.
	Alertmanager []AlertWatch `json:"alertmanager,omitempty"`

	Dashboard Publishing `json:"dashboard,omitzero"`
	Alerts    Publishing `json:"alerts,omitzero"`
}

// Sequential says how evidence is turned into proof. Its zero value is the default:
// any number of looks, with noise that is measured.
type Sequential struct {
	Mode       Looks      `json:"mode,omitempty"`       // Horizon, or empty for Anytime
	Dispersion Dispersion `json:"dispersion,omitempty"` // Exact, or empty for Estimated
}

// Arms are facts about the arms that override what a dialect derives.
type Arms struct {
	Baseline Arm `json:"baseline,omitzero"`
	Canary   Arm `json:"canary,omitzero"`
}

// Arm has the fields of rollout.Arm, which this package may not import; the two
// convert into each other.
type Arm struct {
	Namespace  string            `json:"namespace,omitempty"`
	Workload   string            `json:"workload,omitempty"`
	PodPattern string            `json:"podPattern,omitempty"`
	Hash       string            `json:"hash,omitempty"`
	Version    string            `json:"version,omitempty"`
	URL        string            `json:"url,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// Metric is a question put to both arms.
type Metric struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Query is the question without its arms; Selector narrows it to one.
	Query queries.Query `json:"query"`
	// Reading is Query understood, before scoping: what kind of counts it gives.
	Reading queries.Reading `json:"reading"`
	// Selector is a PromQL matcher list whose values are templates over an [Arm]:
	// namespace="{{ .Namespace }}", pod=~"{{ .PodPattern }}". Empty means all of the
	// arm's Labels.
	Selector string `json:"selector,omitempty"`
	// Of names the metric whose requests this one is divided by (CPU per request).
	Of     string    `json:"of,omitempty"`
	Preset string    `json:"preset,omitempty"` // where it came from
	Worse  Direction `json:"worse"`
	// Tolerance is the worsening that does not matter; Margin is the worsening
	// that promote must exclude. Margin is larger.
	Tolerance Margin `json:"tolerance"`
	Margin    Margin `json:"margin"`
	// Objective is the share of good events that users were promised over 30 days, such
	// as 0.999; zero where none is known. It is for alerts: it decides nothing.
	Objective float64 `json:"objective,omitempty"`
	// Weight is the metric's relative share of the error budget. Zero is shown only.
	Weight   float64 `json:"weight"`
	Critical bool    `json:"critical,omitempty"`
	Required bool    `json:"required"` // promote needs it proven not worse
	Unit     string  `json:"unit,omitempty"`
	// Dispersion is this metric's own; empty means the plan's.
	Dispersion Dispersion `json:"dispersion,omitempty"`
	// Block is this metric's own block where its query's range is longer than the
	// plan's block; it is a multiple of it. Zero means the plan's.
	Block Duration `json:"block,omitempty"`
	// Title and Description are for people (dashboards, reports).
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
}

// Limit is a bound outside the statistics: it fires whatever the baseline does,
// except where it is a rate (see Rate).
type Limit struct {
	Name string `json:"name"`
	// Metric names the plan's metric that is bounded; or Query and Selector ask
	// for a value of their own, for each process of the canary.
	Metric   string          `json:"metric,omitempty"`
	Query    queries.Query   `json:"query,omitzero"`
	Reading  queries.Reading `json:"reading,omitzero"`
	Selector string          `json:"selector,omitempty"`
	// Above or Below is the bound, as a fraction for ratios. One is set.
	Above *float64 `json:"above,omitempty"`
	Below *float64 `json:"below,omitempty"`
	// Blocks is in how many blocks it must be crossed.
	Blocks int `json:"blocks"`
	// Each says that one process suffices (restarts of one pod); otherwise the
	// canary's processes are taken together.
	Each bool `json:"each,omitempty"`
	// Growth says that the value is a running total whose growth since the start
	// of the rollout is bounded (restarts). Steps upwards are added up, so that a total
	// that begins anew loses nothing; one of a process that appears later counts from 0.
	Growth bool `json:"growth,omitempty"`
	// Fraction says that the value is compared with the largest that the canary has
	// shown so far in the rollout (connections below one half of what they were).
	Fraction bool   `json:"fraction,omitempty"`
	Unit     string `json:"unit,omitempty"`
	Title    string `json:"title,omitempty"`
	Preset   string `json:"preset,omitempty"`
}

// Warmup says which of a process's first blocks are ignored by statistics: those
// before it has both run For and served Requests, but no more than AtMost.
type Warmup struct {
	For      Duration `json:"for"`
	Requests int      `json:"requests"`
	AtMost   Duration `json:"atMost"`
}

// Publishing says where a rollout's dashboard or rules go.
type Publishing struct {
	Disabled bool     `json:"disabled,omitempty"`
	Folder   string   `json:"folder,omitempty"`
	Retire   Retire   `json:"retire,omitempty"`
	Keep     Duration `json:"keep,omitempty"`
}
