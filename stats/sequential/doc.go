// Package sequential holds statistics that may be looked at after every block, by
// anybody, for as long as anybody likes: e-processes, the confidence sequences that
// invert them, and what they need to be honest about real traffic.
//
// # The model
//
// Time is cut into blocks, the same for both arms. Only arms of the same block are
// compared, so a common rise of the error rate, the hour of the day, and a change of
// the traffic split cancel. A block is either a pair of counts ([CountBlock]: errors
// among requests, or requests slower than a bound) or a paired contrast of values
// (log of canary over baseline).
//
// Two claims are tested, each against its own null:
//
//	Worse     null: p_c <= (1+δ_R)·p_b + d_R   (tolerance; evidence against it rolls back)
//	NotWorse  null: p_c >= (1+δ_P)·p_b + d_P   (margin; evidence against it promotes)
//
// Evidence E is what somebody who bets against the null at fair odds has made of 1:
// under the null its expectation is at most 1 at any stopping time, so it ever
// reaches 1/α with probability at most α (Ville 1939; Ramdas, Grünwald, Vovk & Shafer
// 2023, Game-theoretic statistics and safe anytime-valid inference). Averages of
// evidence with fixed weights are evidence again; that is how alternatives, starting
// times and metrics are combined. Everything is computed as the natural logarithm,
// because E itself leaves the range of float64; 0 means "nothing", and what cannot
// be judged is 0, never NaN and never +Inf.
//
// # The parts
//
//   - [Counts]: evidence from counts, by block-wise reverse information projection.
//   - [Series]: evidence from contrasts, by the one-sided t mixture [TEvidence].
//   - [RateBand]: evidence that the traffic is not split as declared.
//   - [ShiftRatio], [PromoteRatio], [WorseGrid], [NotWorseGrid]: nulls and alternatives of
//     "requests slower than a bound".
//   - [RatioInterval], [DifferenceInterval], [Series.Interval]: confidence sequences.
//   - [Dispersion], [PlaceboCounts], [PlaceboSeries]: how much more than chance the
//     arms differ when nothing is wrong.
//   - [Pods], [Luck]: the allowance for pods that always differ.
//   - [Mix], [Holm], [BH]: several metrics; one verdict, whom to blame, what to list.
//   - [HorizonThreshold], [RequiredInformation]: a bounded number of looks; planning.
//
// [NormalMixture], [GammaExponential], [GammaPoisson], [BetaBinomial],
// [PolyStitching], [DoubleStitching], [EmpiricalProcessLIL], [BernoulliSequence],
// [DirichletMultinomial] and [LongRunVariance] are known alternatives, for exact
// modes, planning and display.
//
// # What is exact and what is measured
//
// [Counts] with phi nil is exact for Poisson and for binomial counts. With an
// estimated φ, and for [Series] with a prior and autocorrelated blocks, the level is
// approximate: it is a measured property, which the simulations in this package's
// tests and the lab hold to. The means against overdispersion are three, and no one
// of them is enough: φ̂ tempers evidence from counts (noise that time averages out,
// slower than chance), n/f discounts autocorrelated contrasts, and the pod allowance
// moves the null, or raises φ (luck of few pods, which time never averages out).
//
// All functions are pure and safe for concurrent use. Those that are called for every
// stream at every look write to a caller's slice and keep their memory on the stack.
package sequential
