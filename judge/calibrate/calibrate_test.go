package calibrate_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/backtest"
	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/judge/lab"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// labAlarms is how many of the lab's own canaries of a fleet are rolled back within the
// hour.
func labAlarms(t testing.TB, f *lab.Fleet, runs int, p plan.Plan) int {
	t.Helper()
	alarms := 0
	for i := range runs {
		_, begin, _ := f.Run(i)
		w, err := backtest.NewWalker(backtest.Past{Plan: p, Source: f, Rollout: rollout.Rollout{
			ID: "lab", Service: p.Service, Started: begin, Attempt: 1, Baseline: baselineArm(), Canary: rollout.Arm{Version: "canary"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		v, err := w.Look(t.Context(), 60)
		if err != nil {
			t.Fatal(err)
		}
		if v.Latched != nil {
			alarms++
		}
	}
	return alarms
}

// TestTheRateIsTheLabs holds what pods of the baseline say, judged as canaries, against
// what the lab's own canaries say. The lab's table has 0.3 % within the hour for the plan
// as it is; for a plan that takes noise for chance, the lab's canaries of the same fleet
// are judged here, and the plan is found out.
func TestTheRateIsTheLabs(t *testing.T) {
	t.Run("as it is", func(t *testing.T) {
		t.Parallel()
		const runs = 20
		f, p := fleet(t, twenty(t, lab.Moderate), runs)
		file, h := past(t, f, runs, p)
		r := study(t, file, h, calibrate.Config{Plan: p, Draws: 2 * runs, Seed: 2})
		cells, err := lab.Run(t.Context(), lab.Config{Settings: []lab.Setting{twenty(t, lab.Moderate)}, Runs: 60, Rules: []string{"serin"}, Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		if rate := cells[0].HarmRate; rate < r.Alarms.Low || rate > r.Alarms.High {
			t.Errorf("the lab's rate is %.4f, which is outside of %.4f to %.4f", rate, r.Alarms.Low, r.Alarms.High)
		}
		if r.Verdict == calibrate.Broken || r.Promoted.Rate < .9 {
			t.Errorf("got %s and %.2f promoted, want a plan that is not found wanting", r.Verdict, r.Promoted.Rate)
		}
	})
	t.Run("noise taken for chance", func(t *testing.T) {
		t.Parallel()
		const runs = 24
		f, p := fleet(t, twenty(t, lab.Harsh), runs)
		p.Sequential.Dispersion = plan.Exact
		file, h := past(t, f, runs, p)
		r := study(t, file, h, calibrate.Config{Plan: p, Draws: runs, Seed: 1})
		rate := float64(labAlarms(t, f, runs, p)) / runs
		if rate < r.Alarms.Low || rate > r.Alarms.High {
			t.Errorf("the lab's rate is %.3f, which is outside of %.3f to %.3f", rate, r.Alarms.Low, r.Alarms.High)
		}
		if r.Verdict != calibrate.Broken {
			t.Errorf("got %s, want the plan found out: %+v", r.Verdict, r.Alarms)
		}
		if text := adviceOf(r, ""); !strings.Contains(text, "sequential.dispersion: exact") {
			t.Errorf("the advice does not name what is wrong: %s", text)
		}
	})
}

func study(t testing.TB, f *calibrate.File, h *calibrate.History, c calibrate.Config) calibrate.Report {
	t.Helper()
	c.Baseline, c.Engine = baselineArm(), "test"
	if c.Paths == 0 {
		c.Paths = -1
	}
	r, err := calibrate.Study(t.Context(), f, h, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func adviceOf(r calibrate.Report, metric string) string {
	var out []string
	for _, a := range r.Advice {
		if a.Metric == metric {
			out = append(out, a.Text)
		}
	}
	return strings.Join(out, "\n")
}

// bursts is a fleet in which pods fail in bursts: ten minutes of six times the errors,
// now and then.
type bursts struct{ *lab.Fleet }

func (b bursts) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	f, err := b.Fleet.Blocks(ctx, r, w)
	for i, p := range f.Processes {
		for t := range p.X {
			at := w.Start.Unix()/600 + int64(t/10)
			if luck := rand.New(rand.NewPCG(uint64(at), uint64(i))); luck.Float64() < .1 && !queries.IsGap(p.X[t]) {
				p.X[t] = min(6*p.X[t]+2, p.N[t])
			}
		}
	}
	return f, err
}

// TestANoisyMetricIsNamed puts noise into one metric, which a plan takes for chance.
func TestANoisyMetricIsNamed(t *testing.T) {
	t.Parallel()
	const runs = 12
	f, p := fleet(t, twenty(t, lab.Clean), runs)
	p.Sequential.Dispersion = plan.Exact
	span, except := timesOf(f, runs)
	file := calibrate.MemoryFile(span, except)
	h := fetched(t, file, bursts{f}, p)
	r := study(t, file, h, calibrate.Config{Plan: p, Draws: runs, Seed: 3})
	if text := adviceOf(r, "errors"); !strings.Contains(text, "errors is too noisy") || !strings.Contains(text, "With a tolerance of") || !strings.Contains(text, "on these draws (") {
		t.Errorf("got advice %+v (alarms %+v), want errors named", r.Advice, r.Alarms)
	}
	for _, quiet := range []string{"latency", "cpu"} {
		if text := adviceOf(r, quiet); text != "" {
			t.Errorf("%s is quiet, and was told: %s", quiet, text)
		}
	}
}

// TestDrawsAreLaidOutFairly looks at the draws themselves.
func TestDrawsAreLaidOutFairly(t *testing.T) {
	t.Parallel()
	const runs = 6
	f, p := fleet(t, twenty(t, lab.Clean), runs)
	p.Metrics = p.Metrics[:1]
	p.MaxDuration, p.MinDuration, p.MinBlocks = plan.Duration(20*60e9), plan.Duration(10*60e9), 10
	file, h := past(t, f, runs, p)
	r := study(t, file, h, calibrate.Config{Plan: p, Draws: 30, Pods: 4, Seed: 5})
	if r.Stretches != 2*runs {
		t.Fatalf("got %d stretches, want two an hour", r.Stretches)
	}
	bySlot := map[int][]string{}
	for i, d := range r.Draws {
		if d.Index != i || len(d.Pods) != 4 || d.Again != 0 {
			t.Errorf("draw %d is %+v", i, d)
		}
		for _, pod := range d.Pods {
			if slices.Contains(bySlot[d.Slot], pod) {
				t.Errorf("pod %s was drawn twice in stretch %d", pod, d.Slot)
			}
		}
		bySlot[d.Slot] = append(bySlot[d.Slot], d.Pods...)
		inside := false
		for k := range runs {
			_, begin, end := f.Run(k)
			inside = inside || !d.Start.Before(begin) && !d.Start.Add(p.MaxDuration.D()).After(end)
		}
		if !inside {
			t.Errorf("draw %d begins at %v, outside of every rollout's hour", i, d.Start)
		}
	}
	if len(bySlot) != r.Stretches {
		t.Errorf("got draws in %d stretches of %d", len(bySlot), r.Stretches)
	}
	if notes := strings.Join(r.Notes, " "); !strings.Contains(notes, "up to 3 times") {
		t.Errorf("got notes %q, want it said that stretches were judged again", notes)
	}
	// With 72 draws of 4 of 20 pods the same pods have their turn again.
	again := study(t, file, h, calibrate.Config{Plan: p, Draws: 72, Pods: 4, Seed: 5})
	if notes := strings.Join(again.Notes, " "); !strings.Contains(notes, "judged in the same stretch before") {
		t.Errorf("got notes %q, want it said that pods were used again", notes)
	}
	if !slices.EqualFunc(r.Draws, again.Draws[:30], func(a, b calibrate.Result) bool { return a.Start.Equal(b.Start) && a.Peak == b.Peak }) {
		t.Error("the first draws changed with their number")
	}
}

// nameless is a source that cannot tell pods apart.
type nameless struct{ *lab.Fleet }

func (n nameless) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	f, err := n.Fleet.Blocks(ctx, r, w)
	if len(f.Processes) > 0 {
		f.Processes = []queries.Process{f.Total()}
	}
	return f, err
}

func TestWithoutPodsNothingIsDrawn(t *testing.T) {
	t.Parallel()
	f, p := fleet(t, twenty(t, lab.Clean), 1)
	p.Metrics = p.Metrics[:1]
	span, _ := timesOf(f, 1)
	file := calibrate.MemoryFile(span, nil)
	h := fetched(t, file, nameless{f}, p)
	_, err := calibrate.Study(t.Context(), file, h, calibrate.Config{Plan: p, Baseline: baselineArm()})
	if err == nil || !strings.Contains(err.Error(), "cannot tell the baseline's pods apart") || !strings.Contains(err.Error(), "no substitute") {
		t.Errorf("got error %v, want it refused with the reason", err)
	}
}

func TestWhatCannotBeCalibrated(t *testing.T) {
	t.Parallel()
	f, p := fleet(t, twenty(t, lab.Clean), 1)
	p.Metrics = p.Metrics[:1]
	file, h := past(t, f, 1, p)
	for name, c := range map[string]struct {
		edit func(*calibrate.Config)
		want string
	}{
		"more pods than there are": {func(c *calibrate.Config) { c.Pods = 19 }, "the most that were there all of a stretch are 20"},
		"a longer rollout":         {func(c *calibrate.Config) { c.Plan.MaxDuration *= 3 }, "ask for more days"},
		"negative draws":           {func(c *calibrate.Config) { c.Draws = -1 }, "-1 draws"},
		"before and after":         {func(c *calibrate.Config) { c.Plan.Comparison = "before-after" }, "share time"},
		"no arms":                  {func(c *calibrate.Config) { c.Plan.Metrics[0].Selector = `arm="baseline"` }, "compared with itself"},
	} {
		cfg := calibrate.Config{Plan: p, Baseline: baselineArm()}
		cfg.Plan.Metrics = slices.Clone(p.Metrics)
		c.edit(&cfg)
		if _, err := calibrate.Study(t.Context(), file, h, cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", name, err, c.want)
		}
	}
}
