package presets

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/queries"
)

//go:embed families/*.yaml
var families embed.FS

// Preset is one family of metrics and limits.
type Preset struct {
	Name string `yaml:"-"` // the file's name, without its ending
	// Title says to people what the family is.
	Title string `yaml:"title"`
	// About says what it measures.
	About About `yaml:"about"`
	// Source is where the names of its series and labels come from.
	Source string `yaml:"source"`
	// Like names a family whose rows this one has, with a selector of its own.
	Like string `yaml:"like"`
	// Blend says, where the store counts both arms together under the labels that it has,
	// why, and what could tell them apart. Such a family needs a selector of the plan's.
	Blend string `yaml:"blend"`
	// Selector narrows each row that has none of its own to one arm: a PromQL matcher
	// list whose values are templates over the arm's facts. Empty means the arm's labels.
	Selector string   `yaml:"selector"`
	Metrics  []Metric `yaml:"metrics"`
	Limits   []Limit  `yaml:"limits"`
}

// About says what a family measures: what users see, or what it costs.
type About string

// What a family may be about. A plan takes one family about requests, and any number
// about resources.
const (
	Requests  About = "requests"
	Resources About = "resources"
)

// Metric is a row of a family: a metric of a plan, as its author would write it. What
// is left out gets the plan's defaults.
type Metric struct {
	Name string `yaml:"name"`
	// Reads is what the query is claimed to be understood as; a test holds it.
	Reads       queries.Kind `yaml:"reads"`
	Query       string       `yaml:"query"`
	Kind        string       `yaml:"kind"`
	Selector    string       `yaml:"selector"`
	Of          string       `yaml:"of"`
	Worse       string       `yaml:"worse"`
	Tolerance   string       `yaml:"tolerance"`
	Margin      string       `yaml:"margin"`
	Weight      *float64     `yaml:"weight"`
	Critical    *bool        `yaml:"critical"`
	Required    *bool        `yaml:"required"`
	Unit        string       `yaml:"unit"`
	Title       string       `yaml:"title"`
	Description string       `yaml:"description"`
}

// Limit is a row of a family: a bound outside the statistics.
type Limit struct {
	Name string `yaml:"name"`
	// Metric names the family's metric that is bounded; else Query asks for a value
	// of its own, and Reads claims how it is understood.
	Metric   string       `yaml:"metric"`
	Reads    queries.Kind `yaml:"reads"`
	Query    string       `yaml:"query"`
	Selector string       `yaml:"selector"`
	Above    string       `yaml:"above"`
	Below    string       `yaml:"below"`
	Blocks   *int         `yaml:"blocks"`
	Each     *bool        `yaml:"each"`
	Growth   *bool        `yaml:"growth"`
	Fraction *bool        `yaml:"fraction"`
	Unit     string       `yaml:"unit"`
	Title    string       `yaml:"title"`
}

// Names returns the families that there are, sorted.
func Names() []string {
	files, err := families.ReadDir("families")
	if err != nil { // the folder is compiled in
		return nil
	}
	names := make([]string, 0, len(files))
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// Get returns a family by name, with the rows of the one that it is like. The error of
// an unknown one names those that are known.
func Get(name string) (Preset, error) {
	p, err := open(name)
	if err != nil || p.Like == "" {
		return p, err
	}
	base, err := open(p.Like)
	switch {
	case err != nil:
		return Preset{}, fmt.Errorf("preset %q: like: %w", name, err)
	case base.Like != "":
		return Preset{}, fmt.Errorf("preset %q: is like %q, which has no rows of its own", name, p.Like)
	}
	p.Metrics, p.Limits = base.Metrics, base.Limits
	return p, nil
}

// open reads one family's file.
func open(name string) (Preset, error) {
	if !slices.Contains(Names(), name) {
		return Preset{}, fmt.Errorf("unknown preset %q; known are %s", name, strings.Join(Names(), ", "))
	}
	text, err := fs.ReadFile(families, path.Join("families", name+".yaml"))
	if err != nil {
		return Preset{}, fmt.Errorf("preset %q: %w", name, err)
	}
	return read(name, text)
}

// read parses one family, strictly.
func read(name string, text []byte) (Preset, error) {
	p := Preset{}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&p); err != nil {
		return Preset{}, fmt.Errorf("preset %q: %w", name, err)
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return Preset{}, fmt.Errorf("preset %q: one family a file: it has a second document", name)
	}
	p.Name = name
	if err := p.check(); err != nil {
		return Preset{}, fmt.Errorf("preset %q: %w", name, err)
	}
	return p, nil
}

// check says what is missing from a family or given twice.
func (p Preset) check() error {
	var errs []error
	if p.Title == "" {
		errs = append(errs, errors.New("has no title"))
	}
	switch p.About {
	case Requests, Resources:
	default:
		errs = append(errs, fmt.Errorf("about %q: is about requests or resources", p.About))
	}
	if p.Source == "" {
		errs = append(errs, errors.New("has no source: say where its names come from"))
	}
	if (len(p.Metrics) == 0) == (p.Like == "") || p.Like != "" && len(p.Limits) > 0 {
		errs = append(errs, errors.New("needs metrics of its own, or a family that it is like, and not both"))
	}
	return errors.Join(append(errs, p.checkRows()...)...)
}

// checkRows says what is missing from its rows or given twice.
func (p Preset) checkRows() (errs []error) {
	seen := map[string]bool{}
	for i, m := range p.Metrics {
		switch {
		case m.Name == "" || m.Query == "" || m.Reads == "" || m.Title == "":
			errs = append(errs, fmt.Errorf("metrics[%d]: needs name, title, reads and query", i))
		case seen[m.Name]:
			errs = append(errs, fmt.Errorf("metrics[%d]: a second metric %q", i, m.Name))
		}
		seen[m.Name] = true
	}
	limits := map[string]bool{}
	for i, l := range p.Limits {
		switch {
		case l.Name == "" || l.Title == "":
			errs = append(errs, fmt.Errorf("limits[%d]: needs name and title", i))
		case limits[l.Name]:
			errs = append(errs, fmt.Errorf("limits[%d]: a second limit %q", i, l.Name))
		case (l.Metric == "") == (l.Query == ""):
			errs = append(errs, fmt.Errorf("limits[%d]: needs one of metric and query", i))
		case l.Metric != "" && !seen[l.Metric]:
			errs = append(errs, fmt.Errorf("limits[%d]: no metric %q in this family", i, l.Metric))
		case l.Query != "" && l.Reads == "":
			errs = append(errs, fmt.Errorf("limits[%d]: a query needs reads", i))
		case (l.Above == "") == (l.Below == ""):
			errs = append(errs, fmt.Errorf("limits[%d]: needs one of above and below", i))
		}
		limits[l.Name] = true
	}
	return errs
}
