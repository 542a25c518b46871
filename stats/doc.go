// Package stats compares two arms by pure functions, at one look.
//
// x is the canary and y the baseline, everywhere; Greater looks for a canary with
// more. These tests are for one-shot calls, for reports and for parity with other
// tools: asked again and again while data arrive, a fixed-horizon test rejects far
// more often than its level. What may be asked at every look is in package
// sequential.
//
// Which test for what:
//
//   - raw samples, any shape: BrunnerMunzel, with HodgesLehmann for the size;
//     MannWhitney where the arms differ by a shift alone.
//   - series in pairs of blocks: Welch on logarithms (NonInferiorityLogWelch) or
//     SignedRank (SignedRankPratt with many zeros), if neighbouring blocks are about
//     independent; BlockBootstrap where they are not.
//   - errors among requests: ScoreTest with a margin, Boschloo below five errors,
//     Newcombe for the interval that is shown.
//   - requests per time: PoissonRates.
//   - pods, exchangeable by design: PermutationMeans; paired block means: SignFlip.
//   - several at once: Holm for a verdict, BenjaminiHochberg for a list.
//   - did anything change: KolmogorovSmirnov, AndersonDarling; never a verdict.
//   - other tools' numbers: KayentaMannWhitney, ChiSquared, Fisher, and Compat.
//
// A test takes a margin rather than asking for "different": with enough data
// everything is. Each comes in a file of its own with a result that says what its
// fields are, and which paper defines them. Samples are never changed.
//
// Values beyond ±1e150, NaN and infinities are refused with ErrNotFinite. Where the
// data decide nothing (all values tied, no events) the result says Degenerate and P
// is 1, or the error is ErrConstant: never NaN, never a small p-value. Methods that
// enumerate return ErrTooLarge instead of running for minutes.
//
// testdata/reference has what independent implementations (R 4.2.2, scipy 1.10.1,
// statsmodels 0.13.5) make of the same inputs; small cases are compared with
// exhaustive enumeration.
package stats
