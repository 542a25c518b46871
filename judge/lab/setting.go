package lab

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Pods is how many pods serve on either side.
type Pods struct{ Baseline, Canary int }

// defaultPods is how many pods there are in all where only canaries are counted.
const defaultPods = 20

// maxPods bounds what is simulated.
const maxPods = 500

// ParsePods reads "1" (one canary pod of twenty) or "3+1" (three baseline pods and
// one canary pod).
func ParsePods(s string) (Pods, error) {
	before, after, both := strings.Cut(s, "+")
	if !both {
		before, after = "", s
	}
	n, err := strconv.Atoi(after)
	p := Pods{Baseline: defaultPods - n, Canary: n}
	if err == nil && both {
		p.Baseline, err = strconv.Atoi(before)
	}
	if err != nil || p.Canary < 1 || p.Baseline < 1 || p.all() > maxPods {
		return Pods{}, fmt.Errorf("%q is no number of pods; write 3 for three canary pods of %d, or 3+1 for three baseline pods and one canary pod (at most %d together)",
			s, defaultPods, maxPods)
	}
	return p, nil
}

func (p Pods) all() int { return p.Baseline + p.Canary }

// String writes baseline and canary pods as [ParsePods] reads them.
func (p Pods) String() string { return fmt.Sprintf("%d+%d", p.Baseline, p.Canary) }

// Setting is one row of a table: a simulated service, and what is wrong with its
// canary.
type Setting struct {
	Level    Level
	RPS      float64 // requests a second of both arms together
	Pods     Pods
	Scenario Scenario
	Seed     uint64
}

// maxRPS bounds what is simulated: beyond, counts would be no whole numbers.
const maxRPS = 1e9

// maker returns what makes the setting's runs.
func (s Setting) maker() maker {
	if s.Scenario.series != nil {
		return s.Scenario.series.make(s.Seed)
	}
	return newGenerator(s)
}

func (s Setting) validate() error {
	switch {
	case (s.Scenario.series != nil) != (s.Level == Recorded):
		return fmt.Errorf("scenario %s at level %s cannot be measured: recorded series have a level of their own", s.Scenario.Name, s.Level)
	case s.Level == Recorded:
		return nil
	case !(s.RPS > 0) || s.RPS > maxRPS:
		return fmt.Errorf("%v requests a second cannot be simulated; take a number above 0 and up to %g", s.RPS, maxRPS)
	case s.Pods.Canary < 1 || s.Pods.Baseline < 1 || s.Pods.all() > maxPods:
		return fmt.Errorf("%s pods cannot be simulated; take at least one a side and at most %d together", s.Pods, maxPods)
	case s.Scenario.Name == "":
		return errors.New("a setting needs a scenario")
	}
	return nil
}
