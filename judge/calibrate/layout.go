package calibrate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/serin-canary/serin/judge/backtest"
	"github.com/serin-canary/serin/judge/plan"
)

// slot is a stretch of history in which a draw may begin: at From, or up to Slack blocks
// later. What draws of different slots compare shares no block.
type slot struct {
	from  time.Time
	slack int
	pods  []string // that were there all of the time
}

// layout says which pods are judged when. It is a function of a history, a plan, the
// number of pods and a seed; the n-th draw is the same however many there are.
type layout struct {
	block   time.Duration
	run     int // blocks of a rollout
	size    int // pods of a canary
	seed    uint64
	pre     time.Duration // of history before a start
	slots   []slot
	skipped int // slots with too few pods
}

// draw is one pseudo-canary.
type draw struct {
	index, slot, round int
	start              time.Time
	pods               []string
	// lap counts how often the same pods have had their turn in the same slot.
	lap int
}

// gapPart is how much of a rollout's length lies between two slots' windows at least, so
// that a draw's start can vary: a job that runs every hour must not meet every draw at
// the same minute.
const gapPart = .25

// leastOthers is how many pods must be left for the baseline.
const leastOthers = 2

// newLayout lays a history out for a plan.
func newLayout(h *History, c Config, traffic Question) (layout, error) {
	p := c.Plan
	l := layout{block: p.Block.D(), run: backtest.Blocks(p), size: c.Pods, seed: c.Seed, pre: max(p.PrePeriod.D(), c.Before)}
	l.run = max(l.run, int(c.Rollout/l.block), 1)
	// A metric whose blocks are longer needs starts at which one of its blocks begins.
	align := p.Block.D()
	for _, m := range p.Metrics {
		align = max(align, m.Block.D())
	}
	pre := l.pre
	most := 0
	for _, s := range h.spans(align) {
		usable := int(s.To.Sub(s.From.Add(pre)) / l.block)
		n := int(float64(usable) / (float64(l.run) * (1 + gapPart)))
		if n == 0 && usable >= l.run {
			n = 1
		}
		for i := range n {
			each := usable / n
			from := upTo(s.From.Add(pre).Add(time.Duration(i*each)*l.block), align)
			slack := int(s.From.Add(pre).Add(time.Duration((i+1)*each)*l.block).Sub(from)/l.block) - l.run
			if slack < 0 {
				continue
			}
			at := slot{from: from, slack: slack}
			at.pods = h.pods(traffic, Span{from, from.Add(time.Duration(slack+l.run) * l.block)})
			most = max(most, len(at.pods))
			if len(at.pods) < l.size+leastOthers {
				l.skipped++
				continue
			}
			l.slots = append(l.slots, at)
		}
	}
	if len(l.slots) == 0 {
		return l, l.nothing(p, most)
	}
	return l, nil
}

// nothing says why there is no slot.
func (l layout) nothing(p plan.Plan, most int) error {
	if l.skipped == 0 {
		return fmt.Errorf("the history is too short: a draw needs %s before it and %s of rollout without an exception between them; ask for more days",
			p.PrePeriod, p.MaxDuration)
	}
	return fmt.Errorf("no stretch of %s has the %d pods that a canary of %d takes (%d to compare with at least); the most that were there all of a stretch are %d",
		p.MaxDuration, l.size+leastOthers, l.size, leastOthers, most)
}

// draw returns the n-th draw. Each round goes once through all slots, in an order of its
// own; in a slot, rounds take other pods until all had their turn.
func (l layout) draw(n int) draw {
	d := draw{index: n, round: n / len(l.slots)}
	order := l.dice(1, uint64(d.round)).Perm(len(l.slots))
	d.slot = order[n%len(l.slots)]
	s := l.slots[d.slot]
	turns := len(s.pods) / l.size
	d.lap = d.round / turns
	pods := l.dice(2, uint64(d.slot)<<20|uint64(d.lap)).Perm(len(s.pods))
	for i := range l.size {
		d.pods = append(d.pods, s.pods[pods[d.round%turns*l.size+i]])
	}
	slices.Sort(d.pods)
	later := 0
	if s.slack > 0 {
		later = l.dice(3, uint64(n)).IntN(s.slack + 1)
	}
	d.start = s.from.Add(time.Duration(later) * l.block)
	return d
}

// dice returns the random numbers of one purpose.
func (l layout) dice(purpose, of uint64) *rand.Rand {
	return rand.New(rand.NewPCG(l.seed, purpose<<56|of))
}
