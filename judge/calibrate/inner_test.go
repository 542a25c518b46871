package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/stats"
)

// independent draws resemble each other by chance only.
func TestIndependentDrawsCountInFull(t *testing.T) {
	d := rand.New(rand.NewPCG(1, 2))
	var rs []Result
	for i := range 300 {
		rs = append(rs, Result{Slot: i, Pods: []string{fmt.Sprint(d.IntN(20))}, Peak: d.NormFloat64()})
	}
	if l := alikeByPeak(rs); l.Effective < 200 {
		t.Errorf("got %+v, want nearly all of 300 draws", l)
	}
}

// TestDrawsThatShareCountLess makes draws whose peaks follow their stretch of time, or
// their pod: they tell about as much as there are stretches, or pods.
func TestDrawsThatShareCountLess(t *testing.T) {
	for name, c := range map[string]struct {
		of   func(slot, pod int) int
		most float64
	}{
		"by time": {func(slot, _ int) int { return slot }, 60},
		"by pod":  {func(_, pod int) int { return pod }, 30},
	} {
		d := rand.New(rand.NewPCG(3, 4))
		level := make([]float64, 100)
		for i := range level {
			level[i] = d.NormFloat64()
		}
		var rs []Result
		for i := range 400 {
			slot, pod := 2*(i%40), d.IntN(20)
			rs = append(rs, Result{Slot: slot, Pods: []string{fmt.Sprint(pod)}, Peak: level[c.of(slot, pod)] + .1*d.NormFloat64()})
		}
		if l := alikeByPeak(rs); l.Effective > c.most || l.Effective < 5 {
			t.Errorf("%s: got %+v, want at most %v independent draws", name, l, c.most)
		}
	}
}

func alikeByPeak(rs []Result) Likeness {
	k := kinshipOf(rs)
	return k.alike(k.peaks())
}

// TestTheIntervalCovers draws alarms that come in clusters, and counts how often the
// interval holds the true rate; the plain one does not hold its level.
func TestTheIntervalCovers(t *testing.T) {
	const rounds, slots, per, rate = 200, 40, 5, .1
	d := rand.New(rand.NewPCG(5, 6))
	covers, plainCovers := 0, 0
	for range rounds {
		var rs []Result
		alarms := 0
		for s := range slots {
			common := d.NormFloat64()
			for k := range per {
				peak := math.Sqrt(.8)*common + math.Sqrt(.2)*d.NormFloat64()
				rs = append(rs, Result{Slot: 2 * s, Pods: []string{fmt.Sprint(s, k)}, Peak: peak})
				if peak > 1.2815515655446004 { // of a standard normal one in ten
					alarms++
				}
			}
		}
		r := rateOf(alarms, len(rs), alikeByPeak(rs).Effective)
		if r.Low <= rate && rate <= r.High {
			covers++
		}
		if i, err := stats.ClopperPearson(float64(alarms), float64(len(rs)), confidence); err == nil && i.Contains(rate) {
			plainCovers++
		}
	}
	if covers < .94*rounds {
		t.Errorf("the interval held the rate in %d of %d, want 95 %%", covers, rounds)
	}
	if plainCovers > .9*rounds {
		t.Errorf("the plain interval held it in %d of %d: the clusters are no test", plainCovers, rounds)
	}
}

