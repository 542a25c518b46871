package judge

import (
	"fmt"
	"math"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/stats/sequential"
)

// findTraffic says what there is to say about requests and shares, and whether the
// evidence is fresh.
func (e *evaluator) findTraffic() {
	if e.traffic == "" || e.r.Comparison == rollout.ChecksOnly {
		e.v.Fresh = e.tl.closed > 0
		return
	}
	// Before the warm-up and across washed-out blocks too: freshness and silence
	// speak of requests, not of statistics.
	c := newPool(e.trafficData.Canary, pooling{blocks: e.tl.closed})
	b := newPool(e.trafficData.Baseline, pooling{blocks: e.tl.closed})
	e.freshness(c, b)
	e.findSilence(c, b)
	e.countProgress()
	e.findRatio()
}

// freshness finds how long ago the newest block with requests of both arms was.
func (e *evaluator) freshness(c, b pool) {
	e.v.StaleBlocks = e.tl.closed
	for t := e.tl.closed - 1; t >= 0; t-- {
		if c.ok[t] && b.ok[t] && c.n[t] > 0 {
			e.v.StaleBlocks = e.tl.closed - 1 - t
			if n := c.n[t] + b.n[t]; n > 0 {
				share := round(c.n[t] / n)
				e.v.Progress.Share = &share
			}
			break
		}
	}
	e.v.Fresh = e.tl.closed > 0 && e.v.StaleBlocks == 0
}

// weightNow is the declared weight at this look.
func (e *evaluator) weightNow() (float64, bool) { return e.r.WeightAtTime(e.in.At) }

// findSilence finds a canary without requests while it should have some and the
// baseline has. A declared weight of 0 is no silence.
func (e *evaluator) findSilence(c, b pool) {
	silent := 0
	for t := e.tl.closed - 1; t >= 0; t-- {
		w, known := e.r.WeightAtTime(e.tl.start.Add(e.tl.block * timeBlocks(t)))
		expected := (known && w > 0) || (!known && e.tl.clock != unknownBlock && t > e.tl.clock)
		if !expected || (c.ok[t] && c.n[t] > 0) || !b.ok[t] || b.n[t] <= 0 {
			break
		}
		silent++
	}
	if silent < max(e.p.NoDataBlocks, 1) {
		return
	}
	f := Finding{
		Name: "traffic", About: AboutTraffic, Class: Silent, Holds: true, Stops: true,
		RollsBack: e.p.NoData == plan.Rollback,
		Reason: fmt.Sprintf("the canary has served no request for %s (%s) while the baseline served %s",
			blocksOf(silent), minutes(e.tl.block*timeBlocks(silent)), count(sumLast(b.n, silent))),
		Next: "check that the canary is routed to, that it is ready, and that its metrics carry the labels that the plan selects",
	}
	if w, known := e.weightNow(); known {
		f.Reason += fmt.Sprintf("; the declared weight is %s %%", number(w))
	}
	e.findings = append(e.findings, f)
}

func sumLast(v []float64, n int) float64 {
	var s float64
	for t := max(0, len(v)-n); t < len(v); t++ {
		s += v[t]
	}
	return s
}

// countProgress counts what the verdict rests on.
func (e *evaluator) countProgress() {
	c, b := e.tl.pools(e.trafficData, 0)
	g := &e.v.Progress
	for t := range c.ok {
		if !c.ok[t] || !b.ok[t] || c.n[t] <= 0 {
			continue
		}
		g.Paired++
		g.CanaryRequests += c.n[t]
		g.BaselineRequests += b.n[t]
		if e.tl.final == unknownBlock || t >= e.tl.final {
			g.AtFinalStep++
		}
	}
	if e.tl.open != unknownBlock {
		g.From = e.tl.start.Add(e.tl.block * timeBlocks(e.tl.open)).UTC()
		g.Closed = e.tl.closed - e.tl.open
	}
	if w, known := e.weightNow(); known {
		g.Weight = &w
	}
	if p := e.trafficData.Prior; p != nil {
		g.PrePeriodBlocks = p.Blocks
	}
}

// sampleRatio gathers evidence that the canary's share of requests is not the
// declared one. It carries no weight: shares move with affinity, autoscaling and
// weights that nobody declared.
func (e *evaluator) sampleRatio(f FrozenMetric, tolerance float64) (evidence float64, blocks []sequential.CountBlock) {
	all := func(string) int { return 0 }
	skip := func(t int) bool { return !e.tl.compared(t) || e.weightChanges(t) }
	c := newPool(f.Canary, pooling{e.tl.closed, 0, all, skip})
	b := newPool(f.Baseline, pooling{e.tl.closed, 0, all, skip})
	for t := range c.ok {
		w, known := e.r.WeightAtTime(e.tl.start.Add(e.tl.block * timeBlocks(t)))
		if !known || w <= 0 || w >= 100 || !c.ok[t] || !b.ok[t] || c.n[t]+b.n[t] <= 0 {
			continue
		}
		blocks = append(blocks, sequential.CountBlock{Nc: w, Xc: c.n[t], Nb: 100 - w, Xb: b.n[t], A: 1})
	}
	if len(blocks) == 0 {
		return 0, nil
	}
	d := sequential.Dispersion{Phi0: defaultPhi, Nu0: defaultNu, Floor: 1}
	if p := f.Prior; p.learnt() && p.Requests != nil {
		d.Phi0, d.Nu0 = p.Requests.Phi, learntNu
	}
	return last(sequential.RateBand(nil, blocks, d.Running(nil, blocks), tolerance)), blocks
}

