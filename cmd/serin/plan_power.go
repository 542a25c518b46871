package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/power"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
)

// service are the flags that say what a rollout finds. What is not given is measured
// where there is a source, and assumed elsewhere.
type service struct {
	RPS   float64  `name:"rps" placeholder:"N" help:"Requests a second of both arms together (default: as measured, else 100)."`
	Pods  string   `placeholder:"B+C" help:"Baseline and canary pods: 17+3 (default: as many baseline pods as measured, else 19; and 1)."`
	Share fraction `placeholder:"PART" help:"The canary's part of the requests: 5% (default: its part of the pods)."`

	ErrorRate     fraction      `placeholder:"PART" help:"Share of bad requests: 0.2% (the default)."`
	Conversion    fraction      `placeholder:"PART" help:"Level of shares that are worse when lower: 5% (the default)."`
	Phi           float64       `placeholder:"N" help:"How clumped errors are: their variance over their mean, 1 if independent (default 2)."`
	PodSpread     fraction      `placeholder:"PART" help:"How much pods differ in their errors; half as much is assumed of latencies and values (default 10%)."`
	LatencyMedian time.Duration `placeholder:"TIME" help:"Median latency: 60ms (the default)."`
	LatencySpread float64       `placeholder:"N" help:"Standard deviation of the logarithm of latencies (default 0.8)."`
	LatencyNoise  fraction      `placeholder:"PART" help:"How much a pod's latency moves from block to block (default 5%)."`
	Noise         fraction      `placeholder:"PART" help:"How much a pod's value (CPU, memory) moves from block to block (default 6%)."`
	Buckets       []float64     `placeholder:"SECONDS,..." help:"Bounds of the latency histogram's buckets (default: those of Prometheus clients)."`
}

// fraction is a number from 0 on that may be written as a percentage.
type fraction float64

// UnmarshalText reads 0.05 and 5%.
func (f *fraction) UnmarshalText(b []byte) error {
	text, percent := strings.CutSuffix(strings.TrimSpace(string(b)), "%")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0) || math.IsInf(v, 0) {
		return fmt.Errorf("%q is no part of a whole; write 5%% or 0.05", b)
	}
	if percent {
		v /= 100
	}
	*f = fraction(v)
	return nil
}

// assumptions are the defaults, with what the flags say.
func (c service) assumptions() power.Assumptions {
	a := power.DefaultAssumptions()
	for _, f := range []struct {
		to   *float64
		from float64
	}{
		{&a.ErrorRate, float64(c.ErrorRate)},
		{&a.Share, float64(c.Conversion)},
		{&a.Phi, c.Phi},
		{&a.PodSpread, float64(c.PodSpread)},
		{&a.Median, c.LatencyMedian.Seconds()},
		{&a.Spread, c.LatencySpread},
		{&a.Pace, float64(c.LatencyNoise)},
		{&a.Noise, float64(c.Noise)},
	} {
		if f.from != 0 {
			*f.to = f.from
		}
	}
	if c.Buckets != nil {
		a.Buckets = c.Buckets
	}
	return a
}

// given reports whether anything was said of traffic or pods.
func (c service) given() bool { return c.RPS != 0 || c.Pods != "" }

// meets says which service a rollout finds, given what was measured of it (0 where
// nothing was).
func (c service) meets(rps float64, pods int) (power.Service, error) {
	s := power.Service{RPS: c.RPS, Share: float64(c.Share), Baseline: pods, Canary: 1}
	if s.Baseline == 0 {
		s.Baseline = 19
	}
	if s.RPS == 0 {
		if s.RPS = rps; rps == 0 {
			s.RPS = 100
		}
	}
	if c.Pods != "" {
		before, after, ok := strings.Cut(c.Pods, "+")
		b, err1 := strconv.Atoi(before)
		k, err2 := strconv.Atoi(after)
		if !ok || err1 != nil || err2 != nil {
			return s, fmt.Errorf("--pods %q is no number of pods; write 17+3 for seventeen baseline and three canary pods", c.Pods)
		}
		s.Baseline, s.Canary = b, k
	}
	if s.Share == 0 {
		s.Share = float64(s.Canary) / float64(s.Canary+s.Baseline)
	}
	return s, s.Validate()
}

// planPowerCmd forecasts what a plan can find.
type planPowerCmd struct {
	output

	File       string `arg:"" name:"file" help:"Plan file."`
	Prometheus string `placeholder:"URL" help:"Measure the baseline on this Prometheus, over the plan's prePeriod."`
	service
	Within []time.Duration `placeholder:"TIME,..." help:"Times in which a regression shall be found (default 10m,30m,1h, or up to the deadline)."`
	Chance fraction        `default:"80%" help:"With which probability it shall be found."`
	Paths  int             `default:"300" help:"Simulated rollouts for each size of a regression."`
}

// Help implements kong.HelpProvider.
func (planPowerCmd) Help() string {
	return `Examples:

    serin plan power checkout.yaml --rps 100 --pods 17+3
    serin plan power checkout.yaml --rps 100 --pods 17+3 --error-rate 0.2% --share 5%
    serin plan power checkout.yaml --prometheus http://localhost:9090 --pods 17+3

Says for each metric how small a regression the plan finds, how many canary pods it needs, and after how
long a canary as good as its baseline is promoted. Rollouts of a service like yours are simulated, and
Serin's own judge decides on them with this plan: its tolerances, margins, weights, warm-up and blocks.

With --prometheus the baseline is measured as the first look of a rollout would: its level, its traffic,
how clumped errors are, how much pods differ. The plan's arms must say which series are the baseline's.
What the flags say of traffic and pods wins over what was measured.

Where a regression is not found in time, three things help, in this order: more canary pods, more of the
traffic, a longer maxDuration. "pods hide up to" is the regression that no amount of time brings out with
these pods.`
}

