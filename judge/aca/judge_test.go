package aca

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestJudgeStops(t *testing.T) {
	ok := Config{Metrics: []MetricConfig{{Name: "m", Groups: []string{"g"}}}}
	pairs := []Pair{{Name: "m", Control: []float64{1}, Experiment: []float64{1}}}
	for _, c := range []struct {
		name string
		r    Request
		want string
	}{
		{"no metric config", Request{Pairs: pairs}, `series "m"`},
		{"no groups", Request{Config: Config{Metrics: []MetricConfig{{Name: "m"}}}, Pairs: pairs}, "no list of groups"},
		{"threshold", Request{Config: ok, Pairs: pairs, Thresholds: Thresholds{Pass: math.NaN()}}, "threshold"},
	} {
		if _, err := (Judge{}).Judge(c.r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}

// What Kayenta's integration tests draw: ranges that overlap pass, others fail.
func TestJudgeEndToEnd(t *testing.T) {
	draw := func(seed int64, low, high float64) []float64 {
		r, out := NewJavaRandom(seed), make([]float64, 60)
		for i := range out {
			out[i] = low + (high-low)*r.uniform()
		}
		return out
	}
	metric := func(name string, s Settings) MetricConfig {
		return MetricConfig{Name: name, Groups: []string{"g"}, Canary: s}
	}
	good := Pair{Name: "good", ID: "1", Tags: map[string]string{"zone": "a"}, Control: draw(1, 40, 45), Experiment: draw(2, 39, 46)}
	bad := Pair{Name: "bad", Control: draw(3, 10, 20), Experiment: draw(4, 20, 23)}
	for _, c := range []struct {
		name   string
		config []MetricConfig
		pairs  []Pair
		score  float64
		class  ScoreClass
	}{
		{"overlapping ranges", []MetricConfig{metric("good", Settings{})}, []Pair{good}, 100, ScorePass},
		{"disjoint ranges", []MetricConfig{metric("bad", Settings{})}, []Pair{bad}, 0, ScoreFail},
		{"a muted failure", []MetricConfig{metric("good", Settings{}), metric("bad", Settings{Muted: true})}, []Pair{good, bad}, 100, ScorePass},
		{"nothing but muted", []MetricConfig{metric("bad", Settings{Muted: true})}, []Pair{bad}, 0, ScoreFail},
		{"each series counts", []MetricConfig{metric("good", Settings{}), metric("bad", Settings{})}, []Pair{good, bad, good, good}, 75, ScoreMarginal},
		{"the first of two configs counts", []MetricConfig{metric("bad", Settings{Direction: Decrease}), metric("bad", Settings{})}, []Pair{bad}, 100, ScorePass},
		{"no series", []MetricConfig{metric("bad", Settings{})}, nil, 0, ScoreFail},
		{"errors alone", []MetricConfig{metric("m", Settings{Critical: true})}, []Pair{{Name: "m", Control: []float64{7}, Experiment: []float64{5}}}, 100, ScorePass},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Judge{}.Judge(Request{Config: Config{Metrics: c.config}, Thresholds: Thresholds{Pass: 95, Marginal: 75}, Pairs: c.pairs})
			if err != nil {
				t.Fatal(err)
			}
			if got.Score.Score != c.score || got.Score.Classification != c.class {
				t.Errorf("got %+v, want %v %s", got.Score, c.score, c.class)
			}
			if len(got.Results) != len(c.pairs) || got.JudgeName != Name {
				t.Errorf("got %d results of %s, want %d, muted ones too", len(got.Results), got.JudgeName, len(c.pairs))
			}
		})
	}
	r, err := Judge{}.Judge(Request{Config: Config{Metrics: []MetricConfig{metric("good", Settings{})}}, Pairs: []Pair{good}})
	if err != nil {
		t.Fatal(err)
	}
	if g := r.Results[0]; g.ID != "1" || g.Tags["zone"] != "a" || g.Experiment.Stats.Count != 60 || float64(g.Metadata.Ratio) != MeanRatio(good.Control, good.Experiment) {
		t.Errorf("got %+v, want what the pair said", g)
	}
}

