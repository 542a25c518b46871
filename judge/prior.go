package judge

import "github.com/serin-canary/serin/queries"

// Prior is what the pre-period says of a metric. It is computed once, at the first
// look, and frozen.
type Prior struct {
	// Blocks is how many blocks it rests on; 0 means defaults, which a finding says.
	Blocks int `json:"blocks"`
	// Pods is the number of processes that were there for at least 10 blocks.
	Pods int `json:"pods"`
	// Bounds are the histogram bounds, fixed for the run.
	Bounds []float64 `json:"bounds,omitempty"`
	// Streams holds the dispersion of each count stream: one for errors, one for
	// each of Bounds for a histogram.
	Streams []StreamPrior `json:"streams,omitempty"`
	// Series is the dispersion of the paired log contrast of a gauge, or of the
	// mean stream of a histogram.
	Series *SeriesPrior `json:"series,omitempty"`
	// Requests is the dispersion of requests themselves between pods.
	Requests *StreamPrior `json:"requests,omitempty"`
	// Total and Bad are the exponentially weighted sums of requests and bad events
	// at the end of the pre-period (half-life 10 blocks).
	Total float64 `json:"total,omitempty"`
	Bad   float64 `json:"bad,omitempty"`
	// RequestsPerBlock is the baseline's mean.
	RequestsPerBlock float64 `json:"requestsPerBlock,omitempty"`
	// Rate is the baseline's plain mean of the metric: a ratio, or a value.
	Rate float64 `json:"rate,omitempty"`
	// Idle is the floor of a per-request cost: its intercept at no load, per pod and block.
	Idle float64 `json:"idle,omitempty"`
	// Notes are what the source remarked of the pre-period; they are findings like
	// those of the rollout itself.
	Notes []queries.Note `json:"notes,omitempty"`
	// Calibration tempers the evidence of harm; nil where none was made.
	Calibration *Calibration `json:"calibration,omitempty"`
}

// StreamPrior is what the pre-period says of one count stream.
type StreamPrior struct {
	Exceed float64 `json:"exceed"`        // baseline fraction of requests counted in this stream
	Phi    float64 `json:"phi"`           // dispersion φ0
	Pod    float64 `json:"pod"`           // σ̂_pod, on the log scale
	DF     float64 `json:"df"`            // degrees of freedom of Pod
	Use    string  `json:"use,omitempty"` // scale, rare or "" (histograms)
}

// SeriesPrior is what the pre-period says of a paired contrast.
type SeriesPrior struct {
	Var   float64 `json:"var"`   // s0², of one canary pod against the rest
	Rho   float64 `json:"rho"`   // lag-1 autocorrelation ρ0
	Pod   float64 `json:"pod"`   // σ̂_pod
	DF    float64 `json:"df"`    // degrees of freedom of Pod
	Scale float64 `json:"scale"` // the baseline's mean, for contrasts that may be 0
	Log   bool    `json:"log"`   // contrast of logarithms
	Skew  float64 `json:"skew"`  // skewness of the contrast
}
