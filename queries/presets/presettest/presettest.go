// Package presettest holds each preset family against series in the shape in which
// its mesh, exporter or library writes them. Only tests import it.
//
// A proof is a YAML file in queries/presets/testdata/proofs, FAMILY.yaml or a further
// FAMILY.WHAT.yaml: what two arms and their neighbours expose, and what the family must
// count of it. It can be written as a page to scrape, or as a history that a server loads.
package presettest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// Proof is what one family must count.
type Proof struct {
	Family string `yaml:"-"` // the file's name, up to its first dot
	// Service is who is on trial; its name is in no other proof.
	Service string `yaml:"service"`
	// With are families beside it: those whose requests it divides by.
	With []string `yaml:"with"`
	// Plan is more of the plan that asks, as YAML.
	Plan string `yaml:"plan"`
	// Arms are facts, as a plan writes them.
	Arms map[string]any `yaml:"arms"`
	// Native says that its series are native histograms, which are no text: [Load] leaves
	// such a proof out, and [LoadNative] returns it.
	Native bool `yaml:"native"`
	// Targets are what is scraped: both arms, and whatever must not be counted.
	Targets []Target `yaml:"targets"`
	// Want is what each metric gives for the baseline and the canary, in the words of
	// [Count]; a limit with a query of its own is there with the canary's alone.
	Want map[string][]string `yaml:"want"`
}

// Target is one page.
type Target struct {
	// Labels are the target's own, as service discovery leaves them on its series.
	Labels map[string]string `yaml:"labels"`
	// Common are labels that every series of the page has: a="b",c="d".
	Common string `yaml:"common"`
	// Series has a series a line: counter NAME{LABELS} GROWTH, gauge NAME{LABELS} VALUE,
	// or histogram NAME{LABELS} BOUND:GROWTH ... sum:GROWTH with cumulative counts. A
	// growth is that of one block.
	Series string `yaml:"series"`
	// Late is how old its newest samples are when they are scraped, as the exporter's own
	// times say; 0 where it gives none.
	Late Lateness `yaml:"late"`
}

// Lateness is a duration, as YAML writes it: 11m.
type Lateness time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Lateness) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*l = Lateness(d)
	return err
}

// dir is where the proofs are, from a package's folder.
const dir = "queries/presets/testdata/proofs"

// Load reads the proofs that are text, sorted by family. Root leads from the test's folder
// to the module's.
func Load(t testing.TB, root string) []Proof {
	t.Helper()
	return slices.DeleteFunc(load(t, root), func(p Proof) bool { return p.Native })
}

// LoadNative reads the proofs of native histograms.
func LoadNative(t testing.TB, root string) []Proof {
	t.Helper()
	return slices.DeleteFunc(load(t, root), func(p Proof) bool { return !p.Native })
}

func load(t testing.TB, root string) []Proof {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no proofs below %s: %v", root, err)
	}
	slices.Sort(files)
	var out []Proof
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		family, _, _ := strings.Cut(filepath.Base(file), ".")
		p := Proof{Family: family}
		d := yaml.NewDecoder(bytes.NewReader(text))
		d.KnownFields(true)
		if err := d.Decode(&p); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, p)
	}
	return out
}

// YAML is the plan that asks.
func (p Proof) YAML(t testing.TB) string {
	t.Helper()
	arms, err := yaml.Marshal(map[string]any{"arms": p.Arms})
	if err != nil {
		t.Fatal(err)
	}
	names := append(slices.Clone(p.With), p.Family)
	return fmt.Sprintf("service: %s\npreset: [%s]\n%s%s", p.Service, strings.Join(names, ", "), arms, p.Plan)
}

// base is what a counter has before it is watched: growth is counted, not values.
const base = 5000

// Page returns a target's page at a time, after it has grown for some blocks, in
// Prometheus' text format.
func (t Target) Page(tb testing.TB, blocks float64, now time.Time) string {
	tb.Helper()
	at := ""
	if t.Late > 0 {
		at = fmt.Sprintf(" %d", now.Add(-time.Duration(t.Late)).UnixMilli())
	}
	var out strings.Builder
	typed := map[string]bool{}
	for _, s := range t.series(tb) {
		if s.family != "" && !typed[s.family] {
			typed[s.family] = true
			fmt.Fprintf(&out, "# TYPE %s %s\n", s.family, s.kind)
		}
		fmt.Fprintf(&out, "%s{%s} %v%s\n", s.name, s.labels, s.value(blocks), at)
	}
	return out.String()
}

// Span is the time of a history: a sample each Step from Start to End.
type Span struct {
	Start, End  time.Time
	Step, Block time.Duration
	// Noise, where given, says how much of its growth a series has in a block, by its
	// name and labels; else all.
	Noise func(series string, block int) float64
}

// History returns the proofs' series over a span as OpenMetrics text.
func History(tb testing.TB, ps []Proof, over Span) string {
	tb.Helper()
	lines := map[string][]string{}
	for _, p := range ps {
		for _, target := range p.Targets {
			for _, s := range target.series(tb) {
				s.labels = join(s.labels, labelText(target.Labels))
				lines[s.name] = append(lines[s.name], over.earlier(time.Duration(target.Late)).lines(s)...)
			}
		}
	}
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&out, "# TYPE %s unknown\n%s", name, strings.Join(lines[name], ""))
	}
	return out.String() + "# EOF\n"
}

// earlier is the same span, by so much before.
func (o Span) earlier(by time.Duration) Span {
	o.Start, o.End = o.Start.Add(-by), o.End.Add(-by)
	return o
}

// lines are the samples of one series.
func (o Span) lines(s series) (out []string) {
	grown := 0.0
	for at := o.Start; !at.After(o.End); at = at.Add(o.Step) {
		v := s.value(grown)
		out = append(out, fmt.Sprintf("%s{%s} %v %d\n", s.name, s.labels, v, at.Unix()))
		part := 1.0
		if o.Noise != nil {
			part = o.Noise(s.name+s.labels, int(at.Sub(o.Start)/o.Block))
		}
		grown += part * float64(o.Step) / float64(o.Block)
	}
	return out
}

func labelText(ls map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(ls)) {
		parts = append(parts, fmt.Sprintf("%s=%q", k, ls[k]))
	}
	return strings.Join(parts, ",")
}

func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ",")
}
