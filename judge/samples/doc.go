// Package samples judges plain series: two lists of numbers for each metric, taken
// at the same distance in time, of which neither counts nor pods are known.
//
// That is what Kayenta hands to a judge. A plan of Serin's own knows more (requests,
// errors, buckets, pods, a time before the rollout) and package judge makes more of
// it; here the only noise that can be seen is that of the series themselves.
//
// Samples are compared in pairs, by time. The contrast of a pair is the logarithm of
// canary over baseline where all are positive, else the difference. Evidence on both
// sides is the one-sided t e-process of [sequential.Series]: worse than the
// tolerance, and not worse than the margin. It may be asked again while the series
// grow. Its level is measured, not proven: see TestFalseRollbacks.
//
// That arms differ because their few pods do is not allowed for, since no pods can be
// seen: choose a baseline of the canary's size and age, and a tolerance above what
// two such arms differ by.
package samples
