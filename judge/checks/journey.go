package checks

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/ohler55/ojg/jp"
)

// Journey is requests in an order: what one answers can be used in the next. It has
// one cookie jar, which begins empty.
type Journey struct {
	// Setup makes what the steps need. It counts like them.
	Setup []Step `json:"setup,omitempty" yaml:"setup,omitempty"`
	// Steps are what is tried. The first that fails ends the journey.
	Steps []Step `json:"steps" yaml:"steps"`
	// Cleanup is run in any case, all of it, also when the time is over. What fails in
	// it is told, and decides nothing. A step whose values were never extracted has
	// nothing to clean, and is left out.
	Cleanup []Step `json:"cleanup,omitempty" yaml:"cleanup,omitempty"`
}

// Step is one request of a [Journey].
type Step struct {
	// Name is unique in the journey.
	Name string `json:"name" yaml:"name"`
	// HTTP is the request and what its answer must be. Its texts may name the values of
	// earlier steps: {{ .Values.token }}.
	HTTP HTTP `json:"http" yaml:"http"`
	// Extract are values that are taken out of the answer. One that is not there fails
	// the step.
	Extract []Extract `json:"extract,omitempty" yaml:"extract,omitempty"`
}

// Extract is a value that is taken out of an answer. Exactly one of the places is set.
type Extract struct {
	// As is what later texts call it: {{ .Values.As }}.
	As string `json:"as" yaml:"as"`

	JSON   string `json:"json,omitempty" yaml:"json,omitempty"`     // a JSONPath that finds one text, number or truth
	Header string `json:"header,omitempty" yaml:"header,omitempty"` // the name of a header
	Cookie string `json:"cookie,omitempty" yaml:"cookie,omitempty"` // the name of a cookie that the answer sets
	Regex  string `json:"regex,omitempty" yaml:"regex,omitempty"`   // over the body: its first group, or all of it

	// Secret says whether the value is hidden wherever it would be shown. Nil: where it
	// looks like a credential, by its name or by itself.
	Secret *bool `json:"secret,omitempty" yaml:"secret,omitempty"`
}

// Part is a part of a [Journey].
type Part string

// The parts of a journey, in their order.
const (
	InSetup   Part = "setup"
	InSteps   Part = "step"
	InCleanup Part = "cleanup"
)

// StepResult is what one step of a journey left.
type StepResult struct {
	Name   string        `json:"name"`
	Part   Part          `json:"part"`
	Status Status        `json:"status"`
	Took   time.Duration `json:"took"` // from the request to the last byte of the answer
	Reason string        `json:"reason"`
}

var (
	actions   = regexp.MustCompile(`\{\{.*?\}\}`)
	valueName = regexp.MustCompile(`\.Values\.(\w+)`)
)

// Values returns the names of the extracted values that the texts of a request use.
func (h HTTP) Values() []string {
	names := map[string]bool{}
	note := func(text string) {
		for _, action := range actions.FindAllString(text, -1) {
			for _, m := range valueName.FindAllStringSubmatch(action, -1) {
				names[m[1]] = true
			}
		}
	}
	note(h.URL)
	note(h.Method)
	note(h.Body)
	for _, texts := range []map[string]string{h.Headers, h.Form} {
		for _, text := range texts {
			note(text)
		}
	}
	eachText(h.JSON, note)
	return slices.Sorted(maps.Keys(names))
}

// eachText calls do for the texts in a document.
func eachText(v any, do func(string)) {
	switch v := v.(type) {
	case string:
		do(v)
	case []any:
		for _, e := range v {
			eachText(e, do)
		}
	case map[string]any:
		for _, e := range v {
			eachText(e, do)
		}
	}
}

// JSONPath is one that can find one value only.
type JSONPath struct{ expr jp.Expr }

// CompileJSONPath reads a path like $.items[0].id.
func CompileJSONPath(text string) (p JSONPath, err error) {
	defer func() {
		if recover() != nil { // a library's defect must not end the loading of plans
			p, err = JSONPath{}, errors.New("the path cannot be read; write it more simply")
		}
	}()
	e, err := readPath(text)
	if err != nil {
		return JSONPath{}, err
	}
	if !singular(e) {
		return JSONPath{}, errors.New("the path can find more than one value; name keys and elements: $.items[0].id")
	}
	return JSONPath{e}, nil
}

// One returns the value that the path finds in a document that [ReadJSON] read.
func (p JSONPath) One(doc any) (any, error) {
	if found := p.expr.Get(doc); len(found) == 1 {
		return found[0], nil
	}
	return nil, fmt.Errorf("%s is not in the answer's JSON", p.expr)
}
