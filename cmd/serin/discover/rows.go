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

// resources takes the families about resources that have data of the baseline, by the
// arms' facts or, where these say nothing of pods, by their pods. Of those that ask for the
// same, the one is taken that lacks the least.
func (f *finder) resources(ctx context.Context) error {
	var offers []Beside
	var wider armsOf
	looked, known := false, false
	all := presets.Names()
	for i, name := range all {
		p, err := presets.Get(name)
		if err != nil {
			return err
		}
		if p.About != presets.Resources || !f.wanted(name) || !slices.ContainsFunc(p.Metrics, func(m presets.Metric) bool { return f.known(m.Query) }) {
			continue
		}
		f.o.Progress(0.55+0.4*float64(i)/float64(len(all)), "looking for "+p.Title)
		o, some, err := f.offered(ctx, name, f.found.Baseline, []string{""})
		if err == nil && !some {
			if !looked {
				looked = true
				if wider, known, err = f.withPods(ctx); err != nil {
					return err
				}
			}
			if known {
				o, some, err = f.offered(ctx, name, wider.baseline, append([]string{""}, byPods()...))
				o.pods = true
			}
		}
		switch {
		case err != nil:
			return err
		case !some:
			f.miss("preset %s: %s is there, but not of this service's baseline%s", name, f.metricOf(p), f.narrowedBy(p))
			continue
		}
		offers = append(offers, o)
	}
	if err := f.choose(offers); err != nil {
		return err
	}
	if slices.ContainsFunc(f.found.Beside, func(b Beside) bool { return b.pods }) {
		f.found.Baseline, f.found.Canary, f.found.Pods = wider.baseline, wider.canary, wider.from
	}
	return nil
}

// offered asks for a family's rows of an arm by selectors, until one of them has data. An
// empty selector is the family's own, or what the arm's facts are without one.
func (f *finder) offered(ctx context.Context, name string, arm plan.Arm, selectors []string) (Beside, bool, error) {
	for _, selector := range selectors {
		without, some, err := f.rows(ctx, asking{family: name, beside: f.found.Preset, arm: arm, selector: selector})
		if err != nil || some {
			return Beside{Preset: name, Without: without, Selector: selector}, some, err
		}
	}
	return Beside{}, false, nil
}

// choose takes of the offers that ask for the same the one that lacks the least.
func (f *finder) choose(offers []Beside) error {
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
			if !slices.Contains(o.Without, m.Name) {
				o.Rows = append(o.Rows, m.Name)
			}
		}
		f.found.Beside = append(f.found.Beside, o)
	}
	slices.SortFunc(f.found.Beside, func(a, b Beside) int { return strings.Compare(a.Preset, b.Preset) })
	return nil
}

// metricOf names the first metric of a family that the store has.
func (f *finder) metricOf(p presets.Preset) string {
	for _, m := range p.Metrics {
		if name, ok := f.named(m.Query); ok {
			return name
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

// asking is a family whose rows are asked for, of an arm.
type asking struct {
	family   string
	beside   string // the family about requests, where the family is another
	arm      plan.Arm
	selector string // in place of the arm's facts; empty for none
}

// rows asks for the newest blocks of a family's metrics of an arm, and returns the names
// of those that have none.
func (f *finder) rows(ctx context.Context, a asking) (without []string, some bool, err error) {
	names := slices.DeleteFunc([]string{a.beside, a.family}, func(s string) bool { return s == "" })
	text := fmt.Sprintf("service: a\npreset: [%s]\n", strings.Join(names, ", "))
	if a.selector != "" {
		text += "selector: " + scalar(a.selector) + "\n"
	}
	p, err := plan.Parse(a.family, []byte(text))
	if err != nil {
		return nil, false, fmt.Errorf("presets %s do not go together: %w", strings.Join(names, " and "), err)
	}
	end := f.o.At.Add(-p.Lag.D()).Truncate(time.Minute)
	for _, m := range p.Metrics {
		if m.Preset != a.family {
			continue
		}
		block := max(p.Block.D(), m.Block.D())
		r, err := m.Scoped(a.arm)
		if err != nil { // a fact that the arm does not have
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
