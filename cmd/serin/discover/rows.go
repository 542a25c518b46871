package discover

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets"
)

// resources takes the families about resources that have data of the baseline. Of those
// that ask for the same, the one is taken that lacks the least.
func (f *finder) resources(ctx context.Context) error {
	var offers []Beside
	all := presets.Names()
	for i, name := range all {
		p, err := presets.Get(name)
		if err != nil {
			return err
		}
		if p.About != presets.Resources || !slices.ContainsFunc(p.Metrics, func(m presets.Metric) bool { return f.known(m.Query) }) {
			continue
		}
		f.o.Progress(0.55+0.4*float64(i)/float64(len(all)), "looking for "+p.Title)
		without, some, err := f.rows(ctx, name, []string{f.found.Preset, name})
		switch {
		case err != nil:
			return err
		case !some:
			f.miss("preset %s: %s is there, but not of this service's baseline%s", name, f.metricOf(p), f.narrowedBy(p))
			continue
		}
		offers = append(offers, Beside{name, without})
	}
	slices.SortStableFunc(offers, func(a, b Beside) int { return len(a.Without) - len(b.Without) })
	taken := map[string]bool{}
	for _, o := range offers {
		p, err := presets.Get(o.Preset)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(p.Metrics, func(m presets.Metric) bool { return taken[m.Name] }) {
			continue
		}
		for _, m := range p.Metrics {
			taken[m.Name] = true
		}
		f.found.Beside = append(f.found.Beside, o)
	}
	slices.SortFunc(f.found.Beside, func(a, b Beside) int { return strings.Compare(a.Preset, b.Preset) })
	return nil
}

// metricOf names the first metric of a family that the store has.
func (f *finder) metricOf(p presets.Preset) string {
	for _, m := range p.Metrics {
		for name := range f.names {
			if strings.Contains(m.Query, name+"{") || strings.Contains(m.Query, name+"[") || strings.Contains(m.Query, name+")") {
				return name
			}
		}
	}
	return "its metric"
}

func (f *finder) narrowedBy(p presets.Preset) string {
	if p.Selector == "" {
		return ""
	}
	return " (looked for " + strings.TrimSpace(p.Selector) + ")"
}

// rows asks for the newest blocks of a family's metrics of the baseline, and returns the
// names of those that have none.
func (f *finder) rows(ctx context.Context, family string, names []string) (without []string, some bool, err error) {
	text := fmt.Sprintf("service: a\npreset: [%s]\n", strings.Join(names, ", "))
	p, err := plan.Parse(family, []byte(text))
	if err != nil {
		return nil, false, fmt.Errorf("presets %s do not go together: %w", strings.Join(names, " and "), err)
	}
	end := f.o.At.Add(-p.Lag.D()).Truncate(time.Minute)
	for _, m := range p.Metrics {
		if m.Preset != family {
			continue
		}
		block := max(p.Block.D(), m.Block.D())
		r, err := m.Scoped(f.found.Baseline)
		if err != nil { // a fact that the arms do not have
			without = append(without, m.Name)
			continue
		}
		end := end.Truncate(block)
		frame, err := f.src.Blocks(ctx, r, queries.Window{Start: end.Add(-5 * block), End: end, Block: block})
		if err != nil {
			return nil, false, err
		}
		if Filled(frame) == 0 {
			without = append(without, m.Name)
			continue
		}
		some = true
	}
	return without, some, nil
}

// Filled counts the blocks in which at least one process has a value.
func Filled(f queries.Frame) int {
	n := 0
	for i := range f.Window.Len() {
		for _, p := range f.Processes {
			c := p.N
			if c == nil {
				c = p.V
			}
			if i < len(c) && !queries.IsGap(c[i]) {
				n++
				break
			}
		}
	}
	return n
}
