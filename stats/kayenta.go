package stats

import (
	"fmt"
	"math"
)

// KayentaTest is what Kayenta's NetflixACAJudge computes for one metric.
type KayentaTest struct {
	// Interval (98 % by default) and Estimate of the shift canary - baseline: the
	// asymptotic rank-sum interval, with the continuity correction also in the
	// estimate, and with zeroin's absolute tolerance of 1e-4.
	Interval Interval
	Estimate float64
	// High and Low say that the interval lies beyond Tolerance·|Estimate| above or
	// below 0. They do not look at MeanRatio, which the judge compares as well.
	High, Low bool
	// MeanRatio is the mean of the canary over that of the baseline; it is infinite,
	// or 1 where both means are 0, when the baseline's is 0.
	MeanRatio float64
	// Degenerate says that both arms are constant. Kayenta adds random noise there;
	// we compare the constants.
	Degenerate bool
}

// KayentaOptions are the parameters of KayentaMannWhitney, 0 meaning the defaults.
type KayentaOptions struct {
	Level     float64 // 0 means 0.98
	Tolerance float64 // of the estimate, 0 means 0.25
}

// KayentaMannWhitney computes the rule by which Kayenta classifies a metric, for
// comparison and migration: it is not how Serin decides. The tolerance is relative to
// the estimated shift and not to the baseline; so it asks only that the interval be
// narrow beside the shift, and a shift of 0.1 % that is measured well is High.
func KayentaMannWhitney(canary, baseline []float64, opt KayentaOptions) (KayentaTest, error) {
	if err := checkSamples(canary, baseline, 1); err != nil {
		return KayentaTest{}, err
	}
	if opt.Level == 0 {
		opt.Level = .98
	}
	if opt.Tolerance == 0 {
		opt.Tolerance = .25
	}
	level, err := levelOr(opt.Level)
	if err != nil {
		return KayentaTest{}, err
	}
	if !(opt.Tolerance > 0 && opt.Tolerance <= largest) {
		return KayentaTest{}, fmt.Errorf("tolerance %g: %w", opt.Tolerance, ErrOptions)
	}
	s := newShiftSamples(canary, baseline)
	var out KayentaTest
	out.Interval, out.Estimate = s.rootInterval(RankSumOptions{Level: level}, true)
	out.Degenerate = s.x[0] == s.x[len(s.x)-1] && s.y[0] == s.y[len(s.y)-1]
	allowed := opt.Tolerance * math.Abs(out.Estimate)
	out.High = out.Interval.Low > allowed
	out.Low = out.Interval.High < -allowed
	out.MeanRatio = ratio(mean(canary), mean(baseline))
	return out, nil
}

// ratio is a/b, 1 where both are 0.
func ratio(a, b float64) float64 {
	if a == 0 && b == 0 {
		return 1
	}
	return a / b
}

func mean(v []float64) float64 {
	var sum float64
	for _, u := range v {
		sum += u
	}
	return sum / float64(len(v))
}
