package aca

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"
)

// referenceCase is one entry of testdata/kayenta_cases.json: what Kayenta's own tests
// assert, what its users reported, and what an independent port of it computed.
type referenceCase struct {
	ID             int             `json:"id"`
	SourceFile     string          `json:"source_file"`
	TestName       string          `json:"test_name"`
	Kind           string          `json:"kind"`
	Params         json.RawMessage `json:"params"`
	Control        json.RawMessage `json:"control"`
	Experiment     json.RawMessage `json:"experiment"`
	Metrics        json.RawMessage `json:"metrics"`
	Expected       json.RawMessage `json:"expected"`
	ExpectedOrigin string          `json:"expected_origin"`
	Ported         json.RawMessage `json:"reimplementation_values"`
	PortedAgrees   bool            `json:"reimplementation_agrees"`
	R              json.RawMessage `json:"r_4_2_2_wilcox_test"`
	Note           string          `json:"note"`
}

// strict reads JSON and fails on any field that the test would not look at.
func strict(t *testing.T, data []byte, into any) {
	t.Helper()
	if len(data) == 0 {
		return
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("reading %.200s: %v", data, err)
	}
}

func floats(t *testing.T, data []byte) []float64 {
	t.Helper()
	var numbers []Number
	strict(t, data, &numbers)
	out := make([]float64, len(numbers))
	for i, n := range numbers {
		out[i] = float64(n)
	}
	return out
}

func near(got, want, tolerance float64) bool {
	return got == want || math.IsNaN(got) && math.IsNaN(want) || math.Abs(got-want) <= tolerance
}

func expectNear(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !near(got, want, tolerance) {
		t.Errorf("%s: got %v, want %v ± %g", what, got, want, tolerance)
	}
}

