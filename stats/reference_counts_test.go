package stats

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func proportions(t *testing.T, c referenceCase) Proportions {
	t.Helper()
	count := func(name string) int { return int(get(t, c.Input, name)) }
	return Proportions{Xc: count("x1"), Nc: count("n1"), Xb: count("x2"), Nb: count("n2")}
}

func checkFisher(t *testing.T, c referenceCase) {
	p := proportions(t, c)
	alt, level := alternative(t, c), get(t, c.Params, "conf_level")
	coarse, err := Fisher(p, FisherOptions{Alternative: alt, Level: level, Compat: R42})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "p_value", coarse.P, get(t, c.Expected, "p_value"), exactly)
	near(t, "estimate", coarse.Estimate, get(t, c.Expected, "estimate"), 1e-8)
	near(t, "conf_low", coarse.Interval.Low, get(t, c.Expected, "conf_low"), 1e-8)
	near(t, "conf_high", coarse.Interval.High, get(t, c.Expected, "conf_high"), 1e-8)
	fine, err := Fisher(p, FisherOptions{Alternative: alt, Level: level})
	if err != nil {
		t.Fatal(err)
	}
	// meta.tolerances: 1e-4; above 1 the reference's is one of the inverse.
	for name, pair := range map[string][2]float64{
		"estimate": {fine.Estimate, coarse.Estimate}, "low": {fine.Interval.Low, coarse.Interval.Low}, "high": {fine.Interval.High, coarse.Interval.High},
	} {
		if pair[0] <= 1 {
			within(t, name, pair[0], pair[1], 1.3e-4)
		} else {
			within(t, name, 1/pair[0], 1/pair[1], 1.3e-4)
		}
	}
}

func checkChiSquared(t *testing.T, c referenceCase) {
	got, err := ChiSquared(proportions(t, c), flag(c.Params, "correct"), get(t, c.Params, "conf_level"))
	if err != nil {
		t.Fatal(err)
	}
	if stops(t, c) {
		if !got.Degenerate {
			t.Errorf("got %+v, want a degenerate result", got)
		}
		return
	}
	near(t, "statistic", got.Statistic, get(t, c.Expected, "statistic"), exactly)
	near(t, "p_value", got.P, get(t, c.Expected, "p_value"), exactly)
	near(t, "conf_low", got.Interval.Low, get(t, c.Expected, "conf_low"), exactly)
	near(t, "conf_high", got.Interval.High, get(t, c.Expected, "conf_high"), exactly)
}

func checkScore(t *testing.T, c referenceCase) {
	opt := ScoreOptions{Compat: Statsmodels013, Alternative: alternative(t, c), Margin: get(t, c.Params, "value")}
	switch compare := text(c.Params, "compare"); compare {
	case "diff":
	case "ratio":
		opt.Contrast = Ratio
	default:
		t.Fatalf("compare %q", compare)
	}
	got, err := ScoreTest(proportions(t, c), opt)
	if err != nil {
		t.Fatal(err)
	}
	if stops(t, c) { // without events, which need not stop us
		mustProbability(t, "p", got.P)
		return
	}
	near(t, "statistic", got.Statistic, get(t, c.Expected, "statistic"), exactly)
	near(t, "p_value", got.P, get(t, c.Expected, "p_value"), exactly)
}

// checkProportionIntervals compares Newcombe's interval directly. The reference's
// score intervals come from a root finder that sometimes stops with an error or
// returns an end of its bracket: an end that its own p-value contradicts is not
// compared, and ours must then satisfy the definition.
func checkProportionIntervals(t *testing.T, c referenceCase) {
	p, level := proportions(t, c), get(t, c.Params, "conf_level")
	for name, raw := range c.Expected {
		var ends []json.RawMessage
		if json.Unmarshal(raw, &ends) != nil || len(ends) != 2 {
			ends = []json.RawMessage{json.RawMessage(`"NaN"`), json.RawMessage(`"NaN"`)}
		}
		low, err := number(ends[0])
		if err != nil {
			t.Fatal(err)
		}
		high, err := number(ends[1])
		if err != nil {
			t.Fatal(err)
		}
		if name == "diff_newcomb" {
			got, err := Newcombe(p, level)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "Newcombe low", got.Low, low, exactly)
			near(t, "Newcombe high", got.High, high, exactly)
			continue
		}
		contrast, form, _ := strings.Cut(name, "_score_")
		kind, known := map[string]Contrast{"diff": Difference, "ratio": Ratio, "odds-ratio": OddsRatio}[contrast]
		if !known {
			t.Fatalf("no such interval: %q", name)
		}
		opt := ScoreOptions{Compat: Statsmodels013, Contrast: kind, Level: level, Uncorrected: form == "nocorr" || form == "False"}
		if kind == Difference {
			opt.Uncorrected = false // see Statsmodels013
		}
		got, err := ScoreInterval(p, opt)
		if err != nil {
			t.Fatal(err)
		}
		checkEnd(t, p, opt, name+" low", got.Low, low)
		checkEnd(t, p, opt, name+" high", got.High, high)
	}
}

