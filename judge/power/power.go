package power

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// Service is what a rollout finds: traffic and pods.
type Service struct {
	RPS      float64 `json:"rps"`   // requests a second of both arms together
	Share    float64 `json:"share"` // the canary's part of them, in (0,1)
	Baseline int     `json:"baselinePods"`
	Canary   int     `json:"canaryPods"`
}

// Bounds on what is simulated.
const (
	maxRPS     = 1e9
	maxPods    = 10_000
	spreadPods = 40  // more pods in an arm are simulated as this many
	mostBlocks = 720 // blocks of one simulated rollout
	fewPaths   = 20
	manyPaths  = 10_000
)

// Validate says what is wrong with a service.
func (s Service) Validate() error {
	switch {
	case !(s.RPS > 0) || s.RPS > maxRPS:
		return fmt.Errorf("%v requests a second cannot be simulated; take a number above 0 and up to %g", s.RPS, float64(maxRPS))
	case !(s.Share > 0) || !(s.Share < 1):
		return fmt.Errorf("a canary with %v of the traffic cannot be compared; take a share between 0 and 1, for example 5%%", s.Share)
	case s.Baseline < 1 || s.Canary < 1 || s.Baseline > maxPods || s.Canary > maxPods:
		return fmt.Errorf("%d+%d pods cannot be simulated; take at least one a side and at most %d", s.Baseline, s.Canary, maxPods)
	}
	return nil
}

// Config says what is forecast.
type Config struct {
	Plan    plan.Plan
	Service Service
	// Priors say what is known of the baseline, by metric: learnt by [judge.Learn], or
	// assumed ([Assume]). A metric without one is not forecast, and says so.
	Priors map[string]*judge.Prior
	// Measured says that the priors were learnt, not assumed.
	Measured bool
	// Within are the times in which a regression shall be found, ascending; nil means
	// 10, 30 and 60 minutes, and the plan's deadline where it comes before the last of
	// them. What lies after the deadline is not simulated.
	Within []time.Duration
	// Chance is the probability with which it shall be found; 0 means 0.8.
	Chance float64
	// Paths is how many rollouts are simulated for each size of a regression; 0 means 300.
	Paths   int
	Workers int // default: one for each processor
	// Progress, where set, is told which part of the work is done, in [0,1].
	Progress func(part float64, metric string)
}

// Forecast is what a plan can be expected to do for one service.
type Forecast struct {
	Plan    string   `json:"plan"`
	Service Service  `json:"service"`
	Chance  float64  `json:"chance"`
	Paths   int      `json:"paths"`
	Metrics []Metric `json:"metrics"`
	// Promote is when a canary that is as good as its baseline is proven so, by all
	// required metrics.
	Promote Waiting `json:"promote"`
	// Deadline is the plan's maxDuration.
	Deadline string   `json:"deadline"`
	Notes    []string `json:"notes,omitempty"` // what else stands in the way, in words
}

// Waiting is how long something takes, in minutes; nil means that it does not happen
// before the deadline.
type Waiting struct {
	Median *float64 `json:"median_minutes"`
	Ninety *float64 `json:"ninety_percent_minutes"` // nine rollouts of ten
	// Share is the part of the rollouts in which it happens before the deadline.
	Share float64 `json:"share"`
}

// Regression is a worsening. Both fields are nil where there is none to tell.
type Regression struct {
	Ratio *float64 `json:"ratio"` // the canary's value over the baseline's; nil where that is 0
	Value *float64 `json:"value"` // the canary's value
}

// Smallest is the smallest regression that is found in a time.
type Smallest struct {
	Within string `json:"within"`
	Regression
}

// Metric is the forecast of one metric.
type Metric struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Unit     string  `json:"unit,omitempty"`
	Baseline float64 `json:"baseline"` // its value, in Unit; a fraction for shares
	Measured bool    `json:"measured"` // learnt from a pre-period, not assumed
	// Found has one row for each time; nil where the metric spends none of the error
	// budget.
	Found []Smallest `json:"found,omitempty"`
	// Floor is the regression below which these pods hide it, whatever the time: the
	// engine's boundary, and the luck of pods beyond it.
	Floor Regression `json:"floor"`
	// PodsNeeded is how many canary pods can prove the margin at all; 0 where no
	// number can. Provable says that these can, with these bounds and loads.
	PodsNeeded int      `json:"podsNeeded"`
	Provable   bool     `json:"provable"`
	Required   bool     `json:"required"`
	Promote    *Waiting `json:"promote,omitempty"` // nil where promotion does not need it
	// Note says why something is missing.
	Note string `json:"note,omitempty"`
}

