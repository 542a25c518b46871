package plan

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/serin-canary/serin/queries/presets"
)

// schemaID is where editors find the schema.
const schemaID = "https://raw.githubusercontent.com/serin-canary/serin/main/docs/plan.schema.json"

// Schema returns the JSON Schema of plan files, indented, byte-stable. It is made from
// the types that plan files are decoded into: it knows every key, word and shape, but
// not what they mean together, which Parse checks.
func Schema() ([]byte, error) {
	s := reflector().Reflect(&file{})
	s.ID = schemaID
	s.Title = "Serin plan"
	s.Description = "What is judged for a service, how, and what follows. Generated from the types of package judge/plan."
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("plan: schema: %w", err)
	}
	return append(text, '\n'), nil
}

func reflector() *jsonschema.Reflector {
	return &jsonschema.Reflector{
		Anonymous: true, ExpandedStruct: true, RequiredFromJSONSchemaTags: true, FieldNameTag: "yaml",
		Namer: func(t reflect.Type) string { return strings.TrimSuffix(strings.TrimSuffix(t.Name(), "File"), "Text") },
	}
}

const (
	decimalPattern  = `\d+(\.\d+)?`
	durationPattern = `^(0|(` + decimalPattern + `(ns|us|µs|ms|s|m|h))+)$`
	quantityPattern = `^\s*` + decimalPattern + `\s*(%|[^0-9.\s].*)?$`
	marginPattern   = `^\s*(0|` + decimalPattern + `\s*[^0-9.\s+][^+]*(\+\s*` + decimalPattern + `\s*[^0-9.\s+][^+]*)?)$`
)

func pattern(p, example string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: p, Examples: []any{example}}
}

// JSONSchema implements what the reflector asks of types with a grammar of their own;
// so do the methods below.
func (durationText) JSONSchema() *jsonschema.Schema { return pattern(durationPattern, "90s") }

func (marginText) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		pattern(marginPattern, "10% + 0.05pp"),
		{Type: "integer", Const: 0},
	}}
}

func (quantityText) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		pattern(quantityPattern, "25%"),
		{Type: "number", Minimum: "0"},
	}}
}

func (probabilityText) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		pattern(`^\s*`+decimalPattern+`\s*%?\s*$`, "5%"),
		{Type: "number", ExclusiveMinimum: "0", Maximum: "0.5"},
	}}
}

func (presetNames) JSONSchema() *jsonschema.Schema {
	one := &jsonschema.Schema{Type: "string"}
	for _, n := range presets.Names() {
		one.Enum = append(one.Enum, n)
	}
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{one, {Type: "array", Items: one, UniqueItems: true}}}
}

func (statusCodes) JSONSchema() *jsonschema.Schema {
	one := &jsonschema.Schema{Type: "integer", Minimum: "100", Maximum: "599"}
	least := uint64(1)
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{one, {Type: "array", Items: one, MinItems: &least}}}
}

func (warmupText) JSONSchema() *jsonschema.Schema {
	r := reflector()
	r.DoNotReference = true
	parts := r.Reflect(&warmupFile{})
	parts.Version = ""
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{durationText(0).JSONSchema(), parts}}
}

func (document) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Not: &jsonschema.Schema{Type: "null"}}
}

func (redirectsText) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string", Enum: []any{"follow", "never"}},
		{Type: "integer", Minimum: "0", Maximum: "10"},
	}}
}
