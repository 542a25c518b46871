package adopt

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge/plan"
)

// draft is a plan that is being made: fields and rows in the order in which they are
// written, each with the comments that stand above it.
type draft struct {
	service string
	command string // flagger, argo, kayenta
	from    string // what it was made of, in words
	about   []string

	settings []field  // of the plan itself, service first
	presets  []string // comments that stand above preset, and the preset
	preset   string
	arms     []armFact // what the caller does not say
	reserved []string  // names of the preset's metrics
	sources  []string  // where the input's queries were asked
	metrics  []*row
	limits   []*row
	checks   []*row
	rest     []string // what has no place of its own

	notes []Note
}

// armFact is a fact that tells the arms apart: a field of the arms, or a label.
type armFact struct {
	name, baseline, canary string
	label                  bool
}

// label adds a label of the arms, unless it is there already with other values.
func (d *draft) label(name, baseline, canary string) bool {
	for _, l := range d.arms {
		if l.label && l.name == name {
			return l.baseline == baseline && l.canary == canary
		}
	}
	d.arms = append(d.arms, armFact{name, baseline, canary, true})
	return true
}

// field is one key with its value.
type field struct {
	key   string
	value string
	block bool     // written as a block of lines
	raw   bool     // written as it is
	above []string // comments
}

// row is an element of a list. A row that is off is its comments alone.
type row struct {
	name   string
	above  []string
	fields []field
	off    bool
	// weighs says that the row can roll back by itself; demands that promotion needs
	// it; gauge that it could do both, if the plan said so.
	weighs, demands, gauge bool
	of                     string // a limit's metric
}

func (r *row) add(key, value string) { r.fields = append(r.fields, field{key: key, value: value}) }

// raw adds a value that needs no quotes: a number, a quantity, a list.
func (r *row) raw(key, value string) {
	r.fields = append(r.fields, field{key: key, value: value, raw: true})
}

func (r *row) say(format string, args ...any) {
	r.above = append(r.above, fmt.Sprintf(format, args...))
}

func (d *draft) set(key, value string, above ...string) {
	d.settings = append(d.settings, field{key: key, value: value, above: above})
}

// note records what became of a part of the input.
func (d *draft) note(t tree, f Fate, format string, args ...any) {
	n := Note{File: t.b.file, Line: 1, Column: 1, Path: oneLine(t.path), Fate: f, Text: cut(oneLine(fmt.Sprintf(format, args...)), 400)}
	if t.n != nil {
		n.Line, n.Column = t.n.Line, t.n.Column
	}
	d.notes = append(d.notes, n)
}

// leave says in the plan and in the report that something is not carried over.
func (d *draft) leave(where *[]string, t tree, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	*where = append(*where, "Not carried over: "+text)
	d.note(t, Left, "%s", text)
}

// quotes announces what a comment quotes below.
var quotes = regexp.MustCompile(`\.? It(s query)? was:$`)

// leaveRow does the same where a row of the list would stand.
func (d *draft) leaveRow(list *[]*row, t tree, format string, args ...any) *row {
	r := &row{off: true}
	text := "Not carried over: " + fmt.Sprintf(format, args...)
	if slices.ContainsFunc(*list, func(o *row) bool { return o.off && len(o.above) > 0 && o.above[0] == text }) {
		return r // a template that is used twice
	}
	r.above = []string{text}
	d.note(t, Left, "%s", quotes.ReplaceAllString(strings.TrimPrefix(text, "Not carried over: "), ""))
	*list = append(*list, r)
	return r
}

// checksDecide writes that checks decide, and shows one where there is none.
func (d *draft) checksDecide(t tree, why string) {
	d.set("comparison", "checks", "Blue/green: "+why+" So checks decide, and without one nothing is promoted. "+
		"Delete this line where the canary has traffic like the baseline's: mirrored, or from a load test that calls both.")
	d.note(t, Changed, "blue/green: comparison: checks, because users' traffic is not shared")
}

// exampleCheck stands in the place of checks, where they decide and there are none.
func (d *draft) exampleCheck(url string) {
	decide := slices.ContainsFunc(d.settings, func(f field) bool { return f.key == "comparison" && f.value == "checks" })
	if decide && !slices.ContainsFunc(d.checks, func(r *row) bool { return !r.off }) {
		d.checks = append(d.checks, &row{off: true, above: []string{"For example:", "  - name: health\n    http: { get: " + quoteFlow(url+"/health") + ", status: 200, within: 1s }"}})
	}
}

// asks notes where a query of the input was asked.
func (d *draft) asks(url string) {
	if url != "" {
		d.sources = add(d.sources, address(url))
	}
}

// unique returns a name that no row of the list has yet, nor any that is reserved.
func unique(rows []*row, name string, reserved ...string) string {
	taken := map[string]bool{}
	for _, r := range rows {
		taken[r.name] = taken[r.name] || !r.off
	}
	for _, r := range reserved {
		taken[r] = true
	}
	out := name
	for i := 2; taken[out]; i++ {
		out = fmt.Sprintf("%s-%d", name, i)
	}
	return out
}

