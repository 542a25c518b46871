package checks

import "time"

// The caps of a load. One above them is refused, not trimmed.
const (
	MaxLoadRate        = 500              // requests a second and arm
	MinLoadRate        = 0.1              // requests a second and arm
	MaxLoadDuration    = 10 * time.Minute // of the schedule, warm-up included
	MaxLoadRequests    = 60_000           // for each arm
	MaxLoadTargets     = 16               // different requests
	MaxLoadConnections = 256              // to each arm
	MaxLoadBody        = 64 << 10         // bytes that a request sends
	MaxLoadTimeout     = 30 * time.Second // of a request, from when it leaves
	MaxLoadRounds      = 10               // loads of one check in one rollout
	// MinLoadCompared is how many requests to each arm are compared at least.
	MinLoadCompared = 100
)

// Load is a synthetic load: both arms are asked the same at a constant rate, and the
// judge compares what they answer. It says neither good nor bad by itself.
type Load struct {
	// Targets are sent in turn.
	Targets []LoadTarget `json:"targets"`
	// Hosts are the names or addresses, without ports, that may be asked.
	Hosts []string `json:"hosts"`
	// Rate is requests a second to each arm.
	Rate float64 `json:"rate"`
	// Duration is how long requests are sent that are compared. Warmup comes before: its
	// requests are sent, and not compared.
	Duration time.Duration `json:"duration"`
	Warmup   time.Duration `json:"warmup,omitempty"`
	// Connections is how many requests to one arm may be under way (0 means 64).
	Connections int `json:"connections,omitempty"`
	// Timeout bounds a request from when it leaves (0 means 10 s).
	Timeout time.Duration `json:"timeout,omitempty"`
	// Rounds is how many loads a rollout is sent at most; the next one is sent while those
	// before prove neither side. 0 means 1.
	Rounds int `json:"rounds,omitempty"`
	// Weight is its relative share of the error budget, beside the metrics'. Errors and
	// latency have half of it each.
	Weight float64 `json:"weight"`
	// Errors and Latency are what is tolerated, and what promotion must exclude.
	Errors  LoadLimits `json:"errors"`
	Latency LoadLimits `json:"latency"`
}

// LoadTarget is one request of a load. Its texts are templates over the [Target] whose
// Arm is the arm that is asked.
type LoadTarget struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
}

// LoadLimits bound one measure of a load.
type LoadLimits struct {
	// Tolerance is the worsening that does not matter; Margin is what promotion must
	// exclude.
	Tolerance Worsening `json:"tolerance"`
	Margin    Worsening `json:"margin"`
}

// Worsening is how much worse the canary is than the baseline: its boundary lies at
// (1+Relative)·baseline + Absolute.
type Worsening struct {
	Relative float64 `json:"relative"`           // 0.1 is 10 % more
	Absolute float64 `json:"absolute,omitempty"` // 0.005 is half a percentage point; errors only
}

// Length is how long the load's schedule lasts.
func (l Load) Length() time.Duration { return l.Warmup + l.Duration }

// MostRounds is how many loads a rollout is sent at most.
func (l Load) MostRounds() int { return max(l.Rounds, 1) }
