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

	errorsTimes, latencyTimes, cpuTimes float64 // 0 means 1
	errorsPlus                          float64 // added error rate
	tail                                float64 // fraction of requests that take ten times as long
	start                               int     // first block with the effect
	ramp                                bool    // the effect grows to its full size over the run

	gauge     gaugeShape
	missing   float64 // probability that a pod's scrape of a block is missing
	restarts  float64 // probability for a pod and block that it is replaced
	cold      bool    // canaries are slow for their first minutes
	bothArms  bool    // from block 20 on both arms fail more and more often
	split     bool    // the canary's share goes from 5 over 25 to 50 percent while the base rate drifts
	defaultUp bool    // the plan's own warm-up, instead of none
}

// gaugeShape says what the third metric looks like.
type gaugeShape int

const (
	cpuShape      gaugeShape = iota // follows the load
	sawtoothShape                   // memory of a garbage collected program
	queueShape                      // mostly zero
)

// tailTimes is how much longer the requests of a bad tail take.
const tailTimes = 10

// Scenarios lists the scenarios in the order of the tables.
func Scenarios() []Scenario {
	return append(effects(), append(margins(), traps()...)...)
}

func effects() []Scenario {
	return []Scenario{
		{Name: "aa", About: "nothing is wrong"},
		{Name: "errors-x1.5", About: "errors 0.2% -> 0.3%", Bad: true, errorsTimes: 1.5},
		{Name: "errors-x2", About: "errors 0.2% -> 0.4%", Bad: true, errorsTimes: 2},
		{Name: "errors+0.5pp", About: "errors 0.2% -> 0.7%", Bad: true, errorsPlus: .005},
		{Name: "errors+1pp", About: "errors 0.2% -> 1.2%", Bad: true, errorsPlus: .01},
		{Name: "errors+2pp", About: "errors 0.2% -> 2.2%", Bad: true, errorsPlus: .02},
		{Name: "errors+5pp", About: "errors 0.2% -> 5.2%", Bad: true, errorsPlus: .05},
		{Name: "latency-x1.2", About: "every request 20% slower", Bad: true, latencyTimes: 1.2},
		{Name: "latency-x1.3", About: "every request 30% slower", Bad: true, latencyTimes: 1.3},
		{Name: "latency-x1.5", About: "every request 50% slower", Bad: true, latencyTimes: 1.5},
		{Name: "latency-x2", About: "every request twice as slow", Bad: true, latencyTimes: 2},
		{Name: "tail", About: "2% of the requests ten times as slow", Bad: true, tail: .02},
		{Name: "cpu-x1.3", About: "30% more CPU", Bad: true, cpuTimes: 1.3},
		{Name: "leak", About: "CPU grows by 60% over the hour", Bad: true, cpuTimes: 1.6, ramp: true},
		{Name: "step-30", About: "+2pp errors and 50% slower from minute 30 on", Bad: true, errorsPlus: .02, latencyTimes: 1.5, start: 30},
	}
}

// margins have an effect exactly at the default promote margin of one metric: to
// promote them is a false promotion.
func margins() []Scenario {
	return []Scenario{
		{Name: "margin-errors", About: "errors exactly at the promote margin (50% + 0.5pp)", Bad: true, errorsTimes: 1.5, errorsPlus: .005},
		{Name: "margin-latency", About: "latency exactly at the promote margin (50%)", Bad: true, latencyTimes: 1.5},
		{Name: "margin-cpu", About: "CPU exactly at the promote margin (50%)", Bad: true, cpuTimes: 1.5},
		{Name: "strict-errors", About: "errors exactly at the strict margin (25% + 0.2pp)", Bad: true, errorsTimes: 1.25, errorsPlus: .002},
		{Name: "strict-latency", About: "latency exactly at the strict margin (25%)", Bad: true, latencyTimes: 1.25},
		{Name: "strict-cpu", About: "CPU exactly at the strict margin (25%)", Bad: true, cpuTimes: 1.25},
	}
}

// traps are healthy canaries that look ill to a careless judge.
func traps() []Scenario {
	return []Scenario{
		{Name: "sawtooth", About: "healthy; memory in the place of CPU, a sawtooth for each pod", gauge: sawtoothShape},
		{Name: "queue", About: "healthy; a queue in the place of CPU, mostly empty", gauge: queueShape},
		{Name: "missing", About: "healthy; 5% of the scrapes are missing", missing: .05},
		{Name: "restarts", About: "healthy; pods are replaced every two hours", restarts: 1.0 / 120},
		{Name: "split", About: "healthy; 5, 25, 50% of the traffic while the base rate triples", split: true},
		{Name: "cold-start", About: "healthy; three times as slow in its first three minutes", cold: true, defaultUp: true},
		{Name: "both-arms", About: "healthy; both arms fail five times as often from minute 20 on", bothArms: true},
	}
}

// ScenarioNamed returns the scenario of a name.
func ScenarioNamed(name string) (Scenario, error) {
	var names []string
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(names, ", "))
}

// size is how much of the effect there is in block t of the run, from 0 to 1.
func (s Scenario) size(t, blocks int) float64 {
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
