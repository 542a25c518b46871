package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// openapi is what a page about the API shows of its description.
type openapi struct {
	Info       struct{ Description string }
	Paths      map[string]map[string]json.RawMessage
	Components struct {
		Schemas         map[string]schema
		Responses       map[string]struct{ Description string }
		SecuritySchemes map[string]struct{ Type, Scheme, Description string }
	}
}

type operation struct {
	Tags        []string
	Summary     string
	Description string
	Parameters  []parameter
	RequestBody *struct{ Content map[string]media }
	Responses   map[string]struct {
		Ref         string `json:"$ref"`
		Description string
		Content     map[string]media
	}
	Security *[]map[string][]string
}

type parameter struct {
	Name, In, Description string
	Schema                schema
}

type media struct{ Schema schema }

type schema struct {
	Ref         string `json:"$ref"`
	Type        any
	Description string
	Format      string
	Enum        []any
	Items       *schema
	OneOf       []schema
	Properties  map[string]schema
	Required    []string
}

// TestAPIPage renders docs/api.md from the server's OpenAPI description.
func TestAPIPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "webhooks", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc openapi
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "docs", "api.md")
	want := render(t, doc)
	got, err := os.ReadFile(path)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("docs/api.md is not what webhooks/openapi.json says (go test ./cmd/serin/internal/docs -update; -page +description):\n%s", diff)
	}
}

const apiHead = `# The API

Every address of the server. This page is made from its OpenAPI 3.1 description, which a server gives at ` + "`/openapi.json`" + `
(` + "`go test ./cmd/serin/internal/docs -run APIPage -update`" + `). Tests hold the description to the routes, and to requests and answers of the handlers' tests.

A request proves who sends it by one of the following, unless its row says otherwise; without configured tokens a server answers on loopback only.

`

func render(t *testing.T, doc openapi) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(apiHead)
	for _, name := range slices.Sorted(maps.Keys(doc.Components.SecuritySchemes)) {
		s := doc.Components.SecuritySchemes[name]
		if s.Description == "" {
			s.Description = "A token: `Authorization: Bearer TOKEN`"
		}
		fmt.Fprintf(&b, "- **%s**: %s\n", name, s.Description)
	}
	b.WriteString("\nErrors are an `Error` (below), but for Flagger's hooks, whose answers are a line of text, and where a caller's own protocol has another form.\n" +
		"Besides what stands in its row, an address may answer:\n\n")
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Responses)) {
		if code, ok := strings.CutPrefix(name, "Error"); ok {
			fmt.Fprintf(&b, "- %s: %s\n", code, doc.Components.Responses[name].Description)
		}
	}
	groups := map[string][]string{}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			raw := doc.Paths[path][method]
			if method == "parameters" {
				continue
			}
			var op operation
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			groups[op.Tags[0]] = append(groups[op.Tags[0]], op.row(strings.ToUpper(method), path))
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(&b, "\n## %s\n\n| address | does | takes | answers |\n|---|---|---|---|\n%s\n", tag, strings.Join(groups[tag], "\n"))
	}
	b.WriteString("\n## Bodies\n\nA key in bold is always there.\n")
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		b.WriteString(doc.Components.Schemas[name].section(name))
	}
	return b.String()
}

// row is an operation's row.
func (op operation) row(method, path string) string {
	var takes, answers []string
	for _, p := range op.Parameters {
		takes = append(takes, "`"+p.Name+"` ("+p.In+")"+about(p.Description))
	}
	if op.RequestBody != nil {
		for _, kind := range slices.Sorted(maps.Keys(op.RequestBody.Content)) {
			takes = append(takes, op.RequestBody.Content[kind].Schema.name())
		}
	}
	for _, code := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[code]
		if r.Ref != "" {
			continue // one of those that all have
		}
		text := code + about(r.Description)
		for _, kind := range slices.Sorted(maps.Keys(r.Content)) {
			if name := r.Content[kind].Schema.name(); name != "" && name != "[Error](#error)" && name != "string" {
				text += " → " + name
			}
		}
		answers = append(answers, text)
	}
	does := op.Summary
	if op.Security != nil && len(*op.Security) == 0 {
		does += ". For everybody"
	}
	return fmt.Sprintf("| `%s %s` | %s | %s | %s |", method, path, cell(does), cell(strings.Join(takes, "; ")), cell(strings.Join(answers, "; ")))
}

// section is a body's table.
func (s schema) section(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n", name)
	if s.Description != "" {
		fmt.Fprintf(&b, "%s\n\n", s.Description)
	}
	if len(s.Properties) == 0 {
		return b.String() + "An object whose keys are its caller's.\n"
	}
	b.WriteString("| key | is | about |\n|---|---|---|\n")
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[key]
		shown := "`" + key + "`"
		if slices.Contains(s.Required, key) {
			shown = "**" + shown + "**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", shown, cell(p.name()), cell(p.Description))
	}
	return b.String()
}

// name says what a value is.
func (s schema) name() string {
	switch {
	case s.Ref != "":
		name := s.Ref[strings.LastIndex(s.Ref, "/")+1:]
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	case s.Items != nil:
		return "list of " + s.Items.name()
	case len(s.OneOf) > 0:
		var names []string
		for _, o := range s.OneOf {
			names = append(names, o.name())
		}
		return strings.Join(names, " or ")
	case len(s.Enum) > 0:
		var words []string
		for _, e := range s.Enum {
			words = append(words, fmt.Sprintf("`%v`", e))
		}
		return strings.Join(words, ", ")
	case s.Format != "":
		return fmt.Sprint(s.Type) + " (" + s.Format + ")"
	case s.Type == nil:
		return "anything"
	}
	if many, ok := s.Type.([]any); ok {
		var words []string
		for _, w := range many {
			words = append(words, fmt.Sprint(w))
		}
		return strings.Join(words, " or ")
	}
	return fmt.Sprint(s.Type)
}

func about(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "|", `\|`), "\n", " ")
}
