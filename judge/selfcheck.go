package judge

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// SelfCheck is what a rollout that is over says of the judge's own rate of false alarms
// (STATISTICS §5.4). It changes no verdict.
type SelfCheck struct {
	Rollout string `json:"rollout"` // ID
	// Alpha is the probability of a false alarm that the plan allows.
	Alpha float64 `json:"alpha"`
	// Placebo is the evidence against some of the baseline's own pods, judged as if they
	// were the canary, on the same minutes and by the same engine. They run what the
	// others run, so that an alarm is a false one. Nil where there was none to judge.
	Placebo *Peaks `json:"placebo,omitempty"`
	// Healthy is the evidence against the canary itself, where it was promoted. A canary
	// that was rolled back is not among them, so that this alone says too little.
	Healthy *Peaks `json:"healthy,omitempty"`
	// Reversed says that a person promoted the canary against a rollback.
	Reversed bool `json:"reversed,omitempty"`
	// Why says why there is no placebo; empty where there is one.
	Why string `json:"why,omitempty"`
}

// Peaks are the highest evidence of harm over all blocks that were consulted.
type Peaks struct {
	// Threshold is log10 of what rolls back; Combined is log10 of the highest combined
	// evidence of all metrics.
	Threshold float64 `json:"threshold"`
	Combined  float64 `json:"combined"`
	// Metrics are those that have a share of the error budget, in the plan's order.
	Metrics []Peak `json:"metrics"`
	// Pods were judged as the canary, against Others.
	Pods   int `json:"pods,omitempty"`
	Others int `json:"others,omitempty"`
	// Blocks is how many blocks were compared.
	Blocks int `json:"blocks"`
}

// Peak is one metric's highest evidence of harm, as log10.
type Peak struct {
	Metric string  `json:"metric"`
	Worse  float64 `json:"worse"`
}

// CheckSelf returns what a rollout says of the judge's own error rate, as of a look, its
// last as a rule. It is pure, and costs as much as two looks at the most.
func CheckSelf(rec Record, look Verdict) SelfCheck {
	s := SelfCheck{Rollout: rec.Rollout.ID, Alpha: rec.Plan.Alpha}
	if c := rec.Rollout.Comparison; c != rollout.Concurrent && c != "" {
		s.Why = "the arms did not share time, for which nothing is promised"
		return s
	}
	in := Input{Record: rec, Closed: look.Progress.Blocks}
	in.Record.Latch = nil
	s.Reversed = rec.Latch != nil && promotedAnyway(rec)
	if s.Reversed || promoted(rec, look) {
		if p := peaksOf(gathered(in)); p.Blocks > 0 {
			s.Healthy = &p
		}
	}
	pretend, pods, others := placebo(in)
	if pods == 0 {
		s.Why = "the baseline has no two pods that can be told apart"
		return s
	}
	p := peaksOf(gathered(pretend))
	if p.Pods, p.Others = pods, others; p.Blocks < max(rec.Plan.MinBlocks, 1) {
		s.Why = fmt.Sprintf("%s of the placebo could be compared, and the plan asks for %d", blocksOf(p.Blocks), rec.Plan.MinBlocks)
		return s
	}
	s.Placebo = &p
	return s
}

// promoted reports whether a rollout ended as a healthy one. In shadow mode everybody is
// told yes, so that the outcome counts.
func promoted(rec Record, look Verdict) bool {
	if rec.Latch != nil {
		return false
	}
	return look.Outcome == Promote || rec.Plan.Mode != plan.Shadow && !rec.PromotedAt.IsZero()
}

// promotedAnyway reports whether a person's promotion against harm is in force.
func promotedAnyway(rec Record) bool {
	n := len(rec.Overrides)
	return n > 0 && rec.Overrides[n-1].Action == OverridePromote && rec.Overrides[n-1].DespiteHarm
}

// peaksOf returns the highest evidence of an evaluation.
func peaksOf(e *evaluator) Peaks {
	e.combine()
	looked := max(e.consulted(), 0)
	p := Peaks{Threshold: *log10(e.sharp.rollback), Combined: *log10(highest(e.combined, looked))}
	for _, tr := range e.trials {
		if tr.weight <= 0 || tr.worse == nil {
			continue
		}
		p.Metrics = append(p.Metrics, Peak{tr.m.Name, *log10(highest(tr.worse, looked))})
		p.Blocks = max(p.Blocks, tr.paired)
	}
	return p
}

// highest returns the highest of the first values, and 0 where there is none.
func highest(v []float64, first int) float64 {
	if v = v[:min(first, len(v))]; len(v) == 0 {
		return 0
	}
	return slices.Max(v)
}

