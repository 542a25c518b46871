package power

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/stats/sequential"
	"gonum.org/v1/gonum/mathext"
)

func normalQuantile(p float64) float64 { return mathext.NormalQuantile(p) }

// result is when a regression of one size was found, path by path: the number of the
// block, or never. It speaks of the first so many blocks.
type result struct {
	blocks int
	at     []int
}

// The grid of sizes on which the smallest regression is searched: each is larger than
// the one before by this factor.
const (
	gridStep   = 1.08
	leastShare = 1e-6
	leastLog   = .005
	mostLog    = 4.6 // a hundredfold
)

// size is a point of the grid, and last its last.
func (st *study) size(i int) float64 {
	if c, ok := st.model.(counts); ok {
		return math.Min(leastShare*math.Pow(gridStep, float64(i)), c.room())
	}
	return math.Min(leastLog*math.Pow(gridStep, float64(i)), mostLog)
}

func (st *study) last() int {
	low, high := leastLog, mostLog
	if c, ok := st.model.(counts); ok {
		low, high = leastShare, c.room()
	}
	return max(0, int(math.Ceil(math.Log(high/low)/math.Log(gridStep))))
}

// room is the largest regression that a share has room for.
func (c counts) room() float64 {
	if c.lower {
		return math.Max(c.rate, leastShare)
	}
	return math.Max(1-c.rate, leastShare)
}

// nearest is the point of the grid at or below a size.
func (st *study) nearest(size float64) int {
	low := leastLog
	if _, ok := st.model.(counts); ok {
		low = leastShare
	}
	if !(size > low) {
		return 0
	}
	return min(int(math.Log(size/low)/math.Log(gridStep)), st.last())
}

// chance is how often a regression of a size is found within so many blocks.
func (st *study) chance(ctx context.Context, i, blocks int) (float64, error) {
	r, ok := st.results[i]
	if !ok || r.blocks < blocks {
		at, err := st.detect(ctx, st.size(i), blocks)
		if err != nil {
			return 0, err
		}
		r = result{blocks, at}
		st.results[i] = r
	}
	return foundBy(r.at, blocks), nil
}

func foundBy(at []int, blocks int) float64 {
	n := 0
	for _, b := range at {
		if b != never && b <= blocks {
			n++
		}
	}
	return float64(n) / float64(len(at))
}

// detect simulates every path with a regression of a size and returns after how many
// blocks each was found. One look at the end suffices: it finds the block at which
// the first of all looks would have rolled back.
func (st *study) detect(ctx context.Context, size float64, blocks int) ([]int, error) {
	at := make([]int, len(st.paths))
	err := st.eachPath(ctx, len(st.paths), func(i int) {
		v := st.look(st.record(&st.paths[i], size), blocks)
		if v.Outcome == judge.Rollback && v.Latched != nil && v.Latched.Proven {
			at[i] = v.Latched.Block + 1
		}
	})
	return at, err
}

// smallest finds the smallest regression for each of the times.
func (st *study) smallest(ctx context.Context, told func(float64)) ([]Smallest, error) {
	out := make([]Smallest, len(st.c.Within))
	known := -1 // a point of the grid that an earlier time finds
	for h, d := range st.c.Within {
		told(float64(h) / float64(len(out)))
		out[h].Within = minutes(d)
		blocks := int(d / st.c.Plan.Block.D())
		if d > st.c.Plan.MaxDuration.D() || blocks > st.blocks || blocks < 1 {
			continue
		}
		size, at, err := st.least(ctx, blocks, known)
		if err != nil {
			return nil, err
		}
		if at < 0 {
			continue
		}
		known = at
		out[h].Regression = st.regression(st.model.value(size))
	}
	return out, nil
}

// regression writes a value of the canary as a regression.
func (st *study) regression(v float64) Regression {
	out := Regression{Value: &v}
	if base := st.model.value(0); base > 0 {
		r := v / base
		out.Ratio = &r
	}
	return out
}

// floor is what pods hide: the engine's boundary on the log scale, and their luck
// beyond it with the chance that is asked for. Of a share it is the larger of the
// tolerance, with its absolute part, and of what the engine takes for luck.
func (st *study) floor() Regression {
	beyond := normalQuantile(st.c.Chance) * st.arms.luck
	c, ok := st.model.(counts)
	if !ok {
		return st.regression(st.model.value(st.luck.Rollback + beyond))
	}
	at := func(log, add float64) float64 {
		return unit(c.rate*math.Exp(c.direction()*(log+beyond)) + c.direction()*add)
	}
	tolerated := at(c.direction()*math.Log1p(c.direction()*st.m.Tolerance.Relative), st.m.Tolerance.Absolute)
	if lucky := at(st.luck.Rollback, 0); c.direction()*(lucky-tolerated) > 0 {
		return st.regression(lucky)
	}
	return st.regression(tolerated)
}

// least returns the smallest size that is found, and the first point of the grid that
// is; -1 where none is. known is a point that is found, or -1.
func (st *study) least(ctx context.Context, blocks, known int) (size float64, at int, err error) {
	s := search{st: st, blocks: blocks}
	high := known
	if high < 0 {
		high = s.up(ctx, st.nearest(st.guess(blocks)))
	}
	if high < 0 || s.err != nil {
		return 0, -1, s.err
	}
	low := s.down(ctx, &high)
	for high-low > 1 && s.err == nil {
		if mid := (low + high) / 2; s.found(ctx, mid) {
			high = mid
		} else {
			low = mid
		}
	}
	if low < 0 || s.err != nil {
		return st.size(max(high, 0)), high, s.err
	}
	a, b := s.chance(ctx, low), s.chance(ctx, high)
	part := (st.c.Chance - a) / (b - a)
	return st.size(low) * math.Pow(st.size(high)/st.size(low), part), high, s.err
}

