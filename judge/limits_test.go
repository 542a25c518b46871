package judge

import (
	"fmt"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// presetLimit is a limit of the kubernetes preset, as a plan gets it.
func presetLimit(t *testing.T, name string) plan.Limit {
	t.Helper()
	p, err := plan.Parse("plan.yaml", []byte("service: checkout\npreset: [http, kubernetes]\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range p.Limits {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("the preset has no limit called %s", name)
	return plan.Limit{}
}

// limitOver judges a limit over values of the canary's pods, with nothing else wrong.
func limitOver(l plan.Limit, edition int, pods ...queries.Column) Verdict {
	in := newWorld(51).input(len(pods[0]))
	in.Record.Plan.Edition = edition
	in.Record.Plan.Limits = []plan.Limit{l}
	f := queries.Frame{Window: queries.Window{Start: testStart, End: testStart.Add(time.Duration(len(pods[0])) * time.Minute), Block: time.Minute}}
	for i, v := range pods {
		p := queries.Process{V: v}
		if l.Each {
			p.Name = fmt.Sprintf("pod-%d", i)
		}
		f.Processes = append(f.Processes, p)
	}
	in.Record.Frozen.Metrics[limitKey(l)] = FrozenMetric{Canary: f, Baseline: queries.Frame{Window: f.Window}}
	return Evaluate(in)
}

// TestCrashLoop holds what the preset's limit on restarts counts: two since the rollout
// began, whether the pod was there before, was made anew or came later.
func TestCrashLoop(t *testing.T) {
	no := queries.Gap()
	l := presetLimit(t, "crash-loop")
	for _, c := range []struct {
		name   string
		pods   []queries.Column
		fires  bool
		before bool // what edition 0 said
	}{
		{"no restart", []queries.Column{{0, 0, 0, 0, 0, 0}}, false, false},
		{"one", []queries.Column{{0, 0, 1, 1, 1, 1}}, false, false},
		{"two", []queries.Column{{0, 0, 1, 1, 2, 2}}, true, true},
		{"two of a pod that had five", []queries.Column{{5, 5, 6, 6, 7, 7}}, true, true},
		{"a pod with five from before", []queries.Column{{5, 5, 5, 5, 5, 5}}, false, false},
		{"one in each of two pods", []queries.Column{{0, 1, 1, 1, 1, 1}, {0, 0, 1, 1, 1, 1}}, false, false},
		{"a pod made anew under its name crashes four times", []queries.Column{{3, 0, 1, 2, 3, 4}}, true, false},
		{"a pod made anew and well", []queries.Column{{3, 0, 0, 0, 0, 0}}, false, false},
		{"a pod that is first seen at its third restart", []queries.Column{{no, no, 3, 3, 3, 3}}, true, false},
		{"a pod that comes later and is well", []queries.Column{{no, no, 0, 0, 1, 1}}, false, false},
		{"one restart beside a scrape that failed", []queries.Column{{1, no, 1, no, 2, 2}}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for edition, want := range map[int]bool{plan.Edition: c.fires, 0: c.before} {
				v := limitOver(l, edition, c.pods...)
				if got := v.Outcome == Rollback; got != want {
					t.Errorf("edition %d: got %v (%s), want a rollback: %t", edition, v.Outcome, v.Reason, want)
				}
			}
		})
	}
}

// TestGrowthOfAll holds that the growth of all processes together loses nothing when one
// of them ends, and gains nothing by it.
func TestGrowthOfAll(t *testing.T) {
	no, most := queries.Gap(), 2.0
	l := plan.Limit{Name: "dropped", Above: &most, Blocks: 1, Growth: true}
	f := func(pods ...queries.Column) queries.Frame {
		out := queries.Frame{Window: queries.Window{Start: testStart, End: testStart.Add(4 * time.Minute), Block: time.Minute}}
		for i, v := range pods {
			out.Processes = append(out.Processes, queries.Process{Name: fmt.Sprintf("pod-%d", i), V: v})
		}
		return out
	}
	for _, c := range []struct {
		name string
		pods queries.Frame
		want queries.Column
	}{
		{"both grow", f(queries.Column{5, 6, 6, 7}, queries.Column{0, 0, 1, 1}), queries.Column{0, 1, 2, 3}},
		{"one ends", f(queries.Column{5, 6, no, no}, queries.Column{9, 9, 9, 9}), queries.Column{0, 1, 1, 1}},
		{"one comes", f(queries.Column{5, 5, 5, 5}, queries.Column{no, no, 2, 3}), queries.Column{0, 0, 2, 3}},
		{"one takes over from the other", f(queries.Column{0, 2, no, no}, queries.Column{no, no, 0, 1}), queries.Column{0, 2, 2, 3}},
		{"nothing is seen for a block", f(queries.Column{0, no, 1, 1}, queries.Column{0, no, 0, 0}), queries.Column{0, no, 1, 1}},
	} {
		if got := grown(c.pods, l)[0].V; !sameColumn(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// TestReadyPods holds what the preset's limit on ready pods bounds: those that are ready
// among those that there are, in percent, whatever their number was before.
func TestReadyPods(t *testing.T) {
	no := queries.Gap()
	l := presetLimit(t, "ready-pods")
	share := func(ready, pods []float64) queries.Column {
		out := make(queries.Column, len(ready))
		for i := range out {
			if out[i] = 100 * ready[i] / pods[i]; pods[i] == 0 {
				out[i] = no // an average of nothing is no sample
			}
		}
		return out
	}
	for _, c := range []struct {
		name        string
		ready, pods []float64
		fires       bool
	}{
		{"all are", []float64{4, 4, 4, 4, 4, 4, 4}, []float64{4, 4, 4, 4, 4, 4, 4}, false},
		{"an autoscaler takes six of ten", []float64{10, 10, 4, 4, 4, 4, 4}, []float64{10, 10, 4, 4, 4, 4, 4}, false},
		{"an autoscaler adds six to four", []float64{4, 4, 4, 4, 10, 10, 10}, []float64{4, 10, 10, 10, 10, 10, 10}, false},
		{"half are", []float64{2, 2, 2, 2, 2, 2, 2}, []float64{4, 4, 4, 4, 4, 4, 4}, false},
		{"none ever is", []float64{0, 0, 0, 0, 0, 0, 0}, []float64{4, 4, 4, 4, 4, 4, 4}, true},
		{"one of ten ever is", []float64{1, 1, 1, 1, 1, 1, 1}, []float64{10, 10, 10, 10, 10, 10, 10}, true},
		{"most fall", []float64{4, 4, 1, 1, 1, 1, 1}, []float64{4, 4, 4, 4, 4, 4, 4}, true},
		{"most fall for two blocks", []float64{4, 4, 1, 1, 4, 4, 4}, []float64{4, 4, 4, 4, 4, 4, 4}, false},
		{"they take four blocks to start", []float64{0, 0, 0, 0, 4, 4, 4}, []float64{4, 4, 4, 4, 4, 4, 4}, false},
		{"there are none", []float64{0, 0, 0, 0, 0, 0, 0}, []float64{0, 0, 0, 0, 0, 0, 0}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := limitOver(l, plan.Edition, share(c.ready, c.pods))
			if got := v.Outcome == Rollback; got != c.fires {
				t.Errorf("got %v (%s), want a rollback: %t", v.Outcome, v.Reason, c.fires)
			}
		})
	}
}
