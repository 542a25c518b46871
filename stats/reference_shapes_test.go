package stats

import (
	"math"
	"strings"
	"testing"
)

// The reference's statistic and effect are of y over x, ours of the canary x over y.
func checkBrunnerMunzel(t *testing.T, c referenceCase) {
	x, y := samples(t, c)
	got, err := BrunnerMunzel(x, y, alternative(t, c), 0)
	if stops(t, c) || math.IsInf(get(t, c.Expected, "statistic"), 0) {
		if err == nil && !got.Exact {
			t.Errorf("got %+v, want an error or an exact result", got)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	near(t, "statistic", -got.Statistic, get(t, c.Expected, "statistic"), exactly)
	near(t, "df", got.DF, get(t, c.Expected, "df"), exactly)
	near(t, "p_value", got.P, get(t, c.Expected, "p_value"), exactly)
	near(t, "p_value_normal", got.PNormal, get(t, c.Expected, "p_value_normal"), exactly)
	near(t, "phat", 1-got.Superiority, get(t, c.Expected, "phat"), exactly)
	both, err := BrunnerMunzel(x, y, TwoSided, get(t, c.Params, "conf_level"))
	if err != nil {
		t.Fatal(err)
	}
	// The reference's quantiles of t are good to 3e-9; ours are tested in TestStudentTails.
	within(t, "phat_conf_low", 1-both.Interval.High, unit(get(t, c.Expected, "phat_conf_low")), 5e-9)
	within(t, "phat_conf_high", 1-both.Interval.Low, unit(get(t, c.Expected, "phat_conf_high")), 5e-9)
}

// distributionAlternative reads an alternative about distribution functions: where
// the canary's is above, its values are smaller.
func distributionAlternative(t *testing.T, c referenceCase) Alternative {
	t.Helper()
	return []Alternative{TwoSided, Less, Greater}[alternative(t, c)]
}

func checkKS(t *testing.T, c referenceCase) {
	method := KSAuto
	switch string(c.Params["exact"]) {
	case "true":
		method = KSExact
	case "false":
		method = KSAsymptotic
	}
	x, y := samples(t, c)
	got, err := KolmogorovSmirnov(x, y, distributionAlternative(t, c), method)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "statistic", got.Statistic, get(t, c.Expected, "statistic"), exactly)
	near(t, "p_value", got.P, get(t, c.Expected, "p_value"), exactly)
	if exact := strings.HasPrefix(text(c.Expected, "method"), "Exact"); got.Exact != exact {
		t.Errorf("exact: got %v, want %v", got.Exact, exact)
	}
}

func checkKSScipy(t *testing.T, c referenceCase) {
	method := KSExactUntied
	if text(c.Params, "method") == "asymp" {
		method = KSEffective
	}
	x, y := samples(t, c)
	got, err := KolmogorovSmirnov(x, y, distributionAlternative(t, c), method)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "statistic", got.Statistic, get(t, c.Expected, "statistic"), exactly)
	near(t, "p_value", got.P, get(t, c.Expected, "p_value"), exactly)
}

func checkAndersonDarling(t *testing.T, c referenceCase) {
	x, y := samples(t, c)
	got, err := AndersonDarling(x, y)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "statistic", got.Statistic, get(t, c.Expected, "statistic"), exactly)
	near(t, "statistic_right", got.StatisticRight, get(t, c.Expected, "statistic_right"), exactly)
	near(t, "p_value_clipped", got.P, get(t, c.Expected, "p_value_clipped"), exactly)
	for i, want := range list(t, c.Expected, "critical_values") {
		near(t, "critical value", got.Critical[i], want, exactly)
	}
}

func checkUnconditional(test func(Proportions, Alternative) (UnconditionalTest, error)) func(*testing.T, referenceCase) {
	return func(t *testing.T, c referenceCase) {
		got, err := test(proportions(t, c), alternative(t, c))
		if stops(t, c) {
			if err == nil {
				mustProbability(t, "p", got.P)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		near(t, "statistic", got.Statistic, get(t, c.Expected, "statistic"), exactly)
		within(t, "p_value", got.P, get(t, c.Expected, "p_value"), 1e-4)
	}
}

func checkPermutation(t *testing.T, c referenceCase) {
	x, y := samples(t, c)
	got, err := PermutationMeans(x, y, PermutationOptions{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "statistic", got.Statistic, get(t, c.Expected, "statistic"), exactly)
	near(t, "p_greater", got.Greater, get(t, c.Expected, "p_greater"), exactly)
	near(t, "p_less", got.Less, get(t, c.Expected, "p_less"), exactly)
}
