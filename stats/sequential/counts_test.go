package sequential

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// drawBlocks draws a plausible run.
func drawBlocks(t *rapid.T, n int) []CountBlock {
	blocks := make([]CountBlock, n)
	for i := range blocks {
		b := &blocks[i]
		b.Nc = rapid.Float64Range(1, 1e4).Draw(t, "nc")
		b.Nb = rapid.Float64Range(1, 1e5).Draw(t, "nb")
		b.Xc = math.Floor(b.Nc * rapid.Float64Range(0, .2).Draw(t, "rc"))
		b.Xb = math.Floor(b.Nb * rapid.Float64Range(0, .2).Draw(t, "rb"))
		b.A = rapid.Float64Range(.5, 3).Draw(t, "a")
		b.Pi = rapid.Float64Range(1e-4, .3).Draw(t, "pi")
	}
	return blocks
}

// definition computes Evidence as it is written in the documentation, slowly.
func definition(c Counts, blocks []CountBlock, phi []float64) []float64 {
	grid := c.Grid
	if grid == nil {
		grid = DefaultGrid()
	}
	sign := 1.
	if !c.upward() {
		sign = -1
	}
	product := func(from, to int, g, phi float64) float64 {
		sum := 0.0
		for _, b := range blocks[from:to] {
			a, d := c.line(&b)
			alt := (a*b.Pi + d) * math.Exp(sign*g)
			q := bruteProjection(b, a, d, alt)
			point := a*q + d
			sum += -b.Nc*(alt-point) - b.Nb*(b.Pi-q) + xlogy(b.Xc, alt/point) + xlogy(b.Xb, b.Pi/q)
		}
		return sum / phi
	}
	out := make([]float64, len(blocks))
	for t := range out {
		from := func(start int) float64 {
			if t+1 <= start {
				return 0
			}
			mean := math.Inf(-1)
			for _, g := range grid {
				mean = logAdd(mean, product(start, t+1, g, phi[t])-math.Log(float64(len(grid))))
			}
			return mean
		}
		out[t] = from(0)
		if !c.Restarts {
			continue
		}
		out[t] -= math.Ln2
		idle := .5
		for j := 1.; 5*j < 60; j++ {
			out[t] = logAdd(out[t], from(5*int(j))+math.Log(.5/(j*(j+1))))
			idle -= .5 / (j * (j + 1))
		}
		out[t] = logAdd(out[t], math.Log(idle))
	}
	return out
}

// bruteProjection minimises the divergence along the null's line by bisection of its
// derivative, which rises.
func bruteProjection(b CountBlock, a, d, alt float64) float64 {
	low, high := math.Max(0, -d/a), 1e6
	for range 300 {
		q := (low + high) / 2
		if b.Nc*a*(1-alt/(a*q+d))+b.Nb*(1-b.Pi/q) > 0 {
			high = q
		} else {
			low = q
		}
	}
	return (low + high) / 2
}

func TestEvidenceAgreesWithItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCounts(t)
		c.Restarts = rapid.Bool().Draw(t, "restarts")
		blocks := drawBlocks(t, 12)
		phi := make([]float64, len(blocks))
		for i := range blocks {
			phi[i] = rapid.Float64Range(.3, 5).Draw(t, "phi")
			if a, d := c.line(&blocks[i]); a*blocks[i].Pi+d <= .1*a*blocks[i].Pi {
				t.Skip("the definition has no alternative here")
			}
		}
		got, want := c.Evidence(nil, blocks, phi), definition(c, blocks, phi)
		for i := range got {
			if math.Abs(got[i]-want[i]) > 1e-6*(1+math.Abs(want[i])) {
				t.Fatalf("prefix %d: got %.12g, want %.12g", i+1, got[i], want[i])
			}
		}
	})
}

func TestConditionalIsTheSpecialCase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Counts{Side: rapid.SampledFrom([]Side{Worse, NotWorse}).Draw(t, "side")}
		b := drawBlocks(t, 1)[0]
		tilts := c.tilts(nil, DefaultGrid())
		conditional, general := make([]float64, len(tilts)), make([]float64, len(tilts))
		addConditional(conditional, &b, tilts)
		p := projector{b: b, a: b.A}
		p.add(general, tilts, c.upward())
		for i := range tilts {
			// The general form takes differences of numbers as large as the counts.
			if math.Abs(conditional[i]-general[i]) > 1e-12*(b.Xc+b.Xb+b.Nc+b.Nb) {
				t.Fatalf("g=%g: conditional %.12g, general %.12g", tilts[i].g, conditional[i], general[i])
			}
		}
	})
}

func last(v []float64) float64 { return v[len(v)-1] }

func TestEvidenceIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := drawBlocks(t, 8)
		moved := append([]CountBlock(nil), blocks...)
		i := rapid.IntRange(0, len(blocks)-1).Draw(t, "block")
		c := Counts{Side: rapid.SampledFrom([]Side{Worse, NotWorse}).Draw(t, "side")}
		if c.Side == Worse {
			moved[i].Xc++
		} else {
			moved[i].Xb++
		}
		if before, after := last(c.Evidence(nil, blocks, nil)), last(c.Evidence(nil, moved, nil)); after < before {
			t.Fatalf("one event more for the claim: evidence fell from %g to %g", before, after)
		}
		moved[i] = blocks[i]
		moved[i].A *= 1.1
		before, after := last(c.Evidence(nil, blocks, nil)), last(c.Evidence(nil, moved, nil))
		if c.Side == Worse && after > before || c.Side == NotWorse && after < before {
			t.Fatalf("%v: a wider null moved evidence from %g to %g", c.Side, before, after)
		}
	})
}

func TestEvidenceIsScaleFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCounts(t)
		blocks := drawBlocks(t, 8)
		scale := rapid.SampledFrom([]float64{1e-3, .1, 7, 1e4}).Draw(t, "scale")
		scaled := append([]CountBlock(nil), blocks...)
		for i := range scaled {
			scaled[i].Nc *= scale
			scaled[i].Nb *= scale
			scaled[i].Pi /= scale
		}
		d := c
		d.D /= scale
		got, want := last(d.Evidence(nil, scaled, nil)), last(c.Evidence(nil, blocks, nil))
		if math.Abs(got-want) > 1e-7*(1+math.Abs(want)) {
			t.Fatalf("exposures in other units: got %g, want %g", got, want)
		}
	})
}

func TestLowerIsTheMirrorImage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := drawBlocks(t, 8)
		swapped := make([]CountBlock, len(blocks))
		for i, b := range blocks {
			swapped[i] = CountBlock{Nc: b.Nb, Xc: b.Xb, Nb: b.Nc, Xb: b.Xc, A: 1 / b.A}
		}
		side := rapid.SampledFrom([]Side{Worse, NotWorse}).Draw(t, "side")
		got := last(Counts{Side: side, Lower: true}.Evidence(nil, blocks, nil))
		want := last(Counts{Side: side}.Evidence(nil, swapped, nil))
		if math.Abs(got-want) > 1e-9*(1+math.Abs(want)) {
			t.Fatalf("got %g, want that of the arms exchanged, %g", got, want)
		}
	})
}

// TestFailuresNearOne shows what Failures is for: a success rate that falls from
// 98 % to 95 % at a tolerance of 1 %.
func TestFailuresNearOne(t *testing.T) {
	var good, bad []CountBlock
	for range 10 {
		good = append(good, CountBlock{Nc: 300, Xc: 285, Nb: 5700, Xb: 5586, A: .99})
		bad = append(bad, CountBlock{Nc: 300, Xc: 15, Nb: 5700, Xb: 114, A: .99, Pi: .02})
	}
	plain := last(Counts{Lower: true}.Evidence(nil, good, nil))
	failures := last(Counts{Lower: true, Failures: true}.Evidence(nil, bad, nil))
	if plain > 1 || failures < 5 {
		t.Errorf("log E: %g of successes, %g of failures; want nothing and plenty", plain, failures)
	}
	sound := last(Counts{Lower: true, Failures: true, Side: NotWorse}.Evidence(nil, bad, nil))
	if sound > 0 {
		t.Errorf("log E that it is not worse: %g", sound)
	}
}

// TestRestartsFindLateOnset: half an hour of better than tolerated, then worse.
func TestRestartsFindLateOnset(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var blocks []CountBlock
	for i := range 60 {
		rate := .002
		if i >= 30 {
			rate = .012
		}
		blocks = append(blocks, CountBlock{Nc: 300, Xc: poisson(r, 300*rate), Nb: 5700, Xb: poisson(r, 5700*.002), A: 1.5})
	}
	first := func(c Counts) int {
		for i, e := range c.Evidence(nil, blocks, nil) {
			if e >= math.Log(100) {
				return i + 1
			}
		}
		return 99
	}
	with, without := first(Counts{Restarts: true}), first(Counts{})
	if with > 37 || with <= 30 || without <= with {
		t.Errorf("crossed at block %d with restarts, %d without; want within 7 blocks of the onset, and sooner than without", with, without)
	}
}

