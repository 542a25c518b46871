package judge

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// TestLearnIsWhatTheFirstLookFreezes holds that a forecast rests on the numbers that
// a rollout would rest on.
func TestLearnIsWhatTheFirstLookFreezes(t *testing.T) {
	w := newWorld(3)
	j, mem, src := newTestJudge(w)
	src.born = -1000
	lookAt(t, j, 1)
	got, problems := Learn(t.Context(), src, testPlan(), testRollout())
	if len(problems) > 0 {
		t.Fatalf("got problems %v", problems)
	}
	want := map[string]*Prior{}
	for name, f := range mem.rec.Frozen.Metrics {
		if f.Prior != nil {
			want[name] = f.Prior
		}
	}
	if diff := cmp.Diff(want, got); len(got) != 2 || diff != "" {
		t.Errorf("priors (-frozen +learnt):\n%s", diff)
	}
}

// TestLearnSaysWhatCannotBeRead: a metric that fails has a problem and no prior.
func TestLearnSaysWhatCannotBeRead(t *testing.T) {
	p := testPlan()
	p.Metrics[1].Selector = `arm="{{ .Namespace }}"`
	r := testRollout()
	r.Baseline.Namespace = ""
	_, _, src := newTestJudge(newWorld(3))
	got, problems := Learn(t.Context(), src, p, r)
	if got["errors"] == nil || got["latency"] != nil || problems["latency"].Fault != queries.Rejected {
		t.Errorf("got %v, problems %v, want errors alone", got, problems)
	}
}

// TestUseBoundsIsHowTheyAreLearnt holds the two to the same rule.
func TestUseBoundsIsHowTheyAreLearnt(t *testing.T) {
	_, _, src := newTestJudge(newWorld(3))
	src.born = -1000
	p, r := testPlan(), testRollout()
	learnt, _ := Learn(t.Context(), src, p, r)
	prior := *learnt["latency"]
	prior.Streams = append([]StreamPrior(nil), prior.Streams...)
	for k := range prior.Streams {
		prior.Streams[k].Use = "?"
	}
	prior.UseBounds(prior.RequestsPerBlock * forecastShare(r, nil) * float64(p.MaxDuration/p.Block))
	if diff := cmp.Diff(learnt["latency"].Streams, prior.Streams); diff != "" {
		t.Errorf("streams (-learnt +UseBounds):\n%s", diff)
	}
}

func TestPodLuck(t *testing.T) {
	p := testPlan()
	prior := &Prior{
		Blocks: 60, Pods: 20, Rate: .002, Streams: []StreamPrior{{Pod: .4, DF: 19}}, Series: &SeriesPrior{Pod: .4, DF: 19, Log: true},
	}
	few, many := PodLuckOf(p, p.Metrics[1], prior, Pods{1, 19}), PodLuckOf(p, p.Metrics[1], prior, Pods{10, 19})
	if few.Promote > 0 || few.Needed < 2 || many.Promote <= 0 || few.Needed != many.Needed || few.Rollback <= many.Rollback {
		t.Errorf("latency: got %+v with one pod and %+v with ten", few, many)
	}
	needed := PodLuckOf(p, p.Metrics[1], prior, Pods{float64(few.Needed), 19})
	if fewer := PodLuckOf(p, p.Metrics[1], prior, Pods{float64(few.Needed - 1), 19}); needed.Promote <= 0 || fewer.Promote > 0 {
		t.Errorf("%d pods: got margins %v, and with one less %v", few.Needed, needed.Promote, fewer.Promote)
	}
	// 0.5 points are far beyond what pods make of 0.2 %.
	if errs := PodLuckOf(p, p.Metrics[0], prior, Pods{1, 19}); errs.Promote > 0 || errs.Needed != 1 {
		t.Errorf("errors: got %+v, want one pod to do, by the absolute part", errs)
	}
	p.Comparison = plan.Comparison(rollout.BeforeAfter)
	if doubled := PodLuckOf(p, p.Metrics[1], prior, Pods{10, 19}); doubled.Promote <= many.Promote {
		t.Errorf("before-after: got a margin of %v, want more than %v", doubled.Promote, many.Promote)
	}
	if none := PodLuckOf(p, p.Metrics[1], nil, Pods{1, 1}); none.Spread != defaultPodSeries || math.IsNaN(none.Promote) {
		t.Errorf("nothing known: got %+v, want the default spread", none)
	}
}

func TestNewestBlock(t *testing.T) {
	got := NewestBlock(testPlan(), testStart.Add(100*time.Second))
	if want := testStart.Add(time.Minute); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
