package adopt

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// width is how long a line of a comment may be.
const width = 110

// page is a YAML text that is being written.
type page struct{ strings.Builder }

// comment writes a comment, wrapped where it is prose and line by line where it
// quotes (lines that begin with two spaces).
func (p *page) comment(indent int, lines []string) {
	pad := strings.Repeat(" ", indent)
	for _, text := range lines {
		for _, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(line, "  ") {
				fmt.Fprintf(p, "%s# %s\n", pad, strings.TrimRight(cut(oneLine(line), 400), " "))
				continue
			}
			for _, wrapped := range wrap(oneLine(line), width-indent-2) {
				p.WriteString(strings.TrimRight(pad+"# "+wrapped, " ") + "\n")
			}
		}
	}
}

// wrap breaks a text at spaces.
func wrap(text string, most int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(cut(text, 2000)) {
		if line != "" && len(line)+1+len(word) > most {
			out = append(out, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(out, line)
}

// field writes one key with its value and what stands above it.
func (p *page) field(indent int, dash bool, f field) {
	pad := strings.Repeat(" ", indent)
	p.comment(indent, f.above)
	if dash {
		pad = pad[:indent-2] + "- "
	}
	switch {
	case f.raw:
		fmt.Fprintf(p, "%s%s: %s\n", pad, f.key, f.value)
	case f.block && blockable(f.value):
		fmt.Fprintf(p, "%s%s: |\n", pad, f.key)
		for _, line := range strings.Split(f.value, "\n") {
			fmt.Fprintf(p, "%s  %s\n", strings.Repeat(" ", indent), line)
		}
	default:
		fmt.Fprintf(p, "%s%s: %s\n", pad, f.key, quote(f.value))
	}
}

// rows writes a list, and what stands in it as comments alone.
func (p *page) rows(key string, rows []*row) {
	if len(rows) == 0 {
		return
	}
	live := false
	for _, r := range rows {
		live = live || !r.off
	}
	indent := 2
	if live {
		fmt.Fprintf(p, "%s:\n", key)
	} else {
		fmt.Fprintf(p, "# %s:\n", key)
		indent = 0
	}
	for i, r := range rows {
		if i > 0 && (len(r.above) > 0 || len(rows[i-1].above) > 0) {
			p.WriteString("\n")
		}
		p.comment(indent, r.above)
		if r.off {
			continue
		}
		if r.gauge && !r.weighs {
			p.comment(indent, []string{"It is shown, and decides nothing; weight and required change that."})
		}
		p.field(4, true, field{key: "name", value: r.name})
		for _, f := range r.fields {
			p.field(4, false, f)
		}
	}
}

// write writes the plan.
func (d *draft) write() []byte {
	p := &page{}
	p.comment(0, d.about)
	p.WriteString("\n")
	p.field(0, false, field{key: "service", value: d.service})
	for _, f := range d.settings {
		if len(f.above) > 0 {
			p.WriteString("\n")
		}
		p.field(0, false, f)
	}
	if len(d.presets) > 0 {
		p.WriteString("\n")
	}
	p.comment(0, d.presets)
	if d.preset != "" {
		p.field(0, false, field{key: "preset", value: d.preset})
	}
	d.writeArms(p)
	if len(d.sources) > 0 {
		p.WriteString("\n")
		words := "The queries were asked of " + strings.Join(d.sources, " and ") + ". Which server this is, and with which credentials it is asked, is said in Serin's own configuration."
		if len(d.sources) > 1 {
			words += " A plan has one source."
		}
		p.field(0, false, field{key: "source", value: "prometheus", above: []string{words}})
	}
	for _, part := range []struct {
		key  string
		rows []*row
	}{{"metrics", d.metrics}, {"limits", d.limits}, {"checks", d.checks}} {
		if len(part.rows) > 0 {
			p.WriteString("\n")
		}
		p.rows(part.key, part.rows)
	}
	if len(d.rest) > 0 {
		p.WriteString("\n")
		p.comment(0, d.rest)
	}
	return []byte(p.String())
}

// writeArms writes what tells the arms apart. With labels, every metric that has no
// selector would be narrowed by them, so the plan gets the one that it had without.
func (d *draft) writeArms(p *page) {
	d.arms = slices.DeleteFunc(d.arms, func(f armFact) bool { return f.label && !d.names(f.name) })
	if len(d.arms) == 0 {
		return
	}
	labels := false
	p.WriteString("\n")
	p.comment(0, []string{"What the caller does not say of the arms, and the selectors below name."})
	p.WriteString("arms:\n")
	for _, arm := range []struct {
		name string
		of   func(armFact) string
	}{{"baseline", func(f armFact) string { return f.baseline }}, {"canary", func(f armFact) string { return f.canary }}} {
		fmt.Fprintf(p, "  %s:\n", arm.name)
		for _, f := range d.arms {
			if !f.label {
				p.field(4, false, field{key: f.name, value: arm.of(f)})
			}
		}
		head := "    labels:\n"
		for _, f := range d.arms {
			if f.label {
				p.WriteString(head)
				p.field(6, false, field{key: f.name, value: arm.of(f)})
				head, labels = "", true
			}
		}
	}
	if labels {
		p.field(0, false, field{key: "selector", value: podSelector})
	}
}

// names reports whether a selector that is in the plan names a label of the arms.
func (d *draft) names(label string) bool {
	return slices.ContainsFunc(slices.Concat(d.metrics, d.limits), func(r *row) bool {
		return !r.off && slices.ContainsFunc(r.fields, func(f field) bool {
			return f.key == "selector" && strings.Contains(f.value, "{{ .Labels."+label+" }}")
		})
	})
}

// podSelector narrows to an arm's pods, as a plan does that says nothing.
const podSelector = `namespace="{{ .Namespace }}", pod=~"{{ .PodPattern }}"`

// literal is a word that some YAML reader takes for something other than text.
var literal = regexp.MustCompile(`^(?i:y|n|yes|no|true|false|on|off|null)$`)

// plain reports whether YAML takes a text for the same text, without quotes.
func plain(s string) bool {
	if s == "" || s != oneLine(s) || literal.MatchString(s) || !unicode.IsLetter([]rune(s)[0]) {
		return false
	}
	var back map[string]any
	return yaml.Unmarshal([]byte("k: "+s), &back) == nil && back["k"] == s
}

// quote writes text as a YAML scalar on one line.
func quote(s string) string {
	switch {
	case plain(s):
		return s
	case !strings.Contains(s, "'") && s == oneLine(s) && strings.Contains(s, `"`):
		return "'" + s + "'"
	}
	var b strings.Builder
	e := json.NewEncoder(&b) // JSON is YAML
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // text always encodes
		return `""`
	}
	var out strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if unicode.IsPrint(r) {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, "\\U%08x", r)
		}
	}
	return out.String()
}

// blockable reports whether a text reads the same from a block of lines.
func blockable(s string) bool {
	if s == "" || strings.HasPrefix(s, " ") || strings.HasSuffix(s, "\n") {
		return false
	}
	for _, line := range strings.Split(s, "\n") {
		if line != oneLine(line) || strings.TrimRight(line, " ") != line || line == "" {
			return false
		}
	}
	return true
}

// quoted returns a text of the input, to stand in a comment line by line.
func quoted(s string) string {
	lines := strings.Split(strings.TrimRight(withoutUser(s), " \n\r\t"), "\n")
	const most = 40
	if len(lines) > most {
		lines = append(lines[:most], "…")
	}
	// The indentation that all lines share says nothing.
	shared := -1
	for _, l := range lines {
		if t := strings.TrimLeft(l, " \t"); t != "" && (shared < 0 || len(l)-len(t) < shared) {
			shared = len(l) - len(t)
		}
	}
	for i, l := range lines {
		lines[i] = "    " + l[min(len(l), max(shared, 0)):]
	}
	return strings.Join(lines, "\n")
}
