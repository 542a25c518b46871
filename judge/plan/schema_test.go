package plan

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const schemaFile = "../../docs/plan.schema.json"

// TestSchemaIsCheckedIn ensures that editors are given the schema of today's types.
func TestSchemaIsCheckedIn(t *testing.T) {
	got, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Schema()
	if err != nil || !bytes.Equal(got, again) {
		t.Errorf("two calls differ (%v)", err)
	}
	golden(t, schemaFile, string(got))
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(schemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML as an editor's validator would.
func asJSON(text []byte) (any, error) {
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(b))
}

// TestSchemaAcceptsGoodPlans ensures that no editor underlines what Parse accepts.
func TestSchemaAcceptsGoodPlans(t *testing.T) {
	s := compiled(t)
	texts := map[string]string{}
	for _, name := range files(t, "testdata/good/*.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	for name, text := range docExamples(t) {
		texts[name] = text
	}
	for name, text := range texts {
		v, err := asJSON([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: got %v, want that it is valid", name, err)
		}
	}
}

// TestSchemaRefusesBadShapes ensures that an editor finds what is wrong in shape.
func TestSchemaRefusesBadShapes(t *testing.T) {
	s := compiled(t)
	for _, name := range files(t, "testdata/bad/shape/*.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := asJSON(text)
		if err != nil {
			continue // no validator gets that far
		}
		if s.Validate(v) == nil {
			t.Errorf("%s: got valid, want a fault", filepath.Base(name))
		}
	}
}

// TestSchemaRefusesEachFault ensures that the schema knows each key, type and word by
// itself, not only files with several faults.
func TestSchemaRefusesEachFault(t *testing.T) {
	s := compiled(t)
	base := "service: checkout\npreset: istio\n"
	for _, c := range []struct{ name, text string }{
		{"unknown key", base + "colour: red\n"},
		{"no service", "preset: istio\n"},
		{"service is a number", "service: 5\npreset: istio\n"},
		{"unknown preset", "service: a\npreset: linkerd2\n"},
		{"unknown preset in a list", "service: a\npreset: [istio, linkerd2]\n"},
		{"unknown mode", base + "mode: dry\n"},
		{"unitless duration", base + "block: 60\n"},
		{"unit of no duration", base + "block: 60 seconds\n"},
		{"negative duration", base + "block: -60s\n"},
		{"alpha too large", base + "alpha: 0.6\n"},
		{"looks", base + "sequential: { mode: forever }\n"},
		{"sequential key", base + "sequential: { looks: 60 }\n"},
		{"sequential is a word", base + "sequential: horizon\n"},
		{"metric's dispersion", base + "metrics: [{ name: errors, dispersion: 1 }]\n"},
		{"minBlocks zero", base + "minBlocks: 0\n"},
		{"warmup list", base + "warmup: [1m]\n"},
		{"warmup key", base + "warmup: { until: 1m }\n"},
		{"metric key", base + "metrics: [{ name: a, tolerence: 1% }]\n"},
		{"metric without name", base + "metrics: [{ tolerance: 1% }]\n"},
		{"unitless margin", base + "metrics: [{ name: errors, tolerance: 0.1 }]\n"},
		{"unitless margin in quotes", base + "metrics: [{ name: errors, tolerance: '0.1' }]\n"},
		{"negative weight", base + "metrics: [{ name: errors, weight: -1 }]\n"},
		{"kind", base + "metrics: [{ name: errors, kind: error }]\n"},
		{"limit without number", base + "limits: [{ name: a, metric: errors, above: high }]\n"},
		{"limit key", base + "limits: [{ name: a, metric: errors, over: 20% }]\n"},
		{"status", base + "checks: [{ name: a, http: { get: /, status: 99 } }]\n"},
		{"no status", base + "checks: [{ name: a, http: { get: /, status: [] } }]\n"},
		{"check key", base + "checks: [{ name: a, http: { gett: / } }]\n"},
		{"json null", base + "checks: [{ name: a, http: { get: /, json: null } }]\n"},
		{"label is a number", base + "arms: { canary: { labels: { a: 1 } } }\n"},
		{"retire", base + "dashboard: { retire: keep }\n"},
	} {
		v, err := asJSON([]byte(c.text))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if s.Validate(v) == nil {
			t.Errorf("%s: got valid, want a fault", c.name)
		}
		if _, err := Parse("p.yaml", []byte(c.text)); err == nil {
			t.Errorf("%s: Parse accepts it", c.name)
		}
	}
}

// TestEveryKeyIsDescribed ensures that an editor has something to say about each key.
func TestEveryKeyIsDescribed(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Properties map[string]struct{ Description string }
		Defs       map[string]struct {
			Properties map[string]struct{ Description string }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	n := 0
	check := func(where, key, description string) {
		n++
		if !strings.HasSuffix(description, ".") {
			t.Errorf("%s%s: got description %q, want a sentence", where, key, description)
		}
	}
	for k, p := range doc.Properties {
		check("", k, p.Description)
	}
	for d, s := range doc.Defs {
		for k, p := range s.Properties {
			check(d+".", k, p.Description)
		}
	}
	if n < 80 {
		t.Errorf("got %d keys, want all of them", n)
	}
}
