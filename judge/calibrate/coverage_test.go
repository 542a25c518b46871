package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// simulated is how studies are simulated: so many stretches with so many draws each, an
// outcome with a rate, and how alike draws of one stretch, and of one pod, are in it.
type simulated struct {
	slots, per          int
	rate, byTime, byPod float64
}

// study makes draws of twenty pods whose outcome follows what they share.
func (c simulated) study(d *rand.Rand, rs []Result) {
	var pods [20]float64
	for i := range pods {
		pods[i] = d.NormFloat64()
	}
	at := math.Sqrt2 * math.Erfinv(1-2*c.rate) // above it lies the rate's part
	common := 0.0
	for i := range rs {
		if i%c.per == 0 {
			common = d.NormFloat64()
		}
		rest := math.Sqrt(math.Max(0, 1-c.byTime-c.byPod)) * d.NormFloat64()
		rs[i].Promoted, rs[i].Peak = 0, d.NormFloat64()
		if math.Sqrt(c.byTime)*common+math.Sqrt(c.byPod)*pods[(i/c.per+i%c.per)%20]+rest > at {
			rs[i].Promoted = 1
		}
	}
}

// covers counts how often an interval holds the true rate.
func (c simulated) covers(of func(kinship) Rate, rounds int) int {
	d := rand.New(rand.NewPCG(15, 16))
	rs := make([]Result, c.slots*c.per)
	for i := range rs {
		rs[i] = Result{Slot: 2 * (i / c.per), Pods: []string{fmt.Sprint((i/c.per + i%c.per) % 20)}}
	}
	k := kinshipOf(rs)
	held := 0
	for range rounds {
		c.study(d, rs)
		if r := of(k); r.Low <= c.rate && c.rate <= r.High {
			held++
		}
	}
	return held
}

func wasPromoted(r Result) bool { return r.Promoted > 0 }

// TestIntervalsOfWhatAStretchDecidesCover simulates studies in which a draw's outcome has
// nothing to do with its evidence: a stretch has the traffic for a proof, or has not.
func TestIntervalsOfWhatAStretchDecidesCover(t *testing.T) {
	const rounds = 400
	promoted := func(k kinship) Rate { return k.rate(wasPromoted) }
	limits := func(k kinship) Rate { return k.alarms(wasPromoted, k.alike(k.peaks()), true) }
	byEvidence := func(k kinship) Rate {
		_, count := k.outcomes(wasPromoted)
		return rateOf(count, len(k.rs), k.alike(k.peaks()).Effective)
	}
	for _, c := range []struct {
		simulated
		of   func(kinship) Rate
		what string
	}{
		{simulated{slots: 40, per: 5, rate: .5, byTime: 1}, promoted, "promoted"},
		{simulated{slots: 56, per: 7, rate: .7, byTime: 1}, promoted, "promoted"},
		{simulated{slots: 9, per: 40, rate: .8, byTime: 1}, promoted, "promoted"},
		{simulated{slots: 56, per: 7, rate: .98, byTime: 1}, promoted, "promoted, but for a few"},
		{simulated{slots: 20, per: 20, rate: .5, byTime: .5}, promoted, "promoted, a stretch decides in part"},
		{simulated{slots: 9, per: 40, rate: .8, byTime: .3}, promoted, "promoted, a stretch decides in part"},
		{simulated{slots: 56, per: 7, rate: .7, byPod: .3}, promoted, "promoted, pods decide in part"},
		{simulated{slots: 56, per: 7, rate: .7}, promoted, "promoted, all by chance"},
		{simulated{slots: 56, per: 7, rate: .04, byTime: 1}, limits, "alarms by a limit"},
		{simulated{slots: 40, per: 10, rate: .01, byTime: 1}, limits, "alarms by a limit"},
	} {
		name := fmt.Sprintf("%s: %g in %d stretches of %d draws, likeness %g", c.what, c.rate, c.slots, c.per, c.byTime+c.byPod)
		if held := c.covers(c.of, rounds); held < .93*rounds {
			t.Errorf("%s: the interval held the rate in %d of %d", name, held, rounds)
		}
		// The evidence knows nothing of it: without the outcomes the interval is too narrow.
		if c.per != 5 && c.rate != .04 {
			continue
		}
		if held := c.covers(byEvidence, rounds); held > .9*rounds {
			t.Errorf("%s: the interval by evidence held it in %d of %d: the clusters are no test", name, held, rounds)
		}
	}
}

// TestFewStretchesTellLittle counts outcomes that are all the same.
func TestFewStretchesTellLittle(t *testing.T) {
	var rs []Result
	d := rand.New(rand.NewPCG(1, 2))
	for i := range 400 {
		rs = append(rs, Result{Slot: 2 * (i % 8), Pods: []string{fmt.Sprint(i / 8)}, Peak: d.NormFloat64(), Promoted: 9})
	}
	k := kinshipOf(rs)
	peaks := k.alike(k.peaks())
	none := func(Result) bool { return false }
	for what, c := range map[string]struct {
		r           Rate
		least, most float64
	}{
		"promoted":                        {k.rate(wasPromoted), 8, 8},
		"no alarm, by evidence alone":     {k.alarms(none, peaks, false), 200, 400},
		"no alarm, where limits can fire": {k.alarms(none, peaks, true), 8, 8},
	} {
		if c.r.Effective < c.least || c.r.Effective > c.most {
			t.Errorf("%s: got as many as %v independent draws, want %v to %v", what, c.r.Effective, c.least, c.most)
		}
	}
}
