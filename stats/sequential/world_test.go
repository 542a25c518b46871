package sequential

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// level says how noisy a simulated service is (STATISTICS §8.1).
type level struct {
	commonErr, commonLat       float64 // sd of what all pods share, AR(1) 0.95
	podErr, podLat, podCPU     float64 // sd of persistent differences between pods
	noiseErr, noiseLat, noiseC float64 // sd of pod-time noise, AR(1)
	phi                        float64 // variance over mean of error counts
	outage, blip, traffic      float64 // probabilities of shared outages and of noisy neighbours; sd of traffic
}

func cleanLevel() level { return level{podCPU: .02, noiseC: .03, phi: 1} }

func moderateLevel() level {
	return level{
		commonErr: .3, commonLat: .06, podErr: .10, podLat: .03, podCPU: .05,
		noiseErr: .2, noiseLat: .04, noiseC: .06, phi: 1.6, outage: .3, blip: .03, traffic: .10,
	}
}

// story is what happens to the canary from block start of the run on.
type story struct {
	errAdd           float64 // added to the error rate
	latTimes, cpuUp  float64 // factors, 0 means 1
	start            int
	withoutHistogram bool
}

const (
	simPods   = 20
	simBefore = 60
	simRun    = 60
	simBase   = .002 // error rate
	// Latency: lognormal, median 60 ms, and 2 % of the requests five times slower.
	simMedian, simSigma = .06, .7
)

func simBounds() []float64 { return []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10} }

// world is a simulated rollout: per pod and block, pods < canaries being the canary.
// Blocks before simBefore are the pre-period.
type world struct {
	canaries     int
	n, bad, cpu  [][]float64
	sum          [][]float64   // of all latencies
	slower       [][][]float64 // by bound, pod, block
	rng          *rand.Rand
	traffic      []float64
	errs, lats   []float64   // what all pods share
	podE, podL   [][]float64 // by pod and block
	podC         [][]float64
	trafficMean  float64
	weights      []float64
	histogramOff bool
}

// simulate draws a rollout; rps is the traffic of the whole service.
func simulate(seed uint64, rps float64, l level, s story) *world {
	w := &world{canaries: 1, rng: rand.New(rand.NewPCG(seed, 20261122)), histogramOff: s.withoutHistogram}
	w.shared(rps, l)
	w.pods(l)
	const blocks = simBefore + simRun
	w.n, w.bad, w.cpu, w.sum = grid2(simPods, blocks), grid2(simPods, blocks), grid2(simPods, blocks), grid2(simPods, blocks)
	w.slower = make([][][]float64, len(simBounds()))
	for k := range w.slower {
		w.slower[k] = grid2(simPods, blocks)
	}
	for pod := range simPods {
		for t := range blocks {
			var now story
			if pod < w.canaries && t >= simBefore+s.start {
				now = s
			}
			w.block(pod, t, l, now)
		}
	}
	return w
}

func grid2(pods, blocks int) [][]float64 {
	out := make([][]float64, pods)
	for i := range out {
		out[i] = make([]float64, blocks)
	}
	return out
}

// ar1 draws a stationary autoregression.
func (w *world) ar1(rho, sd float64) []float64 {
	out := make([]float64, simBefore+simRun)
	z := sd * w.rng.NormFloat64()
	for t := range out {
		out[t] = z
		z = rho*z + sd*math.Sqrt(1-rho*rho)*w.rng.NormFloat64()
	}
	return out
}

func (w *world) shared(rps float64, l level) {
	phase := 2 * math.Pi * w.rng.Float64()
	w.traffic = w.ar1(.8, l.traffic)
	for t, z := range w.traffic {
		w.traffic[t] = rps * 60 * math.Exp(.3*math.Sin(2*math.Pi*float64(t)/720+phase)+z)
		w.trafficMean += w.traffic[t] / float64(len(w.traffic))
	}
	w.errs, w.lats = w.ar1(.95, l.commonErr), w.ar1(.95, l.commonLat)
	for _, from := range []int{0, simBefore} {
		if w.rng.Float64() >= l.outage {
			continue
		}
		at := from + w.rng.IntN(simRun)
		for t := at; t < min(at+2+w.rng.IntN(3), from+simRun); t++ {
			w.errs[t] += math.Log(8)
			w.lats[t] += math.Log(1.5)
		}
	}
}

