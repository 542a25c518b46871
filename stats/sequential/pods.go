package sequential

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Pods is the allowance for pods that differ from each other all the time: luck
// that no length of time averages out, only more pods do.
type Pods struct {
	// Sigma is σ̂_pod, the sd of the pods' persistent differences on the log scale.
	Sigma float64
	// DF is its degrees of freedom; 0 means that it could not be estimated.
	DF float64
	// Default is σ0, used where the pods say nothing or little: 0.05 for latency
	// and resources, 0.10 for errors.
	Default float64
}

const (
	// fewDF is where an estimate of σ_pod is no longer taken at its word.
	fewDF = 5
	// leastDF bounds the t quantile: at one degree of freedom it is 15 times the
	// normal's and would forbid every verdict, while Default already bounds σ.
	leastDF = 2
)

// RollbackMargin returns the log of the ratio that the canary may reach before it
// counts as worse: max(logTolerance, q·σ·√(1/kc+1/kb)), for kc canary and kb
// baseline pods ([EffectivePods]) and z the normal quantile of the error that may be
// spent on pod luck (2.39 for 6 metrics at 5 %). It is the maximum, not the sum,
// for the tolerance absorbs pod luck already.
//
// From 5 degrees of freedom on, σ = Sigma and q = z. Below, σ = max(Sigma, Default)
// and q is Student's quantile of the same probability (at least 2 degrees of
// freedom). With none, σ = Default and q = z.
func (p Pods) RollbackMargin(logTolerance, kc, kb, z float64) float64 {
	return math.Max(logTolerance, p.luck(kc, kb, z))
}

// PromoteMargin returns the log of the ratio that must be excluded before the
// canary is proven not worse: logMargin - q·σ·√(1/kc+1/kb), with σ and q as in
// [Pods.RollbackMargin] and z = 1.64 for β = 5 %. If it is not positive, this many
// pods cannot certify anything, whatever the evidence ([Pods.PodsNeeded]).
func (p Pods) PromoteMargin(logMargin, kc, kb, z float64) float64 {
	return logMargin - p.luck(kc, kb, z)
}

// PodsNeeded returns the smallest number of canary pods with a positive promote
// margin beside kb baseline pods; 0 if there is none.
func (p Pods) PodsNeeded(logMargin, kb, z float64) int {
	reach := p.Reach(z)
	if logMargin <= 0 || math.IsNaN(logMargin) {
		return 0
	}
	if reach <= 0 {
		return 1
	}
	room := logMargin / reach
	room = room*room - 1/kb // must exceed 1/kc
	if !(room > 0) || 1/room > 1e6 {
		return 0
	}
	return int(math.Floor(1/room)) + 1
}

// luck returns q·σ·√(1/kc+1/kb), infinite where an arm has no pod.
func (p Pods) luck(kc, kb, z float64) float64 {
	reach := p.Reach(z)
	if !(reach > 0) {
		return 0
	}
	if !(kc > 0) || !(kb > 0) {
		return math.Inf(1)
	}
	return reach * math.Sqrt(1/kc+1/kb)
}

// Reach returns q·σ, the luck of one pod against many on the log scale: that of kc
// against kb pods is √(1/kc+1/kb) times it. With z as in [Pods.RollbackMargin].
func (p Pods) Reach(z float64) float64 {
	switch {
	case !(p.DF > 0):
		return z * p.Default
	case p.DF < fewDF:
		t := distuv.StudentsT{Sigma: 1, Nu: math.Max(p.DF, leastDF)}
		return -t.Quantile(math.Erfc(z/math.Sqrt2)/2) * math.Max(p.Sigma, p.Default)
	}
	return z * p.Sigma
}

// EffectivePods returns (Σn)²/Σn² over the pods' requests n: how many equally
// loaded pods would average out as well. Values that are not positive are left
// out; it is 0 if none is left.
func EffectivePods(n []float64) float64 {
	sum, squares := 0.0, 0.0
	top := 0.0
	for _, v := range n {
		if positive(v) {
			top = math.Max(top, v)
		}
	}
	for _, v := range n {
		if positive(v) {
			sum += v / top
			squares += v / top * (v / top)
		}
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / squares
}
