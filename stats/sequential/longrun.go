package sequential

import "math"

// LongRun describes an autocorrelated series: n times the variance of its mean, by
// three estimators. None is stable below some 60 values; the engines use the AR(1)
// shrinkage of [Series] instead.
type LongRun struct {
	N         int
	Mean      float64
	Gamma0    float64 // variance, with divisor n
	Rho1      float64 // autocorrelation at lag 1
	Rho2      float64 // and at lag 2
	NeweyWest float64 // Bartlett weights up to Lag (Newey & West 1987)
	Lag       int     // ⌊4(n/100)^(2/9)⌋
	// GeyerPositive and GeyerMonotone sum pairs of autocovariances while they are
	// positive, and made monotone (Geyer 1992, Practical Markov chain Monte Carlo).
	GeyerPositive float64
	GeyerMonotone float64
	ESS           float64 // effective number of values: n·Gamma0/GeyerMonotone, n where that is not positive
	BatchMeans    float64 // from ⌊n/Batch⌋ means of Batch values
	Batch         int     // ⌊√n⌋
}

// LongRunVariance describes d, all of whose values must be finite. Of fewer than
// four values only N and Mean are given; of a constant series all variances are 0
// and ESS is n.
func LongRunVariance(d []float64) LongRun {
	out := LongRun{N: len(d)}
	var all moments
	for _, x := range d {
		all.add(x)
	}
	out.Mean = all.mean
	if len(d) < 4 {
		return out
	}
	n := float64(len(d))
	out.Gamma0 = autocovariance(d, out.Mean, 0)
	out.ESS = n
	out.Batch = int(math.Sqrt(n))
	out.Lag = int(4 * math.Pow(n/100, 2./9))
	if out.Gamma0 == 0 {
		return out
	}
	out.Rho1 = autocovariance(d, out.Mean, 1) / out.Gamma0
	out.Rho2 = autocovariance(d, out.Mean, 2) / out.Gamma0
	out.NeweyWest = out.Gamma0
	for k := 1; k <= out.Lag && k < len(d); k++ {
		out.NeweyWest += 2 * (1 - float64(k)/float64(out.Lag+1)) * autocovariance(d, out.Mean, k)
	}
	out.GeyerPositive, out.GeyerMonotone = geyer(d, out.Mean, out.Gamma0)
	if out.GeyerMonotone > 0 {
		out.ESS = n * out.Gamma0 / out.GeyerMonotone
	}
	out.BatchMeans = batchMeans(d, out.Batch)
	return out
}

// autocovariance returns that at lag k, with divisor n.
func autocovariance(d []float64, mean float64, k int) float64 {
	sum := 0.0
	for t := k; t < len(d); t++ {
		sum += (d[t] - mean) * (d[t-k] - mean)
	}
	return sum / float64(len(d))
}

// geyer returns -γ0 + 2ΣΓ_m, Γ_m = γ_2m + γ_2m+1, over the initial positive and the
// initial monotone sequence. Γ_0 enters even if it is not positive.
func geyer(d []float64, mean, gamma0 float64) (positive, monotone float64) {
	least := math.Inf(1)
	for k := 0; k+1 < len(d); k += 2 {
		pair := autocovariance(d, mean, k) + autocovariance(d, mean, k+1)
		if pair <= 0 {
			break
		}
		least = math.Min(least, pair)
		positive += 2 * pair
		monotone += 2 * least
	}
	if positive == 0 {
		return gamma0, gamma0 // alternating: take it as independent
	}
	return positive - gamma0, monotone - gamma0
}

// batchMeans returns size times the variance of the means of whole batches.
func batchMeans(d []float64, size int) float64 {
	var means moments
	for start := 0; start+size <= len(d); start += size {
		sum := 0.0
		for _, x := range d[start : start+size] {
			sum += x
		}
		means.add(sum / float64(size))
	}
	return float64(size) * means.variance()
}
