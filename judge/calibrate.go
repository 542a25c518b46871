package judge

import (
	"fmt"
	"math"
	"slices"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/stats/sequential"
)

// crew holds the pods of a gauge, or of a cost per request, one by one: the value of
// any group of them is Σnum/Σden. A gap is NaN in num.
type crew struct {
	num, den [][]float64 // by pod, by block
	cost     bool        // groups are compared only under like loads
}

// crewOf returns the processes of a frame. of holds the requests that a cost is
// divided by, idle what an idle process costs; warm is the first block of a process
// that counts, nil where all do.
func crewOf(f queries.Frame, of *queries.Frame, idle float64, warm func(process string) int) crew {
	c := crew{cost: of != nil}
	requests := map[string]queries.Column{}
	if of != nil {
		for _, p := range of.Processes {
			requests[p.Name] = p.N
		}
	}
	for _, p := range f.Processes {
		value := p.V
		if value == nil {
			value = p.N
		}
		num, den, from := make([]float64, len(value)), make([]float64, len(value)), 0
		if warm != nil {
			from = warm(p.Name)
		}
		for t, v := range value {
			num[t], den[t] = v, 1
			if of == nil && t >= from {
				continue
			}
			num[t], den[t] = math.NaN(), 0
			if n := requests[p.Name]; t >= from && t < len(n) && n[t] > 0 && !queries.IsGap(v) {
				num[t], den[t] = v-idle, n[t]
			}
		}
		c.num, c.den = append(c.num, num), append(c.den, den)
	}
	return c
}

// pods returns how many pods there are.
func (c crew) pods() int { return len(c.num) }

// join puts other pods behind these.
func (c *crew) join(other crew) {
	c.num, c.den = append(c.num, other.num...), append(c.den, other.den...)
}

// seenBy returns the pods that have had a value by a block, the first of which, size of
// them, are canaries, and how many canaries are left: a pod that comes later must not
// change what was found before it came.
func (c crew) seenBy(block, size int) (crew, int) {
	out, canaries := crew{cost: c.cost}, 0
	for i, num := range c.num {
		if !slices.ContainsFunc(num[:min(block+1, len(num))], finite) {
			continue
		}
		out.num, out.den = append(out.num, num), append(out.den, c.den[i])
		if i < size {
			canaries++
		}
	}
	return out, canaries
}

// mostPlacebos bounds how many pods of an arm are judged like the canary.
const mostPlacebos = 100

// stride is every how many pods one is judged.
func (c crew) stride() int { return (c.pods()-1)/mostPlacebos + 1 }

// pile is a group of pods taken together in one block.
type pile struct{ num, den, pods float64 }

func (p *pile) add(num, den float64) {
	if finite(num) {
		p.num, p.den, p.pods = p.num+num, p.den+den, p.pods+1
	}
}

// total adds up all pods, block by block.
func (c crew) total() []pile {
	var sum []pile
	for i, num := range c.num {
		for t, v := range num {
			if t == len(sum) {
				sum = append(sum, pile{})
			}
			sum[t].add(v, c.den[i][t])
		}
	}
	return sum
}

// group is a number of pods that stand next to each other, the last beside the first.
type group struct{ first, size int }

// contrast compares a group with all others, in the given blocks of a total. It is
// what gaugeContrast makes of two arms.
func (c crew) contrast(g group, blocks []int, total []pile, p pairing) contrast {
	k := contrast{log: p.log, scale: p.scale}
	k.reserve(len(blocks))
	for _, t := range blocks {
		if t >= len(total) {
			continue
		}
		var in pile
		for i := range g.size {
			if pod := (g.first + i) % len(c.num); t < len(c.num[pod]) {
				in.add(c.num[pod][t], c.den[pod][t])
			}
		}
		out := pile{total[t].num - in.num, total[t].den - in.den, total[t].pods - in.pods}
		if in.pods == 0 || out.pods == 0 || in.den <= 0 || out.den <= 0 {
			continue
		}
		if load := (in.den / in.pods) / (out.den / out.pods); c.cost && (load < loadLow || load > loadHigh) {
			continue
		}
		k.add(t, [2]float64{in.num / in.den, out.num / out.den}, [2]float64{in.pods, out.pods})
	}
	return k
}

