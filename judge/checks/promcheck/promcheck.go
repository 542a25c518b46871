// Package promcheck runs checks that are one PromQL query with a condition.
//
// The query is answered by what [Config] is given, which is the server's own sources: a
// check knows no address and no credentials of a store. A check passes when there is a
// value and the assertions hold. One that names value is held against each series, and
// must hold for all (or for any, where the check says so); the others are held once,
// against all values. No data is a failure, and so is NaN, which any comparison may make
// something of. A store that does not answer breaks the check: the canary is not to blame.
package promcheck

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

var _ checks.Runner = (*Runner)(nil)

// maxSeries bounds how many series an answer may have.
const maxSeries = 1000

// Sample is the value of one series.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Config is what a [Runner] is made of.
type Config struct {
	Clock checks.Clock
	// Ask answers a query at a time, by a source's name. Its error carries no credentials.
	// Nil: there are no sources here.
	Ask func(ctx context.Context, source, query string, at time.Time) ([]Sample, error)
}

// Runner runs Prometheus checks. It may be used by many goroutines.
type Runner struct{ cfg Config }

// New returns a runner.
func New(cfg Config) *Runner {
	cfg.Clock = cfg.Clock.WithDefaults()
	return &Runner{cfg}
}

// Run implements checks.Runner.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return r.cfg.Clock.Run(ctx, s, func() (checks.Probe, error) { return r.prepare(s.Prometheus, t) })
}

// probe is a check with its template rendered.
type probe struct {
	runner        *Runner
	source, query string
	each, whole   []*checks.Assertion // of one series, and of all
	any           bool
}

func (r *Runner) prepare(c *checks.Prometheus, t checks.Target) (checks.Probe, error) {
	if c == nil {
		return checks.Probe{}, errors.New("it is not a Prometheus check")
	}
	if r.cfg.Ask == nil {
		return checks.Probe{}, errors.New("no source is known here that could be asked; name the server's configuration, where they are")
	}
	p := probe{runner: r, source: c.Source, any: c.Any}
	var err error
	if p.query, err = checks.FillQuery("query", c.Query, t); err != nil {
		return checks.Probe{}, err
	}
	all, err := checks.OfQuery.CompileAll(c.Assert)
	if err != nil {
		return checks.Probe{}, err
	}
	if len(all) == 0 {
		return checks.Probe{}, errors.New("it asserts nothing; write for example expect: \"> 0\"")
	}
	for _, a := range all {
		if a.Names("value") {
			p.each = append(p.each, a)
		} else {
			p.whole = append(p.whole, a)
		}
	}
	return checks.Probe{Name: "PromQL " + checks.Inert(p.query, 80, nil), Within: c.Within, Try: p.try}, nil
}

func (p probe) try(ctx context.Context) checks.Attempt {
	now := p.runner.cfg.Clock.Now
	samples, err := p.runner.cfg.Ask(ctx, p.source, p.query, now())
	switch {
	case err != nil && ctx.Err() != nil:
		return checks.Breaking("was not answered by source %s: it took longer than it may", p.source)
	case err != nil:
		return checks.Breaking("was not answered: %s", checks.Cause(err))
	case len(samples) == 0:
		return checks.Failing("has no data, so that nothing is known; where none is good, write (…) or vector(0)")
	case len(samples) > maxSeries:
		return checks.Failing("has %d series, and more than %d are not looked at; aggregate it, with sum or max for example", len(samples), maxSeries)
	}
	values := make([]float64, 0, len(samples))
	for _, s := range samples {
		if math.IsNaN(s.Value) && !p.any {
			return checks.Failing("is NaN%s, which is no value; it divides nothing by nothing, mostly", of(s, len(samples)))
		}
		if !math.IsNaN(s.Value) {
			values = append(values, s.Value)
		}
	}
	if len(values) == 0 {
		return checks.Failing("is NaN in all %d series, which is no value; it divides nothing by nothing, mostly", len(samples))
	}
	if bad := checks.Unmet(ctx, p.whole, checks.Answer{Values: values}); bad != "" {
		return checks.Failing("has %s, but %s", series(len(samples)), bad)
	}
	return p.judge(ctx, samples, values)
}

// judge holds the assertions about one value against each series.
func (p probe) judge(ctx context.Context, samples []Sample, values []float64) checks.Attempt {
	met, first := 0, ""
	for _, s := range samples {
		bad := "it is NaN"
		if !math.IsNaN(s.Value) {
			bad = checks.Unmet(ctx, p.each, checks.Answer{Value: s.Value, Values: values})
		}
		if bad == "" {
			met++
		} else if first == "" {
			first = bad + of(s, len(samples))
		}
	}
	switch n := len(samples); {
	case len(p.each) == 0:
		return checks.Attempt{Status: checks.Passed, Said: "has " + series(n) + " as it must"}
	case p.any && met > 0:
		return checks.Attempt{Status: checks.Passed, Said: fmt.Sprintf("holds for %d of %s, and one suffices", met, series(n))}
	case p.any:
		return checks.Failing("holds for none of %s, and one is wanted: %s", series(n), first)
	case met == n && n == 1:
		return checks.Attempt{Status: checks.Passed, Said: "is " + strconv.FormatFloat(samples[0].Value, 'g', 6, 64)}
	case met == n:
		return checks.Attempt{Status: checks.Passed, Said: "holds for all of " + series(n)}
	case n == 1:
		return checks.Failing("is not as it must be: %s", first)
	default:
		return checks.Failing("does not hold for %d of %s: %s", n-met, series(n), first)
	}
}

func series(n int) string {
	if n == 1 {
		return "1 series"
	}
	return strconv.Itoa(n) + " series"
}

// of names a series among several.
func of(s Sample, n int) string {
	if n == 1 && len(s.Labels) == 0 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		if name != "__name__" {
			parts = append(parts, name+"="+checks.Inert(s.Labels[name], 60, nil))
		}
	}
	return " of {" + checks.Inert(strings.Join(parts, ", "), 160, nil) + "}"
}