func TestEvidenceAtTheEdges(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	good := CountBlock{Nc: 300, Xc: 5, Nb: 5700, Xb: 50, A: 1.1, Pi: .01}
	with := func(change func(*CountBlock)) CountBlock {
		b := good
		change(&b)
		return b
	}
	for name, b := range map[string]CountBlock{
		"zero":               {},
		"no canary traffic":  with(func(b *CountBlock) { b.Nc = 0 }),
		"no baseline":        with(func(b *CountBlock) { b.Nb = 0 }),
		"NaN count":          with(func(b *CountBlock) { b.Xc = nan }),
		"negative count":     with(func(b *CountBlock) { b.Xb = -1 }),
		"infinite exposure":  with(func(b *CountBlock) { b.Nc = inf }),
		"no null":            with(func(b *CountBlock) { b.A = 0 }),
		"NaN null":           with(func(b *CountBlock) { b.A = nan }),
		"NaN rate, additive": with(func(b *CountBlock) { b.Pi = nan }),
	} {
		for _, c := range []Counts{{D: .001}, {D: .001, Side: NotWorse}, {D: .001, Lower: true, Restarts: true}} {
			if e := c.Evidence(nil, []CountBlock{b}, nil); math.Abs(e[0]) > 1e-12 {
				t.Errorf("%s: log E %g, want 0", name, e[0])
			}
		}
	}
	for name, phi := range map[string][]float64{"zero": {0}, "NaN": {nan}, "negative": {-1}, "infinite": {inf}} {
		if e := (Counts{}).Evidence(nil, []CountBlock{good}, phi)[0]; math.Abs(e) > 1e-12 {
			t.Errorf("φ %s: log E %g, want 0", name, e)
		}
	}
	if e := (Counts{Grid: []float64{}}).Evidence(nil, []CountBlock{good}, nil)[0]; e != 0 {
		t.Errorf("no alternatives: log E %g, want 0", e)
	}
	if e := (Counts{}).Evidence(nil, nil, nil); len(e) != 0 {
		t.Errorf("no blocks: %v", e)
	}
}

// TestEvidenceOfManyBlocks leaves the room that is on the stack.
func TestEvidenceOfManyBlocks(t *testing.T) {
	const n = 700
	r := rand.New(rand.NewPCG(3, 3))
	grid := []float64{.05, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1}
	var blocks []CountBlock
	for range n {
		blocks = append(blocks, CountBlock{Nc: 10, Xc: poisson(r, .1), Nb: 90, Xb: poisson(r, .9), A: 1.1})
	}
	whole := Counts{Grid: grid, Restarts: true}.Evidence(nil, blocks, nil)
	// A prefix does not depend on what follows it.
	for _, k := range []int{1, 5, 6, 301, 302, 699} {
		if got := last(Counts{Grid: grid, Restarts: true}.Evidence(nil, blocks[:k], nil)); got != whole[k-1] {
			t.Errorf("prefix %d: %g alone, %g within", k, got, whole[k-1])
		}
	}
	dst := make([]float64, n)
	if got := (Counts{}).Evidence(dst, blocks, nil); &got[0] != &dst[0] {
		t.Error("dst was long enough but was not used")
	}
}

func FuzzEvidence(f *testing.F) {
	f.Add(300., 5., 5700., 50., 1.1, .01, .001, 1., uint8(0))
	f.Add(1e9, 1e9, 1e9, 0., 1., 0., 0., .01, uint8(7))
	f.Add(1e-300, 1e300, 1e300, 1e-300, 1e-300, 1e-300, 1e-300, 1e-300, uint8(3))
	f.Add(1., 0., 1., 0., 1., 1e-12, .5, 1., uint8(12))
	f.Fuzz(func(t *testing.T, nc, xc, nb, xb, a, pi, d, phi float64, flags uint8) {
		for _, v := range []float64{nc, xc, nb, xb, a, pi, d, phi} {
			if v > 1e15 || v < 0 || v > 0 && v < 1e-15 {
				t.Skip("outside what counts are")
			}
		}
		c := Counts{D: d, Side: Side(flags & 1), Lower: flags&2 > 0, Failures: flags&4 > 0, Restarts: flags&8 > 0}
		b := CountBlock{Nc: nc, Xc: xc, Nb: nb, Xb: xb, A: a, Pi: pi}
		blocks := []CountBlock{b, b, {}, b, b, b, b}
		for i, e := range c.Evidence(nil, blocks, []float64{phi}) {
			if math.IsNaN(e) || math.IsInf(e, 1) {
				t.Fatalf("%+v %+v φ=%g: log E %g after %d blocks", c, b, phi, e, i+1)
			}
		}
		for i, v := range (Dispersion{Phi0: phi, Nu0: a, Floor: d}).Running(nil, blocks) {
			if math.IsNaN(v) || math.IsInf(v, 0) || v <= 0 {
				t.Fatalf("%+v: φ̂ %g after %d blocks", b, v, i+1)
			}
		}
	})
}