// slug makes a name of any text.
func slug(s, or string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
		default:
			gap = true
		}
		if b.Len() >= 100 {
			break
		}
	}
	if b.Len() == 0 {
		return or
	}
	return b.String()
}

// settle writes the plan and loads it. A row that the plan refuses is turned into a
// comment with the reason, and what follows from that is settled again.
func (d *draft) settle() ([]byte, error) {
	for range len(d.metrics) + len(d.limits) + len(d.checks) + 4 {
		d.decide()
		text := d.write()
		if err := d.tooLarge(text); err != nil {
			return nil, err
		}
		_, err := plan.Parse(d.command+".yaml", text)
		if err == nil {
			return text, nil
		}
		faults, ok := err.(plan.Faults) //nolint:errorlint // Parse returns them bare
		if !ok || !d.retreat(faults) {
			return nil, fmt.Errorf("the plan made of %s is not one that can be used; this is a defect of serin import, please report it with the file: %w", d.from, err)
		}
	}
	return nil, fmt.Errorf("the plan made of %s cannot be settled; this is a defect of serin import, please report it with the file", d.from)
}

// tooLarge refuses what no plan may be: most of it would be somebody else's metrics.
func (d *draft) tooLarge(text []byte) error {
	const mostRows, mostBytes = 500, 1 << 20
	file := d.from
	if len(d.notes) > 0 {
		file = d.notes[0].File
	}
	for name, rows := range map[string][]*row{"metrics": d.metrics, "limits": d.limits, "checks": d.checks} {
		live := 0
		for _, r := range rows {
			if !r.off {
				live++
			}
		}
		if live > mostRows {
			return plan.Faults{{File: file, Line: 1, Column: 1, Text: fmt.Sprintf("makes a plan of %d %s; a plan has at most %d", live, name, mostRows)}}
		}
	}
	if len(text) > mostBytes {
		return plan.Faults{{File: file, Line: 1, Column: 1, Text: fmt.Sprintf("makes a plan of %d KiB; a plan has at most %d", len(text)>>10, mostBytes>>10)}}
	}
	return nil
}

// retreat turns the rows that have faults into comments, and reports whether there
// were any.
func (d *draft) retreat(faults plan.Faults) bool {
	found := false
	for name, rows := range map[string][]*row{"metrics": d.metrics, "limits": d.limits, "checks": d.checks} {
		i := 0
		for _, r := range rows {
			if r.off {
				continue
			}
			path := fmt.Sprintf("%s[%d]", name, i)
			i++
			for _, f := range faults {
				if f.Path == path || strings.HasPrefix(f.Path, path+".") {
					r.off, found = true, true
					r.say("Not carried over: a plan refuses it (%s).", cut(oneLine(f.Text), 300))
					d.notes = append(d.notes, Note{File: d.from, Line: 1, Column: 1, Path: r.name, Fate: Left, Text: "a plan refuses it: " + cut(oneLine(f.Text), 300)})
					break
				}
			}
		}
	}
	return found
}

// promote gives a field to the metrics that could have it, because none other has.
func (d *draft) promote(could func(*row) bool, key, value string) {
	for _, r := range d.metrics {
		if r.off || !could(r) {
			continue
		}
		r.fields = slices.DeleteFunc(r.fields, func(f field) bool { return f.key == key })
		r.raw(key, value)
		r.weighs, r.demands = true, r.demands || key == "required"
		r.say("It has %s: %s because nothing else here has.", key, value)
	}
}

// decide makes sure that something can roll back and something can promote: where
// there are gauges alone, they do; where there is nothing, the preset http does.
func (d *draft) decide() {
	live := func(of func(*row) bool) bool {
		return slices.ContainsFunc(d.metrics, func(r *row) bool { return !r.off && of(r) })
	}
	for _, l := range d.limits { // a limit goes with its metric
		if !l.off && l.of != "" && d.preset == "" && !live(func(r *row) bool { return r.name == l.of }) {
			l.off = true
			l.say("Not carried over: there is no metric %s to bound.", l.of)
		}
	}
	if d.preset != "" {
		return
	}
	weighs, demands := func(r *row) bool { return r.weighs }, func(r *row) bool { return r.demands }
	if !live(weighs) {
		d.promote(func(r *row) bool { return r.gauge }, "weight", "1")
	}
	if !live(demands) {
		d.promote(weighs, "required", "true")
	}
	checked := slices.ContainsFunc(d.checks, func(r *row) bool { return !r.off })
	if checked && !live(func(*row) bool { return true }) {
		return // checks decide
	}
	if !live(weighs) || !live(demands) {
		d.preset = "http"
		d.presets = append(d.presets,
			"Nothing that was carried over can decide by itself, so the preset http stands in: it asks the pods' own",
			"http_requests_total and http_request_duration_seconds. Replace it by what your service counts (docs/plan.md).")
	}
}
