package lab

import (
	"fmt"
	"strings"
)

// Scenario is what is true of the canary, beside noise.
type Scenario struct {
	Name string
	// About says in a few words what is wrong, or what the trap is.
	About string
	// Bad says that the canary is worse than tolerated: to roll it back is right.
	Bad bool

	effect
	trap
	series *seriesCase // recorded numbers in the place of the simulation
}

// effect is what is wrong with the canary.
type effect struct {
	errorsTimes, latencyTimes, cpuTimes float64 // 0 means 1
	errorsPlus                          float64 // added error rate
	tail                                float64 // fraction of requests that take ten times as long
	buckets                             bool    // every request falls one bucket of the histogram higher
	start                               int     // first block with the effect
	ramp                                bool    // the effect grows to its full size over the run
}

// trap is what is peculiar about the service, healthy or not.
type trap struct {
	base    float64 // error rate of the healthy service; 0 means baseErrors
	latency latencyShape
	gauge   gaugeShape
	clients clientErrors
	sticky  stickiness
	load    float64 // a canary pod's load in units of another pod's; 0 means 1
	loss    bool    // a series is first seen with its first error, and stores miss that one
	fresh   bool    // the baseline's pods are as young as the canary's

	missing   float64 // probability that a pod's scrape of a block is missing
	restarts  float64 // probability for a pod and block that it is replaced
	cold      bool    // canaries are slow for their first minutes
	bothArms  bool    // from block 20 on both arms fail more and more often
	split     bool    // the canary's share goes from 5 over 25 to 50 percent while the base rate drifts
	throttled bool    // the plan bounds a share that is as high as the base rate of errors
	defaultUp bool    // the plan's own warm-up, instead of none
}

// gaugeShape says what the third metric looks like.
type gaugeShape int

const (
	cpuShape      gaugeShape = iota // follows the load
	sawtoothShape                   // memory of a garbage collected program
	queueShape                      // mostly zero
	costShape                       // CPU seconds, compared for each request
)

// latencyShape says how the durations of healthy requests are spread.
type latencyShape int

const (
	broadShape   latencyShape = iota // log-normal around 60 ms with a tail
	tightShape                       // all near 70 ms, within one bucket
	bimodalShape                     // around 30 ms and around 105 ms
)

// clientErrors says who causes a storm of answers with 4xx from block 5 on.
type clientErrors int

const (
	noClientErrors clientErrors = iota // the metric is not in the plan
	everyClient                        // clients of both arms
	oneClient                          // one client, which the canary happens to serve
)

// stickiness says whose errors come in bursts, since users stay where they are.
type stickiness int

const (
	notSticky stickiness = iota
	stickyUsers
	stickyCanary
)

// tailTimes is how much longer the requests of a bad tail take.
const tailTimes = 10

// ScenarioNamed returns the scenario of a name.
func ScenarioNamed(name string) (Scenario, error) { return scenarioNamed(Scenarios(), name) }

func scenarioNamed(all []Scenario, name string) (Scenario, error) {
	var names []string
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(names, ", "))
}

// size is how much of the effect there is in block t of the run, from 0 to 1.
func (s effect) size(t, blocks int) float64 {
	switch {
	case t < s.start:
		return 0
	case s.ramp:
		return float64(t-s.start) / float64(max(blocks-s.start-1, 1))
	}
	return 1
}

// times is a multiplicative effect of which a part is there.
func times(full, size float64) float64 {
	if full == 0 {
		return 1
	}
	return 1 + (full-1)*size
}

// share is the canary's part of the traffic in block t of a split rollout.
func share(t, blocks int) float64 {
	switch {
	case t < blocks/3:
		return .05
	case t < 2*blocks/3:
		return .25
	}
	return .5
}
