package plan

import (
	"fmt"
	"regexp"

	"github.com/serin-canary/serin/judge/checks"
)

type syntheticsFile struct {
	Tests     []string          `yaml:"tests" jsonschema:"required,minItems=1,maxItems=100" jsonschema_description:"The tests' public IDs: abc-def-ghi."`
	StartURL  *string           `yaml:"startUrl" jsonschema_description:"What is asked in place of the tests' own URL; a template: {{ .Canary.URL }}/health."`
	Headers   map[string]string `yaml:"headers" jsonschema_description:"Headers to send; values are templates."`
	Variables map[string]string `yaml:"variables" jsonschema_description:"Variables that replace the tests' own; values are templates."`
	Locations []string          `yaml:"locations" jsonschema_description:"Where the tests run in place of their own locations: aws:us-east-1."`
	Within    *durationText     `yaml:"within" jsonschema_description:"Longest time until the last result. Default: 5m."`
}

const mostSynthetics = 100

var (
	publicID      = regexp.MustCompile(`^[a-z0-9]{1,20}(-[a-z0-9]{1,20}){0,5}$`)
	locationName  = regexp.MustCompile(`^[a-zA-Z0-9_.:-]{1,128}$`)
	syntheticsVar = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)
)

// synthetics builds a check that Datadog runs.
func (b *builder) synthetics(f syntheticsFile, path string) *checks.Synthetics {
	out := &checks.Synthetics{
		Tests: f.Tests, StartURL: value(f.StartURL, ""), Headers: f.Headers, Variables: f.Variables, Locations: f.Locations,
		Within: b.within(f.Within, path),
	}
	switch {
	case len(f.Tests) == 0 && !b.faulty(path+".tests"):
		b.at(path+".tests", "names no test; write their public IDs: [abc-def-ghi]")
	case len(f.Tests) > mostSynthetics:
		b.at(path+".tests", "names %d tests; write at most %d", len(f.Tests), mostSynthetics)
	}
	seen := map[string]bool{}
	for i, id := range f.Tests {
		at := fmt.Sprintf("%s.tests[%d]", path, i)
		switch {
		case !publicID.MatchString(id):
			b.at(at, "%q is no public ID of a test; it looks like abc-def-ghi", id)
		case seen[id]:
			b.at(at, "%s is listed already; delete this line", id)
		}
		seen[id] = true
	}
	if f.StartURL != nil {
		b.urlOf(f.StartURL, path+".startUrl", "{{ .Canary.URL }}/health", "http", "https")
	}
	b.headers(f.Headers, path+".headers")
	for name, text := range f.Variables {
		if !syntheticsVar.MatchString(name) {
			b.at(path+".variables."+name, "%q is no name of a variable", name)
		}
		b.template(path+".variables."+name, text)
	}
	for i, l := range f.Locations {
		if !locationName.MatchString(l) {
			b.at(fmt.Sprintf("%s.locations[%d]", path, i), "%q is no location; it looks like aws:us-east-1", l)
		}
	}
	return out
}