func (c Config) normal() (Config, error) {
	if err := c.Service.Validate(); err != nil {
		return c, err
	}
	if rollout.Comparison(c.Plan.Comparison) == rollout.ChecksOnly {
		return c, fmt.Errorf("plan %s compares no numbers (comparison: checks), so that there is nothing to forecast", c.Plan.Name)
	}
	if c.Chance == 0 {
		c.Chance = .8
	}
	if !(c.Chance >= .5 && c.Chance <= .99) {
		return c, fmt.Errorf("a chance of %v cannot be forecast; take one from 0.5 to 0.99", c.Chance)
	}
	if c.Paths == 0 {
		c.Paths = 300
	}
	if c.Paths < fewPaths || c.Paths > manyPaths {
		return c, fmt.Errorf("%d simulated rollouts are too few or too many; take %d to %d", c.Paths, fewPaths, manyPaths)
	}
	if c.Within == nil {
		c.Within = usual(c.Plan.MaxDuration.D())
	}
	for i, d := range c.Within {
		if d <= 0 || i > 0 && d <= c.Within[i-1] {
			return c, errors.New("the times in which a regression shall be found must be positive and ascend")
		}
	}
	if c.Workers < 1 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	return c, nil
}

// usual are the times that are asked for where nobody says.
func usual(deadline time.Duration) []time.Duration {
	out := []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}
	for i, d := range out {
		if d >= deadline {
			return append(out[:i], deadline)
		}
	}
	return out
}

// blocks is how many of the plan's blocks are simulated: up to the deadline.
func (c Config) blocks() int {
	return max(1, min(int(c.Plan.MaxDuration.D()/c.Plan.Block.D()), mostBlocks))
}

// Run forecasts every metric of a plan. The result depends on nothing but the
// configuration, whatever the number of workers.
func Run(ctx context.Context, c Config) (Forecast, error) {
	c, err := c.normal()
	if err != nil {
		return Forecast{}, err
	}
	f := Forecast{
		Plan: c.Plan.Name, Service: c.Service, Chance: c.Chance, Paths: c.Paths, Deadline: minutes(c.Plan.MaxDuration.D()),
	}
	var slowest []int // of each path, over all required metrics
	for i, m := range c.Plan.Metrics {
		told := func(part float64) {
			if c.Progress != nil {
				c.Progress((float64(i)+part)/float64(len(c.Plan.Metrics)), m.Name)
			}
		}
		told(0)
		got, looks, err := c.metric(ctx, m, told)
		if err != nil {
			return f, fmt.Errorf("metric %s: %w", m.Name, err)
		}
		f.Metrics = append(f.Metrics, got)
		if m.Required {
			slowest = later(slowest, looks, c.Paths)
		}
	}
	f.Promote = c.waiting(slowest)
	if n := int(c.Plan.MaxDuration.D() / c.Plan.Block.D()); n > mostBlocks {
		f.Notes = append(f.Notes, fmt.Sprintf("only the first %d of the plan's %d blocks were simulated", mostBlocks, n))
	}
	served := c.Service.RPS * c.Service.Share * c.Plan.MaxDuration.D().Seconds()
	if served < float64(c.Plan.MinRequests) {
		f.Notes = append(f.Notes, fmt.Sprintf("the canary serves some %.0f requests before the deadline, and the plan's minRequests asks for %d: "+
			"it is never promoted as proven; give it more traffic or time", served, c.Plan.MinRequests))
	}
	return f, nil
}

// later returns, path by path, the later of two blocks, and never where either is. The
// first list may be nil, which waits for nothing; the second is nil where it never ends.
func later(a, b []int, paths int) []int {
	out := make([]int, paths)
	for j := range out {
		switch {
		case len(b) == 0 || b[j] == never:
		case len(a) == 0:
			out[j] = b[j]
		case a[j] != never:
			out[j] = max(a[j], b[j])
		}
	}
	return out
}

// metric forecasts one metric. looks holds, path by path, the block at whose end a
// healthy canary is promoted by this metric; nil where none is.
func (c Config) metric(ctx context.Context, m plan.Metric, told func(float64)) (Metric, []int, error) {
	prior := c.Priors[m.Name]
	out := Metric{Name: m.Name, Kind: string(m.Kind), Unit: m.Unit, Required: m.Required, Measured: c.Measured && prior != nil}
	switch {
	case m.Kind == plan.Rate:
		out.Note = "a request rate never rolls back: it is compared with the declared weight"
		return out, nil, nil
	case prior == nil:
		out.Note = "nothing is known of its baseline"
		return out, nil, nil
	}
	st, why := newStudy(c, m, prior)
	if why != "" {
		out.Note = why
		return out, nil, nil
	}
	out.Baseline = st.model.value(0)
	out.PodsNeeded, out.Floor = st.luck.Needed, st.floor()
	if st.spends {
		var err error
		if out.Found, err = st.smallest(ctx, func(p float64) { told(.7 * p) }); err != nil {
			return out, nil, err
		}
	} else {
		out.Note = st.why
	}
	looks, err := st.promotions(ctx, func(p float64) { told(.7 + .3*p) })
	if err != nil {
		return out, nil, err
	}
	out.Provable = st.provable.Load()
	if !m.Required {
		return out, nil, nil
	}
	w := c.waiting(looks)
	out.Promote = &w
	return out, looks, nil
}
