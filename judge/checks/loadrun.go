package checks

import "time"

// LoadRun is what a synthetic load on both arms left: one sample for each request
// that was scheduled, sent or not. Samples of one index were scheduled next to each
// other, in random order, and asked the same of both arms.
type LoadRun struct {
	Canary   []LoadSample `json:"canary"`
	Baseline []LoadSample `json:"baseline"`
	// Rate is how many requests a second were scheduled for each arm.
	Rate float64 `json:"rate"`
	// Warmup is how many of the first samples of each arm are not compared.
	Warmup int `json:"warmup,omitempty"`
	// Took is how long it was until the last answer, or the end of waiting for it.
	Took time.Duration `json:"took"`
	// Ended is why the load stopped before its schedule did, "" where it did not.
	Ended string `json:"ended,omitempty"`
}

// LoadSample is one request of a load.
type LoadSample struct {
	// At is when it was to leave, after the start.
	At time.Duration `json:"at"`
	// Latency is from At to the last byte of the answer, or to the failure. A request
	// that waited because all connections to its arm were busy waited for the arm, and
	// that is part of its latency. It is 0 where the request was never sent.
	Latency time.Duration `json:"latency"`
	// Late is the part of Latency for which the load itself is to blame: the request left
	// so much after At although a connection was free.
	Late time.Duration `json:"late,omitempty"`
	// Status is the code of the answer, 0 without one.
	Status int `json:"status,omitempty"`
	// Failure is why there is no complete answer.
	Failure LoadFailure `json:"failure,omitempty"`
}

// LoadFailure is why a request of a load has no complete answer.
type LoadFailure string

// The failures. The first five are the arm's, the others are not.
const (
	// LoadAnswered is no failure.
	LoadAnswered LoadFailure = ""
	// LoadTimedOut: no complete answer in time.
	LoadTimedOut LoadFailure = "timed-out"
	// LoadNoAnswer: no connection, or one that ended before the answer did.
	LoadNoAnswer LoadFailure = "no-answer"
	// LoadTooLarge: the answer was longer than a load reads.
	LoadTooLarge LoadFailure = "too-large"
	// LoadUnsent: all connections to the arm were busy until the end.
	LoadUnsent LoadFailure = "unsent"
	// LoadMissed: the load itself never came to send it.
	LoadMissed LoadFailure = "missed"
	// LoadForbidden: the guard refused the address.
	LoadForbidden LoadFailure = "forbidden"
	// LoadCancelled: the caller gave up before there was an answer.
	LoadCancelled LoadFailure = "cancelled"
)
