package discover

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets"
)

// YAML writes a plan of what was found, with comments that say why. Where nothing was
// found it is a plan whose first metric is still to be written.
func (f Found) YAML() string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Proposed by serin plan init. Check it with: serin plan check FILE --prometheus URL\n")
	fmt.Fprintf(&out, "service: %s\n", scalar(f.Service))
	if f.Preset == "" {
		out.WriteString("\n# No preset's requests were found of this service. Write its own queries, without its arms:\n")
		out.WriteString("# metrics:\n#   - name: errors\n#     query: sum(rate(my_requests_total{code=~\"5..\"}[2m])) / sum(rate(my_requests_total[2m]))\n")
		comment(&out, "", f.Missing)
		return out.String()
	}
	f.writePresets(&out)
	if b := f.Block(); b != time.Minute {
		fmt.Fprintf(&out, "\n# Samples are %s apart, and a block needs two of them.\nblock: %s\n", f.Interval, plan.Duration(b))
	}
	f.writeArms(&out)
	f.writeWithout(&out)
	out.WriteString("\n# Begin in shadow mode: it judges, draws and records, and never stands in the way. Then delete this line.\nmode: shadow\n")
	if len(f.Missing) > 0 {
		out.WriteString("\n# Looked for in vain:\n")
		comment(&out, "- ", f.Missing)
	}
	return out.String()
}

// Block is the length of a block that holds at least two samples: a minute, or longer
// where they are far apart.
func (f Found) Block() time.Duration { return queries.BlockFor(f.Interval) }

func (f Found) writePresets(out *strings.Builder) {
	names := []string{f.Preset}
	for _, b := range f.Beside {
		names = append(names, b.Preset)
	}
	out.WriteString("\n")
	for _, name := range names {
		if p, err := presets.Get(name); err == nil {
			fmt.Fprintf(out, "# %s: %s.\n", name, p.Title)
		}
	}
	if len(f.Others) > 0 {
		fmt.Fprintf(out, "# Its requests are counted by %s, too; a plan takes one of them.\n", strings.Join(f.Others, ", "))
	}
	fmt.Fprintf(out, "preset: [%s]\n", strings.Join(names, ", "))
}

func (f Found) writeArms(out *strings.Builder) {
	out.WriteString("\n")
	if f.Sure != "" {
		fmt.Fprintf(out, "# Told apart %s.\n", f.Sure)
	}
	if f.Doubt != "" {
		fmt.Fprintf(out, "# LOOK TWICE: %s.\n", f.Doubt)
	}
	if f.Pods != "" {
		fmt.Fprintf(out, "# %s tells them apart without their pods, which the presets about resources need; those were\n# read of %s.\n", f.Preset, f.Pods)
	}
	out.WriteString("# A caller that knows the arms (Flagger, Argo Rollouts) says them itself; what stands here wins.\narms:\n")
	writeArm(out, "  baseline:", f.Baseline)
	if f.CanarySeen {
		writeArm(out, "  canary:", f.Canary)
		return
	}
	out.WriteString("  # canary: { } # as the baseline, with what is different\n")
}

func writeArm(out *strings.Builder, key string, a plan.Arm) {
	fmt.Fprintln(out, key)
	for _, fact := range []struct{ key, value string }{
		{"namespace", a.Namespace}, {"workload", a.Workload}, {"podPattern", a.PodPattern}, {"hash", a.Hash}, {"version", a.Version},
	} {
		if fact.value != "" {
			fmt.Fprintf(out, "    %s: %s\n", fact.key, scalar(fact.value))
		}
	}
	if len(a.Labels) == 0 {
		return
	}
	out.WriteString("    labels:\n")
	for _, k := range slices.Sorted(maps.Keys(a.Labels)) {
		fmt.Fprintf(out, "      %s: %s\n", k, scalar(a.Labels[k]))
	}
}

// writeWithout drops the rows that have no data, with the limits that bound them, and
// narrows those that need it.
func (f Found) writeWithout(out *strings.Builder) {
	var rows, limits []string
	for _, b := range append([]Beside{{Preset: f.Preset, Without: f.Without}}, f.Beside...) {
		for _, name := range b.Rows {
			if b.Selector != "" {
				rows = append(rows, fmt.Sprintf("  - { name: %s, selector: %s } # of %s: it knows pods, not the arms' labels\n", name, scalar(b.Selector), b.Preset))
			}
		}
		for _, name := range b.Without {
			rows = append(rows, fmt.Sprintf("  - { name: %s, enabled: false } # of %s: no data of the baseline\n", name, b.Preset))
			for _, limit := range limitsOn(b.Preset, name) {
				limits = append(limits, fmt.Sprintf("  - { name: %s, enabled: false } # of %s: it bounds %s\n", limit, b.Preset, name))
			}
		}
	}
	if len(rows) > 0 {
		fmt.Fprintf(out, "\nmetrics:\n%s", strings.Join(rows, ""))
	}
	if len(limits) > 0 {
		fmt.Fprintf(out, "\nlimits:\n%s", strings.Join(limits, ""))
	}
}

// limitsOn are the names of a family's limits on one of its metrics.
func limitsOn(preset, metric string) (names []string) {
	p, err := presets.Get(preset)
	if err != nil {
		return nil
	}
	for _, l := range p.Limits {
		if l.Metric == metric {
			names = append(names, l.Name)
		}
	}
	return names
}

// scalar writes text so that YAML reads it as text.
func scalar(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// comment writes sentences as comments, one a paragraph.
func comment(out *strings.Builder, bullet string, texts []string) {
	for _, t := range texts {
		line := "# " + bullet
		for _, word := range strings.Fields(t) {
			if len(line)+len(word) > 110 {
				fmt.Fprintln(out, strings.TrimRight(line, " "))
				line = "# " + strings.Repeat(" ", len(bullet))
			}
			line += word + " "
		}
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
}
