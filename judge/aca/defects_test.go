package aca

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

func ptr(v float64) *float64 { return &v }

// mixture has k values of one kind and the rest of another.
func mixture(k int, v float64, n int, rest float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = rest
		if i < k {
			out[i] = v
		}
	}
	return out
}

// bell draws n values around a mean, with a spread in its unit.
func bell(seed int64, n int, mean, sd float64) []float64 {
	return normal(NewJavaRandom(seed), mean, sd, n)
}

func scaled(values []float64, by float64) []float64 {
	out := slices.Clone(values)
	for i := range out {
		out[i] *= by
	}
	return out
}

// judgeOne judges one metric in group g, with a pass threshold of 95 and a marginal
// one of 75.
func judgeOne(t *testing.T, s Settings, control, experiment []float64) (MetricResult, Result) {
	t.Helper()
	r, err := Judge{}.Judge(Request{
		Config:     Config{Metrics: []MetricConfig{{Name: "m", Groups: []string{"g"}, Canary: s}}},
		Thresholds: Thresholds{Pass: 95, Marginal: 75},
		Pairs:      []Pair{{Name: "m", Control: control, Experiment: experiment}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r.Results[0], r
}

func TestDefectsOfClassification(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	base, worse := bell(1, 60, 1, 0.1), bell(2, 60, 1.4, 0.1)
	skewed := append(bell(3, 59, 1, 0.01), 1000)
	for _, c := range []struct {
		name                string
		set                 Settings
		control, experiment []float64
		want                Label
		critical            bool
	}{
		{name: "a shift is High", control: base, experiment: worse, want: High},
		{name: "a shift is Low", control: worse, experiment: base, want: Low},
		{name: "only decreases matter", set: Settings{Direction: Decrease}, control: base, experiment: worse, want: Pass},
		{name: "one sample a side is an error", control: []float64{7}, experiment: []float64{5}, want: Error},
		{name: "an error loses the critical flag", set: Settings{Critical: true}, control: []float64{7}, experiment: []float64{5}, want: Error},
		{name: "two samples a side classify", control: []float64{1, 2}, experiment: []float64{10, 11}, want: High},
		{name: "three noisy samples a side classify", control: []float64{1, 1, 1}, experiment: []float64{2, 2, 2}, want: High},
		{name: "in a larger unit it is seen", control: scaled(base, 1e-4), experiment: scaled(worse, 1e-4), want: High},
		{name: "in a smaller unit it cannot be seen", control: scaled(base, 3e-5), experiment: scaled(worse, 3e-5), want: Pass},
		{name: "three per mille, measured well, is High", control: bell(1, 60, 1000, 2), experiment: bell(2, 60, 1003, 2), want: High},
		{
			name: "unless a limit says that it is small", set: Settings{EffectSize: EffectSize{AllowedIncrease: ptr(1.01)}},
			control: bell(1, 60, 1000, 2), experiment: bell(2, 60, 1003, 2), want: Pass,
		},
		{name: "an infinity on the experiment never fails", control: base, experiment: append(slices.Clone(worse), inf), want: Pass},
		{name: "an infinity on the control never fails", control: append(slices.Clone(base), inf), experiment: worse, want: Pass},
		{name: "replacing gaps leaves infinities", set: Settings{NaNStrategy: ReplaceNaN}, control: base, experiment: append(slices.Clone(worse), inf), want: Pass},
		{
			name: "a mean of zero skips the limits", set: Settings{Critical: true, EffectSize: EffectSize{AllowedIncrease: ptr(1e9), CriticalIncrease: ptr(1e9)}},
			control: make([]float64, 60), experiment: worse, want: High, critical: true,
		},
		{
			name: "on either side", set: Settings{Critical: true, EffectSize: EffectSize{AllowedDecrease: ptr(-1), CriticalDecrease: ptr(-1)}},
			control: base, experiment: make([]float64, 60), want: Low, critical: true,
		},
		{
			name: "an effect at its limit is High", set: Settings{EffectSize: EffectSize{AllowedIncrease: ptr(MeanRatio(base, worse))}},
			control: base, experiment: worse, want: High,
		},
		{
			name: "an effect at its limit is Low", set: Settings{EffectSize: EffectSize{AllowedDecrease: ptr(MeanRatio(worse, base))}},
			control: worse, experiment: base, want: Low,
		},
		{name: "a fall below zero has a ratio above 1", control: bell(1, 60, -5, 0.1), experiment: bell(2, 60, -10, 0.1), want: Pass},
		{name: "a rise below zero has a ratio below 1", control: bell(1, 60, -10, 0.1), experiment: bell(2, 60, -5, 0.1), want: Pass},
		{name: "means veto a shift of ranks", control: skewed, experiment: bell(4, 60, 2, 0.01), want: Pass},
		{
			name: "unless the limit is lifted", set: Settings{EffectSize: EffectSize{AllowedIncrease: ptr(0)}},
			control: skewed, experiment: bell(4, 60, 2, 0.01), want: High,
		},
		{name: "a probability knows no such veto", set: Settings{EffectSize: EffectSize{Measure: CLES}}, control: skewed, experiment: bell(4, 60, 2, 0.01), want: High},
		{name: "a side of gaps alone has no data", control: base, experiment: []float64{nan, nan}, want: Nodata},
		{name: "no data keeps the critical flag", set: Settings{Critical: true}, control: base, want: Nodata, critical: true},
		{name: "data that must be there fail", set: Settings{MustHaveData: true}, control: base, want: NodataFail},
		{name: "critical beats must-have", set: Settings{MustHaveData: true, Critical: true}, experiment: base, want: Nodata, critical: true},
		{name: "replacing gaps makes nothing pass", set: Settings{NaNStrategy: ReplaceNaN, MustHaveData: true, Critical: true}, control: base, want: Pass},
		{name: "gaps that are not written cannot be replaced", set: Settings{NaNStrategy: ReplaceNaN}, control: base, experiment: worse, want: High},
		{name: "gaps that are written become zeros", set: Settings{NaNStrategy: ReplaceNaN}, control: base, experiment: append(mixture(60, nan, 60, 0), worse[:20]...), want: Low},
		{name: "on the control as well", set: Settings{NaNStrategy: ReplaceNaN}, control: append(mixture(60, nan, 60, 0), base[:20]...), experiment: base, want: High},
		{name: "gaps that are dropped hide an outage", control: base, experiment: append(mixture(60, nan, 60, 0), base...), want: Pass},
		{name: "a wider spread is not seen", control: bell(1, 60, 100, 1), experiment: bell(2, 60, 100, 50), want: Pass},
		{
			name: "critical beyond the critical limit", set: Settings{Critical: true, EffectSize: EffectSize{CriticalIncrease: ptr(1.3)}},
			control: base, experiment: worse, want: High, critical: true,
		},
		{
			name: "critical, but not by enough", set: Settings{Critical: true, EffectSize: EffectSize{CriticalIncrease: ptr(1.5)}},
			control: base, experiment: worse, want: High,
		},
		{
			name: "a critical limit below the allowed one does nothing", set: Settings{Critical: true, EffectSize: EffectSize{AllowedIncrease: ptr(2), CriticalIncrease: ptr(1.1)}},
			control: base, experiment: worse, want: Pass,
		},
		{name: "outliers stay by default", control: base, experiment: append(slices.Clone(base), 50), want: Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := judgeOne(t, c.set, c.control, c.experiment)
			if got.Classification != c.want || got.Critical != c.critical {
				t.Errorf("got %s, critical %v; want %s, critical %v (%+v)", got.Classification, got.Critical, c.want, c.critical, got.Evidence)
			}
		})
	}
}

// The label of sparse errors over a clean baseline rises, falls and rises again with
// their number.
func TestSparseErrorsAreNotMonotone(t *testing.T) {
	for _, c := range []struct {
		n    int
		high [][2]int // ranges of k that are High
	}{
		{n: 10, high: [][2]int{{8, 10}}},
		{n: 30, high: [][2]int{{20, 30}}},
		{n: 60, high: [][2]int{{27, 29}, {37, 60}}},
		{n: 120, high: [][2]int{{48, 59}, {70, 120}}},
	} {
		for k := 0; k <= c.n; k++ {
			want := Pass
			if slices.ContainsFunc(c.high, func(r [2]int) bool { return k >= r[0] && k <= r[1] }) {
				want = High
			}
			got, _ := judgeOne(t, Settings{}, make([]float64, c.n), mixture(k, 5, c.n, 0))
			if got.Classification != want {
				t.Errorf("5.0 in %d of %d points: got %s, want %s", k, c.n, got.Classification, want)
			}
		}
	}
}

// Below five samples a side the interval is the range of the data, and still judges.
func TestFewSamplesFailHealthyCanaries(t *testing.T) {
	const runs = 2000
	for _, c := range []struct {
		n         int
		low, high float64
	}{{2, 0.19, 0.28}, {3, 0.03, 0.075}, {4, 0.004, 0.025}, {5, 0, 0.01}} {
		source, flagged := NewJavaRandom(7), 0
		for range runs {
			x, y := normal(source, 100, 10, c.n), normal(source, 100, 10, c.n)
			got, err := NetflixClassifier().Classify(Sides{Control: y, Experiment: x}, Settings{}, source)
			if err != nil {
				t.Fatal(err)
			}
			if i := got.Evidence.Interval; c.n < 5 && (i.Low != slices.Min(x)-slices.Max(y) || i.High != slices.Max(x)-slices.Min(y)) {
				t.Fatalf("n = %d: got the interval %+v, want the range of the differences", c.n, i)
			}
			if got.Label != Pass {
				flagged++
			}
		}
		if share := float64(flagged) / runs; share < c.low || share > c.high {
			t.Errorf("n = %d: got %.3f of healthy canaries flagged, want %.3f to %.3f", c.n, share, c.low, c.high)
		}
	}
}

// One sample a side gets noise and is then tied with itself, except where rounding
// breaks the tie: then the same kind of data fails.
func TestOneSampleIsAMatterOfRounding(t *testing.T) {
	source, count := NewJavaRandom(5), map[Label]int{}
	for range 500 {
		x, y := math.Exp(source.NextGaussian()), math.Exp(source.NextGaussian())
		got, _ := judgeOne(t, Settings{}, []float64{y}, []float64{x})
		again, _ := judgeOne(t, Settings{}, []float64{y}, []float64{x})
		if got.Classification != again.Classification {
			t.Fatalf("%v against %v: got %s and then %s", x, y, got.Classification, again.Classification)
		}
		count[got.Classification]++
	}
	if count[Error] < 300 || count[Error] == 500 || count[Pass] > 50 {
		t.Errorf("got %v, want about four in five errors and the rest mostly High or Low", count)
	}
}

func TestIntervalEndsCanBeInverted(t *testing.T) {
	data, err := os.ReadFile("testdata/kayenta_cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []referenceCase
	strict(t, data, &cases)
	i := slices.IndexFunc(cases, func(c referenceCase) bool {
		return strings.HasSuffix(c.TestName, "High Metric (Large Input)")
	})
	if i < 0 {
		t.Fatal("the case is gone from the reference file")
	}
	got, err := MannWhitney(floats(t, cases[i].Control), floats(t, cases[i].Experiment), 0.95)
	if err != nil || got.Low <= got.High {
		t.Errorf("got %+v, %v, want a low end above the high one", got, err)
	}
}

func TestOrderAndTimeAreIgnored(t *testing.T) {
	control, experiment := bell(1, 40, 1, 0.1), bell(2, 40, 1.1, 0.1)
	want, _ := judgeOne(t, Settings{}, control, experiment)
	slices.Sort(control)
	slices.Reverse(experiment)
	got, _ := judgeOne(t, Settings{}, control, experiment)
	if got.Evidence.Interval != want.Evidence.Interval || got.Classification != want.Classification {
		t.Errorf("got %+v, want %+v", got.Evidence, want.Evidence)
	}
}

func TestOutliers(t *testing.T) {
	remove := func(f *float64) Outliers { return Outliers{Strategy: RemoveOutliers, Factor: f} }
	// So many small values that three large ones lie beyond the 99th percentile.
	values := append(bell(1, 400, 10, 0.1), 1000, 2000, 3000)
	for _, c := range []struct {
		name string
		o    Outliers
		want int
	}{
		{name: "kept by default", want: 403},
		{name: "removed on demand", o: remove(nil), want: 400},
		{name: "the factor matters", o: remove(ptr(1e9)), want: 403},
		{name: "a tiny factor is held back by the percentiles", o: remove(ptr(1e-9)), want: 403 - 2*5},
	} {
		got, err := treatOutliers(values, c.o)
		if err != nil || len(got) != c.want {
			t.Errorf("%s: got %d values, %v, want %d", c.name, len(got), err, c.want)
		}
	}
	for _, f := range []float64{0, -1, math.NaN()} {
		_, err := Judge{}.Judge(Request{
			Config: Config{Metrics: []MetricConfig{{Name: "m", Groups: []string{}, Canary: Settings{Outliers: Outliers{Factor: &f}}}}},
			Pairs:  []Pair{{Name: "m"}},
		})
		if err == nil || !strings.Contains(err.Error(), "greater than 0") {
			t.Errorf("a factor of %v: got %v, want an error that says what is allowed", f, err)
		}
	}
	if plain := (IQR{Factor: 1.5}).Outliers([]float64{1, 1, 1, 1, 9}); !plain[4] {
		t.Error("without reduced sensitivity the largest of five is not an outlier")
	}
	if reduced := (IQR{Factor: 1.5, ReduceSensitivity: true}).Outliers([]float64{1, 1, 1, 1, 1.5}); !reduced[4] {
		t.Error("the 99th percentile lies below the largest, which must still be an outlier")
	}
}

func TestReasonsAndJSON(t *testing.T) {
	got, r := judgeOne(t, Settings{Critical: true}, make([]float64, 5), []float64{1, 4, 2, 3, 1})
	if want := "m was classified as High (Critical)"; got.Reason != want {
		t.Errorf("reason: got %q, want %q", got.Reason, want)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"judgeName":"NetflixACAJudge-v1.0","results":[{"name":"m","groups":["g"],"muted":false,"classification":"High",` +
		`"classificationReason":"m was classified as High (Critical)","critical":true,` +
		`"experimentMetadata":{"stats":{"min":1,"max":4,"mean":2.2,"std":1.3038404810405297,"count":5}},` +
		`"controlMetadata":{"stats":{"min":0,"max":0,"mean":0,"std":0,"count":5}},"resultMetadata":{"ratio":"NaN"}}],` +
		`"groupScores":[{"name":"g","score":0,"classification":"","classificationReason":""}],` +
		`"score":{"score":0,"classification":"Fail","classificationReason":"Canary Failed: m was classified as High (Critical)"}}`
	if string(text) != want {
		t.Errorf("JSON:\n got %s\nwant %s", text, want)
	}
	for _, c := range []struct {
		control, experiment []float64
		want                string
	}{
		{[]float64{1, 2}, []float64{2, 1}, "The Canary and Baseline data are identical"},
		{[]float64{1, 1}, []float64{1}, ""},
		{nil, []float64{1}, "Missing data for m"},
		{[]float64{7}, []float64{5}, "Metric Classification Failed"},
		{[]float64{1, 2, 3, 4, 5, 6}, []float64{2, 1, 3, 5, 5, 6}, ""},
	} {
		if got, _ := judgeOne(t, Settings{}, c.control, c.experiment); got.Reason != c.want {
			t.Errorf("%v against %v: got the reason %q, want %q", c.experiment, c.control, got.Reason, c.want)
		}
	}
}
