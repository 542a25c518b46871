package plan

import "time"

// The defaults of STATISTICS §1 and §3.7, and what no plan may exceed.
const (
	defaultBlock       = time.Minute
	defaultLag         = 30 * time.Second
	defaultPrePeriod   = 60 // blocks
	defaultMaxDuration = time.Hour
	defaultHoldFor     = 4 * time.Hour
	defaultMinBlocks   = 10
	defaultFinalBlocks = 5
	defaultMinRequests = 500
	defaultNoData      = 3 // blocks
	defaultWarmFor     = 3 * time.Minute
	defaultWarmAtMost  = 10 * time.Minute
	defaultWarmServed  = 300 // requests

	shortestBlock = time.Second
	longestBlock  = time.Hour
	longestWindow = 7 * 24 * time.Hour
	mostBlocks    = 10_080 // a week of minutes: what one look may have to read
)

// windows reads the plan's times and counts of blocks.
func (b *builder) windows() {
	f, p := &b.f, &b.p
	p.Block = duration(f.Block, defaultBlock)
	blockOK := !b.faulty("block") && b.block("block", p.Block)
	block := p.Block.D()
	if !blockOK { // judge the rest by a block that makes sense
		block = defaultBlock
	}
	p.Lag = duration(f.Lag, UsualLag(b.language()).D())
	p.MinBlocks = value(f.MinBlocks, defaultMinBlocks)
	p.FinalBlocks = value(f.FinalBlocks, min(defaultFinalBlocks, p.MinBlocks))
	p.MinRequests = value(f.MinRequests, defaultMinRequests)
	p.NoDataBlocks = value(f.NoDataBlocks, defaultNoData)
	p.PrePeriod = duration(f.PrePeriod, min(defaultPrePeriod*block, longestWindow))
	p.MaxDuration = duration(f.MaxDuration, defaultMaxDuration)
	p.MinDuration = duration(f.MinDuration, time.Duration(p.MinBlocks)*block)
	p.HoldFor = duration(f.HoldFor, defaultHoldFor)
	p.Warmup = b.warmup(p.MaxDuration.D())

	b.atMost("lag", p.Lag.D(), longestBlock)
	b.atMost("prePeriod", p.PrePeriod.D(), longestWindow)
	b.atMost("maxDuration", p.MaxDuration.D(), longestWindow)
	b.atMost("holdFor", p.HoldFor.D(), longestWindow)
	if !blockOK {
		return
	}
	for path, d := range map[string]time.Duration{"prePeriod": p.PrePeriod.D(), "maxDuration": p.MaxDuration.D()} {
		if n := int(d / block); n > mostBlocks && !b.faulty(path) {
			b.at(path, "%s is %d blocks of %s; write at most %d blocks' time, or longer blocks", d, n, p.Block, mostBlocks)
		}
	}
	b.reachable(block)
}

// block checks the length of a block. Blocks are aligned to the clock, so that both
// arms and all replicas cut time alike: they must divide the day.
func (b *builder) block(path string, d Duration) bool {
	switch {
	case d.D() < shortestBlock || d.D() > longestBlock:
		b.at(path, "%s is out of range; write a duration from %s to %s, at least two scrape intervals", d, shortestBlock, longestBlock)
	case 24*time.Hour%d.D() != 0:
		b.at(path, "blocks of %s do not divide a day, so they could not be aligned to the clock; write for example 30s, 60s or 5m", d)
	default:
		return true
	}
	return false
}

func (b *builder) atMost(path string, d, most time.Duration) {
	if d > most {
		b.at(path, "%s is too long; write at most %s", d, most)
	}
}

// reachable checks that promotion can be reached before the deadline.
func (b *builder) reachable(block time.Duration) {
	p := &b.p
	longest := p.MaxDuration.D()
	blocks := time.Duration(p.MinBlocks) * block
	warm := p.Warmup.For.D()
	if b.faulty("maxDuration") || b.faulty("minBlocks") || b.faulty("minDuration") || b.faulty("warmup") {
		return
	}
	if b.f.FinalBlocks != nil && p.FinalBlocks > p.MinBlocks {
		b.at("finalBlocks", "%d blocks at the highest weight are more than minBlocks, %d; raise minBlocks or write fewer", p.FinalBlocks, p.MinBlocks)
	}
	switch {
	case blocks > longest:
		b.at("maxDuration", "%s is shorter than minBlocks, which is %d blocks of %s (%s): promotion could never be reached; write at least %s, or fewer or shorter blocks",
			p.MaxDuration, p.MinBlocks, p.Block, blocks, blocks+warm)
	case p.MinDuration.D() > longest:
		b.at("minDuration", "%s is longer than maxDuration, %s: promotion could never be reached; write at most %s", p.MinDuration, p.MaxDuration, p.MaxDuration)
	case warm >= longest:
		b.at("warmup", "a warm-up of %s lasts until the deadline, %s, so nothing would be compared; write a shorter one", p.Warmup.For, p.MaxDuration)
	case p.Warmup.AtMost.D() >= longest:
		b.at("warmup.atMost", "a warm-up of up to %s may last until the deadline, %s; write a shorter one", p.Warmup.AtMost, p.MaxDuration)
	case warm+blocks > longest:
		b.at("maxDuration", "%s is shorter than the warm-up (%s) and minBlocks (%d blocks of %s) together: promotion could never be reached; write at least %s",
			p.MaxDuration, p.Warmup.For, p.MinBlocks, p.Block, warm+blocks)
	}
}

// warmup reads the warm-up. One duration means that and nothing else.
func (b *builder) warmup(longest time.Duration) Warmup {
	t := b.f.Warmup
	if t == nil {
		t = &warmupText{}
	}
	if t.plain != nil {
		return Warmup{For: duration(t.plain, 0), AtMost: duration(t.plain, 0)}
	}
	w := Warmup{For: duration(t.For, defaultWarmFor), Requests: value(t.Requests, defaultWarmServed)}
	w.AtMost = duration(t.AtMost, max(w.For.D(), min(defaultWarmAtMost, longest/2)))
	if w.AtMost < w.For && !b.faulty("warmup") {
		b.at("warmup.atMost", "%s is shorter than for, %s; write at least %s", w.AtMost, w.For, w.For)
	}
	return w
}