func checkEnd(t *testing.T, p Proportions, opt ScoreOptions, name string, got, want float64) {
	t.Helper()
	reject := 1 - opt.Level
	if opt.Margin = got; got > -1 && got < 1 && opt.Contrast == Difference || got > 0 && !math.IsInf(got, 1) && opt.Contrast != Difference {
		at, err := ScoreTest(p, opt)
		if err != nil {
			t.Fatal(err)
		}
		within(t, name+": p at our end", at.P, reject, 1e-6)
	}
	opt.Margin = want
	at, err := ScoreTest(p, opt)
	if err != nil || !(math.Abs(at.P-reject) < 1e-4) {
		t.Logf("%s: the reference's %v is no root (p %v), ours is %v", name, want, at.P, got)
		return
	}
	within(t, name, got, want, 1e-5*math.Max(1, math.Abs(want)))
}

func checkPoissonConditional(t *testing.T, c referenceCase) {
	r := Rates{Xc: int(get(t, c.Input, "x1")), Xb: int(get(t, c.Input, "x2")), Tc: get(t, c.Input, "t1"), Tb: get(t, c.Input, "t2")}
	got, err := PoissonRates(r, RateOptions{
		Method: RateConditional, Alternative: alternative(t, c), Ratio: get(t, c.Params, "r"), Level: get(t, c.Params, "conf_level"),
	})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "p_value", got.P, get(t, c.Expected, "p_value"), exactly)
	near(t, "conf_low", got.Interval.Low, get(t, c.Expected, "conf_low"), exactly)
	near(t, "conf_high", got.Interval.High, get(t, c.Expected, "conf_high"), exactly)
	if want := get(t, c.Expected, "estimate"); math.IsNaN(want) {
		if !got.Degenerate || got.Estimate != 1 {
			t.Errorf("got %+v, want a degenerate result", got)
		}
	} else {
		near(t, "estimate", got.Estimate, want, exactly)
	}
}

func checkPoissonRates(t *testing.T, c referenceCase) {
	r := Rates{Xc: int(get(t, c.Input, "x1")), Xb: int(get(t, c.Input, "x2")), Tc: get(t, c.Input, "t1"), Tb: get(t, c.Input, "t2")}
	methods := map[string]RateMethod{
		"score": RateScore, "wald": RateWald, "exact-cond": RateConditional, "cond-midp": RateMidP, "etest": RateE, "etest-wald": RateEWald,
	}
	for key, raw := range c.Expected {
		parts := strings.Split(key, "|")
		method, known := methods[parts[0]]
		if !known || len(parts) != 3 {
			t.Fatalf("no such method: %q", key)
		}
		null, err := number(json.RawMessage(parts[2]))
		if err != nil {
			t.Fatal(err)
		}
		alt := map[string]Alternative{"two-sided": TwoSided, "larger": Greater, "smaller": Less}[parts[1]]
		got, err := PoissonRates(r, RateOptions{Method: method, Alternative: alt, Ratio: null, Compat: Statsmodels013})
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		var pair []json.RawMessage
		if json.Unmarshal(raw, &pair) != nil { // the reference stopped; we do not
			mustProbability(t, key, got.P)
			continue
		}
		p, err := number(pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(key, "etest") {
			within(t, key, got.P, p, 1e-6)
		} else {
			near(t, key, got.P, p, exactly)
		}
		if statistic, err := number(pair[0]); err == nil && !math.IsNaN(statistic) {
			near(t, key+" statistic", got.Statistic, statistic, exactly)
		}
	}
}