// fixedNoise counts how often it is asked.
type fixedNoise struct{ asked int }

func (n *fixedNoise) NextGaussian() float64 {
	n.asked++
	return float64(n.asked%3) - 1
}

func TestNoise(t *testing.T) {
	for _, c := range []struct {
		name                string
		control, experiment []float64
		want                int
	}{
		{"both constant", []float64{1, 1, 1}, []float64{2, 2}, 5},
		{"a side of zeros gets none", []float64{0, 0, 0}, []float64{2, 2}, 2},
		{"equal constants need none", []float64{2, 2, 2}, []float64{2, 2}, 0},
		{"one side varies", []float64{1, 1, 1}, []float64{2, 3}, 0},
	} {
		n := &fixedNoise{}
		got, err := NetflixClassifier().Classify(Sides{Control: c.control, Experiment: c.experiment}, Settings{}, n)
		if err != nil {
			t.Fatal(err)
		}
		if n.asked != c.want || (got.Evidence != nil && got.Evidence.Noisy) != (c.want > 0) {
			t.Errorf("%s: asked %d times, evidence %+v, want %d", c.name, n.asked, got.Evidence, c.want)
		}
	}
}

// Noise is a hundred-thousandth of each side's own value.
func TestNoiseScale(t *testing.T) {
	sides := Sides{Control: []float64{1000, 1000, 1000}, Experiment: []float64{-2000, -2000}}
	got, err := NetflixClassifier().Classify(sides, Settings{}, &fixedNoise{})
	if err != nil {
		t.Fatal(err)
	}
	// The numbers are 0 and 1 for the experiment, -1, 0 and 1 for the control.
	expectNear(t, "ratio", got.Ratio, (-2000-0.02/2)/1000, 1e-12)
}

// What is no number ranks above all numbers, level with an infinity.
func TestRanksOfInfinities(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		control, experiment []float64
		mu, sum, ties       float64
	}{
		{[]float64{1, 2}, []float64{inf, 3}, inf, 1 + 4, 0},
		{[]float64{1, inf}, []float64{inf, 3}, inf, 1 + 3.5, 6},
		{[]float64{1, 2}, []float64{-inf, 3}, -inf, 3.5 + 3.5, 6},
		{[]float64{1, 2, 2}, []float64{2, 3}, 0, 3 + 5, 24},
	} {
		sum, ties := newShift(c.control, c.experiment).ranks(c.mu)
		if sum != c.sum || ties != c.ties {
			t.Errorf("%v - %v among %v: got %v and %v, want %v and %v", c.experiment, c.mu, c.control, sum, ties, c.sum, c.ties)
		}
	}
}

// The injected noise is the judge's, begins anew for each pair, and decides nothing else.
func TestVerdictsAreReproducible(t *testing.T) {
	config := Config{Metrics: []MetricConfig{{Name: "m", Groups: []string{"g"}}}}
	constants := Pair{Name: "m", Control: mixture(6, 1, 6, 1), Experiment: mixture(6, 2, 6, 2)}
	estimates := func(j Judge, pairs ...Pair) (out []float64) {
		r, err := j.Judge(Request{Config: config, Pairs: pairs})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range r.Results {
			out = append(out, one.Evidence.Interval.Estimate)
		}
		return out
	}
	first := estimates(Judge{}, constants, constants)
	if first[0] != first[1] || !slices.Equal(first, estimates(Judge{}, constants, constants)) {
		t.Errorf("got %v, want the same number always", first)
	}
	if same := estimates(Judge{NewNoise: func() Noise { return NewJavaRandom(DefaultSeed) }}, constants); same[0] != first[0] {
		t.Errorf("with the default seed said aloud: got %v, want %v", same[0], first[0])
	}
	seeded := estimates(Judge{NewNoise: func() Noise { return NewJavaRandom(99) }}, constants)
	if seeded[0] == first[0] {
		t.Error("another seed changed nothing")
	}
}