// placebo is an input in which some of the baseline's pods stand for the canary: as many
// as the canary had, half of the baseline's at most, and the same ones in every metric.
// Which ones follows from the rollout's ID alone. It returns how many there are, and how
// many they are compared with; 0 where there are none.
func placebo(in Input) (pretend Input, pods, others int) {
	names, like := crewNames(in.Record)
	if len(names) < 2 {
		return in, 0, 0
	}
	size := min(max(like, 1), len(names)/2)
	digest := sha256.Sum256([]byte("serin placebo\n" + in.Record.Rollout.ID))
	first := int(binary.BigEndian.Uint32(digest[:4]) % uint32(len(names)))
	chosen := map[string]bool{}
	for i := range size {
		chosen[names[(first+i)%len(names)]] = true
	}
	rec := in.Record
	// What was declared or said of the canary does not hold of them.
	rec.Rollout.Weights, rec.Latch, rec.Overrides, rec.Alerts, rec.Checks = nil, nil, nil, nil, nil
	rec.Frozen = Frozen{Metrics: map[string]FrozenMetric{}}
	for _, m := range rec.Plan.Metrics {
		if f, ok := in.Record.Frozen.Metrics[m.Name]; ok {
			rec.Frozen.Metrics[m.Name] = divided(f, chosen)
		}
	}
	pretend = in
	pretend.Record, pretend.Problems, pretend.Notes, pretend.Checks = rec, nil, nil, nil
	return pretend, size, len(names) - size
}

// crewNames returns the baseline's pods that were there for most of the time, by name,
// and how many pods the canary had. It goes by the metric that counts requests, or the
// first one that there is.
func crewNames(rec Record) (names []string, canaries int) {
	f, ok := rec.Frozen.Metrics[trafficMetric(rec.Plan)]
	for _, m := range rec.Plan.Metrics {
		if !ok {
			f, ok = rec.Frozen.Metrics[m.Name]
		}
	}
	for _, p := range f.Baseline.Processes {
		if p.Name != "" && 2*max(len(known(p.N)), len(known(p.V))) > f.Baseline.Window.Len() {
			names = append(names, p.Name)
		}
	}
	return names, len(f.Canary.Processes)
}

// divided makes some of a metric's baseline its canary.
func divided(f FrozenMetric, chosen map[string]bool) FrozenMetric {
	out := FrozenMetric{Prior: f.Prior, Canary: f.Baseline, Baseline: f.Baseline}
	out.Canary.Processes, out.Baseline.Processes = nil, nil
	for _, p := range f.Baseline.Processes {
		to := &out.Baseline
		if chosen[p.Name] {
			to = &out.Canary
		}
		to.Processes = append(to.Processes, p)
	}
	return out
}

// SelfRate is how often there was an alarm among rollouts in which there should be none.
type SelfRate struct {
	// Of is what was judged: [OfPlacebos] or [OfHealthy].
	Of string
	// Metric is whose evidence it was; empty is all metrics together.
	Metric string
	// Rollouts were judged, and Alarms of them reached what rolls back; Allowed is the
	// most that is promised on average: the sum of their plans' α.
	Rollouts, Alarms int
	Allowed          float64
	// Chance is the probability of so many alarms, or more, if each came with
	// probability α: small means that the promise does not hold.
	Chance float64
}

// What the judge is checked with.
const (
	OfPlacebos = "placebo"
	OfHealthy  = "promoted"
)

// SelfRates counts alarms: of each kind first those of all metrics together, then metric
// by metric, by name.
func SelfRates(checks []SelfCheck) []SelfRate {
	var out []SelfRate
	for _, of := range [...]string{OfPlacebos, OfHealthy} {
		whole := tallying{rate: SelfRate{Of: of}}
		byMetric := map[string]*tallying{}
		for _, c := range checks {
			p := c.Placebo
			if of == OfHealthy {
				p = c.Healthy
			}
			if p == nil {
				continue
			}
			whole.add(p.Combined >= p.Threshold, c.Alpha)
			for _, m := range p.Metrics {
				if byMetric[m.Metric] == nil {
					byMetric[m.Metric] = &tallying{rate: SelfRate{Of: of, Metric: m.Metric}}
				}
				byMetric[m.Metric].add(m.Worse >= p.Threshold, c.Alpha)
			}
		}
		out = append(out, whole.result())
		for _, name := range sortedNames(byMetric) {
			out = append(out, byMetric[name].result())
		}
	}
	return out
}

func sortedNames(m map[string]*tallying) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// tallying counts.
type tallying struct {
	rate   SelfRate
	alphas []float64
}

func (t *tallying) add(alarm bool, alpha float64) {
	t.rate.Rollouts++
	t.rate.Allowed += alpha
	t.alphas = append(t.alphas, alpha)
	if alarm {
		t.rate.Alarms++
	}
}

func (t *tallying) result() SelfRate {
	r := t.rate
	r.Chance = atLeast(t.alphas, r.Alarms)
	return r
}

// atLeast is the probability that at least k of independent events happen, whose
// probabilities are given: one less the mass of the Poisson binomial distribution below
// k, which is summed event by event.
func atLeast(probabilities []float64, k int) float64 {
	if k <= 0 {
		return 1
	}
	below := make([]float64, k) // the probability of exactly i events so far
	below[0] = 1
	beyond := 0.0 // of k or more
	for _, p := range probabilities {
		beyond += below[k-1] * p
		for i := k - 1; i > 0; i-- {
			below[i] = below[i]*(1-p) + below[i-1]*p
		}
		below[0] *= 1 - p
	}
	return math.Min(beyond, 1)
}
