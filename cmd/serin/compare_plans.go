package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge/backtest"
	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
)

// comparePlansCmd puts two plans before the same past.
type comparePlansCmd struct {
	output
	page
	pastFlags
	A string `arg:"" help:"A plan."`
	B string `arg:"" help:"The plan that it is compared with."`

	HarmErrors  fraction `placeholder:"PART" help:"Judge the draws again with so many more errors: 1%."`
	HarmLatency float64  `placeholder:"TIMES" help:"Judge the draws again with latencies so many times as long: 1.3."`

	Journal string `xor:"source" placeholder:"JOURNAL" help:"Compare on recorded rollouts instead: an export (serin journal export), compressed or not, or a journal."`
	Rollout string `placeholder:"ID" help:"Only this one of the journal's."`
}

// Help implements kong.HelpProvider.
func (comparePlansCmd) Help() string {
	return `Examples:

    serin compare-plans checkout.yaml stricter.yaml --prometheus http://localhost:9090 --days 14
    serin compare-plans checkout.yaml stricter.yaml --config serin.yaml --harm-errors 1%
    serin compare-plans checkout.yaml stricter.yaml --journal rollouts.jsonl

Judges the same draws of the baseline's own pods (see serin calibrate) by both plans, and says how often either
raises a false alarm, how soon it promotes, and on which draws they differ. With --harm-errors or --harm-latency
the same draws are judged again with a regression of that size in the canary's counts: how often, and how
soon, does either plan find it?

With --journal the recorded rollouts are judged by both plans instead, from what was frozen; both must ask
what was recorded.`
}

// Validate implements kong's check of what was parsed.
func (c comparePlansCmd) Validate(*kong.Context) error {
	switch {
	case c.Prometheus == "" && c.Config == "" && c.History == "" && c.Journal == "":
		return errors.New("there is no past to compare on; add --prometheus URL, --config FILE, --history FILE or --journal FILE")
	case c.Journal != "" && (c.HarmErrors != 0 || c.HarmLatency != 0):
		return errors.New("recorded rollouts are judged as they were; leave out --harm-errors and --harm-latency")
	case c.Rollout != "" && c.Journal == "":
		return errors.New("--rollout names one of a --journal")
	}
	return c.faults()
}

// Run implements the command.
func (c comparePlansCmd) Run(ctx context.Context, s *streams) (err error) {
	a, err := loadPlan(c.A)
	if err != nil {
		return err
	}
	b, err := loadPlan(c.B)
	if err != nil {
		return err
	}
	if a.Name == b.Name { // two files of one name; the tables must tell them apart
		a.Name, b.Name = c.A, c.B
	}
	if c.Journal != "" {
		return c.recorded(ctx, s, [2]plan.Plan{a, b})
	}
	live := screen.NewLive(s.err, 10*time.Second)
	o, err := c.open(ctx, s, live, a, b)
	defer func() { err = errors.Join(err, o.close()) }()
	var r calibrate.Comparison
	if err == nil {
		cfg := calibrate.Config{
			Baseline: o.baseline, Pods: c.Pods, Draws: c.Draws, Seed: c.Seed, Engine: version(),
			Tell: func(done, of int) {
				live.Update(float64(done)/float64(of), fmt.Sprintf("judging by both plans: draw %d of %d", done, of))
			},
		}
		if c.HarmErrors != 0 || c.HarmLatency != 0 {
			cfg.Harm = &calibrate.Harm{Errors: float64(c.HarmErrors), Latency: c.HarmLatency, Seed: c.Seed}
		}
		r, err = calibrate.Compare(ctx, o.file, o.history, [2]plan.Plan{a, b}, cfg)
	}
	live.Close()
	if err != nil {
		return o.ended(ctx, s, err)
	}
	if err := c.page.write(func(w io.Writer) error { return calibrate.WriteComparison(w, "html", r) }); err != nil {
		return err
	}
	return calibrate.WriteComparison(s.out, c.Output, r)
}

// recorded judges recorded rollouts by both plans.
func (c comparePlansCmd) recorded(ctx context.Context, s *streams, plans [2]plan.Plan) (err error) {
	j, err := openRecord(ctx, s, c.Journal)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	var ids []string
	if err := j.Each(ctx, func(id string) error {
		if c.Rollout == "" || c.Rollout == id {
			ids = append(ids, id)
		}
		return nil
	}); err != nil {
		return err
	}
	if len(ids) == 0 {
		return fmt.Errorf("the journal has no rollout %s", c.Rollout)
	}
	r := backtest.Pairs{Plans: [2]string{plans[0].Name, plans[1].Name}}
	for _, id := range ids {
		looks, was, err := looksOf(ctx, j, id)
		if errors.Is(err, journal.ErrInputsRemoved) {
			r.Skip(id, "its inputs were removed by policy")
			continue
		}
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(plans[:], func(p plan.Plan) bool { return p.Service == was.Service }) {
			r.Skip(id, "it is of service "+was.Service)
			continue
		}
		r.Judge(id, plans, was, looks)
	}
	if err := c.page.write(func(w io.Writer) error { return backtest.WritePairs(w, "html", r) }); err != nil {
		return err
	}
	return backtest.WritePairs(s.out, c.Output, r)
}
