package judge

import (
	"time"

	"github.com/serin-canary/serin/judge/rollout"
)

// Outcome is what a verdict says of the rollout. The zero value is [Continue]:
// neither side is proven.
type Outcome int

// The outcomes.
const (
	// Continue: neither side is proven; more data can help.
	Continue Outcome = iota
	// Promote: every required metric is proven not worse than its margin, the
	// minima are reached and the required checks have passed. It is provisional
	// until the controller ends the rollout.
	Promote
	// Rollback: worse than tolerance at level α, or a hard limit, or a critical
	// check failed. It latches.
	Rollback
	// Inconclusive: the deadline came first.
	Inconclusive
)

// Answer is what a caller is told to one question, and why in one sentence.
// The zero value is a refusal.
type Answer struct {
	Yes    bool   `json:"yes"`
	Reason string `json:"reason"`
}

// Verdict is what the judge concluded at one look. It is a pure function of the
// recorded inputs; only ID and At tell two replays apart.
type Verdict struct {
	ID      string          `json:"id"`
	Seq     int             `json:"seq"` // number of the look, from 1
	At      time.Time       `json:"at"`
	Engine  string          `json:"engine"` // version of the judge that computed it
	Rollout rollout.Rollout `json:"rollout"`
	Phase   rollout.Phase   `json:"phase"`
	Mode    string          `json:"mode"` // the plan's: enforce or shadow

	Outcome Outcome `json:"outcome"`
	// Proven is false for every outcome that follows from policy, not from evidence.
	Proven bool    `json:"proven"`
	Score  float64 `json:"score"` // 0–100, for people; it decides nothing
	Reason string  `json:"reason"`

	// Advance, Promotion and RollBack answer the three questions that callers ask:
	// may traffic increase, may the canary be promoted, must it be rolled back.
	Advance   Answer `json:"advance"`
	Promotion Answer `json:"promotion"`
	RollBack  Answer `json:"rollBack"`
	// Page says that a person must look now, and why; empty means no.
	Page string `json:"page,omitempty"`

	// Fresh says that the newest closed block has evidence of both arms.
	Fresh bool `json:"fresh"`
	// StaleBlocks counts the closed blocks since the last one with evidence.
	StaleBlocks int `json:"staleBlocks,omitempty"`

	Progress Progress `json:"progress"`
	// Evidence is log10 of the combined evidence that the canary is worse than
	// tolerated; Threshold is where it rolls back.
	Evidence  float64 `json:"evidence"`
	Threshold float64 `json:"threshold"`
	// Promise says what the threshold promises, where the plan's sequential section is
	// not the default.
	Promise string `json:"promise,omitempty"`
	// Latched is when and where the rollback was first proven.
	Latched *Latch `json:"latched,omitempty"`

	Findings []Finding `json:"findings"`
	// Moved lists the metrics that are worse than tolerated, where there is more than
	// one to choose from.
	Moved *Moved `json:"moved,omitempty"`
}

// Progress counts what the verdict rests on.
type Progress struct {
	From             time.Time `json:"from,omitzero"` // first block compared
	To               time.Time `json:"to,omitzero"`   // end of the last closed block
	Block            string    `json:"block"`         // its length
	Blocks           int       `json:"blocks"`        // closed since the announcement
	Closed           int       `json:"closed"`        // of them since From
	Paired           int       `json:"paired"`        // of them with data of both arms, warm
	AtFinalStep      int       `json:"atFinalStep"`   // of them at the highest weight
	CanaryRequests   float64   `json:"canaryRequests"`
	BaselineRequests float64   `json:"baselineRequests"`
	// Weight is the declared weight now, where it is known.
	Weight *float64 `json:"weight,omitempty"`
	// Share is the canary's observed share of requests in the newest paired block.
	Share *float64 `json:"share,omitempty"`
	// PrePeriodBlocks is how many blocks dispersion was learnt from.
	PrePeriodBlocks int `json:"prePeriodBlocks"`
}

// Latch is where a rollback was first proven. It is recorded with the look that
// saw it and never taken back.
type Latch struct {
	Block   int       `json:"block"` // index of the last block of the crossing prefix
	End     time.Time `json:"end"`   // end of that block
	Reason  string    `json:"reason"`
	Metrics []string  `json:"metrics"` // to blame, or the top contributors
	// Proven is false where a policy (missing data, the deadline) rolled back.
	Proven bool `json:"proven"`
}