func (w *world) pods(l level) {
	sum := 0.0
	for range simPods {
		e, lat, c := w.ar1(.6, l.noiseErr), w.ar1(.6, l.noiseLat), w.ar1(.7, l.noiseC)
		ue, ul, uc := l.podErr*w.rng.NormFloat64(), l.podLat*w.rng.NormFloat64(), l.podCPU*w.rng.NormFloat64()
		for t := range e {
			e[t] += ue
			lat[t] += ul
			c[t] += uc
		}
		if w.rng.Float64() < l.blip*float64(len(e))/60 {
			at := w.rng.IntN(len(e))
			for t := at; t < min(at+3+w.rng.IntN(5), len(e)); t++ {
				e[t] += math.Log(1.5)
				lat[t] += math.Log(1.4)
				c[t] += math.Log(1.2)
			}
		}
		w.podE, w.podL, w.podC = append(w.podE, e), append(w.podL, lat), append(w.podC, c)
		weight := distuv.Gamma{Alpha: 400, Beta: 1, Src: w.rng}.Rand()
		w.weights = append(w.weights, weight)
		sum += weight
	}
	for i := range w.weights {
		w.weights[i] /= sum
	}
}

func (w *world) block(pod, t int, l level, s story) {
	n := poisson(w.rng, w.traffic[t]*w.weights[pod])
	w.n[pod][t] = n
	rate := math.Min(simBase*math.Exp(w.errs[t]+w.podE[pod][t])+s.errAdd, .9)
	if l.phi > 1 {
		// A negative binomial is a Poisson whose mean is a gamma.
		shape := math.Max(n*rate, 1e-12) / (l.phi - 1)
		mean := distuv.Gamma{Alpha: shape, Beta: 1 / (l.phi - 1), Src: w.rng}.Rand()
		w.bad[pod][t] = math.Min(poisson(w.rng, mean), n)
	} else {
		w.bad[pod][t] = binomial(w.rng, n, rate)
	}
	cpu := .4 * math.Pow(w.traffic[t]/w.trafficMean, .7) * math.Exp(w.podC[pod][t])
	if s.cpuUp > 0 {
		cpu *= s.cpuUp
	}
	w.cpu[pod][t] = cpu
	if w.histogramOff {
		return
	}
	center := math.Log(simMedian) + w.lats[t] + w.podL[pod][t]
	if s.latTimes > 0 {
		center += math.Log(s.latTimes)
	}
	// Mean and sd of the mixture of two lognormals.
	shape := math.Exp(simSigma * simSigma)
	mean := math.Exp(center) * math.Sqrt(shape) * (.98 + .02*5)
	square := math.Exp(2*center) * shape * shape * (.98 + .02*25)
	w.sum[pod][t] = math.Max(n*mean+math.Sqrt(n*(square-mean*mean))*w.rng.NormFloat64(), n*mean/10)
	left, above := n, 1.
	for k, x := range simBounds() {
		z := (math.Log(x) - center) / simSigma
		exceed := .98*upper(z) + .02*upper(z-math.Log(5)/simSigma)
		left = binomial(w.rng, left, math.Min(exceed/above, 1))
		w.slower[k][pod][t] = left
		above = math.Max(exceed, 1e-300)
	}
}

// upper is the normal tail.
func upper(z float64) float64 { return .5 * math.Erfc(z/math.Sqrt2) }

// before cuts the baseline pods' pre-period out of v.
func (w *world) before(v [][]float64) [][]float64 {
	var out [][]float64
	for _, pod := range v[w.canaries:] {
		out = append(out, pod[:simBefore])
	}
	return out
}

// arms sums v over the pods of each arm, for the whole time.
func (w *world) arms(v [][]float64) (canary, baseline []float64) {
	canary, baseline = make([]float64, simBefore+simRun), make([]float64, simBefore+simRun)
	for pod := range v {
		for t, x := range v[pod] {
			if pod < w.canaries {
				canary[t] += x
			} else {
				baseline[t] += x
			}
		}
	}
	return canary, baseline
}

// blocks pairs counts x of the run; A is left to the caller.
func (w *world) blocks(x [][]float64) []CountBlock {
	nc, nb := w.arms(w.n)
	xc, xb := w.arms(x)
	total, bad := Decay(nb[:simBefore], xb[:simBefore])
	pi := Predict(total, bad, nb[simBefore:], xb[simBefore:])
	out := make([]CountBlock, simRun)
	for i := range out {
		t := simBefore + i
		out[i] = CountBlock{Nc: nc[t], Xc: xc[t], Nb: nb[t], Xb: xb[t], Pi: pi[i]}
	}
	return out
}
