// Package loadcompare compares both arms of a synthetic load by its raw samples.
//
// Errors: the requests that failed, block by block, are evidence by
// [sequential.Counts], as in package judge: more than the tolerance, and less than the
// margin.
//
// Latencies: "no slower than 1+δ times the baseline" means that the canary exceeds
// (1+δ)x no more often than the baseline exceeds x, whatever x and whatever the shape
// of either distribution. The bounds x are quantiles of the baseline's first requests,
// which are then left out. So the exceedances, the canary's of (1+δ)x and the baseline's
// of x, are counts whose null ratio is exactly 1, and no distribution is estimated.
// Bounds are averaged for "slower"; each of them must exclude the margin for "not
// slower". A request that timed out, or found no free connection, exceeds every bound;
// one that failed otherwise is an error and has no latency.
//
// With Rules.Exact the level is proven where requests are independent of each other.
// By default φ̂ of [sequential.Dispersion], at least 1, tempers the evidence where they
// come in bursts; then the level is measured: see TestFalseRollbacks.
package loadcompare
