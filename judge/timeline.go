package judge

import (
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// side indexes the two arms.
type side int

const (
	canary side = iota
	baseline
)

func (s side) String() string {
	if s == canary {
		return "canary"
	}
	return "baseline"
}

// unknownBlock stands for a block that has not come yet.
const unknownBlock = -1

// timeline is what is known of a rollout's time, in blocks since the one of its
// announcement.
type timeline struct {
	start  time.Time
	block  time.Duration
	closed int // blocks that had closed at this look

	open  int // first compared block: declared weight or traffic
	clock int // first block with canary requests; the plan's clocks start here

	washed []bool         // blocks left out because the weight changed in them
	warm   map[string]int // canary or baseline process -> first warm block
	first  int            // first block with a warm canary process
	// final is the first block wholly at the highest weight, where that is known.
	final int
}

// newTimeline lays out the closed blocks. traffic holds the frames of the metric
// that counts requests; both may be empty where the plan has none.
func newTimeline(rec Record, closed int, traffic FrozenMetric) *timeline {
	p, r := rec.Plan, rec.Rollout
	block := p.Block.D()
	tl := &timeline{
		start: r.Started.Truncate(block), block: block, closed: closed,
		open: unknownBlock, clock: unknownBlock, first: unknownBlock, final: unknownBlock,
	}
	tl.findClock(r, traffic.Canary)
	tl.washOut(r.Weights)
	tl.warmUp(p.Warmup, traffic)
	tl.findFinal(r)
	return tl
}

// end returns the end of block i.
func (tl *timeline) end(i int) time.Time { return tl.start.Add(time.Duration(i+1) * tl.block) }

// index returns the block that holds t.
func (tl *timeline) index(t time.Time) int {
	d := t.Sub(tl.start)
	if d < 0 {
		return 0
	}
	return int(d / tl.block)
}

// elapsed is the time from the first block with canary requests to the end of the
// last closed one: what the plan's clocks read.
func (tl *timeline) elapsed() time.Duration {
	if tl.clock == unknownBlock {
		return 0
	}
	return time.Duration(tl.closed-tl.clock) * tl.block
}

func (tl *timeline) findClock(r rollout.Rollout, f queries.Frame) {
	total := f.Total()
	for i := 0; i < min(tl.closed, len(total.N)); i++ {
		if total.N[i] > 0 {
			tl.clock = i
			break
		}
	}
	tl.open = tl.clock
	for _, w := range r.Weights {
		if w.Percent <= 0 {
			continue
		}
		if i := tl.index(w.At); tl.open == unknownBlock || i < tl.open {
			tl.open = i
		}
		break
	}
	if tl.open >= tl.closed {
		tl.open = unknownBlock
	}
}

// washOut marks the block in which a weight changed: its requests were split in
// two ways. Two neighbouring blocks are never both left out, or a controller that
// steps every block would leave nothing to compare; comparisons are made within
// blocks, so that the block that stays is blurred, not biased.
func (tl *timeline) washOut(ws []rollout.WeightAt) {
	tl.washed = make([]bool, tl.closed)
	for k := 1; k < len(ws); k++ {
		if ws[k].Percent == ws[k-1].Percent {
			continue
		}
		i := tl.index(ws[k].At)
		if i >= tl.closed || (i > 0 && tl.washed[i-1]) {
			continue
		}
		tl.washed[i] = true
	}
}

// warmUp finds each process's first warm block. Baseline processes that were there
// in the first block are warm from the start.
func (tl *timeline) warmUp(w plan.Warmup, traffic FrozenMetric) {
	tl.warm = map[string]int{}
	for _, p := range traffic.Canary.Processes {
		i := firstWarm(p.N, tl.closed, tl.block, w)
		tl.warm[warmKey(canary, p.Name)] = i
		if i < tl.closed && (tl.first == unknownBlock || i < tl.first) {
			tl.first = i
		}
	}
	for _, p := range traffic.Baseline.Processes {
		i := 0
		if len(p.N) > 0 && queries.IsGap(p.N[0]) {
			i = firstWarm(p.N, tl.closed, tl.block, w)
		}
		tl.warm[warmKey(baseline, p.Name)] = i
	}
	if len(traffic.Canary.Processes) == 0 && tl.open != unknownBlock {
		tl.first = tl.open // nothing counts requests: there is nothing to warm by
	}
}

func warmKey(s side, process string) string { return s.String() + "/" + process }

// firstWarm returns the first block in which a process is warm: it has run for
// w.For and served w.Requests, or run for w.AtMost. It returns n where it is not yet.
func firstWarm(requests queries.Column, n int, block time.Duration, w plan.Warmup) int {
	born, served := unknownBlock, 0.0
	for i := 0; i < min(n, len(requests)); i++ {
		v := requests[i]
		if queries.IsGap(v) {
			v = 0
		}
		if born == unknownBlock {
			if v <= 0 {
				continue
			}
			born = i
		}
		age := time.Duration(i-born) * block
		if (age >= w.For.D() && served >= float64(w.Requests)) || age >= w.AtMost.D() {
			return i
		}
		served += v
	}
	return n
}

// warmFrom returns the first block from which a process's numbers count. A process
// that the traffic metric does not know by that name (another store's pod label)
// counts from the first block with any warm canary process.
func (tl *timeline) warmFrom(s side, process string) int {
	if i, ok := tl.warm[warmKey(s, process)]; ok {
		return i
	}
	if s == baseline {
		return 0
	}
	if tl.first == unknownBlock {
		return tl.closed
	}
	return tl.first
}

// compared reports whether block i may be compared at all.
func (tl *timeline) compared(i int) bool {
	return tl.open != unknownBlock && i >= tl.open && i < tl.closed && !tl.washed[i]
}

// findFinal finds the first block that lies wholly at the highest declared weight,
// or, where no weight is declared, after the controller first asked for the last
// promotion.
func (tl *timeline) findFinal(r rollout.Rollout) {
	at := r.FinalStep
	if len(r.Weights) > 0 {
		top := r.Weights[0]
		for _, w := range r.Weights {
			if w.Percent > top.Percent {
				top = w
			}
		}
		at = top.At
	}
	if at.IsZero() {
		return
	}
	i := tl.index(at)
	if tl.start.Add(time.Duration(i) * tl.block).Before(at) {
		i++
	}
	tl.final = i
}