// Validate implements kong's check of what was parsed.
func (c planPowerCmd) Validate(*kong.Context) error {
	if c.Prometheus == "" {
		return nil
	}
	for flag, given := range map[string]bool{
		"error-rate": c.ErrorRate != 0, "phi": c.Phi != 0, "pod-spread": c.PodSpread != 0,
		"latency-median": c.LatencyMedian != 0, "latency-spread": c.LatencySpread != 0, "latency-noise": c.LatencyNoise != 0,
		"noise": c.Noise != 0, "buckets": c.Buckets != nil, "conversion": c.Conversion != 0,
	} {
		if given {
			return fmt.Errorf("--%s is measured where --prometheus is given; leave one of them out", flag)
		}
	}
	return nil
}

// Run implements the command.
func (c planPowerCmd) Run(ctx context.Context, s *streams) error {
	p, err := loadPlan(c.File)
	if err != nil {
		return err
	}
	var src queries.Source
	if c.Prometheus != "" {
		if src, err = openStore(p, c.Prometheus); err != nil {
			return err
		}
	}
	config, problems, err := c.known(ctx, p, src)
	if err != nil {
		return err
	}
	for _, text := range problems {
		fmt.Fprintln(s.err, text)
	}
	config.Within, config.Chance, config.Paths = c.Within, float64(c.Chance), c.Paths
	live := screen.NewLive(s.err, 10*time.Second)
	config.Progress = func(part float64, metric string) { live.Update(part, "simulating rollouts: "+metric) }
	f, err := power.Run(ctx, config)
	live.Close()
	if err != nil {
		return err
	}
	return power.Write(s.out, c.Output, f)
}

// openStore opens one Prometheus as the source of a plan.
func openStore(p plan.Plan, url string) (queries.Source, error) {
	src, err := app.OpenSources([]app.Source{{
		Name: p.Source, Prometheus: &prometheus.Config{URL: url},
	}}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return src.Store(p.Source), nil
}

// errNothingMeasured explains why a source is no help.
var errNothingMeasured = errors.New("the source has too little of the baseline: at least 10 blocks of one metric are needed; " +
	"leave out --prometheus to assume its noise, or look again later")

// known says what is known of a plan's service: measured where there is a source, and
// assumed elsewhere. It returns in words what could not be measured.
func (c service) known(ctx context.Context, p plan.Plan, src queries.Source) (power.Config, []string, error) {
	config := power.Config{Plan: p}
	var err error
	if src == nil {
		if config.Service, err = c.meets(0, 0); err != nil {
			return config, nil, err
		}
		config.Priors, err = power.Assume(p, config.Service, c.assumptions())
		return config, nil, err
	}
	if armless(p.Arms.Baseline) {
		return config, nil, fmt.Errorf("plan %s: %w", p.Name, errNoArms)
	}
	r := rollout.Rollout{
		Service: p.Service, Plan: p.Name, Comparison: rollout.Concurrent, Started: judge.NewestBlock(p, time.Now()),
		Baseline: rollout.Arm(p.Arms.Baseline), Canary: rollout.Arm(p.Arms.Canary),
	}
	if c.Share != 0 {
		r.Weights = []rollout.WeightAt{{At: r.Started, Percent: 100 * float64(c.Share)}}
	}
	priors, failed := judge.Learn(ctx, src, p, r)
	if err := ctx.Err(); err != nil {
		return config, nil, err
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		words = append(words, fmt.Sprintf("metric %s could not be measured: %s", name, failed[name].Text))
	}
	if len(priors) == 0 {
		return config, nil, errors.Join(errNothingMeasured, errors.New(strings.Join(words, "\n")))
	}
	config.Priors, config.Measured = priors, true
	rps, pods := traffic(p, priors)
	config.Service, err = c.meets(rps, pods)
	return config, words, err
}

// traffic is what a plan's metrics say of requests a second and of pods.
func traffic(p plan.Plan, priors map[string]*judge.Prior) (rps float64, pods int) {
	for _, m := range p.Metrics {
		prior := priors[m.Name]
		if prior == nil {
			continue
		}
		pods = max(pods, prior.Pods)
		if k := m.Reading.Kind; (k == queries.Ratio && m.Kind != plan.Proportion || k == queries.Histogram) && prior.RequestsPerBlock > 0 {
			rps = max(rps, prior.RequestsPerBlock/p.Block.D().Seconds())
		}
	}
	return rps, pods
}

// quickPaths is how many rollouts a check simulates: enough for a line.
const quickPaths = 60

// writePower writes one line for each metric, from a coarse forecast.
func writePower(ctx context.Context, w io.Writer, config power.Config) error {
	config.Paths = quickPaths
	f, err := power.Run(ctx, config)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nHow small a regression is found, with %s\n(%d simulated rollouts for each size, so right to about a tenth; serin plan power is more exact):\n\n", f.Service, f.Paths)
	for _, m := range f.Metrics {
		fmt.Fprintln(w, "  "+m.Line(f.Chance))
	}
	return nil
}