// Calibration is how much stronger the evidence of a metric is than it should be where
// nothing is wrong: every pod of the pre-period was judged as if it were the canary.
type Calibration struct {
	// Kappa is what the logarithm of the evidence is divided by, at least 1: the least
	// with which at most a fraction Level of the pods would have been rolled back. It is
	// 1 where Placebos are fewer than 20: too few to calibrate by. Then the metric has no
	// weight, and the finding says so.
	Kappa float64 `json:"kappa"`
	// Placebos is how many comparisons it rests on, Level which error they may make.
	Placebos int     `json:"placebos"`
	Level    float64 `json:"level"`
}

// leastPlacebos is how many comparisons a calibration needs.
const leastPlacebos = 20

// skewed is the skewness of contrasts from which on evidence is calibrated.
const skewed = 2

// calibrationWindows is how often each pod is judged, from starts that are spread
// evenly over the pre-period, which is taken as a circle.
const calibrationWindows = 2

// calibrate judges every pod of the pre-period against the rest of them, with the
// engine and the prior that the canary will be judged with (STATISTICS §5.4). It is nil
// where the contrasts are not skewed: then the t process holds its level without it, as
// measured.
func (p *Prior) calibrate(m plan.Metric, s sharpness, pods crew) *Calibration {
	if !p.learnt() || p.Series == nil || math.Abs(p.Series.Skew) <= skewed {
		return nil
	}
	total := pods.total()
	length := len(total)
	var tops []float64
	blocks := make([]int, length)
	for w := range calibrationWindows {
		for t := range blocks {
			blocks[t] = (w*length/calibrationWindows + t) % length
		}
		for i := 0; i < pods.pods(); i += pods.stride() {
			k := pods.contrast(group{i, 1}, blocks, total, p.pairing(pods.cost))
			if len(k.d) >= minPreBlocks {
				tops = append(tops, slices.Max(p.gaugeWorse(k, m, s)))
			}
		}
	}
	level := s.alpha
	if s.share > 0 {
		level *= s.share
	}
	if len(tops) < leastPlacebos {
		return &Calibration{Kappa: 1, Placebos: len(tops), Level: level}
	}
	return &Calibration{Kappa: kappa(tops, s.alone(), level), Placebos: len(tops), Level: level}
}

// kappa returns the least divisor, at least 1, with which at most a fraction level of
// the logarithms in tops reaches the threshold, which is positive.
func kappa(tops []float64, threshold, level float64) float64 {
	sorted := slices.Clone(tops)
	slices.Sort(sorted)
	slices.Reverse(sorted)
	most := int(level*float64(len(sorted)) + 1e-9)
	if most >= len(sorted) {
		return 1
	}
	// A quotient that is exactly at the threshold has reached it.
	return math.Max(sorted[most]/threshold*(1+1e-12), 1)
}

// lacking reports whether a calibration was called for and could not be made.
func (c *Calibration) lacking() bool { return c != nil && c.Placebos < leastPlacebos }

// words says what the calibration did; nothing where it did nothing.
func (c *Calibration) words() string {
	switch {
	case c == nil:
		return ""
	case c.lacking():
		return fmt.Sprintf("this series is mostly calm with rare spikes, and its pods make only %d comparisons of the %d that calibrating it takes (10 pods): its evidence may be too strong, and does not roll back",
			c.Placebos, leastPlacebos)
	case c.Kappa <= 1:
		return ""
	}
	return fmt.Sprintf("logarithms of evidence are divided by %s, because healthy pods, judged in the same way over the hour before (%d comparisons), had that much too much",
		number(c.Kappa), c.Placebos)
}

// temper divides evidence by the calibration.
func (c *Calibration) temper(logs []float64) []float64 {
	if c == nil || c.Kappa <= 1 {
		return logs
	}
	for t := range logs {
		logs[t] /= c.Kappa
	}
	return logs
}

// gaugeWorse is the evidence that one side of a contrast is worse than tolerated, after
// each of its blocks.
func (p *Prior) gaugeWorse(k contrast, m plan.Metric, s sharpness) []float64 {
	alw := allowance{p.seriesPods(), s, m.Worse == plan.Lower}
	engine := p.engine(k, true)
	tolerance := logMargin(m.Tolerance, m.Worse, s.scale)
	up := k.shifted(sequential.Worse, m.Worse, m.Tolerance.Absolute*s.scale, func(kc, kb float64) float64 {
		return alw.rollback(tolerance, kc, kb)
	})
	return engine.Evidence(nil, up, k.d)
}
