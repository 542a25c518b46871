package stats

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// referenceCase is one case of testdata/reference/*.json: inputs and what an
// independent implementation made of them.
type referenceCase struct {
	ID       string                     `json:"id"`
	Test     string                     `json:"test"`
	Call     string                     `json:"call"`
	Input    map[string]json.RawMessage `json:"input"`
	Params   map[string]json.RawMessage `json:"params"`
	Expected map[string]json.RawMessage `json:"expected"`
}

// anytime names the families that belong to package sequential. A family that is
// neither here nor among our own fails the test.
const anytime = `confseq_boundary dirichlet_multinomial_eprocess long_run_variance
	ripr_poisson_eblock t_eprocess_one_sided`

func families() map[string]func(*testing.T, referenceCase) {
	return map[string]func(*testing.T, referenceCase){
		"mann_whitney":                   checkMannWhitney,
		"mann_whitney_exact_ties":        checkMannWhitneyTies,
		"kayenta_mann_whitney":           checkKayenta,
		"wilcoxon_signed_rank":           checkSignedRank,
		"signed_rank_exact_ties":         checkSignedRankTies,
		"welch_t":                        checkWelch,
		"noninferiority_log_ratio_welch": checkNonInferiority,
		"p_adjust":                       checkAdjust,
		"effect_sizes":                   checkEffects,
		"distributions":                  checkDistributions,
		"fisher_exact":                   checkFisher,
		"two_proportion_chisq":           checkChiSquared,
		"two_proportion_score_margin":    checkScore,
		"two_proportion_ci":              checkProportionIntervals,
		"poisson_ratio_conditional":      checkPoissonConditional,
		"poisson_two_sample":             checkPoissonRates,
		"brunner_munzel":                 checkBrunnerMunzel,
		"ks_two_sample":                  checkKS,
		"ks_two_sample_scipy":            checkKSScipy,
		"anderson_darling_2sample":       checkAndersonDarling,
		"barnard_exact":                  checkUnconditional(Barnard),
		"boschloo_exact":                 checkUnconditional(Boschloo),
		"permutation_mean_diff_exact":    checkPermutation,
	}
}

func TestReference(t *testing.T) {
	files, err := filepath.Glob("testdata/reference/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no reference files: %v", err)
	}
	elsewhere := map[string]bool{}
	for _, name := range strings.Fields(anytime) {
		elsewhere[name] = true
	}
	ran := map[string]int{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct{ Cases []referenceCase }
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, c := range doc.Cases {
			check, known := families()[c.Test]
			if !known {
				if !elsewhere[c.Test] {
					t.Errorf("%s: case %s: no such test: %q", file, c.ID, c.Test)
				}
				continue
			}
			ran[c.Test]++
			t.Run(c.ID, func(t *testing.T) { check(t, c) })
		}
	}
	for name := range families() {
		if ran[name] == 0 {
			t.Errorf("no case of %s was run", name)
		}
	}
	t.Logf("cases run: %v", ran)
}

// number reads a number, or one of the words that stand for what JSON cannot write.
func number(raw json.RawMessage) (float64, error) {
	var word string
	if json.Unmarshal(raw, &word) == nil {
		switch word {
		case "Inf":
			return math.Inf(1), nil
		case "-Inf":
			return math.Inf(-1), nil
		case "NaN":
			return math.NaN(), nil
		}
		return 0, fmt.Errorf("no number: %q", word)
	}
	var v *float64
	if err := json.Unmarshal(raw, &v); err != nil {
		return 0, err
	}
	if v == nil {
		return math.NaN(), nil
	}
	return *v, nil
}

func get(t *testing.T, from map[string]json.RawMessage, name string) float64 {
	t.Helper()
	raw, ok := from[name]
	if !ok {
		t.Fatalf("the case has no %q", name)
	}
	v, err := number(raw)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func list(t *testing.T, from map[string]json.RawMessage, name string) []float64 {
	t.Helper()
	var raw []json.RawMessage
	if err := json.Unmarshal(from[name], &raw); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	v := make([]float64, len(raw))
	for i := range raw {
		var err error
		if v[i], err = number(raw[i]); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return v
}

func text(from map[string]json.RawMessage, name string) string {
	var s string
	_ = json.Unmarshal(from[name], &s)
	return s
}

func flag(from map[string]json.RawMessage, name string) bool {
	return string(from[name]) == "true"
}

// alternative reads the word by which the reference names the alternative.
func alternative(t *testing.T, c referenceCase) Alternative {
	t.Helper()
	switch word := text(c.Params, "alternative"); word {
	case "two.sided", "two-sided":
		return TwoSided
	case "greater", "larger":
		return Greater
	case "less", "smaller":
		return Less
	default:
		t.Fatalf("alternative %q", word)
	}
	return TwoSided
}

// stops reports that the reference gives no number: it stopped with an error, or
// its p-value is NaN. There we return a typed error or say that it is degenerate.
func stops(t *testing.T, c referenceCase) bool {
	t.Helper()
	if _, ok := c.Expected["error"]; ok {
		return true
	}
	_, ok := c.Expected["p_value"]
	return ok && math.IsNaN(get(t, c.Expected, "p_value"))
}

// near fails unless got is want within relative tolerance (absolute near 0).
func near(t *testing.T, name string, got, want, tolerance float64) {
	t.Helper()
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return
	}
	if diff := math.Abs(got - want); !(diff <= tolerance*math.Abs(want) || diff <= 1e-14) {
		t.Errorf("%s: got %.15g, want %.15g (off by %.2g)", name, got, want, diff)
	}
}

// within fails unless got is within an absolute distance of want.
func within(t *testing.T, name string, got, want, distance float64) {
	t.Helper()
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return
	}
	if diff := math.Abs(got - want); !(diff <= distance) {
		t.Errorf("%s: got %.15g, want %.15g (off by %.2g)", name, got, want, diff)
	}
}

