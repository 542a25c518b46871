package loadcompare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// bursts are times in which all requests of an arm take longer, and fail five times as
// often: so many requests on average, for a fraction of the time, by a factor.
type bursts struct{ mean, fraction, factor float64 }

// tolerated is how much slower a canary is that may still be no worse.
const tolerated = 1.1

// bursty draws an arm's samples by another generator than the one that the defaults were
// chosen with: a fixed time and an exponential one.
func bursty(r *rand.Rand, n int, b bursts) []checks.LoadSample {
	out, burst := make([]checks.LoadSample, n), r.Float64() < b.fraction
	for i := range out {
		if burst {
			burst = r.Float64() >= 1/b.mean
		} else {
			burst = r.Float64() < b.fraction/(1-b.fraction)/b.mean
		}
		seconds, p := .01-.012*math.Log(1-r.Float64()), .002
		if burst {
			seconds, p = seconds*b.factor, 5*p
		}
		out[i] = checks.LoadSample{Latency: time.Duration(seconds * float64(time.Second)), Status: 200}
		if r.Float64() < p {
			out[i].Status = 503
		}
	}
	return out
}

// slower draws an arm that is at the tolerance, where the promise is hardest to keep.
func slower(samples []checks.LoadSample) []checks.LoadSample {
	for i := range samples {
		samples[i].Latency = time.Duration(tolerated * float64(samples[i].Latency))
	}
	return samples
}

// TestFalseRollbacksByAnotherGenerator measures how often arms cross the threshold within
// three rounds that are equal, or at the tolerance, where each has bursts of its own. 200
// rollouts a row; 1000 with SERIN_E2E.
func TestFalseRollbacksByAnotherGenerator(t *testing.T) {
	const alpha = .05
	runs := 200
	if os.Getenv("SERIN_E2E") != "" {
		runs = 1000
	}
	for _, tt := range []struct {
		bursts
		at   bool    // at the tolerance
		most float64 // share rolled back
	}{
		{bursts{10, .1, 3}, false, alpha}, {bursts{20, .1, 3}, false, alpha}, {bursts{20, .2, 2}, false, alpha},
		// As long as a tenth to four tenths of the load: the promise is not kept, nearly.
		{bursts{40, .1, 3}, false, .06},
		{bursts{20, .1, 3}, true, alpha},
		// Nor is it kept here; docs/load.md says so.
		{bursts{40, .1, 3}, true, .1},
	} {
		for _, n := range []int{100, 300, 600} {
			if tt.at && n > 100 && runs < 1000 {
				continue // of minutes
			}
			t.Run(fmt.Sprintf("%d requests, bursts of %g, at the tolerance: %v", n, tt.mean, tt.at), func(t *testing.T) {
				back := 0
				for seed := range uint64(runs) {
					if crosses(rand.New(rand.NewPCG(seed, 0xabcdef+uint64(n))), n, tt.bursts, tt.at) {
						back++
					}
				}
				share := float64(back) / float64(runs)
				t.Logf("of %d rollouts %.1f %% rolled back", runs, 100*share)
				if share > tt.most+3*math.Sqrt(alpha*(1-alpha)/float64(runs)) {
					t.Errorf("got %.3f rolled back, want at most %g", share, tt.most)
				}
			})
		}
	}
}

// crosses sends up to three rounds to equal arms, or to a canary at the tolerance, as long
// as neither side is proven, and reports whether harm was.
func crosses(r *rand.Rand, n int, b bursts, at bool) bool {
	const alpha = .05
	var sent []checks.LoadRun
	for range 3 {
		run := checks.LoadRun{Rate: 50, Canary: bursty(r, n, b), Baseline: bursty(r, n, b)}
		if at {
			run.Canary = slower(run.Canary)
		}
		sent = append(sent, run)
		e := Look(sent, Rules{})[len(sent)-1]
		if (math.Exp(e.Errors.Worse)+math.Exp(e.Latency.Worse))/2 >= 1/alpha {
			return true
		}
		if min(e.Errors.NotWorse, e.Latency.NotWorse) >= math.Log(1/alpha) {
			return false
		}
	}
	return false
}
