package discover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/promql"
)

// manySeries is from how many series of one arm on counts are read from sums, where a
// restart is a gap.
const manySeries = 2000

// Arms is what a store has of one metric's two arms.
type Arms struct {
	Metric string
	// Baseline and Canary are numbers of series; -1 means more than can be looked at.
	Baseline, Canary int
	// Apart is how far apart the baseline's samples are, 0 where it is not known.
	Apart time.Duration
	// Faults say in sentences why the metric cannot be compared; Remarks what to know.
	Faults, Remarks []string
	// Why says of an arm without series what was looked for, and what is there instead.
	Why map[string]string // by "baseline" and "canary"
}

// Look asks a store for the series of a metric's two arms at a time.
func Look(ctx context.Context, src *prometheus.Source, p plan.Plan, m plan.Metric, at time.Time) (Arms, error) {
	out := Arms{Metric: m.Name, Why: map[string]string{}}
	over := prometheus.Since{Start: at.Add(-lookBack), End: at}
	readings, err := scopedTo(p, m)
	if err != nil {
		return out, err
	}
	var sets [2]map[string]bool
	for i, arm := range []struct {
		name string
		n    *int
	}{{"baseline", &out.Baseline}, {"canary", &out.Canary}} {
		ss, err := queries.Selections(readings[i].Query)
		if err != nil || len(ss) == 0 {
			return out, err
		}
		s := widestOf(ss)
		var more bool
		sets[i], more, err = seriesOf(ctx, src, s, over)
		if errors.Is(err, promql.ErrTooLarge) || more {
			*arm.n, sets[i] = -1, nil
			out.Remarks = append(out.Remarks, fmt.Sprintf("the %s has thousands of series of %s; narrow the query or the arm", arm.name, s.Name))
			continue
		}
		if err != nil {
			return out, err
		}
		*arm.n = len(sets[i])
		switch {
		case len(sets[i]) == 0:
			if out.Why[arm.name], err = Explain(ctx, src, s, over); err != nil {
				return out, err
			}
		case len(sets[i]) > manySeries:
			out.Remarks = append(out.Remarks, fmt.Sprintf("the %s has %d series of %s: above %d, counts are read from their sums, where a restart is a gap", arm.name, len(sets[i]), s.Name, manySeries))
		}
		if i == 0 && len(sets[i]) > 0 {
			if out.Apart, err = src.ScrapeInterval(ctx, s.Text, at, 10*time.Minute); err != nil {
				return out, err
			}
		}
	}
	out.same(sets[0], sets[1])
	out.Remarks = append(out.Remarks, typed(ctx, src, m)...)
	never, err := narrowed(ctx, src, readings, over)
	if err != nil {
		return out, err
	}
	out.Remarks = append(out.Remarks, never...)
	out.block(max(p.Block.D(), m.Block.D()))
	return out, nil
}

// same says where the arms share series.
func (a *Arms) same(baseline, canary map[string]bool) {
	shared := 0
	for s := range baseline {
		if canary[s] {
			shared++
		}
	}
	switch {
	case shared == 0:
	case shared == len(baseline) && shared == len(canary):
		a.Faults = append(a.Faults, fmt.Sprintf("both arms are the same %d series; the service would be compared with itself", shared))
	default:
		a.Faults = append(a.Faults, fmt.Sprintf("%d series are in both arms (the baseline has %d, the canary %d); tell them apart by arms: or selector:", shared, len(baseline), len(canary)))
	}
}

// block says where a block is too short for two samples.
func (a *Arms) block(block time.Duration) {
	if 2*a.Apart <= block {
		return
	}
	comes := "a scrape that fails is a block that is missing"
	if a.Apart > block {
		comes = "blocks will be missing"
	}
	a.Remarks = append(a.Remarks, fmt.Sprintf("its samples are %s apart, and a block of %s is shorter than two of them, so that %s; write block: %s",
		a.Apart, plan.Duration(block), comes, plan.Duration(queries.BlockFor(a.Apart))))
}

// widestOf chooses the selector with the fewest matchers: a ratio's requests.
func widestOf(ss []queries.Selection) queries.Selection {
	return slices.MinFunc(ss, func(a, b queries.Selection) int { return len(a.Matchers) - len(b.Matchers) })
}

// seriesOf returns the identities of a selector's series; more says that there are more
// than can be looked at.
func seriesOf(ctx context.Context, src *prometheus.Source, s queries.Selection, over prometheus.Since) (set map[string]bool, more bool, err error) {
	series, more, err := src.Series(ctx, s.Text, over, 4*manySeries)
	set = map[string]bool{}
	for _, l := range series {
		set[textOf(l)] = true
	}
	return set, more, err
}

// shownValues is how many values or names a sentence lists.
const shownValues = 6

// Explain says of a selector without series what it looked for and what is there instead.
func Explain(ctx context.Context, src *prometheus.Source, s queries.Selection, over prometheus.Since) (string, error) {
	if s.Name == "" {
		return "looked for " + s.Text, nil
	}
	there, err := src.LabelNames(ctx, s.Name, over)
	if err != nil {
		return "", err
	}
	if len(there) == 0 {
		return alike(ctx, src, s.Name, over)
	}
	for _, m := range s.Matchers {
		values, more, err := src.Values(ctx, m.Label, prometheus.Ask{Selector: s.Name, Over: over, Limit: 1000})
		if err != nil {
			return "", err
		}
		switch {
		case slices.ContainsFunc(values, m.Accepts) || m.Accepts("") && !slices.Contains(there, m.Label):
		case len(values) == 0:
			return fmt.Sprintf("looked for %s with %s%s%q: the metric is there, and none of its series has the label %s (they have %s)",
				s.Name, m.Label, m.Op, m.Value, m.Label, some(there, false)), nil
		default:
			return fmt.Sprintf("looked for %s with %s%s%q: the metric is there, with %s of %s", s.Name, m.Label, m.Op, m.Value, m.Label, some(values, more)), nil
		}
	}
	return fmt.Sprintf("looked for %s: each of its labels is there by itself, and no series has them all", s.Text), nil
}

// alike says which metrics begin as one does that is not there.
func alike(ctx context.Context, src *prometheus.Source, name string, over prometheus.Since) (string, error) {
	begin, _, _ := strings.Cut(name, "_")
	names, more, err := src.Names(ctx, `{__name__=~"`+begin+`_.+"}`, over, 1000)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return fmt.Sprintf("looked for %s: there is no such metric, and none that begins with %s_", name, begin), nil
	}
	return fmt.Sprintf("looked for %s: there is no such metric; there are %s", name, some(names, more)), nil
}

// some lists the first of many.
func some(all []string, more bool) string {
	if len(all) <= shownValues {
		return strings.Join(all, ", ")
	}
	rest := fmt.Sprintf("%d more", len(all)-shownValues)
	if more {
		rest = "many more"
	}
	return strings.Join(all[:shownValues], ", ") + " and " + rest
}
