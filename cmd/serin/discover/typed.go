package discover

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
)

// typed says where a metric's query takes its series for another kind than the store's
// metadata says they are, and where its unit is another. Metadata is kept for live targets,
// and exporters err in it: so these are remarks. A store without it says nothing.
func typed(ctx context.Context, src *prometheus.Source, m plan.Metric) []string {
	ss, err := queries.Selections(m.Query)
	if err != nil {
		return nil
	}
	counted := map[string]bool{}
	for _, t := range slices.Concat(m.Reading.Bad, m.Reading.Total) {
		counted[nameOf(t.Selector)] = !t.Native
	}
	var out []string
	done := map[string]bool{}
	for _, s := range ss {
		if s.Name == "" || done[s.Name] {
			continue
		}
		done[s.Name] = true
		is, err := src.Metadata(ctx, s.Name)
		if err != nil || is.Type == "" {
			continue
		}
		switch {
		case counted[s.Name] && is.Type == "gauge":
			out = append(out, fmt.Sprintf("%s is a gauge by the store's metadata, and the query counts it as a counter: what falls would be read as a restart; "+
				"compare its value, without rate or increase, or have the exporter's type mended", s.Name))
		case m.Reading.Kind == queries.Gauge && s.Plain && only(s.Name, is.Type):
			out = append(out, fmt.Sprintf("%s is a counter by the store's metadata, and the query takes its value, which grows until the process restarts; write rate(%s[2m])", s.Name, s.Name))
		}
		if text := otherUnit(m, is.Unit); text != "" {
			out = append(out, fmt.Sprintf("%s has the unit %s by the store's metadata, %s", s.Name, is.Unit, text))
		}
	}
	return out
}

// only reports whether a series only grows: a counter, or a part of a histogram or summary
// that counts.
func only(name, kind string) bool {
	switch kind {
	case "counter":
		return true
	case "histogram", "summary":
		return strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_count") || strings.HasSuffix(name, "_sum")
	}
	return false
}

// otherUnit says where durations have another unit than the plan shows.
func otherUnit(m plan.Metric, said string) string {
	short := map[string]string{"seconds": "s", "milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}[said]
	scaled := m.Reading.Scale != 0 && m.Reading.Scale != 1
	switch {
	case short == "" || m.Kind != plan.Latency || scaled || m.Unit == short:
		return ""
	case m.Unit == "":
		return "and the plan shows none; write unit: " + short
	}
	return fmt.Sprintf("and the plan shows %s; write unit: %s, or multiply in the query", m.Unit, short)
}