func TestUneven(t *testing.T) {
	for _, c := range []struct {
		a, b int
		want float64
	}{{0, 0, 1}, {5, 5, 1}, {0, 5, 2. / 32}, {1, 9, 22. / 1024}, {3, 0, .25}} {
		if got := uneven(c.a, c.b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("uneven(%d, %d): got %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestBinomial(t *testing.T) {
	d := rand.New(rand.NewPCG(7, 8))
	for _, c := range []struct{ n, p float64 }{{10, .5}, {100, .02}, {50, .9}, {5000, .1}, {20, 1}, {20, 0}} {
		const draws = 4000
		var sum, squares float64
		for range draws {
			x := binomial(d, c.n, c.p)
			if x < 0 || x > c.n || x != math.Trunc(x) {
				t.Fatalf("n %v p %v: got %v", c.n, c.p, x)
			}
			sum += x
			squares += (x - c.n*c.p) * (x - c.n*c.p)
		}
		v := c.n * c.p * (1 - c.p)
		if mean := sum / draws; math.Abs(mean-c.n*c.p) > 5*math.Sqrt(v/draws)+1e-9 {
			t.Errorf("n %v p %v: got mean %v", c.n, c.p, mean)
		}
		if got := squares / draws; math.Abs(got-v) > .15*v+1e-9 {
			t.Errorf("n %v p %v: got variance %v, want %v", c.n, c.p, got, v)
		}
	}
}

// TestHarmIsAsLargeAsItSays puts more errors and longer latencies into a frame.
func TestHarmIsAsLargeAsItSays(t *testing.T) {
	w := queries.Window{Start: time.Unix(60_000, 0), End: time.Unix(60_000+60*200, 0), Block: time.Minute}
	errs := queries.Process{Name: "a", N: make(queries.Column, 200), X: make(queries.Column, 200)}
	slow := queries.Process{Name: "a", N: make(queries.Column, 200), Sum: make(queries.Column, 200)}
	bounds := []float64{.05, .1, .2, .4}
	d := rand.New(rand.NewPCG(9, 9))
	for t := range 200 {
		errs.N[t], slow.N[t] = 500, 500
		row := make([]float64, 4)
		for range 500 {
			v := .1 * math.Exp(.5*d.NormFloat64())
			slow.Sum[t] += v
			for k, b := range bounds {
				if v > b {
					row[k]++
				}
			}
		}
		slow.Over = append(slow.Over, row...)
	}
	errs.N[3], errs.X[3] = queries.Gap(), queries.Gap()
	h := &Harm{Errors: .02, Latency: 1.5, Seed: 1}
	got := h.apply(queries.Frame{Window: w, Processes: []queries.Process{errs}}, moreBad, 4)
	again := h.apply(queries.Frame{Window: w, Processes: []queries.Process{errs}}, moreBad, 4)
	var sum float64
	for t, x := range got.Processes[0].X {
		if t != 3 {
			sum += x
		}
	}
	if rate := sum / 500 / 199; math.Abs(rate-.02) > .002 {
		t.Errorf("got %v more errors, want 0.02", rate)
	}
	if !queries.IsGap(got.Processes[0].X[3]) || got.Processes[0].X[0] != again.Processes[0].X[0] || errs.X[0] != 0 {
		t.Error("a gap was filled, or the harm is another one each time, or the history was changed")
	}
	lat := h.apply(queries.Frame{Window: w, Bounds: bounds, Processes: []queries.Process{slow}}, slower, 4)
	var before, after [4]float64
	for i := range slow.Over {
		before[i%4] += slow.Over[i] / 100_000
		after[i%4] += lat.Processes[0].Over[i] / 100_000
	}
	for k, b := range bounds {
		want := .5 * math.Erfc(math.Log(b/.15)/.5/math.Sqrt2)
		if math.Abs(after[k]-want) > .06 || after[k] <= before[k] {
			t.Errorf("above %v: got %.3f (before %.3f), want about %.3f", b, after[k], before[k], want)
		}
	}
	if err := lat.Validate(); err != nil {
		t.Errorf("the harmed frame is none: %v", err)
	}
}

// TestADrawTakesItsPodsOutOfTheBaseline asks a fleet for both arms: every pod is in one of
// them, and the canary's are not in the past that is learnt from.
func TestADrawTakesItsPodsOutOfTheBaseline(t *testing.T) {
	p, err := plan.Parse("p.yaml", []byte("service: s\nsource: m\narms: { baseline: { labels: { track: stable } } }\nmetrics:\n  - name: errors\n    query: sum(rate(bad_total[1m])) / sum(rate(all_total[1m]))\n"))
	if err != nil {
		t.Fatal(err)
	}
	arm := rollout.Arm(p.Arms.Baseline)
	qs, err := Questions(p, arm)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(6000*60, 0)
	w := queries.Window{Start: start.Add(-time.Hour), End: start.Add(time.Hour), Block: time.Minute}
	f := queries.Frame{Window: w}
	for _, name := range []string{"a", "b", "c", "d"} {
		f.Processes = append(f.Processes, queries.Process{Name: name, N: make(queries.Column, 120), X: make(queries.Column, 120)})
	}
	h := NewHistory(Span{w.Start, w.End}, map[string]queries.Frame{qs[0].Key: f})
	tr, err := newTrial(h, p, arm)
	if err != nil {
		t.Fatal(err)
	}
	src := &fleet{trial: tr, draw: draw{start: start}, chosen: map[string]bool{"b": true}}
	names := func(a rollout.Arm, w queries.Window) string {
		r, err := p.Metrics[0].Scoped(plan.Arm(a))
		if err != nil {
			t.Fatal(err)
		}
		f, err := src.Blocks(t.Context(), r, w)
		if err != nil {
			t.Fatal(err)
		}
		out := ""
		for _, p := range f.Processes {
			out += p.Name
		}
		return out
	}
	run, before := queries.Window{Start: start, End: w.End, Block: w.Block}, queries.Window{Start: w.Start, End: start, Block: w.Block}
	for _, c := range []struct {
		arm  rollout.Arm
		w    queries.Window
		want string
	}{{arm, run, "acd"}, {pretended(arm), run, "b"}, {arm, before, "acd"}} {
		if got := names(c.arm, c.w); got != c.want {
			t.Errorf("arm %v from %v: got pods %q, want %q", c.arm.Labels, c.w.Start, got, c.want)
		}
	}
	if _, err := src.Blocks(t.Context(), qs[0].Reading, queries.Window{Start: w.End, End: w.End.Add(time.Minute), Block: w.Block}); queries.FaultOf(err) != queries.Rejected {
		t.Errorf("got error %v of a time that the history does not have", err)
	}
}

// TestSpans cuts exceptions out of a history.
func TestSpans(t *testing.T) {
	at := func(m int) time.Time { return time.Unix(0, 0).Add(time.Duration(m) * time.Minute) }
	h := &History{Span: Span{at(0), at(100)}, Except: []Span{{at(40), at(50)}, {at(10), at(20).Add(time.Second)}, {at(45), at(60)}}}
	want := []Span{{at(0), at(10)}, {at(21), at(40)}, {at(60), at(100)}}
	got := h.spans(time.Minute)
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if !got[i].From.Equal(want[i].From) || !got[i].To.Equal(want[i].To) {
			t.Errorf("span %d: got %v, want %v", i, got[i], want[i])
		}
	}
}

// TestWindows cuts a day into queries that a store answers.
func TestWindows(t *testing.T) {
	day := Span{time.Unix(0, 0).Add(time.Second), time.Unix(86400, 0)}
	for _, c := range []struct {
		block, chunk time.Duration
		want         int
	}{{time.Minute, 6 * time.Hour, 4}, {2 * time.Second, 6 * time.Hour, 5}, {time.Hour, time.Minute, 23}, {48 * time.Hour, time.Hour, 0}} {
		got := windows(day, c.block, c.chunk)
		if len(got) != c.want {
			t.Errorf("%v: got %d windows, want %d", c.block, len(got), c.want)
		}
		for i, w := range got {
			if w.Len() > mostBlocks || w.Start.UnixNano()%int64(c.block) != 0 || i > 0 && !w.Start.Equal(got[i-1].End) {
				t.Errorf("%v: window %d is %v to %v", c.block, i, w.Start, w.End)
			}
		}
	}
}

// TestMetricsOfOtherPodsAreLeftOut fits a plan to a history in which one metric knows the
// pods by other names, one cannot tell them apart, and one was never seen.
func TestMetricsOfOtherPodsAreLeftOut(t *testing.T) {
	text := "service: s\nsource: m\narms: { baseline: { labels: { track: stable } } }\nmetrics:\n"
	for _, name := range []string{"errors", "others", "one", "unseen"} {
		text += fmt.Sprintf("  - name: %s\n    query: sum(rate(%[1]s_bad_total[1m])) / sum(rate(%[1]s_total[1m]))\n    kind: proportion\n    worse: higher\n    required: %[2]t\n", name, name == "errors")
	}
	text += "limits:\n  - { name: far, metric: others, above: 20% }\n  - { name: near, metric: errors, above: 20% }\n"
	p, err := plan.Parse("p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	qs, err := Questions(p, rollout.Arm(p.Arms.Baseline))
	if err != nil {
		t.Fatal(err)
	}
	w := queries.Window{Start: time.Unix(0, 0), End: time.Unix(600, 0), Block: time.Minute}
	frames := map[string]queries.Frame{}
	for i, names := range [][]string{{"a", "b"}, {"x-a", "x-b"}, {""}, {}} {
		f := queries.Frame{Window: w}
		for _, n := range names {
			f.Processes = append(f.Processes, queries.Process{Name: n, N: make(queries.Column, 10), X: make(queries.Column, 10)})
		}
		frames[qs[i].Key] = f
	}
	h := NewHistory(Span{w.Start, w.End}, frames)
	got, notes, err := h.fit(p, qs)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Metrics) != 1 || got.Metrics[0].Name != "errors" || len(got.Limits) != 1 || got.Limits[0].Name != "near" {
		t.Errorf("got metrics %v and limits %v, want errors alone", got.Metrics, got.Limits)
	}
	all := strings.Join(notes, "\n")
	for _, want := range []string{"others was left out: its pods have other names", "one was left out: its source cannot tell pods apart", "unseen was left out: the history has no sample"} {
		if !strings.Contains(all, want) {
			t.Errorf("got notes %q, want %q", all, want)
		}
	}
	p.Metrics[0].Required = false
	if _, _, err := h.fit(p, qs); err == nil || !strings.Contains(err.Error(), "promotion") {
		t.Errorf("got error %v, want that nothing is left that promotion needs", err)
	}
}
