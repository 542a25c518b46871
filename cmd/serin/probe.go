package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/serin-canary/serin/cmd/serin/discover"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// probeBlocks is how many of the newest closed blocks a probe asks for.
const probeBlocks = 10

// probe asks a source for the newest blocks of every metric and arm, writes what
// came back, and returns what is wrong: a query that cannot be asked, one without
// data of the baseline, and one without data of a canary that is there for others.
// Without a canary no rollout is under way, which is no fault of the plan.
func probe(ctx context.Context, w io.Writer, p plan.Plan, src queries.Source) ([]string, error) {
	if armless(p.Arms.Baseline) || armless(p.Arms.Canary) {
		return []string{fmt.Sprintf("plan %s: %s", p.Name, errNoArms)}, nil
	}
	fmt.Fprintf(w, "\nthe last %d blocks:\n\n", probeBlocks)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "METRIC\tARM\tBLOCKS\tPROCESSES\tNOTES")
	var wrong []string
	empty := map[string][]string{} // metrics without data, by arm
	for _, m := range p.Metrics {
		for _, a := range []struct {
			name string
			arm  plan.Arm
		}{{"baseline", p.Arms.Baseline}, {"canary", p.Arms.Canary}} {
			f, err := ask(ctx, m, a.arm, p, src)
			if err != nil {
				fmt.Fprintf(tw, "%s\t%s\t–\t–\t%s\n", m.Name, a.name, err)
				wrong = append(wrong, fmt.Sprintf("plan %s: metric %s of the %s cannot be read: %s", p.Name, m.Name, a.name, err))
				continue
			}
			n := discover.Filled(f)
			fmt.Fprintln(tw, strings.TrimSpace(fmt.Sprintf("%s\t%s\t%d\t%d\t%s", m.Name, a.name, n, len(f.Processes), notes(f))))
			if n == 0 {
				empty[a.name] = append(empty[a.name], m.Name)
			}
		}
	}
	if err := tw.Flush(); err != nil {
		return nil, err
	}
	if len(empty["canary"]) == len(p.Metrics) {
		fmt.Fprintln(w, "\nNothing of the canary, which is as it should be while none runs.")
		empty["canary"] = nil
	}
	for _, arm := range []string{"baseline", "canary"} {
		for _, m := range empty[arm] {
			wrong = append(wrong, fmt.Sprintf("plan %s: metric %s has no data of the %s; check its query and the arm's labels", p.Name, m, arm))
		}
	}
	return wrong, nil
}

func armless(a plan.Arm) bool {
	return len(a.Labels) == 0 && a.Workload == "" && a.PodPattern == "" && a.Hash == "" && a.Version == ""
}

func ask(ctx context.Context, m plan.Metric, a plan.Arm, p plan.Plan, src queries.Source) (queries.Frame, error) {
	r, err := m.Scoped(a)
	if err != nil {
		return queries.Frame{}, err
	}
	block := p.Block.D()
	if m.Block > 0 {
		block = m.Block.D()
	}
	end := time.Now().Add(-p.Lag.D()).Truncate(block)
	return src.Blocks(ctx, r, queries.Window{Start: end.Add(-probeBlocks * block), End: end, Block: block})
}

func notes(f queries.Frame) string {
	text := ""
	for i, n := range f.Notes {
		if i > 0 {
			text += "; "
		}
		text += n.Text
	}
	return text
}
