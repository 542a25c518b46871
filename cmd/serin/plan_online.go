package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"

	"github.com/serin-canary/serin/cmd/serin/discover"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
)

// look asks a Prometheus for the series of every metric's arms, writes how many there are
// and how they are read, and returns what is wrong with them. An arm without series is
// explained; whether that is a fault is for the probe, which knows of the other metrics.
func look(ctx context.Context, w io.Writer, p plan.Plan, src *prometheus.Source) ([]string, error) {
	if armless(p.Arms.Baseline) || armless(p.Arms.Canary) {
		return nil, nil // the probe says so
	}
	at, err := src.Clock(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(w, "\nthe arms' series in the last hour:")
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "METRIC\tREAD AS\tUNIT\tBASELINE\tCANARY\tSAMPLES APART")
	var remarks, wrong []string
	for _, m := range p.Metrics {
		a, err := discover.Look(ctx, src, p, m, at)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, readAs(m), unit(m), many(a.Baseline), many(a.Canary), apart(a))
		for _, arm := range []string{"baseline", "canary"} {
			if why := a.Why[arm]; why != "" {
				remarks = append(remarks, fmt.Sprintf("%s of the %s: %s", m.Name, arm, why))
			}
		}
		for _, text := range a.Remarks {
			remarks = append(remarks, m.Name+": "+text)
		}
		for _, text := range a.Faults {
			wrong = append(wrong, fmt.Sprintf("plan %s: metric %s: %s", p.Name, m.Name, text))
		}
	}
	if err := tw.Flush(); err != nil {
		return nil, err
	}
	for _, text := range remarks {
		fmt.Fprintln(w, "\n"+text+".")
	}
	return wrong, nil
}

// readAs says whether a metric is counted.
func readAs(m plan.Metric) string {
	if m.Reading.Kind == queries.Gauge {
		return "values"
	}
	return "counts (" + string(m.Reading.Kind) + ")"
}

// unit is a metric's unit, and where it is from.
func unit(m plan.Metric) string {
	switch {
	case m.Unit == "":
		return "–"
	case m.Unit == plan.GuessUnit(m):
		return m.Unit + " (by its name)"
	}
	return m.Unit
}

// many writes a number of series.
func many(n int) string {
	if n < 0 {
		return "thousands"
	}
	return strconv.Itoa(n)
}

func apart(a discover.Arms) string {
	if a.Apart == 0 {
		return "–"
	}
	return a.Apart.String()
}

// writeNoise writes what the baseline's past says of each metric: its level, how much more
// than by chance it varies, and how much its processes differ.
func writeNoise(w io.Writer, p plan.Plan, priors map[string]*judge.Prior) error {
	fmt.Fprintln(w, "\nthe baseline's past:")
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "METRIC\tBLOCKS\tPROCESSES\tREQUESTS A BLOCK\tLEVEL\tVARIES BY\tPROCESSES DIFFER BY")
	for _, m := range p.Metrics {
		prior := priors[m.Name]
		if prior == nil {
			fmt.Fprintf(tw, "%s\t0\t\t\t\t\t\n", m.Name)
			continue
		}
		varies, differ := noise(*prior)
		requests := "–"
		if prior.RequestsPerBlock > 0 {
			requests = fmt.Sprintf("%.4g", prior.RequestsPerBlock)
		}
		blocks := strconv.Itoa(prior.Blocks)
		if prior.Blocks == 0 {
			blocks = "defaults" // too few processes, or too short a past
		}
		fmt.Fprintf(tw, "%s\t%s\t%d\t%s\t%.4g\t%s\t%s\n", m.Name, blocks, prior.Pods, requests, prior.Rate, varies, differ)
	}
	return tw.Flush()
}

// hollow says which metrics could not hold up any canary at the level that the baseline had.
func hollow(p plan.Plan, priors map[string]*judge.Prior) (wrong []string) {
	for _, m := range p.Metrics {
		prior := priors[m.Name]
		if prior == nil || !m.Required {
			continue
		}
		if why := judge.Hollow(m, prior.Rate, 1); why != "" {
			wrong = append(wrong, fmt.Sprintf("plan %s: metric %s: %s", p.Name, m.Name, why))
		}
	}
	return wrong
}

// noise writes a prior's dispersion: of counts as a multiple of chance, of values in percent.
func noise(p judge.Prior) (varies, differ string) {
	switch {
	case len(p.Streams) > 0:
		s := p.Streams[0]
		return fmt.Sprintf("%.2g × chance", s.Phi), fmt.Sprintf("%.2g%%", 100*s.Pod)
	case p.Series != nil:
		return fmt.Sprintf("%.2g%%", 100*math.Sqrt(p.Series.Var)), fmt.Sprintf("%.2g%%", 100*p.Series.Pod)
	}
	return "–", "–"
}
