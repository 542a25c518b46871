package lab

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Config says what is measured.
type Config struct {
	Settings []Setting
	Runs     int      // of each setting
	Rules    []string // names; nil means [DefaultRules]
	Workers  int      // default: one for each processor
	// Progress, where set, is told how many runs of how many are done. It is called
	// from several goroutines.
	Progress func(done, total int)
}

// RuleInfo describes a rule.
type RuleInfo struct{ Name, About string }

// Rules lists all rules in the order of the tables, the product's first.
func Rules() []RuleInfo {
	var out []RuleInfo
	for _, v := range serins() {
		out = append(out, RuleInfo{v.rule, v.about})
	}
	for _, p := range peers() {
		out = append(out, RuleInfo{p.rule, p.about})
	}
	return out
}

// DefaultRules are the product with its defaults and all of its peers.
func DefaultRules() []string {
	var out []string
	for _, r := range Rules() {
		if !strings.HasPrefix(r.Name, "serin-") {
			out = append(out, r.Name)
		}
	}
	return out
}

// Run measures every setting under every rule, a cell for each, in the order of
// the settings and of [Rules]. The result depends on nothing but the
// configuration, whatever the number of workers.
//
// When ctx ends, Run returns the cells of what was done, whose Runs say how much
// that was, together with the error of the context.
func Run(ctx context.Context, c Config) ([]Cell, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var done atomic.Int64
	total := len(c.Settings) * c.Runs
	told := func() {
		n := done.Add(1)
		if c.Progress != nil {
			c.Progress(int(n), total)
		}
	}
	var cells []Cell
	for _, s := range c.Settings {
		b, err := newBench(s, c)
		if err != nil {
			return cells, err
		}
		err = b.run(ctx, told)
		cells = append(cells, b.cells()...)
		if err != nil {
			return cells, err
		}
	}
	return cells, nil
}

// Validate says what is wrong with a configuration.
func (c Config) Validate() error {
	if c.Runs < 1 {
		return errors.New("a cell needs at least one run")
	}
	for _, s := range c.Settings {
		if err := s.validate(); err != nil {
			return err
		}
	}
	var names []string
	for _, r := range Rules() {
		names = append(names, r.Name)
	}
	for _, r := range c.Rules {
		if !slices.Contains(names, r) {
			return fmt.Errorf("there is no rule %q; there are %s", r, strings.Join(names, ", "))
		}
	}
	return nil
}

// bench measures one setting.
type bench struct {
	setting Setting
	workers int
	plans   []prepared
	peers   []peer
	// results holds, run by run, one result for each plan and then for each peer;
	// a run that was not made is nil.
	results [][]result
	next    atomic.Int64
}

// result is one rule's ending of one run, and the errors that the canary had
// served by then.
type result struct {
	ending
	bad float64
}

func newBench(s Setting, c Config) (*bench, error) {
	b := &bench{setting: s, workers: c.Workers, results: make([][]result, c.Runs)}
	if b.workers < 1 {
		b.workers = runtime.GOMAXPROCS(0)
	}
	rules := c.Rules
	if rules == nil {
		rules = DefaultRules()
	}
	for _, v := range serins() {
		if !slices.Contains(rules, v.rule) {
			continue
		}
		p, err := labPlan(v, s.Scenario)
		if err != nil {
			return nil, err
		}
		b.plans = append(b.plans, prepared{v.rule, p})
	}
	for _, p := range peers() {
		if slices.Contains(rules, p.rule) {
			b.peers = append(b.peers, p)
		}
	}
	return b, nil
}

// run makes all runs. It returns the first error, or the context's.
func (b *bench) run(ctx context.Context, told func()) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for range min(b.workers, len(b.results)) {
		wg.Go(func() {
			g, x := b.setting.maker(), &exhibit{}
			for i := int(b.next.Add(1)) - 1; i < len(b.results) && ctx.Err() == nil; i = int(b.next.Add(1)) - 1 {
				r, err := b.one(ctx, g.run(i), x)
				if err != nil {
					stop(fmt.Errorf("run %d of %s: %w", i, b.setting.Scenario.Name, err))
					return
				}
				b.results[i] = r
				told()
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// one lets every rule decide on one run.
func (b *bench) one(ctx context.Context, w *world, x *exhibit) ([]result, error) {
	out := make([]result, 0, len(b.plans)+len(b.peers))
	for _, p := range b.plans {
		e, err := newTrial(p.plan, b.setting.Scenario, w).decide(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, result{e, w.served(e.rollback)})
	}
	if len(b.peers) > 0 {
		x.show(w)
	}
	for _, p := range b.peers {
		e := ending{rollback: p.fires(x)}
		if e.harm = e.rollback; e.rollback == 0 {
			e.promote = runBlocks
		}
		out = append(out, result{e, w.served(e.rollback)})
	}
	return out, nil
}
