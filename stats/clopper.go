package stats

import (
	"fmt"

	"gonum.org/v1/gonum/mathext"
)

// ClopperPearson returns the exact interval of a probability of which k of n trials were
// seen, both in any unit of independent trials: 0 ≤ k ≤ n and n > 0. level is in (0,1).
// Each bound is missed with probability (1 - level)/2 at most (Clopper & Pearson 1934,
// The use of confidence or fiducial limits illustrated in the case of the binomial).
//
// Where trials are not independent, k and n are those of as many independent trials as
// tell as much; they need not be whole numbers then (Korn & Graubard 1998, Confidence
// intervals for proportions with small expected number of positive counts estimated from
// survey data).
func ClopperPearson(k, n, level float64) (Interval, error) {
	if !(n > 0) || !(k >= 0) || k > n || !(level > 0 && level < 1) {
		return Interval{}, fmt.Errorf("stats: no interval of %v in %v trials at level %v", k, n, level)
	}
	tail := (1 - level) / 2
	i := Interval{Low: 0, High: 1, Level: level}
	if k > 0 {
		i.Low = mathext.InvRegIncBeta(k, n-k+1, tail)
	}
	if k < n {
		i.High = mathext.InvRegIncBeta(k+1, n-k, 1-tail)
	}
	return i, nil
}