// search is a search for one time; its first error ends it.
type search struct {
	st     *study
	blocks int
	err    error
}

func (s *search) chance(ctx context.Context, i int) float64 {
	c, err := s.st.chance(ctx, i, s.blocks)
	if err != nil && s.err == nil {
		s.err = err
	}
	return c
}

func (s *search) found(ctx context.Context, i int) bool {
	return s.chance(ctx, i) >= s.st.c.Chance && s.err == nil
}

// up goes to larger sizes until one is found.
func (s *search) up(ctx context.Context, i int) int {
	last := s.st.last()
	for step := 2; !s.found(ctx, i); step *= 2 {
		if i == last || s.err != nil {
			return -1
		}
		i = min(i+step, last)
	}
	return i
}

// down goes to smaller sizes until one is not found, -1 if all are, and moves high
// along.
func (s *search) down(ctx context.Context, high *int) int {
	low := *high - 1
	for step := 2; low >= 0 && s.found(ctx, low) && s.err == nil; step *= 2 {
		*high = low
		low -= step
	}
	return max(low, -1)
}

// guess is the size that the formulas expect to be found within so many blocks: half
// of it is lost to the grid of alternatives, restarts and φ̂, which the search finds
// out (STATISTICS §6).
func (st *study) guess(blocks int) float64 {
	share := 1.0
	var sum float64
	for _, m := range st.sim.Metrics {
		sum += m.Weight
	}
	if sum > 0 {
		share = st.m.Weight / sum
	}
	need := sequential.RequiredInformation(math.Min(st.c.Plan.Alpha*share, .49), st.c.Chance)
	info := st.information() * float64(blocks)
	ratio := sequential.SmallestFound(st.luck.Rollback, 2*need, info)
	if c, ok := st.model.(counts); ok {
		return c.rate*math.Expm1(math.Min(ratio, mostLog)) + st.m.Tolerance.Absolute
	}
	return math.Min(ratio, mostLog)
}

// information is what one block says of the log ratio, about where it is found.
func (st *study) information() float64 {
	switch m := st.model.(type) {
	case counts:
		b := sequential.CountBlock{Nc: st.arms.nc, Nb: st.arms.nb, Pi: math.Max(m.rate, 1e-6)}
		return sequential.CountInformation(b, 1.5, m.phi)
	case latency:
		return sequential.SeriesInformation(m.spread*m.spread, m.rho)
	case level:
		return sequential.SeriesInformation(m.spread*m.spread, m.rho) * float64(st.own) / float64(st.blocks)
	}
	return 0
}

// promotions returns, path by path, after how many blocks a healthy canary is
// promoted by this metric. Where promotion does not need it, a few paths suffice to
// see whether it could.
func (st *study) promotions(ctx context.Context, told func(float64)) ([]int, error) {
	n := len(st.paths)
	if !st.m.Required {
		n = min(n, fewPaths)
	}
	told(0)
	at := make([]int, n)
	err := st.eachPath(ctx, n, func(i int) { at[i] = st.promoted(&st.paths[i]) })
	return at, err
}

// promoted looks after every block at first and less often later; the first look
// that promotes is then found by halving.
func (st *study) promoted(p *path) int {
	r := st.record(p, 0)
	first := min(max(st.sim.MinBlocks, 1), st.blocks)
	before := first - 1
	for n := first; ; n = min(n+max(1, n/8), st.blocks) {
		switch yes, over := st.promotes(r, n); {
		case over:
			return never
		case yes:
			for before+1 < n {
				mid := (before + n) / 2
				if yes, _ := st.promotes(r, mid); yes {
					n = mid
				} else {
					before = mid
				}
			}
			return n
		}
		if n == st.blocks {
			return never
		}
		before = n
	}
}

// promotes reports whether a look after n blocks promotes, and whether it has rolled
// back.
func (st *study) promotes(r judge.Record, n int) (yes, over bool) {
	v := st.look(r, n)
	for _, f := range v.Findings {
		if f.Name == st.m.Name && f.About == judge.AboutMetric && f.NotWorse != nil {
			st.provable.Store(true)
		}
	}
	return v.Outcome == judge.Promote && v.Promotion.Yes, v.Outcome == judge.Rollback
}

// waiting sums up after how many blocks something happened.
func (c Config) waiting(at []int) Waiting {
	if len(at) == 0 {
		return Waiting{}
	}
	var when []float64
	for _, b := range at {
		if b != never {
			when = append(when, float64(b)*c.Plan.Block.D().Minutes())
		}
	}
	slices.Sort(when)
	w := Waiting{Share: float64(len(when)) / float64(len(at))}
	w.Median, w.Ninety = quantileOf(when, len(at), .5), quantileOf(when, len(at), .9)
	return w
}

// quantileOf returns the time by which so large a part of n rollouts was over.
func quantileOf(sorted []float64, n int, part float64) *float64 {
	k := int(math.Ceil(part*float64(n))) - 1
	if k >= len(sorted) {
		return nil
	}
	v := sorted[k]
	return &v
}

// minutes writes a duration without zeros at its end.
func minutes(d time.Duration) string {
	s := d.String()
	for _, zeros := range []string{"m0s", "h0m"} {
		if len(s) > len(zeros) && s[len(s)-len(zeros):] == zeros {
			s = s[:len(s)-2]
		}
	}
	return s
}
