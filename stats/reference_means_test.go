package stats

import (
	"encoding/json"
	"math"
	"testing"
)

func checkSignedRank(t *testing.T, c referenceCase) {
	x, y := samples(t, c)
	got, err := SignedRank(x, y, rankOptions(t, c))
	if stops(t, c) {
		checkStopped(t, c, got, err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	checkRank(t, c, got)
}

func checkSignedRankTies(t *testing.T, c referenceCase) {
	x, y := samples(t, c)
	for alt, name := range map[Alternative]string{TwoSided: "p_two_sided", Greater: "p_greater", Less: "p_less"} {
		got, err := SignedRank(x, y, RankSumOptions{Alternative: alt, Exactness: Exact})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "statistic", got.Statistic, get(t, c.Expected, "statistic"), exactly)
		near(t, name, got.P, get(t, c.Expected, name), exactly)
	}
}

func checkWelch(t *testing.T, c referenceCase) {
	x, y := samples(t, c)
	got, err := Welch(x, y, WelchOptions{Alternative: alternative(t, c), Shift: get(t, c.Params, "mu"), Level: get(t, c.Params, "conf_level")})
	if stops(t, c) {
		if err == nil {
			t.Errorf("got %+v, want an error", got)
		} else {
			typed(t, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]float64{
		"statistic": got.Statistic, "df": got.DF, "p_value": got.P, "conf_low": got.Interval.Low,
		"conf_high": got.Interval.High, "mean_x": got.MeanX, "mean_y": got.MeanY, "stderr": got.StdErr,
	} {
		near(t, name, v, get(t, c.Expected, name), exactly)
	}
}

func checkNonInferiority(t *testing.T, c referenceCase) {
	x, y := samples(t, c)
	got, err := NonInferiorityLogWelch(x, y, get(t, c.Params, "margin_ratio"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]float64{
		"df": got.DF, "p_noninferior": got.NotWorse, "p_worse": got.Worse, "ratio": got.Ratio,
		"ratio_low": got.Interval.Low, "ratio_high": got.Interval.High,
	} {
		near(t, name, v, get(t, c.Expected, name), exactly)
	}
}

func checkAdjust(t *testing.T, c referenceCase) {
	p := list(t, c.Input, "p")
	for name, f := range map[string]func([]float64) ([]float64, error){
		"holm": Holm, "hochberg": Hochberg, "hommel": Hommel, "BH": BenjaminiHochberg, "BY": BenjaminiYekutieli, "bonferroni": Bonferroni,
	} {
		got, err := f(p)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range list(t, c.Expected, name) {
			near(t, name, got[i], want, exactly)
		}
	}
}

func checkEffects(t *testing.T, c referenceCase) {
	x, y := samples(t, c)
	for name, f := range map[string]func(x, y []float64) (float64, error){
		"cliffs_delta": CliffsDelta, "a12": VarghaDelaney, "hl_shift": HodgesLehmann, "hl_ratio": HodgesLehmannRatio,
		"mean_ratio": MeanRatio, "median_ratio": MedianRatio,
	} {
		raw, known := c.Expected[name]
		if !known {
			continue
		}
		got, err := f(x, y)
		want, bad := number(raw)
		if bad != nil || math.IsNaN(want) || math.IsInf(want, 0) {
			if err == nil {
				t.Errorf("%s: got %v, want an error", name, got)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		near(t, name, got, want, exactly)
	}
}

func checkDistributions(t *testing.T, c referenceCase) {
	functions := map[string]func(a map[string]float64) float64{
		"qnorm": func(a map[string]float64) float64 { return normalQuantile(a["p"]) },
		"qt":    func(a map[string]float64) float64 { return StudentQuantile(a["p"], a["df"]) },
		"pt":    func(a map[string]float64) float64 { return studentAbove(-a["q"], a["df"]) },
		"qbeta": func(a map[string]float64) float64 { return betaQuantile(a["p"], a["a"], a["b"]) },
		"pwilcox": func(a map[string]float64) float64 {
			return rankSumDistribution(int(a["m"]), int(a["n"])).atMost(int(a["q"]))
		},
		"qwilcox": func(a map[string]float64) float64 {
			return float64(rankSumDistribution(int(a["m"]), int(a["n"])).quantile(a["p"]))
		},
		"psignrank": func(a map[string]float64) float64 {
			items := make([]int, int(a["n"]))
			for i := range items {
				items[i] = i + 1
			}
			return uDistribution(signSums(items)).atMost(int(a["q"]))
		},
	}
	for name, raw := range c.Expected {
		f, known := functions[name]
		if !known {
			t.Errorf("no such distribution: %q", name)
			continue
		}
		var points []map[string]float64
		if err := json.Unmarshal(raw, &points); err != nil {
			t.Fatal(err)
		}
		for _, p := range points {
			near(t, name, f(p), p["v"], exactly)
		}
	}
}