func TestReference(t *testing.T) {
	data, err := os.ReadFile("testdata/kayenta_cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []referenceCase
	strict(t, data, &cases)
	if len(cases) == 0 {
		t.Fatal("the reference file has no cases")
	}
	kinds := map[string]func(*testing.T, referenceCase){
		"classifier": referClassifier, "user_reported": referClassifier, "derived_edge": referClassifier,
		"classifier_mean_inequality": referMeanInequality,
		"mannwhitney":                referMannWhitney,
		"detector":                   referDetector,
		"transform":                  referTransform,
		"statistic":                  referStatistic,
		"effect_size":                referEffectSize,
		"scorer":                     referScorer, "derived_edge_scorer": referScorer,
		"random":               referRandom,
		"mixer":                referMixer,
		"aggregate_standalone": referStandalone,
		"aggregate_orca":       referOrca,
		"window":               referWindow,
	}
	seen := map[string]int{}
	for _, c := range cases {
		run, ok := kinds[c.Kind]
		if !ok {
			t.Errorf("case %d has the kind %q, which no test knows", c.ID, c.Kind)
			continue
		}
		seen[c.Kind]++
		t.Run(fmt.Sprintf("%d %s", c.ID, c.Kind), func(t *testing.T) { run(t, c) })
	}
	t.Logf("%d cases: %v", len(cases), seen)
}

type classifierParams struct {
	Classifier, Direction, NanStrategy, EffectSizeMeasure string
	Tolerance, ConfLevel                                  float64
	Critical, MustHaveData                                bool
	EffectSizeThresholds                                  struct{ AllowedIncrease, AllowedDecrease *float64 }
	CriticalThresholds                                    struct{ CriticalIncrease, CriticalDecrease *float64 }
}

func (p classifierParams) settings() Settings {
	return Settings{
		Direction: ParseDirection(p.Direction), NaNStrategy: ParseNaNStrategy(p.NanStrategy),
		Critical: p.Critical, MustHaveData: p.MustHaveData,
		EffectSize: EffectSize{
			Measure:         ParseMeasure(p.EffectSizeMeasure),
			AllowedIncrease: p.EffectSizeThresholds.AllowedIncrease, AllowedDecrease: p.EffectSizeThresholds.AllowedDecrease,
			CriticalIncrease: p.CriticalThresholds.CriticalIncrease, CriticalDecrease: p.CriticalThresholds.CriticalDecrease,
		},
	}
}

func referClassifier(t *testing.T, c referenceCase) {
	var p classifierParams
	strict(t, c.Params, &p)
	var want struct {
		Classification        Label   `json:"classification"`
		KayentaClassification Label   `json:"kayenta_classification"`
		Critical              *bool   `json:"critical"`
		KayentaCritical       *bool   `json:"kayenta_critical"`
		Deviation             *Number `json:"deviation"`
		ReporterExpected      string  `json:"reporter_expected"` // what a user wished for
	}
	strict(t, c.Expected, &want)
	x, y := floats(t, c.Experiment), floats(t, c.Control)
	got, err := (Classifier{Tolerance: p.Tolerance, Confidence: p.ConfLevel}).Classify(
		Sides{Name: "m", Control: y, Experiment: x}, p.settings(), NewJavaRandom(DefaultSeed))
	if err != nil {
		got = Classification{Label: Error}
	}
	label, critical := want.Classification+want.KayentaClassification, want.Critical
	if critical == nil {
		critical = want.KayentaCritical
	}
	if got.Label != label {
		t.Errorf("label: got %s, want %s (%s)", got.Label, label, c.TestName)
	}
	if critical != nil && got.Critical != *critical {
		t.Errorf("critical: got %v, want %v", got.Critical, *critical)
	}
	if want.Deviation != nil {
		expectNear(t, "deviation", got.Ratio, float64(*want.Deviation), 1e-12)
	}
	comparePort(t, c, got)
	if (Classifier{Tolerance: p.Tolerance, Confidence: p.ConfLevel}) == NetflixClassifier() {
		judgeWhole(t, c, Pair{Name: "m", Control: y, Experiment: x}, MetricConfig{Name: "m", Groups: []string{}, Canary: p.settings()}, label)
	}
}

// judgeWhole puts a case through the whole judge: nothing around the classifier may
// change its label.
func judgeWhole(t *testing.T, c referenceCase, pair Pair, m MetricConfig, want Label) {
	t.Helper()
	got, err := Judge{}.Judge(Request{Config: Config{Metrics: []MetricConfig{m}}, Pairs: []Pair{pair}})
	if err != nil {
		t.Fatal(err)
	}
	if l := got.Results[0].Classification; l != want {
		t.Errorf("case %d through the judge: got %s, want %s", c.ID, l, want)
	}
}

// comparePort compares with the numbers of the independent port and of R. Where noise
// was added nothing but the label can be compared.
func comparePort(t *testing.T, c referenceCase, got Classification) {
	t.Helper()
	var port struct {
		Classification Label   `json:"classification"`
		Critical       *bool   `json:"critical"`
		CILow          *Number `json:"ci_low"`
		CIHigh         *Number `json:"ci_high"`
		Estimate       *Number `json:"estimate"`
		Deviation      *Number `json:"deviation"`
		Effect         *Number `json:"effectSize"`
		Noise          *bool   `json:"random_noise_added"`
	}
	strict(t, c.Ported, &port)
	if port.Classification != "" && got.Label != port.Classification {
		t.Errorf("label: got %s, the port %s", got.Label, port.Classification)
	}
	if port.Critical != nil && got.Critical != *port.Critical {
		t.Errorf("critical: got %v, the port %v", got.Critical, *port.Critical)
	}
	if port.Noise != nil && got.Evidence == nil {
		t.Fatalf("no evidence, the port compared: %s", c.Ported)
	}
	tolerance := 1e-9
	if port.Noise != nil && got.Evidence.Noisy != *port.Noise {
		t.Errorf("noise: got %v, the port %v", got.Evidence.Noisy, *port.Noise)
	}
	if port.Noise != nil && *port.Noise {
		tolerance = 1e-2
	}
	compare := func(what string, want *Number, got func() float64) {
		if want != nil {
			expectNear(t, what, got(), float64(*want), tolerance*max(1, math.Abs(float64(*want))))
		}
	}
	compare("deviation", port.Deviation, func() float64 { return got.Ratio })
	compare("low", port.CILow, func() float64 { return got.Evidence.Interval.Low })
	compare("high", port.CIHigh, func() float64 { return got.Evidence.Interval.High })
	compare("estimate", port.Estimate, func() float64 { return got.Evidence.Interval.Estimate })
	compare("effect", port.Effect, func() float64 { return got.Evidence.Effect })
	var r struct {
		Call     string  // for readers
		CILow    *Number `json:"ci_low"`
		CIHigh   *Number `json:"ci_high"`
		Estimate *Number // without the continuity correction: not Kayenta's
		PValue   *Number `json:"p_value"`
	}
	strict(t, c.R, &r)
	compare("low of R", r.CILow, func() float64 { return got.Evidence.Interval.Low })
	compare("high of R", r.CIHigh, func() float64 { return got.Evidence.Interval.High })
}

func referMeanInequality(t *testing.T, c referenceCase) {
	var p classifierParams
	strict(t, c.Params, &p)
	var want struct{ Classification Label }
	strict(t, c.Expected, &want)
	if got := MeanInequality(floats(t, c.Control), floats(t, c.Experiment), ParseDirection(p.Direction)); got != want.Classification {
		t.Errorf("got %s, want %s", got, want.Classification)
	}
}

func referMannWhitney(t *testing.T, c referenceCase) {
	var p struct {
		Function     string
		Mu, Quantile float64
		ConfLevel    float64
		ToleranceAbs json.RawMessage `json:"tolerance_abs"`
	}
	strict(t, c.Params, &p)
	var want struct {
		Value    *float64
		CILow    float64 `json:"ci_low"`
		CIHigh   float64 `json:"ci_high"`
		Estimate float64
	}
	strict(t, c.Expected, &want)
	x, y := floats(t, c.Experiment), floats(t, c.Control)
	if want.Value != nil {
		var tolerance float64
		strict(t, p.ToleranceAbs, &tolerance)
		z, err := newShift(y, x).z(p.Mu)
		if err != nil {
			t.Fatal(err)
		}
		expectNear(t, "z", z-p.Quantile, *want.Value, tolerance)
		return
	}
	var tolerance struct{ CI, Estimate float64 }
	strict(t, p.ToleranceAbs, &tolerance)
	got, err := MannWhitney(y, x, p.ConfLevel)
	if err != nil {
		t.Fatal(err)
	}
	expectNear(t, "low", got.Low, want.CILow, tolerance.CI)
	expectNear(t, "high", got.High, want.CIHigh, tolerance.CI)
	expectNear(t, "estimate", got.Estimate, want.Estimate, tolerance.Estimate)
	comparePort(t, c, Classification{Evidence: &Evidence{Interval: got}})
}

func referDetector(t *testing.T, c referenceCase) {
	var p struct {
		Detector, Std, Percentile string
		K, Factor                 float64
		ReduceSensitivity         bool
	}
	strict(t, c.Params, &p)
	var want struct {
		IsOutlier []bool `json:"is_outlier"`
	}
	strict(t, c.Expected, &want)
	var got []bool
	switch p.Detector {
	case "KSigma":
		got = KSigma{K: p.K}.Outliers(floats(t, c.Experiment))
	case "IQR":
		got = IQR{Factor: p.Factor, ReduceSensitivity: p.ReduceSensitivity}.Outliers(floats(t, c.Experiment))
	default:
		t.Fatalf("unknown detector %q", p.Detector)
	}
	if !slices.Equal(got, want.IsOutlier) {
		t.Errorf("got %v, want %v", got, want.IsOutlier)
	}
}

func referTransform(t *testing.T, c referenceCase) {
	var p struct {
		Transform, RNG string
		Mean, Stdev    float64
		Seed           int64
	}
	strict(t, c.Params, &p)
	var want struct {
		Values       json.RawMessage
		Mean         *float64
		SampleStd    float64 `json:"sample_std"`
		ToleranceAbs float64 `json:"tolerance_abs"`
		Length       int
	}
	strict(t, c.Expected, &want)
	x := floats(t, c.Experiment)
	var got []float64
	switch p.Transform {
	case "removeNaNs":
		got = treatGaps(x, RemoveNaN)
	case "replaceNaNs":
		got = treatGaps(x, ReplaceNaN)
	case "addGaussianNoise":
		got = addNoise(NewJavaRandom(p.Seed), x, p.Mean, p.Stdev)
	default:
		t.Fatalf("unknown transform %q", p.Transform)
	}
	if want.Values != nil && !slices.Equal(got, floats(t, want.Values)) {
		t.Errorf("got %v, want %s", got, want.Values)
	}
	if want.Mean != nil {
		s := Summarise(got)
		expectNear(t, "mean", float64(s.Mean), *want.Mean, want.ToleranceAbs)
		expectNear(t, "standard deviation", float64(s.Std), want.SampleStd, want.ToleranceAbs)
		expectNear(t, "length", float64(len(got)), float64(want.Length), 0)
	}
}

func referStatistic(t *testing.T, c referenceCase) {
	var p struct {
		Function, Std, Method string
		P                     float64
		ToleranceAbs          float64 `json:"tolerance_abs"`
	}
	strict(t, c.Params, &p)
	var want struct {
		Min, Max, Mean, Std, Value float64
		Count                      int
	}
	strict(t, c.Expected, &want)
	x := floats(t, c.Experiment)
	switch p.Function {
	case "percentile":
		expectNear(t, "percentile", percentile(slices.Sorted(slices.Values(x)), p.P), want.Value, p.ToleranceAbs)
	case "summary":
		s := Summarise(x)
		got := []float64{float64(s.Min), float64(s.Max), float64(s.Mean), float64(s.Std), float64(s.Count)}
		for i, w := range []float64{want.Min, want.Max, want.Mean, want.Std, float64(want.Count)} {
			expectNear(t, []string{"min", "max", "mean", "std", "count"}[i], got[i], w, p.ToleranceAbs)
		}
	case "mean":
		expectNear(t, "mean", float64(Summarise(x).Mean), want.Value, p.ToleranceAbs)
	default:
		t.Fatalf("unknown function %q", p.Function)
	}
}

func referEffectSize(t *testing.T, c referenceCase) {
	var p struct {
		Function     string
		ToleranceAbs float64 `json:"tolerance_abs"`
	}
	strict(t, c.Params, &p)
	var want, port struct{ Value Number }
	strict(t, c.Expected, &want)
	strict(t, c.Ported, &port)
	measure, ok := map[string]func(control, experiment []float64) float64{
		"meanRatio": MeanRatio, "cles": CommonLanguage, "cohenD": CohenD,
	}[p.Function]
	if !ok {
		t.Fatalf("unknown function %q", p.Function)
	}
	got := measure(floats(t, c.Control), floats(t, c.Experiment))
	expectNear(t, p.Function, got, float64(want.Value), p.ToleranceAbs)
	expectNear(t, p.Function+" of the port", got, float64(port.Value), 1e-12)
}

func referScorer(t *testing.T, c referenceCase) {
	var p struct{ GroupWeights map[string]float64 }
	strict(t, c.Params, &p)
	var want, port struct {
		SummaryScore *float64
		GroupScores  map[string]float64
		Sorted       []float64 `json:"groupScores_sorted"`
	}
	strict(t, c.Expected, &want)
	strict(t, c.Ported, &port)
	var metrics []struct {
		Name           string
		Classification Label
		Groups         []string
		Critical       bool
		Muted          bool
	}
	strict(t, c.Metrics, &metrics)
	var results []MetricResult
	for _, m := range metrics {
		results = append(results, MetricResult{Name: m.Name, Classification: m.Classification, Groups: m.Groups, Critical: m.Critical, Muted: m.Muted})
	}
	got, err := Score(results, p.GroupWeights)
	if err != nil {
		t.Fatal(err)
	}
	groups, sorted := map[string]float64{}, []float64{}
	for _, g := range got.Groups {
		groups[g.Name] = g.Score
		sorted = append(sorted, g.Score)
	}
	slices.Sort(sorted)
	expectNear(t, "summary", got.Summary, *want.SummaryScore, 0)
	if port.SummaryScore != nil {
		expectNear(t, "summary of the port", got.Summary, *port.SummaryScore, 0)
	}
	if want.Sorted != nil && !slices.Equal(sorted, want.Sorted) {
		t.Errorf("groups: got %v, want %v", sorted, want.Sorted)
	}
	for _, w := range []map[string]float64{want.GroupScores, port.GroupScores} {
		if w != nil && len(w) != len(groups) {
			t.Errorf("groups: got %v, want %v", groups, w)
		}
		for name, score := range w {
			expectNear(t, "group "+name, groups[name], score, 1e-12)
		}
	}
}

func referRandom(t *testing.T, c referenceCase) {
	var p struct {
		Mean, Stdev float64
		N           int
		Seed        int64
		RNG         string
	}
	strict(t, c.Params, &p)
	var want struct {
		Mean, Variance, Std *float64
		ToleranceAbs        float64 `json:"tolerance_abs"`
		Length              *int
		Values              []float64
	}
	strict(t, c.Expected, &want)
	got := normal(NewJavaRandom(p.Seed), p.Mean, p.Stdev, p.N)
	s := Summarise(got)
	compare := func(what string, got float64, want *float64, tolerance float64) {
		if want != nil {
			expectNear(t, what, got, *want, tolerance)
		}
	}
	compare("mean", float64(s.Mean), want.Mean, want.ToleranceAbs)
	compare("variance", float64(s.Std*s.Std), want.Variance, want.ToleranceAbs)
	compare("standard deviation", float64(s.Std), want.Std, want.ToleranceAbs)
	if want.Length != nil && len(got) != *want.Length {
		t.Errorf("length: got %d, want %d", len(got), *want.Length)
	}
	if want.Values != nil && !slices.Equal(got, want.Values) {
		t.Errorf("got %v, want %v", got, want.Values)
	}
}

// wireSeries is a series in the reference file.
type wireSeries struct {
	Name   string
	Values []float64
	Tags   map[string]string
}

func (w wireSeries) series() Series { return Series{Name: w.Name, Values: w.Values, Tags: w.Tags} }

func referMixer(t *testing.T, c referenceCase) {
	var p struct {
		Op    string
		Names []string `json:"metric_names_in_order"`
	}
	strict(t, c.Params, &p)
	if p.Op == "mixOne" {
		referMixOne(t, c)
		return
	}
	if p.Op != "mixAll" {
		t.Fatalf("unknown operation %q", p.Op)
	}
	var want struct {
		Pairs []struct {
			Name                string
			Tags                map[string]string
			Control, Experiment []float64
		}
	}
	strict(t, c.Expected, &want)
	side := func(data []byte) (out []Series) {
		var wire []wireSeries
		strict(t, data, &wire)
		for _, w := range wire {
			out = append(out, w.series())
		}
		return out
	}
	got, err := Mix(p.Names, side(c.Control), side(c.Experiment))
	if err != nil {
		t.Fatal(err)
	}
	gotJSON, wantJSON := &bytes.Buffer{}, &bytes.Buffer{}
	for _, g := range got {
		fmt.Fprintln(gotJSON, g.Name, g.Tags, g.Control, g.Experiment)
	}
	for _, w := range want.Pairs {
		fmt.Fprintln(wantJSON, w.Name, w.Tags, w.Control, w.Experiment)
	}
	if gotJSON.String() != wantJSON.String() {
		t.Errorf("got\n%swant\n%s", gotJSON, wantJSON)
	}
}

func referMixOne(t *testing.T, c referenceCase) {
	var control, experiment wireSeries
	strict(t, c.Control, &control)
	strict(t, c.Experiment, &experiment)
	var want struct {
		Error, Name string
		Tags        map[string]string
		Values      struct{ Control, Experiment []float64 }
	}
	strict(t, c.Expected, &want)
	got, err := MixOne(control.series(), experiment.series())
	if (err != nil) != (want.Error != "") {
		t.Fatalf("error: got %v, want %q", err, want.Error)
	}
	if want.Error == "" {
		g := fmt.Sprint(got.Name, got.Tags, got.Control, got.Experiment)
		if w := fmt.Sprint(want.Name, want.Tags, want.Values.Control, want.Values.Experiment); g != w {
			t.Errorf("got %s, want %s", g, w)
		}
	}
}

func referStandalone(t *testing.T, c referenceCase) {
	var p struct {
		FinalScore     float64
		Pass, Marginal *float64
	}
	strict(t, c.Params, &p)
	var want struct{ DidPassThresholds bool }
	strict(t, c.Expected, &want)
	got, _, err := Aggregate([]float64{p.FinalScore}, Gates{Pass: p.Pass, Marginal: p.Marginal})
	if err != nil || got != want.DidPassThresholds {
		t.Errorf("got %v, %v, want %v", got, err, want.DidPassThresholds)
	}
}

func referOrca(t *testing.T, c referenceCase) {
	var p struct {
		IntervalScores []float64
		Thresholds     Gates
	}
	strict(t, c.Params, &p)
	var want struct{ Status string }
	strict(t, c.Expected, &want)
	passed, _, err := Aggregate(p.IntervalScores, p.Thresholds)
	if err != nil {
		t.Fatal(err)
	}
	got := map[bool]string{true: "SUCCEEDED", false: "TERMINAL"}[passed]
	if got != want.Status {
		t.Errorf("got %s, want %s", got, want.Status)
	}
}

func referWindow(t *testing.T, c referenceCase) {
	var p struct {
		IntervalMins, BeginAfterMins, LookbackMins, ControlOffsetInMinutes int
		StartOffsetMins, EndOffsetMins                                     *int
		StartTimeIso                                                       time.Time
		Judgement                                                          int
	}
	strict(t, c.Params, &p)
	var want struct {
		Windows                       []struct{ Judgement, Start, End int } `json:"windows_minutes_relative_to_now"`
		ExperimentStart, ControlStart time.Time
	}
	strict(t, c.Expected, &want)
	minutes := func(n int) time.Duration { return time.Duration(n) * time.Minute }
	now := time.Date(2018, 12, 17, 0, 0, 0, 0, time.UTC)
	table := Timetable{
		Start: p.StartTimeIso, Now: now, Interval: minutes(p.IntervalMins), Warmup: minutes(p.BeginAfterMins),
		Lookback: minutes(p.LookbackMins), ControlOffset: minutes(p.ControlOffsetInMinutes),
	}
	if p.StartOffsetMins != nil {
		table.Start = now.Add(minutes(*p.StartOffsetMins))
	}
	if p.EndOffsetMins != nil {
		table.End = now.Add(minutes(*p.EndOffsetMins))
	}
	for _, w := range want.Windows {
		got := table.Window(w.Judgement)
		if start, end := now.Add(minutes(w.Start)), now.Add(minutes(w.End)); !got.ExperimentStart.Equal(start) || !got.ExperimentEnd.Equal(end) {
			t.Errorf("judgement %d: got %v–%v, want %v–%v", w.Judgement, got.ExperimentStart, got.ExperimentEnd, start, end)
		}
	}
	if len(want.Windows) == 0 {
		got := table.Window(p.Judgement)
		if !got.ExperimentStart.Equal(want.ExperimentStart) || !got.ControlStart.Equal(want.ControlStart) {
			t.Errorf("got %v and %v, want %v and %v", got.ExperimentStart, got.ControlStart, want.ExperimentStart, want.ControlStart)
		}
	}
}
