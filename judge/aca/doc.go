// Package aca is Kayenta's judge NetflixACAJudge-v1.0, bug for bug.
//
// It exists for two callers: teams that leave Kayenta and want the same score from
// the same numbers on the first day, and the laboratory, where it is the peer that
// Serin's own judge is measured against. It is not the rule that Serin recommends.
// [Judge.Judge] runs the whole pipeline; [Classifier], [Score], [Mix], [Window] and
// [Aggregate] are its parts and what Kayenta's services put around it.
//
// # How a metric is classified
//
// Gaps are dropped or replaced by zero, outliers optionally dropped, each side for
// itself. Then the first of these decides: a side is empty; both sides hold the same
// values; both sides together hold one value; a Mann–Whitney interval for the shift
// experiment − control at 98 % confidence, which is High above a quarter of the
// estimated shift and Low below minus that. Ratios of means (or the probability that
// an experiment's value is the larger) can veto.
//
// # Defects kept on purpose
//
// Whoever compares scores must meet Kayenta's, so these are reproduced, and each has
// a test that names it:
//
//   - A metric that cannot be computed is labelled Error, loses its critical flag and
//     counts neither for nor against: a config of nothing but errors scores 100.
//   - One sample a side usually ends in Error, so it passes.
//   - Below five samples a side 98 % is out of reach; the interval becomes the range of
//     the data and still classifies.
//   - The root finder's tolerance is absolute, 1e-4: a metric measured in millionths
//     can never fail, whatever its change in per cent.
//   - The tolerance of 25 % is a share of the estimated shift, not of the baseline:
//     the tiniest shift is High when it is measured precisely.
//   - Sparse errors over a baseline of zeros pass, fail, pass and fail again as they grow.
//   - Infinities are not removed, and a side that has one never fails.
//   - Where a mean is zero, the limits on effect size are skipped in silence; where means
//     are negative, their ratio is upside down; at the default of 1 they veto a shift of
//     ranks that the means do not show.
//   - Replacing gaps makes an empty side pass, even where data are mandatory.
//   - The estimate keeps the continuity correction, so it is not R's.
//   - Interval ends can be inverted near masses of ties.
//   - Words that are not known (a direction "Increase", a strategy "removed") silently
//     mean the default: see [ParseDirection], [ParseNaNStrategy], [ParseOutlierStrategy]
//     and [ParseMeasure].
//   - Group weights are not checked: below 100 they cap the score, above it they push
//     the score past 100 or give other groups a negative weight. A listed group without
//     results loses its weight.
//   - A group without anything that counts shows 0 and is added as 100.
//   - Half of all metrics without data fails everything, however little they weigh.
//   - A config of muted metrics alone scores 0 and fails.
//   - A score equal to the marginal threshold is Marginal to the judge, and a failure to
//     the services around it ([Aggregate]).
//   - Samples count as independent, order and time are ignored, and looking often is not
//     paid for: the error rates of a single look do not hold for repeated ones.
//
// # Where this differs
//
// Kayenta adds Gaussian noise from an unseeded generator where both sides are constant,
// so the same input can get different labels. Here the noise comes from [Judge.NewNoise],
// anew for each pair, and is reproducible by default. The interval, the estimate and the
// effect size, which Kayenta computes and hides, are in [Evidence] and not in the JSON.
// A type error anywhere in a config is found when the config is read, not when the
// first series of its metric is judged.
package aca
