package plan

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// presetNames is one name or a list of names.
type presetNames []string

func (t *presetNames) read(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		var s string
		d.scalar(n, reflect.ValueOf(&s).Elem(), field{path: path})
		*t = presetNames{s}
		return
	}
	d.list(n, reflect.ValueOf((*[]string)(t)).Elem(), path)
}

// statusCodes is one HTTP status code or a list of them.
type statusCodes []int

func (t *statusCodes) read(d *decoder, n *yaml.Node, path string) {
	one, most := 100.0, 599.0
	if n.Kind == yaml.ScalarNode {
		*t = statusCodes{0}
		d.scalar(n, reflect.ValueOf(*t).Index(0), field{path: path, min: &one, max: &most})
		return
	}
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		d.node(n, path, "is an empty list; name the status codes that pass, or delete the line for 200")
		return
	}
	d.list(n, reflect.ValueOf((*[]int)(t)).Elem(), path)
	for i, code := range *t {
		if at := fmt.Sprintf("%s[%d]", path, i); !d.faulty(at) && (code < 100 || code > 599) {
			d.at(at, "%d is no HTTP status code; write a number from 100 to 599", code)
		}
	}
}

// warmupText is a duration, or a mapping of a warm-up's parts.
type warmupText struct {
	warmupFile
	plain *durationText
}

type warmupFile struct {
	For      *durationText `yaml:"for" jsonschema_description:"A process is ignored until it has run as long. Default: 3m."`
	Requests *int          `yaml:"requests" jsonschema:"minimum=0,maximum=1000000000" jsonschema_description:"And has served as many requests. Default: 300."`
	AtMost   *durationText `yaml:"atMost" jsonschema_description:"But no longer than this. Default: 10m, or half of maxDuration where that is less."`
}

func (t *warmupText) read(d *decoder, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode {
		t.plain = new(durationText)
		d.text(n, t.plain, path)
		return
	}
	d.mapping(n, reflect.ValueOf(&t.warmupFile).Elem(), path)
}

// document is a JSON document written in YAML.
type document struct{ value any }

func (t *document) read(d *decoder, n *yaml.Node, path string) { t.value = d.json(n, path) }

// json converts a node to what encoding/json makes of the same document, so that a
// plan that is pinned as JSON reads back equal.
func (d *decoder) json(n *yaml.Node, path string) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		d.pairs(n, path, func(key, value *yaml.Node, path string) { m[key.Value] = d.nested(value, path) })
		return m
	case yaml.SequenceNode:
		l := make([]any, len(n.Content))
		for i, c := range n.Content {
			l[i] = d.nested(c, fmt.Sprintf("%s[%d]", path, i))
		}
		return l
	}
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		x, err := number(n)
		switch {
		case err != nil:
			d.node(n, path, err.Error())
		case n.ShortTag() == "!!int" && math.Abs(x) > 1<<53:
			d.node(n, path, n.Value+" is too large to be compared exactly; compare a smaller number, or text in quotes")
		}
		return x
	}
	d.node(n, path, "is "+describe(n)+", which JSON does not have")
	return nil
}

// nested is json for a value inside a document.
func (d *decoder) nested(n *yaml.Node, path string) any {
	n = d.enter(n, path)
	if n == nil {
		return nil
	}
	defer d.leave()
	d.nodes[path] = n
	return d.json(n, path)
}

// value returns what p points to, or a default.
func value[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// duration is the plan's type of a duration that may be left out.
func duration(t *durationText, def time.Duration) Duration { return Duration(t.or(def)) }
