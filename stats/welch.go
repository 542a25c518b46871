package stats

import (
	"fmt"
	"math"
)

// MeanTest is the result of a comparison of two means.
type MeanTest struct {
	// Statistic is (mean x - mean y - Shift)/StdErr, Student's t with DF degrees of
	// freedom under the null hypothesis.
	Statistic, DF float64
	// P is the p-value of the alternative; Greater and Less are the one-sided ones.
	P, Greater, Less float64
	// MeanX, MeanY, their difference's standard error and interval, in the units of
	// the data.
	MeanX, MeanY, StdErr float64
	Interval             Interval
}

// WelchOptions say how Welch compares.
type WelchOptions struct {
	Alternative Alternative
	// Shift is the difference of the means under the null hypothesis: a margin.
	Shift float64
	// Level is the confidence of the interval of the difference; 0 means 0.95.
	Level float64
}

// Welch compares two means without assuming equal variances: t = (x̄-ȳ-Shift)/se,
// se² = s²x/m + s²y/n, with Satterthwaite's degrees of freedom
// se⁴/((s²x/m)²/(m-1) + (s²y/n)²/(n-1)). It assumes independent observations whose
// means are about normal.
//
// Source: Welch 1947, The generalization of "Student's" problem. It returns
// ErrTooFew, ErrNotFinite, ErrOptions, and ErrConstant where neither sample varies.
func Welch(x, y []float64, opt WelchOptions) (MeanTest, error) {
	if err := checkSamples(x, y, 2); err != nil {
		return MeanTest{}, err
	}
	level, err := checkAsked(opt.Alternative, opt.Level)
	if err != nil {
		return MeanTest{}, err
	}
	if !(math.Abs(opt.Shift) <= largest) {
		return MeanTest{}, fmt.Errorf("shift %g: %w", opt.Shift, ErrOptions)
	}
	unit := scaleOf(x, y)
	mx, vx := moments(x, unit)
	my, vy := moments(y, unit)
	m, n := float64(len(x)), float64(len(y))
	px, py := vx/m, vy/n
	se := math.Sqrt(px + py)
	if se <= 10*0x1p-52*math.Max(math.Abs(mx), math.Abs(my)) {
		return MeanTest{}, fmt.Errorf("means %g and %g without spread: %w", mx*unit, my*unit, ErrConstant)
	}
	out := MeanTest{MeanX: mx * unit, MeanY: my * unit, StdErr: se * unit}
	// In shares of se², which cannot overflow.
	sx, sy := px/(px+py), py/(px+py)
	out.DF = 1 / (sx*sx/(m-1) + sy*sy/(n-1))
	out.Statistic = (mx - my - opt.Shift/unit) / se
	out.Greater, out.Less = studentAbove(out.Statistic, out.DF), studentAbove(-out.Statistic, out.DF)
	out.P = sides(opt.Alternative, out.Greater, out.Less)
	tail := 1 - level
	if opt.Alternative == TwoSided {
		tail /= 2
	}
	reach := StudentQuantile(1-tail, out.DF) * se
	out.Interval = oneSided(opt.Alternative, Interval{Level: level},
		func() float64 { return (mx - my - reach) * unit }, func() float64 { return (mx - my + reach) * unit })
	return out, nil
}

// scaleOf returns a power of 2 near the largest value, by which squares neither
// overflow nor vanish, and the digits stay as they are.
func scaleOf(samples ...[]float64) float64 {
	var most float64
	for _, v := range samples {
		for _, u := range v {
			most = max(most, math.Abs(u))
		}
	}
	if most == 0 {
		return 1
	}
	_, exponent := math.Frexp(most)
	return math.Ldexp(1, max(exponent, -1000))
}

// moments returns mean and variance of v/unit.
func moments(v []float64, unit float64) (mean, variance float64) {
	n := float64(len(v))
	for _, u := range v {
		mean += u / unit
	}
	mean /= n
	var rest, squares float64
	for _, u := range v {
		d := u/unit - mean
		rest += d
		squares += d * d
	}
	return mean + rest/n, (squares - rest*rest/n) / (n - 1)
}

// RatioTest is the result of NonInferiorityLogWelch.
type RatioTest struct {
	// Ratio of the geometric means, canary over baseline, with its two-sided interval.
	Ratio    float64
	Interval Interval
	// Worse is the p-value of "the ratio is at most the margin": small where the canary
	// is worse by more. NotWorse is that of "the ratio is at least the margin".
	Worse, NotWorse float64
	DF              float64
}

// NonInferiorityLogWelch compares the ratio of two positive quantities with a margin,
// such as 1.25 for "a quarter more": Welch's test on logarithms, once on each side of
// log margin (Schuirmann 1987; Wellek 2010). Level is the confidence of the interval,
// 0 meaning 0.95. It returns what Welch does, and ErrNotFinite for values that are
// not positive.
func NonInferiorityLogWelch(x, y []float64, margin, level float64) (RatioTest, error) {
	if !(margin > 0 && margin <= largest) {
		return RatioTest{}, fmt.Errorf("margin %g: give a positive ratio such as 1.25: %w", margin, ErrOptions)
	}
	lx, err := logs("canary", x)
	if err != nil {
		return RatioTest{}, err
	}
	ly, err := logs("baseline", y)
	if err != nil {
		return RatioTest{}, err
	}
	t, err := Welch(lx, ly, WelchOptions{Shift: math.Log(margin), Level: level})
	if err != nil {
		return RatioTest{}, err
	}
	return RatioTest{
		Ratio:    math.Exp(t.MeanX - t.MeanY),
		Interval: Interval{Low: math.Exp(t.Interval.Low), High: math.Exp(t.Interval.High), Level: t.Interval.Level},
		Worse:    t.Greater, NotWorse: t.Less, DF: t.DF,
	}, nil
}

func logs(arm string, v []float64) ([]float64, error) {
	out := make([]float64, len(v))
	for i, u := range v {
		if !(u > 0 && u <= largest) {
			return nil, fmt.Errorf("observation %d of the %s is %g, a logarithm needs a positive one: %w", i+1, arm, u, ErrNotFinite)
		}
		out[i] = math.Log(u)
	}
	return out, nil
}
