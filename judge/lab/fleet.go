package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// Fleet is a past of rollouts, one after the other: what a metrics store would hold of a
// setting's first runs, simulated or drawn from recorded series. Each has its hour before and its hour of rollout, and an
// hour without samples follows. Pods keep their names from run to run and nothing else.
// A fleet is a source for the plan that the lab judges, for both arms; it is not changed
// by being asked.
type Fleet struct {
	setting Setting
	worlds  []*world
}

// fleetStep is how far the beginnings of a fleet's runs lie apart.
const fleetStep = allBlocks*time.Minute + time.Hour

// NewFleet makes so many runs of a setting.
func NewFleet(s Setting, runs int) (*Fleet, error) {
	if err := (Config{Settings: []Setting{s}, Runs: runs}).Validate(); err != nil {
		return nil, err
	}
	f := &Fleet{setting: s}
	for i := range runs {
		f.worlds = append(f.worlds, s.maker().run(i))
	}
	return f, nil
}

// Plan returns the plan that the lab judges these runs by.
func (f *Fleet) Plan() (plan.Plan, error) { return labPlan(serins()[0], f.setting.Scenario) }

// Run returns when a run's hour before begins, when its rollout does, and when it ends.
func (f *Fleet) Run(i int) (from, rollout, to time.Time) {
	rollout = start().Add(time.Duration(i) * fleetStep)
	return rollout.Add(-preBlocks * time.Minute), rollout, rollout.Add(runBlocks * time.Minute)
}

// Blocks implements [queries.Source].
func (f *Fleet) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	about, ok := subjectOf(r.Query.Expr)
	if !ok || w.Block != time.Minute {
		return queries.Frame{}, &queries.Error{Fault: queries.Rejected, Source: sourceName, Text: fmt.Sprintf("the lab has no series for %s in blocks of %s", r.Query.Expr, w.Block)}
	}
	side := baseline
	if strings.Contains(r.Query.Expr, `arm="canary"`) {
		side = canary
	}
	out := queries.Frame{Window: w}
	if about == ofLatency {
		out.Bounds = bounds()
	}
	for i, world := range f.worlds {
		from, _, to := f.Run(i)
		if !from.Before(w.End) || !to.After(w.Start) {
			continue
		}
		for _, p := range world.arms[side].frames[about].Processes {
			paste(&out, p, int(from.Sub(w.Start)/w.Block))
		}
	}
	out.Processes = slices.DeleteFunc(out.Processes, absent)
	slices.SortFunc(out.Processes, func(a, b queries.Process) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// paste writes a process's columns into a frame, its first block at one of the frame's,
// which may lie outside.
func paste(f *queries.Frame, p queries.Process, at int) {
	i := slices.IndexFunc(f.Processes, func(q queries.Process) bool { return q.Name == p.Name })
	if i < 0 {
		i = len(f.Processes)
		f.Processes = append(f.Processes, queries.Process{Name: p.Name})
	}
	to, n := &f.Processes[i], f.Window.Len()
	for _, c := range [...]struct {
		to    *queries.Column
		from  queries.Column
		width int
	}{{&to.N, p.N, 1}, {&to.X, p.X, 1}, {&to.Sum, p.Sum, 1}, {&to.V, p.V, 1}, {&to.Over, p.Over, len(f.Bounds)}} {
		if c.from == nil {
			continue
		}
		if *c.to == nil {
			*c.to = queries.Gaps(n * c.width)
		}
		first := max(at, 0)
		last := min(at+len(c.from)/max(c.width, 1), n)
		if first < last {
			copy((*c.to)[first*c.width:last*c.width], c.from[(first-at)*c.width:])
		}
	}
}
