package plan

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// keysOf returns the keys of a file type, in the order of its fields.
func keysOf(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i], _, _ = strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
	}
	return keys
}

// firstKeys returns at most n of them, as an example.
func firstKeys(t reflect.Type, n int) []string {
	keys := keysOf(t)
	return keys[:min(n, len(keys))]
}

// fieldOf reads a field's words and range from its tag.
func fieldOf(s reflect.StructField, path string) field {
	f := field{path: path}
	for _, part := range strings.Split(s.Tag.Get("jsonschema"), ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "enum":
			f.words = append(f.words, value)
		case "minimum":
			f.min = bound(value)
		case "maximum":
			f.max = bound(value)
		}
	}
	return f
}

func bound(text string) *float64 {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	return &x
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// describe says what a node is, in words.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
	default:
		return "no value"
	}
	switch n.ShortTag() {
	case "!!str":
		return "text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!null":
		return "empty"
	case "!!timestamp":
		return "a date"
	}
	return "tagged " + n.ShortTag()
}

// number reads a finite number.
func number(n *yaml.Node) (float64, error) {
	if tag := n.ShortTag(); n.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" {
		return 0, fmt.Errorf("is %s; write a number", describe(n))
	}
	var x float64
	if err := n.Decode(&x); err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, errors.New("is not a finite number")
	}
	return x, nil
}
