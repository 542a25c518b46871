package sequential

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// referenceCase is one case of ../testdata/reference/*.json: inputs and what an
// independent implementation made of them.
type referenceCase struct {
	ID       string                     `json:"id"`
	Test     string                     `json:"test"`
	Call     string                     `json:"call"`
	Input    map[string]json.RawMessage `json:"input"`
	Params   map[string]json.RawMessage `json:"params"`
	Expected map[string]json.RawMessage `json:"expected"`
}

// fixedHorizon names the families that belong to the fixed-horizon tests of package
// stats. A family that is neither here nor known below fails the test.
func fixedHorizon() map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields(`
		anderson_darling_2sample barnard_exact boschloo_exact brunner_munzel distributions
		effect_sizes fisher_exact kayenta_mann_whitney ks_two_sample ks_two_sample_scipy
		mann_whitney mann_whitney_exact_ties noninferiority_log_ratio_welch p_adjust
		permutation_mean_diff_exact poisson_ratio_conditional poisson_two_sample
		signed_rank_exact_ties two_proportion_chisq two_proportion_ci
		two_proportion_score_margin welch_t wilcoxon_signed_rank`) {
		out[name] = true
	}
	return out
}

func TestReference(t *testing.T) {
	files, err := filepath.Glob("../testdata/reference/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no reference files: %v", err)
	}
	families := map[string]func(*testing.T, referenceCase){
		"ripr_poisson_eblock":            checkBlock,
		"t_eprocess_one_sided":           checkTEvidence,
		"confseq_boundary":               checkBoundary,
		"dirichlet_multinomial_eprocess": checkMultinomial,
		"long_run_variance":              checkLongRun,
	}
	elsewhere := fixedHorizon()
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
			check, known := families[c.Test]
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
	for name := range families {
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
	var v float64
	err := json.Unmarshal(raw, &v)
	return v, err
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
	var v []float64
	if err := json.Unmarshal(from[name], &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// near fails unless got is want within relative tolerance (absolute near 0).
func near(t *testing.T, name string, got, want, tolerance float64) {
	t.Helper()
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return
	}
	if diff := math.Abs(got - want); !(diff <= tolerance*math.Abs(want) || diff <= tolerance*1e-3) {
		t.Errorf("%s: got %.15g, want %.15g (off by %.2g)", name, got, want, diff)
	}
}

const exactly = 1e-9 // meta.tolerances.default

func checkBlock(t *testing.T, c referenceCase) {
	b := CountBlock{
		Nc: get(t, c.Input, "nc"), Xc: get(t, c.Input, "xc"), Nb: get(t, c.Input, "nb"), Xb: get(t, c.Input, "xb"),
		A: get(t, c.Params, "a"), Pi: get(t, c.Params, "p_b_pred"),
	}
	e := Counts{D: get(t, c.Params, "d"), Grid: []float64{get(t, c.Params, "g")}}
	switch direction := string(c.Params["direction"]); direction {
	case `"up"`:
	case `"down"`:
		e.Side = NotWorse
	default:
		t.Fatalf("direction %s", direction)
	}
	near(t, "log_e", e.Evidence(nil, []CountBlock{b}, nil)[0], get(t, c.Expected, "log_e"), exactly)
	p := projector{b: b, a: b.A, d: e.D}
	p.prepare(e.Side == Worse)
	alt := p.c0 * e.tilts(nil, e.Grid)[0].exp
	near(t, "pc_alt", alt, get(t, c.Expected, "pc_alt"), exactly)
	point, q := p.project(alt)
	near(t, "c", point, get(t, c.Expected, "c"), exactly)
	near(t, "q", q, get(t, c.Expected, "q"), exactly)
}

func checkTEvidence(t *testing.T, c referenceCase) {
	got := TEvidence(get(t, c.Params, "n"), get(t, c.Params, "t"), get(t, c.Params, "nu"), get(t, c.Params, "tau"))
	near(t, "log_e", got, get(t, c.Expected, "log_e"), exactly)
}

func checkMultinomial(t *testing.T, c referenceCase) {
	got := DirichletMultinomial(list(t, c.Input, "theta0"), list(t, c.Input, "counts"), get(t, c.Params, "k"))
	near(t, "log_e", got, get(t, c.Expected, "log_e"), exactly)
}

func checkLongRun(t *testing.T, c referenceCase) {
	x, y := list(t, c.Input, "x"), list(t, c.Input, "y")
	d := make([]float64, len(x))
	for i := range x {
		d[i] = x[i] - y[i]
	}
	l := LongRunVariance(d)
	for name, got := range map[string]float64{
		"n": float64(l.N), "mean": l.Mean, "gamma0": l.Gamma0, "rho1": l.Rho1, "rho2": l.Rho2,
		"nw_lag": float64(l.Lag), "nw_lrv": l.NeweyWest, "geyer_pos_lrv": l.GeyerPositive,
		"geyer_mono_lrv": l.GeyerMonotone, "ess_geyer_mono": l.ESS,
		"batch_size": float64(l.Batch), "batch_means_lrv": l.BatchMeans,
	} {
		near(t, name, got, get(t, c.Expected, name), exactly)
	}
}

// checkBoundary dispatches on the name of the function in the confseq library.
func checkBoundary(t *testing.T, c referenceCase) {
	p := func(name string) float64 { return get(t, c.Params, name) }
	tuned := func(b interface {
		LogE(s, v float64) float64
		Bound(v, alpha float64) float64
	}, what string) float64 {
		if what == "log_mixture" {
			return b.LogE(p("s"), p("v"))
		}
		return b.Bound(p("v"), p("alpha"))
	}
	name, what := c.Call, "mixture_bound"
	if base, ok := strings.CutSuffix(name, "_log_mixture"); ok {
		name, what = base, "log_mixture"
	}
	var got float64
	switch strings.TrimSuffix(name, "_mixture_bound") {
	case "normal":
		got = tuned(NormalMixture{TwoSided: p("one_sided") == 0}.Tuned(p("v_opt"), p("alpha_opt")), what)
	case "gamma_exponential":
		got = tuned(GammaExponential{C: p("c")}.Tuned(p("v_opt"), p("alpha_opt")), what)
	case "gamma_poisson":
		got = tuned(GammaPoisson{C: p("c")}.Tuned(p("v_opt"), p("alpha_opt")), what)
	case "beta_binomial":
		got = tuned(BetaBinomial{G: p("g"), H: p("h"), TwoSided: p("one_sided") == 0}.Tuned(p("v_opt"), p("alpha_opt")), what)
	case "poly_stitching_bound":
		got = PolyStitching{VMin: p("v_min"), C: p("c"), S: p("s"), Eta: p("eta")}.Bound(p("v"), p("alpha"))
	case "double_stitching_bound":
		got = DoubleStitching{TOpt: p("t_opt"), Delta: p("delta"), S: p("s"), Eta: p("eta")}.Bound(p("quantile_p"), p("t"), p("alpha"))
	case "empirical_process_lil_bound":
		got = EmpiricalProcessLIL{TMin: p("t_min"), A: p("A")}.Bound(p("t"), p("alpha"))
	case "bernoulli_ci_low":
		got, _ = BernoulliSequence{p("t_opt"), p("alpha_opt")}.Interval(p("successes"), p("trials"), p("alpha"))
	case "bernoulli_ci_high":
		_, got = BernoulliSequence{p("t_opt"), p("alpha_opt")}.Interval(p("successes"), p("trials"), p("alpha"))
	default:
		t.Fatalf("no such boundary: %q", c.Call)
	}
	near(t, c.Call, got, get(t, c.Expected, "value"), 1e-8) // meta.tolerances.confseq_boundary
}
