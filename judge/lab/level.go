package lab

import (
	"fmt"
	"strings"
)

// Level says how rough the simulated service is by itself. The zero value is
// [Moderate].
type Level int

// The levels. Clean is a textbook: pods alike, Poisson errors, nothing drifts.
// Moderate is an ordinary production service, harsh a bad day of one: pods that
// differ, errors in bursts, noisy neighbours, outages that hit both arms.
const (
	Moderate Level = iota
	Clean
	Harsh
	// Recorded is no level of the simulation: the numbers are those of [Series].
	Recorded
)

// String returns the level's word.
func (l Level) String() string {
	switch l {
	case Clean:
		return "clean"
	case Moderate:
		return "moderate"
	case Harsh:
		return "harsh"
	case Recorded:
		return "recorded"
	}
	return fmt.Sprintf("Level(%d)", int(l))
}

// Levels lists the simulated levels from the smoothest to the roughest.
func Levels() []Level { return []Level{Clean, Moderate, Harsh} }

// ParseLevel reads the word of a simulated level.
func ParseLevel(s string) (Level, error) {
	var words []string
	for _, l := range Levels() {
		if l.String() == s {
			return l, nil
		}
		words = append(words, l.String())
	}
	return Moderate, fmt.Errorf("there is no level %q; there are %s", s, strings.Join(words, ", "))
}

// MarshalText writes the level's word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the level's word.
func (l *Level) UnmarshalText(b []byte) error {
	if *l = Recorded; string(b) == l.String() {
		return nil
	}
	v, err := ParseLevel(string(b))
	*l = v
	return err
}

// roughness holds a level's standard deviations, on the log scale except where
// said otherwise.
type roughness struct {
	commonErrors, commonLatency    float64 // both arms, AR(1) with memory 0.95
	podErrors, podLatency, podCPU  float64 // of pods, for as long as they live
	timeErrors, timeLatency, timeC float64 // of pods, AR(1) over time
	phi                            float64 // variance of error counts over their mean
	outage                         float64 // probability of an outage of both arms in each hour
	blips                          float64 // noisy neighbours for each pod and hour
	traffic                        float64 // AR(1) with memory 0.8
}

func (l Level) roughness() roughness {
	switch l {
	case Clean:
		return roughness{podCPU: .02, timeC: .03, phi: 1}
	case Harsh:
		return roughness{
			commonErrors: .5, commonLatency: .12, podErrors: .15, podLatency: .06, podCPU: .08,
			timeErrors: .35, timeLatency: .08, timeC: .10, phi: 3, outage: .6, blips: .08, traffic: .2,
		}
	default:
		return roughness{
			commonErrors: .3, commonLatency: .06, podErrors: .10, podLatency: .03, podCPU: .05,
			timeErrors: .2, timeLatency: .04, timeC: .06, phi: 1.6, outage: .3, blips: .03, traffic: .10,
		}
	}
}
