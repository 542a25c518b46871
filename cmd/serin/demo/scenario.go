package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Scenario names what is wrong with the canary.
type Scenario string

// The scenarios.
const (
	Healthy Scenario = "healthy" // the canary behaves as the baseline does
	Errors  Scenario = "errors"  // four in a hundred more requests fail
	Slow    Scenario = "slow"    // every request takes 1.6 times as long
	Tail    Scenario = "tail"    // five in a hundred requests take ten times as long
	Leak    Scenario = "leak"    // memory and latency grow with every request served
	Silent  Scenario = "silent"  // the router never sends the canary a request
)

// Scenarios returns all scenarios, in the order in which they are explained.
func Scenarios() []Scenario {
	return []Scenario{Healthy, Errors, Slow, Tail, Leak, Silent}
}

// ParseScenario reads a scenario's name.
func ParseScenario(s string) (Scenario, error) {
	for _, k := range Scenarios() {
		if string(k) == s {
			return k, nil
		}
	}
	names := make([]string, 0, len(Scenarios()))
	for _, k := range Scenarios() {
		names = append(names, string(k))
	}
	return "", fmt.Errorf("no scenario %q; choose one of %s", s, strings.Join(names, ", "))
}

// Story says in a few words what the scenario does to the canary.
func (s Scenario) Story() string {
	switch s {
	case Healthy:
		return "the canary behaves as the baseline does"
	case Errors:
		return "the canary fails 4 in 100 requests more than the baseline"
	case Slow:
		return "the canary takes 1.6 times as long for every request"
	case Tail:
		return "the canary takes ten times as long for 5 in 100 requests"
	case Leak:
		return "the canary's memory and latency grow with every request it serves"
	case Silent:
		return "the router never sends the canary a request, whatever the weight says"
	}
	return "unknown scenario"
}

// behaviour is how a pod serves.
type behaviour struct {
	failing   float64 // fraction of requests answered with 500
	slower    float64 // factor on every service time
	tail      float64 // fraction of requests that take tailTimes as long
	tailTimes float64
	leak      float64 // relative growth of the service time per request served
	retain    int     // bytes kept for ever per request served
}

// baselineBehaviour is what every scenario's baseline does: 0.3 % errors, and a
// log-normal service time with a median of 20 ms.
func baselineBehaviour() behaviour {
	return behaviour{failing: 0.003, slower: 1, tailTimes: 1}
}

// canaryBehaviour returns what the canary of a scenario does.
func canaryBehaviour(s Scenario) behaviour {
	b := baselineBehaviour()
	switch s {
	case Errors:
		b.failing += 0.04
	case Slow:
		b.slower = 1.6
	case Tail:
		b.tail, b.tailTimes = 0.05, 10
	case Leak:
		b.leak, b.retain = 0.002, 32<<10
	case Healthy, Silent:
	}
	return b
}

// The service time's distribution. It is waited, not worked, so it costs no CPU;
// it is long enough that the jitter of a busy machine's timers does not matter. The
// cap keeps a canary with a leak from piling up requests until the machine suffers.
const (
	medianService = 20 * time.Millisecond
	spreadService = 0.4 // σ of the logarithm
	leastService  = 5 * time.Millisecond
	mostService   = 600 * time.Millisecond
)

// fate is what will become of one request.
type fate struct {
	takes time.Duration
	fails bool
}

// draw decides a request's fate; served counts the requests that the pod has
// served before it.
func (b behaviour) draw(r *rand.Rand, served int) fate {
	t := float64(medianService) * math.Exp(spreadService*r.NormFloat64())
	t = math.Max(t, float64(leastService)) * b.slower * (1 + b.leak*float64(served))
	if r.Float64() < b.tail {
		t *= b.tailTimes
	}
	return fate{
		takes: time.Duration(math.Min(t, float64(mostService))),
		fails: r.Float64() < b.failing,
	}
}
