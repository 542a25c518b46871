package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// probeBlocks is how many of the newest closed blocks a probe asks for.
const probeBlocks = 10

// probe asks a source for the newest blocks of every metric and arm, writes what
// came back, and returns what is missing. An arm that has no series now may have
// some during a rollout, but a query that has none for the baseline is wrong.
func probe(ctx context.Context, w io.Writer, p plan.Plan, src queries.Source) ([]string, error) {
	if armless(p.Arms.Baseline) || armless(p.Arms.Canary) {
		return []string{fmt.Sprintf("plan %s: %s", p.Name, errNoArms)}, nil
	}
	fmt.Fprintf(w, "\nthe last %d blocks:\n\n", probeBlocks)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "METRIC\tARM\tBLOCKS\tPROCESSES\tNOTES")
	var missing []string
	for _, m := range p.Metrics {
		for _, a := range []struct {
			name string
			arm  plan.Arm
		}{{"baseline", p.Arms.Baseline}, {"canary", p.Arms.Canary}} {
			f, err := ask(ctx, m, a.arm, p, src)
			if err != nil {
				fmt.Fprintf(tw, "%s\t%s\t–\t–\t%s\n", m.Name, a.name, err)
				missing = append(missing, fmt.Sprintf("plan %s: metric %s of the %s cannot be read: %s", p.Name, m.Name, a.name, err))
				continue
			}
			n := filled(f)
			fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%s\n", m.Name, a.name, n, len(f.Processes), notes(f))
			if n == 0 {
				missing = append(missing, fmt.Sprintf(
					"plan %s: metric %s has no data of the %s; check its query and the arm's labels, or ask while a canary runs", p.Name, m.Name, a.name))
			}
		}
	}
	return missing, tw.Flush()
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

// filled counts the blocks in which at least one process has a sample.
func filled(f queries.Frame) int {
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
