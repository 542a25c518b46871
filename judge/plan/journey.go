package plan

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/judge/checks"
)

// maxSteps bounds each part of a journey.
const maxSteps = 20

type journeyFile struct {
	Setup   []stepFile `yaml:"setup" jsonschema_description:"Requests that make what the steps need; they must pass too."`
	Steps   []stepFile `yaml:"steps" jsonschema:"required" jsonschema_description:"The requests that are tried, in order; the first that fails ends the journey."`
	Cleanup []stepFile `yaml:"cleanup" jsonschema_description:"Requests that are made in any case, also after a failure; they decide nothing."`
}

type stepFile struct {
	Name    *string   `yaml:"name" jsonschema:"required" jsonschema_description:"Its name, unique in the journey."`
	HTTP    *httpFile `yaml:"http" jsonschema:"required" jsonschema_description:"The request and what its answer must be, as in an HTTP check; texts may name .Values."`
	Extract extracts  `yaml:"extract" jsonschema_description:"Values to take out of the answer, by the name that later steps call them: {{ .Values.name }}."`
}

type extractFile struct {
	JSON   *string `yaml:"json" jsonschema_description:"A JSONPath to one value: $.access_token."`
	Header *string `yaml:"header" jsonschema_description:"The name of a header."`
	Cookie *string `yaml:"cookie" jsonschema_description:"The name of a cookie that is set, also on the way through redirects."`
	Regex  *string `yaml:"regex" jsonschema_description:"A regular expression over the body: its group, or all of the match."`
	Secret *bool   `yaml:"secret" jsonschema_description:"The value is hidden wherever it would be shown. Default: where it looks like a credential, by its name or by itself."`
}

// extracts are values by name, each a JSONPath or where it is.
type extracts map[string]extractFile

func (t *extracts) read(d *decoder, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		d.node(n, path, "is "+describe(n)+"; write names with where their values are (token: $.access_token)")
		return
	}
	*t = extracts{}
	d.pairs(n, path, func(key, value *yaml.Node, path string) {
		var e extractFile
		if value.Kind == yaml.ScalarNode && value.ShortTag() != "!!null" {
			e.JSON = new(string)
			d.value(value, reflect.ValueOf(e.JSON).Elem(), field{path: path})
		} else {
			d.value(value, reflect.ValueOf(&e).Elem(), field{path: path})
		}
		(*t)[key.Value] = e
	})
}

// JSONSchema implements what the reflector asks of types with a grammar of their own.
func (extracts) JSONSchema() *jsonschema.Schema {
	r := reflector()
	r.DoNotReference = true
	parts := r.Reflect(&extractFile{})
	parts.Version = ""
	return &jsonschema.Schema{
		Type:                 "object",
		PropertyNames:        &jsonschema.Schema{Pattern: valueNames.String()},
		AdditionalProperties: &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", Examples: []any{"$.access_token"}}, parts}},
	}
}

var valueNames = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,40}$`)

func (b *builder) journey(f journeyFile, path string) *checks.Journey {
	b.texts.values = map[string]bool{}
	names := map[string]string{}
	out := &checks.Journey{
		Setup:   b.steps(f.Setup, path+".setup", names),
		Steps:   b.steps(f.Steps, path+".steps", names),
		Cleanup: b.steps(f.Cleanup, path+".cleanup", names),
	}
	if len(f.Steps) == 0 && !b.faulty(path) {
		b.at(path+".steps", `is missing; write the requests of the journey: - { name: login, http: { post: "{{ .Canary.URL }}/login" } }`)
	}
	b.texts.values = nil
	return out
}

func (b *builder) steps(all []stepFile, path string, names map[string]string) []checks.Step {
	if len(all) > maxSteps {
		b.at(path, "has %d steps; write at most %d", len(all), maxSteps)
		return nil
	}
	var out []checks.Step
	for i, f := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		s := checks.Step{Name: value(f.Name, "")}
		b.name(at+".name", f.Name)
		b.once(names, "step", s.Name, at)
		if f.HTTP != nil {
			s.HTTP = *b.http(*f.HTTP, at+".http")
		} else if !b.faulty(at) {
			b.at(at+".http", `is missing; write the step's request: http: { get: "{{ .Canary.URL }}/orders" }`)
		}
		for _, as := range slices.Sorted(maps.Keys(f.Extract)) {
			s.Extract = append(s.Extract, b.extract(as, f.Extract[as], at+".extract."+as))
			b.texts.values[as] = true
		}
		out = append(out, s)
	}
	return out
}

func (b *builder) extract(as string, f extractFile, path string) checks.Extract {
	out := checks.Extract{As: as, JSON: value(f.JSON, ""), Header: value(f.Header, ""), Cookie: value(f.Cookie, ""), Regex: value(f.Regex, ""), Secret: f.Secret}
	if !valueNames.MatchString(as) {
		b.at(path, "%q is no name of a value; begin with a letter, and write letters, digits and _", as)
	}
	var given []string
	for _, p := range []struct {
		key  string
		text *string
	}{{"json", f.JSON}, {"header", f.Header}, {"cookie", f.Cookie}, {"regex", f.Regex}} {
		if p.text != nil {
			given = append(given, p.key)
		}
	}
	switch {
	case len(given) > 1:
		b.at(path, "has %s; a value is in one place: keep one of them", strings.Join(given, " and "))
	case len(given) == 0 && !b.faulty(path):
		b.at(path, "says nothing of where the value is; write json, header, cookie or regex")
	case b.faulty(path):
	case f.JSON != nil:
		if _, err := checks.CompileJSONPath(out.JSON); err != nil {
			b.at(path, "is no path that can be used: %s", err)
		}
	case f.Header != nil && !checks.HeaderName(out.Header):
		b.at(path+".header", "%q is no name of a header", out.Header)
	case f.Regex != nil:
		b.pattern(out.Regex, path+".regex")
	}
	return out
}

// pattern checks an expression that finds one value.
func (b *builder) pattern(text, path string) {
	p, err := regexp.Compile(text)
	switch {
	case err != nil:
		b.at(path, "is no regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	case p.NumSubexp() > 1:
		b.at(path, "has %d groups, and one value is taken; write (?:…) for the others", p.NumSubexp())
	}
}