// Class says what a finding is. The zero value is [Undecided].
type Class string

// The classes of a finding.
const (
	Undecided   Class = ""             // neither side is proven yet
	NotWorse    Class = "not-worse"    // proven not worse than the margin
	Worse       Class = "worse"        // proven worse than the tolerance
	NoData      Class = "no-data"      // no sample of one or both arms
	QueryFailed Class = "query-failed" // the source could not answer
	TooFew      Class = "too-few"      // too few requests to say anything
	Silent      Class = "silent"       // the canary has no requests while the baseline has
	SameSeries  Class = "same-series"  // both arms return identical series: a mis-scoped query
	SampleRatio Class = "sample-ratio" // the share of requests is not the declared weight
	NeverSeen   Class = "never-seen"   // the numerator has never been seen: a typo, mostly
	Both        Class = "both-degraded"
	Environment Class = "environment" // a limit is crossed by the baseline too, or a check fails on both arms
	OldBaseline Class = "stale-baseline"
	CannotJudge Class = "cannot-judge" // no provable bound, or too few pods
	LimitHit    Class = "limit"        // a hard limit is crossed
	CheckFailed Class = "check-failed"
	CheckBroken Class = "check-broken"
	Passed      Class = "passed" // a check passed, a limit is respected
	Overlap     Class = "overlap"
	AlertFiring Class = "alert-firing" // an alert of others fires
	Shown       Class = "shown"        // information without weight
	Warning     Class = "warning"
)

// About says what a finding speaks of.
type About string

// What a finding may speak of.
const (
	AboutMetric  About = "metric"
	AboutLimit   About = "limit"
	AboutCheck   About = "check"
	AboutAlert   About = "alert"   // of others, as an Alertmanager sends them
	AboutTraffic About = "traffic" // requests and shares
	AboutRollout About = "rollout" // everything else
)

// Finding is one metric's, limit's or check's class with its reason.
type Finding struct {
	Name     string  `json:"name"`
	About    About   `json:"about"`
	Class    Class   `json:"class"`
	Critical bool    `json:"critical,omitempty"`
	Required bool    `json:"required,omitempty"`
	Weight   float64 `json:"weight"` // share of the error budget, summing to 1
	// Holds says that this finding holds promotion; Stops that it holds an increase
	// of traffic; RollsBack that it rolls back by itself.
	Holds     bool `json:"holds,omitempty"`
	Stops     bool `json:"stops,omitempty"`
	RollsBack bool `json:"rollsBack,omitempty"`

	// Worse and NotWorse are log10 evidence for "worse than the tolerance" and for
	// "not worse than the margin". Nil where they could not be computed.
	Worse    *float64 `json:"worse,omitempty"`
	NotWorse *float64 `json:"notWorse,omitempty"`
	Effect   *Effect  `json:"effect,omitempty"`

	// Reason is one sentence with numbers and units.
	Reason string `json:"reason"`
	// Next says what would change it.
	Next string `json:"next,omitempty"`
}

// Effect is how large a difference is. Ratios are canary over baseline.
type Effect struct {
	Canary   float64 `json:"canary"` // in Unit
	Baseline float64 `json:"baseline"`
	Unit     string  `json:"unit,omitempty"`
	Ratio    float64 `json:"ratio"`
	// Low and High bound the ratio by an always-valid interval of Level. Nil where
	// it is unbounded or unknown.
	Low   *float64 `json:"low,omitempty"`
	High  *float64 `json:"high,omitempty"`
	Level float64  `json:"level,omitempty"`
	// Limit is the tolerated value in words: "1.1× + 0.05 pp".
	Limit string `json:"limit,omitempty"`
	// Dispersion is φ̂, PodSpread is σ̂_pod, both as used.
	Dispersion       float64 `json:"dispersion,omitempty"`
	PodSpread        float64 `json:"podSpread,omitempty"`
	Blocks           int     `json:"blocks"`
	CanaryRequests   float64 `json:"canaryRequests,omitempty"`
	BaselineRequests float64 `json:"baselineRequests,omitempty"`
	// Contributor names the stream that contributed most (a bucket's bound).
	Contributor string `json:"contributor,omitempty"`
}
