package calibrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// Config says what is calibrated.
type Config struct {
	Plan     plan.Plan
	Baseline rollout.Arm // whose pods are judged
	// Pods is how many of them are the canary of a draw (default 1).
	Pods int
	// Draws is how many draws are judged (default 400). More of them go on from fewer.
	Draws int
	// Seed feeds every random choice.
	Seed    uint64
	Engine  string // version written into verdicts
	Workers int    // default: one for each processor
	// Paths is how many rollouts the forecast of the smallest regression simulates for
	// each size (default 200; negative: there is no forecast).
	Paths int
	// Rollout and Before, where they are longer than the plan's maxDuration and prePeriod,
	// are what draws are laid out for: two plans that are compared have the same draws.
	Rollout, Before time.Duration
	// Harm, where set, is put into the canary's counts: then every draw is a bad canary.
	Harm *Harm
	// Tell, where set, is told how many draws of how many are judged.
	Tell func(done, of int)
}

// The bounds of a study.
const (
	defaultDraws = 400
	mostDraws    = 20_000
	defaultPaths = 200
)

func (c Config) withDefaults() (Config, error) {
	if c.Pods == 0 {
		c.Pods = 1
	}
	if c.Draws == 0 {
		c.Draws = defaultDraws
	}
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Paths == 0 {
		c.Paths = defaultPaths
	}
	var faults []error
	if c.Pods < 1 || c.Pods > 1000 {
		faults = append(faults, fmt.Errorf("a canary of %d pods cannot be drawn; take 1 or more", c.Pods))
	}
	if c.Draws < 1 || c.Draws > mostDraws {
		faults = append(faults, fmt.Errorf("%d draws cannot be judged; take 1 to %d", c.Draws, mostDraws))
	}
	if h := c.Harm; h != nil && (!(h.Errors >= 0 && h.Errors < 1) || h.Latency != 0 && !(h.Latency >= 1 && h.Latency <= 100)) {
		faults = append(faults, fmt.Errorf("a harm of %v more errors and %v times the latency cannot be put in; take a part of the requests below 1, and 1 to 100 times", h.Errors, h.Latency))
	}
	if p := c.Plan; p.Comparison != "" && rollout.Comparison(p.Comparison) != rollout.Concurrent {
		faults = append(faults, fmt.Errorf("plan %s compares %s, and a rate is promised only where both arms share time", p.Name, p.Comparison))
	}
	return c, errors.Join(faults...)
}

// prepared is a study before its first draw.
type prepared struct {
	Config
	layout  layout
	trial   trial
	traffic Question
	keys    []string // of its questions, in the order of the plan
	notes   []string
}

func prepare(h *History, c Config) (prepared, error) {
	c, err := c.withDefaults()
	if err != nil {
		return prepared{}, err
	}
	qs, err := Questions(c.Plan, c.Baseline)
	if err != nil {
		return prepared{}, err
	}
	out := prepared{}
	if c.Plan, out.notes, err = h.fit(c.Plan, qs); err != nil {
		return prepared{}, err
	}
	if qs, err = Questions(c.Plan, c.Baseline); err != nil {
		return prepared{}, err
	}
	out.Config, out.traffic = c, trafficOf(c.Plan, qs)
	for _, q := range qs {
		out.keys = append(out.keys, q.Key)
	}
	if out.trial, err = newTrial(h, c.Plan, c.Baseline); err != nil {
		return prepared{}, err
	}
	out.trial.engine = c.Engine
	out.trial = out.trial.harmed(c.Harm, out.keys)
	out.layout, err = newLayout(h, c, out.traffic)
	return out, err
}

// Study judges the draws of a plan that a file does not have yet, keeps each in it, and
// returns the report. It may be ended and called again with the same file: what comes out
// is the same.
func Study(ctx context.Context, f *File, h *History, c Config) (Report, error) {
	p, err := prepare(h, c)
	if err != nil {
		return Report{}, err
	}
	rs, err := p.results(ctx, f)
	if err != nil {
		return Report{}, err
	}
	return p.report(ctx, rs)
}

// digest tells apart what results are of: plan, history, seed, pods, harm, engine.
func (p prepared) digest(f *File) (string, error) {
	b, err := json.Marshal(struct {
		Plan     string
		Baseline rollout.Arm
		Span     Span
		Except   []Span
		Sums     uint32
		Pods     int
		Seed     uint64
		Harm     *Harm
		Engine   string
		Run, Pre time.Duration    // of the layout
		Touch    map[string]touch `json:",omitempty"`
	}{
		p.trial.plan.Digest(), p.Baseline, f.Span(), f.Except(), f.sumOf(p.keys), p.Pods, p.Seed, p.Harm, p.Engine,
		time.Duration(p.layout.run) * p.layout.block, p.layout.pre, p.trial.touch,
	})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12]), nil
}

// results judges every draw that is not in the file, by all workers.
func (p prepared) results(ctx context.Context, f *File) ([]Result, error) {
	of, err := p.digest(f)
	if err != nil {
		return nil, err
	}
	out := make([]Result, p.Draws)
	var todo []int
	for i := range out {
		r, ok := f.judged(of, i)
		if out[i] = r; !ok {
			todo = append(todo, i)
		}
	}
	var next, done atomic.Int64
	done.Store(int64(p.Draws - len(todo)))
	var mu sync.Mutex
	var failed error
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for range min(p.Workers, len(todo)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(todo) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				r, err := p.trial.judge(ctx, p.layout.draw(todo[i]))
				if err == nil {
					err = f.keep(of, r)
				}
				mu.Lock()
				if out[todo[i]] = r; err != nil && failed == nil {
					failed = err
					cancel()
				} else if n := int(done.Add(1)); err == nil && p.Tell != nil {
					p.Tell(n, p.Draws)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed == nil {
		failed = ctx.Err()
	}
	return out, failed
}

// notCompared are the draws in which nothing could be compared.
func notCompared(rs []Result) int {
	n := 0
	for _, r := range rs {
		if r.Paired == 0 {
			n++
		}
	}
	return n
}
