package plan

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets"
)

// separable checks that a family whose store counts both arms together is given what
// tells them apart. Without that the service would be compared with itself.
func (b *builder) separable(path string, p presets.Preset) bool {
	if p.Blend == "" || b.f.Select != nil {
		return true
	}
	b.at(path, "%s cannot be compared as it is: %s", p.Name, strings.TrimSpace(p.Blend))
	return false
}

// unlabelled is the one pattern that matches nothing but an absent label, with which a
// selector asks for what the other arm's label is not on.
const unlabelled = "^$"

// GuessUnit returns the unit that the name of a metric's histogram says, or "" where it
// says none. It is what a metric has as Unit where the plan gives none.
func GuessUnit(m Metric) string { return unitOf(m.Kind, m.Reading) }

// unitOf names the unit where the naming of metrics makes it sure: histograms end in it.
func unitOf(k Kind, r queries.Reading) string {
	if k != Latency {
		return ""
	}
	name, _, _ := strings.Cut(r.Buckets, "{")
	name = strings.TrimSuffix(name, "_bucket")
	scale := r.Scale
	if scale == 0 {
		scale = 1
	}
	m := regexp.MustCompile(`_(seconds|milliseconds|ms|microseconds|us|nanoseconds|ns)$`).FindStringSubmatch(name)
	if m == nil {
		return ""
	}
	seconds := map[string]float64{
		"seconds": 1, "milliseconds": 1e-3, "ms": 1e-3, "microseconds": 1e-6, "us": 1e-6, "nanoseconds": 1e-9, "ns": 1e-9,
	}[m[1]] / scale
	switch fmt.Sprintf("%.6g", seconds) {
	case "1":
		return "s"
	case "0.001":
		return "ms"
	case "1e-06":
		return "us"
	case "1e-09":
		return "ns"
	}
	return ""
}