const exactly = 1e-9 // meta.tolerances.default

func samples(t *testing.T, c referenceCase) (x, y []float64) {
	t.Helper()
	return list(t, c.Input, "x"), list(t, c.Input, "y")
}

func rankOptions(t *testing.T, c referenceCase) RankSumOptions {
	opt := RankSumOptions{
		Alternative: alternative(t, c), Shift: get(t, c.Params, "mu"), Level: get(t, c.Params, "conf_level"),
		Uncorrected: !flag(c.Params, "correct"), Compat: R42,
	}
	switch word := string(c.Params["exact"]); word {
	case "null", "":
	case "true":
		opt.Exactness = Exact
	case "false":
		opt.Exactness = Asymptotic
	default:
		t.Fatalf("exact = %s", word)
	}
	return opt
}

func checkRank(t *testing.T, c referenceCase, got RankTest) {
	t.Helper()
	near(t, "statistic", got.Statistic, get(t, c.Expected, "statistic"), exactly)
	near(t, "p_value", got.P, get(t, c.Expected, "p_value"), exactly)
	near(t, "estimate", got.Estimate, get(t, c.Expected, "estimate"), exactly)
	for name, end := range map[string]float64{"conf_low": got.Interval.Low, "conf_high": got.Interval.High} {
		noNaN(t, name, end)
		if want := get(t, c.Expected, name); !math.IsNaN(want) {
			near(t, name, end, want, exactly)
		}
	}
	near(t, "level", got.Interval.Level, get(t, c.Expected, "conf_level_achieved"), exactly)
	if exact := strings.Contains(text(c.Expected, "method"), "exact"); got.Exact != exact {
		t.Errorf("exact: got %v, want %v", got.Exact, exact)
	}
}

func checkMannWhitney(t *testing.T, c referenceCase) {
	x, y := samples(t, c)
	got, err := MannWhitney(x, y, rankOptions(t, c))
	if stops(t, c) {
		checkStopped(t, c, got, err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	checkRank(t, c, got)
}

// checkStopped looks at our result where the reference has none: no p-value, so that
// ours must be degenerate; or no interval, where ours may be a number.
func checkStopped(t *testing.T, c referenceCase, got RankTest, err error) {
	t.Helper()
	if err != nil {
		typed(t, err)
		return
	}
	mustProbability(t, "p", got.P)
	noNaN(t, "result", got.Statistic, got.Estimate, got.Interval.Low, got.Interval.High)
	if _, stopped := c.Expected["error"]; !stopped && !got.Degenerate {
		t.Errorf("got %+v, want a degenerate result", got)
	}
}

func checkMannWhitneyTies(t *testing.T, c referenceCase) {
	x, y := samples(t, c)
	for alt, name := range map[Alternative]string{TwoSided: "p_two_sided", Greater: "p_greater", Less: "p_less"} {
		got, err := MannWhitney(x, y, RankSumOptions{Alternative: alt, Exactness: Exact})
		if err != nil {
			t.Fatal(err)
		}
		near(t, "statistic", got.Statistic, get(t, c.Expected, "statistic"), exactly)
		near(t, name, got.P, get(t, c.Expected, name), exactly)
	}
}

func checkKayenta(t *testing.T, c referenceCase) {
	x, y := samples(t, c)
	got, err := KayentaMannWhitney(x, y, KayentaOptions{Level: get(t, c.Params, "conf_level"), Tolerance: get(t, c.Params, "tolerance")})
	if _, known := c.Expected["conf_low"]; !known || math.IsNaN(get(t, c.Expected, "conf_low")) {
		if err == nil && !got.Degenerate {
			t.Errorf("got %+v, want an error or a degenerate result", got)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	near(t, "conf_low", got.Interval.Low, get(t, c.Expected, "conf_low"), exactly)
	near(t, "conf_high", got.Interval.High, get(t, c.Expected, "conf_high"), exactly)
	near(t, "estimate", got.Estimate, get(t, c.Expected, "estimate"), exactly)
	noNaN(t, "mean_ratio", got.MeanRatio)
	if want := get(t, c.Expected, "mean_ratio"); !math.IsNaN(want) {
		near(t, "mean_ratio", got.MeanRatio, want, exactly)
	}
	if high, low := flag(c.Expected, "high"), flag(c.Expected, "low"); got.High != high || got.Low != low {
		t.Errorf("got high %v low %v, want %v %v", got.High, got.Low, high, low)
	}
}
