package adopt

import (
	"cmp"
	"slices"

	"github.com/serin-canary/serin/judge/plan"
)

// File is one file to read.
type File struct {
	Name string // as it is shown
	Text []byte
}

// Options settle what the files leave open.
type Options struct {
	// Service is the plan's service where the files do not name one.
	Service string
	// Provider is the mesh or ingress of a Canary that names none: Flagger takes it
	// from a flag of its own, and Istio where there is none.
	Provider string
	// Args are values of an AnalysisTemplate's arguments. They win.
	Args map[string]string
}

// Fate is what became of a part of the input.
type Fate string

// The fates.
const (
	Carried Fate = "carried over"     // it means what it meant
	Changed Fate = "changed"          // it is in the plan, and means something else
	Left    Fate = "not carried over" // it is in a comment
)

// Note says what became of one part of the input.
type Note struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Path   string `json:"path"` // the field, from its document's root
	Fate   Fate   `json:"fate"`
	Text   string `json:"text"`
}

// Translation is one plan.
type Translation struct {
	Service string `json:"service"`
	// From says what it was made of.
	From  string `json:"from"`
	Notes []Note `json:"notes"`
	// Plan is the plan file.
	Plan []byte `json:"-"`
}

// Flagger translates Flagger's Canaries with the MetricTemplates that they name, one
// plan for each Canary; without a Canary, all templates into one plan. Faults of all
// files are returned at once, as [plan.Faults].
func Flagger(files []File, o Options) ([]Translation, error) {
	docs, unread := readAll(files)
	return settled(flagger{docs: docs, options: o}.drafts(), docs, unread)
}

// Argo translates Argo's AnalysisTemplates, one plan for each Rollout that names some;
// without a Rollout, all templates into one plan. Faults of all files are returned at
// once, as [plan.Faults].
func Argo(files []File, o Options) ([]Translation, error) {
	docs, unread := readAll(files)
	return settled(argo{docs: docs, options: o}.drafts(), docs, unread)
}

// Kayenta translates canary configs, one plan for each. Faults of all files are
// returned at once, as [plan.Faults].
func Kayenta(files []File, o Options) ([]Translation, error) {
	docs, unread := readAll(files)
	return settled(kayenta{docs: docs, options: o}.drafts(), docs, unread)
}

// Blackbox translates the modules of blackbox_exporter's configuration into checks, one
// plan for each file. Faults of all files are returned at once, as [plan.Faults].
func Blackbox(files []File, o Options) ([]Translation, error) {
	docs, unread := readAll(files)
	return settled(blackbox{docs: docs, options: o}.drafts(), docs, unread)
}

// settled makes every draft a plan that loads, unless the input had faults. What is
// missing from the files as a whole is a fault only where nothing else is.
func settled(drafts []*draft, docs []document, unread plan.Faults) ([]Translation, error) {
	faults, missing := unread, plan.Faults{}
	for _, d := range docs { // a book may have several documents
		faults = append(faults, d.book.faults...)
		missing = append(missing, d.book.missing...)
		d.book.faults, d.book.missing = nil, nil
	}
	if len(faults) == 0 {
		faults = missing
	}
	if len(faults) > 0 {
		return nil, inOrder(faults)
	}
	var out []Translation
	for _, d := range drafts {
		text, err := d.settle()
		if err != nil {
			return nil, err
		}
		out = append(out, Translation{Service: d.service, From: d.from, Notes: d.notes, Plan: text})
	}
	return out, nil
}

// inOrder sorts faults, and leaves out what is said twice.
func inOrder(fs plan.Faults) plan.Faults {
	slices.SortStableFunc(fs, func(a, b plan.Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
	return slices.Compact(fs)
}

// lacking notes what is missing from the files as a whole.
func lacking(t tree, format string, args ...any) {
	kept := t.b.faults
	t.b.faults = nil
	t.fault(format, args...)
	t.b.missing = append(t.b.missing, t.b.faults...)
	t.b.faults = kept
}
