package sequential

import "math"

// HorizonThreshold returns the value that E must reach for level alpha when the
// evidence is looked at no more than looks times, which is less than the 1/α of an
// unlimited number of looks:
//
//	looks    5 %    2 %    1 %   0.5 %
//	  10     5.9   11.7   19.9   33.9
//	  30     7.1   14.4   24.4   41.5
//	  60     7.7   15.4   26.9   45.1
//	 240     8.7   17.9   31.3   53.9
//
// (simulated, 100,000 paths of the one-sided normal mixture tuned to the horizon;
// STATISTICS §3.8). Between the entries it is interpolated in log looks and log α,
// fewer looks than 10 count as 10, and an alpha above 5 % as 5 % unless 1/α is less
// still. With more than 240 looks or an alpha below 0.5 % it is 1/α; +Inf for an
// alpha that is no probability. Whoever uses it must refuse to look more often.
func HorizonThreshold(alpha float64, looks int) float64 {
	if !(alpha > 0 && alpha < 1) {
		return math.Inf(1)
	}
	horizons := [...]float64{10, 30, 60, 240}
	levels := [...]float64{.05, .02, .01, .005}
	table := [len(horizons)][len(levels)]float64{
		{5.9, 11.7, 19.9, 33.9},
		{7.1, 14.4, 24.4, 41.5},
		{7.7, 15.4, 26.9, 45.1},
		{8.7, 17.9, 31.3, 53.9},
	}
	k := math.Max(float64(looks), horizons[0])
	if looks < 1 || k > horizons[len(horizons)-1] || alpha < levels[len(levels)-1] {
		return 1 / alpha
	}
	ville := 1 / alpha
	alpha = min(alpha, levels[0])
	row, down := locate(horizons[:], k)
	column, right := locate(levels[:], alpha)
	at := func(c int) float64 {
		return (1-down)*math.Log(table[row][c]) + down*math.Log(table[row+1][c])
	}
	return min(math.Exp((1-right)*at(column)+right*at(column+1)), ville)
}

// locate returns the entry before x and how far x is on the way to the next, in
// logs; the entries rise or fall.
func locate(entries []float64, x float64) (i int, part float64) {
	for i < len(entries)-2 && (x-entries[i+1])*(entries[i+1]-entries[i]) > 0 {
		i++
	}
	return i, math.Log(x/entries[i]) / math.Log(entries[i+1]/entries[i])
}
