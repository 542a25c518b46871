package checks

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// aLoad draws a load as one comes back: lognormal latencies, a few failures, lateness.
func aLoad(seed uint64, n int) LoadRun {
	r := rand.New(rand.NewPCG(seed, 5))
	run := LoadRun{Rate: 30, Warmup: n / 10, Took: 20*time.Second + 17, Canary: make([]LoadSample, n), Baseline: make([]LoadSample, n)}
	for k := range n {
		first := r.IntN(2) == 0
		for i, s := range [...]*LoadSample{&run.Canary[k], &run.Baseline[k]} {
			s.At = scheduled(k, run.Rate, (i == 0) != first)
			s.Status, s.Late = 200, time.Duration(r.IntN(200))*time.Microsecond
			s.Latency = s.Late + time.Duration(.02*math.Exp(.5*r.NormFloat64())*float64(time.Second))
			if r.IntN(300) == 0 {
				s.Status, s.Failure = 0, LoadTimedOut
			}
		}
	}
	return run
}

func again(t *testing.T, run LoadRun) (LoadRun, []byte) {
	t.Helper()
	text, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	var back LoadRun
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back, text
}

func TestRecordedLoad(t *testing.T) {
	for name, run := range map[string]LoadRun{
		"usual": aLoad(1, 500), "empty": {Rate: 1, Canary: []LoadSample{}, Baseline: []LoadSample{}},
		"one":          {Rate: .1, Canary: []LoadSample{{Latency: time.Nanosecond, Status: 200}}, Baseline: []LoadSample{{Failure: LoadUnsent}}},
		"own schedule": {Rate: 3, Canary: []LoadSample{{At: 7, Latency: time.Second}}, Baseline: []LoadSample{{At: 9, Late: time.Minute, Latency: time.Minute}}},
		"cut off":      {Rate: 2, Ended: "the caller gave up", Canary: []LoadSample{{Failure: LoadCancelled}}, Baseline: []LoadSample{{Failure: LoadMissed}}},
	} {
		t.Run(name, func(t *testing.T) {
			once, _ := again(t, run)
			for i, pair := range [...][2][]LoadSample{{run.Canary, once.Canary}, {run.Baseline, once.Baseline}} {
				if len(pair[0]) != len(pair[1]) {
					t.Fatalf("arm %d: got %d samples, want %d", i, len(pair[1]), len(pair[0]))
				}
				for k, want := range pair[0] {
					got := pair[1][k]
					net, back := float64(want.Latency-want.Late), float64(got.Latency-got.Late)
					if got.At != want.At || got.Status != want.Status || got.Failure != want.Failure ||
						net >= float64(loadLeast) && math.Abs(math.Log(back/net)) > .51*LoadResolution {
						t.Errorf("arm %d, sample %d: got %+v, want %+v", i, k, got, want)
					}
				}
			}
			twice, _ := again(t, once)
			if diff := cmp.Diff(once, twice); diff != "" {
				t.Errorf("read and written again it differs (-once +twice):\n%s", diff)
			}
		})
	}
}

// TestRecordedLoadIsSmall holds what one sample costs in the journal.
func TestRecordedLoadIsSmall(t *testing.T) {
	for _, n := range []int{500, 5000, MaxLoadRequests} {
		_, text := again(t, aLoad(3, n))
		each := float64(len(text)) / float64(2*n)
		t.Logf("%d requests to each arm: %d bytes of JSON, %.2f a sample", n, len(text), each)
		if each > 6 {
			t.Errorf("got %.2f bytes a sample of %d, want at most 6", each, n)
		}
	}
}

func FuzzRecordedLoad(f *testing.F) {
	text, err := json.Marshal(aLoad(1, 20))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"rate":1,"samples":"AQ=="}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var run LoadRun
		if json.Unmarshal(text, &run) != nil || math.IsNaN(run.Rate) {
			return
		}
		once, _ := again(t, run)
		twice, _ := again(t, once)
		if !cmp.Equal(once, twice) {
			t.Error("read and written again it differs")
		}
	})
}
