package sequential

// Dispersion estimates φ while blocks come in: by how much the canary's share of
// the events varies more than counting alone explains (McCullagh & Nelder 1989,
// Generalized linear models). Counting engines divide their log evidence by it.
type Dispersion struct {
	// Phi0 is the estimate of the pre-period ([CountPlacebo]), or 2 where there is
	// none; a value that is not positive means 2.
	Phi0 float64
	// Nu0 is how many blocks Phi0 is worth: 30, or 10 where it is a default.
	Nu0 float64
	// Floor is the least φ: 1 for rare events (0 means 1), 1 - S for events that a
	// fraction S of all requests are, whose binomial variance is that much smaller.
	Floor float64
}

const (
	defaultPhi = 2
	// leastVariance keeps z² of a block with hardly any event in range.
	leastVariance = .25
	// noVariance is a variance that says nothing, and adds no degree of freedom.
	noVariance = 1e-9
	// leastGroups is how many groups of blocks are needed before they are heard.
	leastGroups = 4
	// leastShare bounds the canary's share of the exposure away from 0 and 1.
	leastShare = 1e-6
)

// lengths returns the block lengths at which φ is estimated: the longer ones catch
// autocorrelation, which single blocks cannot see.
func lengths() [3]int { return [3]int{1, 3, 5} }

// Running writes φ̂ after each prefix of blocks to dst, which is grown as needed,
// and returns it; its length is that of blocks. For groups of L = 1, 3, 5 blocks
//
//	φ_L = (ν0·φ0 + Σ z²) / (ν0 + groups - 1),  z² = e²/max(v, ¼)
//	e = X - M·p,  v = M·p·(1-p),  p = ρr/(ρr+1-ρ)
//
// with M = Xc+Xb, X = Xc, ρ = Nc/(Nc+Nb), and φ̂ = max(φ_1, φ_3, φ_5, Floor); L > 1
// is heard from 4 groups on. r is the ratio fitted to the whole prefix (Mantel and
// Haenszel, ½ added to both sums), not the null's, so that a steady regression does
// not count as dispersion. Blocks without exposure in both arms are left out.
//
// A group is taken as one large block with the mean share of its events. That is
// exact while the share is constant within it, and otherwise of second order. It
// makes Σ z² = α/r - 2β + γr with running sums α, β, γ, so a prefix costs the same
// however long it is; only groups so poor in events that v may be under ¼ are
// visited one by one.
func (d Dispersion) Running(dst []float64, blocks []CountBlock) []float64 {
	dst = resize(dst, len(blocks))
	phi0, floor := d.Phi0, d.Floor
	if !positive(phi0) {
		phi0 = defaultPhi
	}
	if !positive(floor) {
		floor = 1
	}
	nu0 := d.Nu0
	if !atLeast0(nu0) {
		nu0 = 0
	}
	var fit ratioFit
	var scales [3]scale
	for i, n := range lengths() {
		scales[i].blocks = n
	}
	for t := range blocks {
		b := &blocks[t]
		if b.counted() {
			share := b.share()
			fit.add(b.Xc, b.Xb, share)
			for i := range scales {
				scales[i].add(b, share)
			}
		}
		r := fit.ratio()
		phi := floor
		for i := range scales {
			phi = max(phi, scales[i].estimate(r, phi0, nu0))
		}
		dst[t] = phi
	}
	return dst
}

// ratioFit is the Mantel–Haenszel estimate of p_c/p_b, stratified by block.
type ratioFit struct{ above, below float64 }

func (f *ratioFit) add(xc, xb, share float64) {
	f.above += xc * (1 - share)
	f.below += xb * share
}

func (f *ratioFit) ratio() float64 { return (f.above + .5) / (f.below + .5) }

// cell is a group of blocks taken as one.
type cell struct{ xc, xb, rho float64 }

// z2 returns the residual's square over its variance, at ratio r.
func (c cell) z2(r float64) float64 {
	u, w := c.rho*r, 1-c.rho
	s := 1 / (u + w)
	e := (c.xc*w - c.xb*u) * s
	if v := (c.xc + c.xb) * u * w * s * s; v > leastVariance {
		return e * e / v
	}
	return e * e * (1 / leastVariance)
}

// widest is the ratio up to which, and down to whose inverse, the closed form holds.
const widest = 2

// rich reports whether the variance is at least ¼ at every ratio between 1/widest
// and widest; it has one maximum in r, so the ends decide.
func (c cell) rich() bool {
	w, m := 1-c.rho, c.xc+c.xb
	low, high := c.rho/widest, c.rho*widest
	return m*low*w >= leastVariance*(low+w)*(low+w) && m*high*w >= leastVariance*(high+w)*(high+w)
}

// scale is the estimate at one group length.
type scale struct {
	blocks int // per group
	// Of the group that is filling: blocks, events of the arms, and Σ M·ρ.
	filled      int
	xc, xb, rho float64

	room               [64]cell // the groups with any event, rich ones first
	more               []cell   // all of them, once there are too many for room
	informed, rich     int      // how many there are, and how many of them are in the sums
	alpha, beta, gamma float64
	groups             int // complete groups
}

// add adds a block and closes the group when it is full.
func (s *scale) add(b *CountBlock, share float64) {
	s.xc += b.Xc
	s.xb += b.Xb
	s.rho += (b.Xc + b.Xb) * share
	if s.filled++; s.filled < s.blocks {
		return
	}
	s.groups++
	if m := s.xc + s.xb; m > 0 {
		s.close(cell{xc: s.xc, xb: s.xb, rho: min(max(s.rho/m, leastShare), 1-leastShare)})
	}
	s.filled, s.xc, s.xb, s.rho = 0, 0, 0, 0
}

// cells returns the groups with any event.
func (s *scale) cells() []cell {
	if s.more != nil {
		return s.more
	}
	return s.room[:s.informed]
}

func (s *scale) close(c cell) {
	w, m := 1-c.rho, c.xc+c.xb
	if m*c.rho*w <= noVariance {
		return
	}
	if s.more == nil && s.informed == len(s.room) {
		s.more = append(make([]cell, 0, 2*len(s.room)), s.room[:]...)
	}
	if s.more != nil {
		s.more = append(s.more, c)
	} else {
		s.room[s.informed] = c
	}
	s.informed++
	if !c.rich() {
		return
	}
	cells := s.cells()
	cells[s.rich], cells[s.informed-1] = cells[s.informed-1], cells[s.rich]
	s.rich++
	s.alpha += c.xc * c.xc * w / (m * c.rho)
	s.beta += c.xc * c.xb / m
	s.gamma += c.xb * c.xb * c.rho / (m * w)
}

// estimate returns φ_L, or 0 while there are too few groups.
func (s *scale) estimate(r, phi0, nu0 float64) float64 {
	if s.blocks > 1 && s.groups < leastGroups {
		return 0
	}
	df := nu0 + max(float64(s.informed-1), 0)
	if df == 0 {
		return 0
	}
	return (nu0*phi0 + s.z2(r)) / df
}

// z2 returns Σ z² at ratio r.
func (s *scale) z2(r float64) float64 {
	sum, from := 0.0, 0
	if r <= widest && r >= 1./widest {
		sum, from = max(s.alpha/r-2*s.beta+s.gamma*r, 0), s.rich
	}
	for _, c := range s.cells()[from:] {
		sum += c.z2(r)
	}
	return sum
}