// The first numbers of java.util.Random at two seeds.
func TestJavaRandom(t *testing.T) {
	for seed, want := range map[int64][]float64{
		42: {1.1419053154730547, 0.9194079489827879, -0.9498666368908959},
		0:  {0.8025330637390305, -0.9015460884175122, 2.080920790428163},
	} {
		r := NewJavaRandom(seed)
		for i, w := range want {
			if got := r.NextGaussian(); math.Abs(got-w) > 1e-15 {
				t.Errorf("seed %d, number %d: got %v, want %v", seed, i, got, w)
			}
		}
	}
}

func TestMix(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	series := func(name, zone string, values ...float64) Series {
		s := Series{Name: name, Values: values, Start: start, End: start.Add(3 * time.Minute), Step: time.Minute}
		if zone != "" {
			s.Tags = map[string]string{"zone": zone}
		}
		return s
	}
	control := []Series{series("cpu", "a", 1, 2, 3), series("cpu", "b", 4, 5, 6), series("errors", "")}
	experiment := []Series{series("cpu", "c", 7), series("cpu", "a", 8, 9), series("errors", "x", 1, 2, 3)}
	got, err := Mix([]string{"errors", "cpu", "absent"}, control, experiment)
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	want := []Pair{
		{Name: "errors", Tags: map[string]string{"zone": "x"}, Control: []float64{nan, nan, nan}, Experiment: []float64{1, 2, 3}},
		{Name: "cpu", Tags: map[string]string{"zone": "a"}, Control: []float64{1, 2, 3}, Experiment: []float64{8, 9, nan}},
		{Name: "cpu", Tags: map[string]string{"zone": "b"}, Control: []float64{4, 5, 6}, Experiment: []float64{nan, nan, nan}},
		{Name: "cpu", Tags: map[string]string{"zone": "c"}, Control: []float64{nan, nan, nan}, Experiment: []float64{7, nan, nan}},
	}
	same := func(a, b float64) bool { return near(a, b, 0) }
	if !slices.EqualFunc(got, want, func(a, b Pair) bool {
		return a.Name == b.Name && a.Tags["zone"] == b.Tags["zone"] && slices.EqualFunc(a.Control, b.Control, same) && slices.EqualFunc(a.Experiment, b.Experiment, same)
	}) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
	other := series("cpu", "", 1)
	other.Tags = map[string]string{"pod": "p"}
	if _, err := Mix([]string{"cpu"}, control, []Series{other}); err == nil || !strings.Contains(err.Error(), "labels") {
		t.Errorf("other keys: got %v, want an error about labels", err)
	}
}

func TestWindow(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	for _, c := range []struct {
		name       string
		table      Timetable
		start, end int
	}{
		{"growing", Timetable{Now: now, Interval: 5 * time.Minute}, 0, 15},
		{"sliding", Timetable{Now: now, Interval: 5 * time.Minute, Lookback: 4 * time.Minute}, 11, 15},
		{"sliding past the start", Timetable{Now: now, Interval: 5 * time.Minute, Lookback: 20 * time.Minute}, -5, 15},
		{"warm-up", Timetable{Start: at(1), Now: now, Interval: 5 * time.Minute, Warmup: 2 * time.Minute}, 3, 18},
		{"warm-up, but in retrospect", Timetable{Start: at(-60), End: at(-1), Now: now, Interval: 5 * time.Minute, Warmup: 2 * time.Minute}, -60, -45},
	} {
		c.table.ControlOffset = time.Hour
		got := c.table.Window(3)
		want := Windows{at(c.start), at(c.end), at(c.start - 60), at(c.end - 60)}
		if got != want {
			t.Errorf("%s: got %v, want %v", c.name, got, want)
		}
	}
}