// weightChanges reports whether a weight is declared inside block t.
func (e *evaluator) weightChanges(t int) bool {
	from := e.tl.start.Add(e.tl.block * timeBlocks(t))
	for _, w := range e.r.Weights {
		if w.At.After(from) && w.At.Before(e.tl.end(t)) {
			return true
		}
	}
	return false
}

const defaultRateTolerance = 0.2

// findRatio reports a share of requests that is not the declared weight.
func (e *evaluator) findRatio() {
	if len(e.r.Weights) == 0 {
		return
	}
	ev, blocks := e.sampleRatio(e.trafficData, defaultRateTolerance)
	if blocks == nil || ev < math.Log(1/e.p.Alpha) {
		return
	}
	var got, want, n float64
	for _, k := range blocks {
		got += k.Xc
		want += k.Nc / 100 * (k.Xc + k.Xb)
		n += k.Xc + k.Xb
	}
	e.findings = append(e.findings, Finding{
		Name: "sample ratio", About: AboutTraffic, Class: SampleRatio, Holds: true, Worse: log10(ev),
		Reason: fmt.Sprintf("the canary received %s of %s requests where its declared weight makes %s expected (%s×); evidence %s",
			count(got), count(n), count(want), number(got/want), odds(ev/math.Ln10)),
		Next: "look for session affinity, an autoscaler that follows its own metrics, or a query that selects the wrong pods; a comparison of unlike populations proves nothing",
	})
}

// judgeRate judges a plan's own request-rate metric, by its own tolerance.
func (e *evaluator) judgeRate(tr *trial) {
	ev, blocks := e.sampleRatio(tr.frozen, math.Max(tr.m.Tolerance.Relative, 0.01))
	tr.paired = len(blocks)
	for _, k := range blocks {
		tr.canaryN += k.Xc
		tr.baselineN += k.Xb
	}
	if len(e.r.Weights) == 0 {
		tr.trouble, tr.reason = Shown, "the controller declares no weights, so that the share of requests cannot be judged"
		return
	}
	if blocks == nil {
		tr.trouble, tr.reason = Shown, "no block yet with a declared weight between 0 and 100 %"
		return
	}
	tr.worse = []float64{ev}
}

// identical reports whether both arms return the very same numbers: a query that
// is not narrowed to one arm. Three blocks with numbers that are not all alike are
// needed to say so: two arms may well share a constant.
func identical(f FrozenMetric) bool {
	if len(f.Canary.Processes) == 0 || len(f.Canary.Processes) != len(f.Baseline.Processes) {
		return false
	}
	busy := 0
	for i, c := range f.Canary.Processes {
		b := f.Baseline.Processes[i]
		if c.Name != b.Name || !sameColumn(c.N, b.N) || !sameColumn(c.X, b.X) || !sameColumn(c.V, b.V) || !sameColumn(c.Over, b.Over) {
			return false
		}
		busy = max(busy, busyBlocks(c.N), busyBlocks(c.V))
	}
	return busy >= 3
}

// busyBlocks counts the blocks with a positive number, or none where they are all
// the same.
func busyBlocks(c queries.Column) int {
	n, first, varies := 0, 0.0, false
	for _, v := range c {
		if !(v > 0) {
			continue
		}
		if n == 0 {
			first = v
		}
		varies = varies || v != first
		n++
	}
	if !varies {
		return 0
	}
	return n
}

func sameColumn(a, b queries.Column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && !(queries.IsGap(a[i]) && queries.IsGap(b[i])) {
			return false
		}
	}
	return true
}

// neverSeen reports whether the numerator has been seen in neither arm. Where the
// baseline has shown it once, its absence from the canary is a true zero.
func neverSeen(f FrozenMetric) bool {
	return hasNote(f.Canary, queries.NoteNeverSeen) && (hasNote(f.Baseline, queries.NoteNeverSeen) || len(f.Baseline.Processes) == 0) &&
		noBad(f.Canary) && noBad(f.Baseline)
}

func noBad(f queries.Frame) bool {
	for _, p := range f.Processes {
		for _, x := range p.X {
			if x > 0 {
				return false
			}
		}
	}
	return true
}

func hasNote(f queries.Frame, c queries.NoteCode) bool { return noteText(f, c) != "" }

func noteText(f queries.Frame, c queries.NoteCode) string {
	for _, n := range f.Notes {
		if n.Code == c {
			return n.Text
		}
	}
	return ""
}
