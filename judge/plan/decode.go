package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds on what a file may make of itself: aliases can stand for more than is
// written, and for themselves.
const (
	maxNodes = 20_000
	maxDepth = 32
	maxItems = 500     // metrics, limits, checks: each is asked for at every look
	maxText  = 1 << 14 // bytes of one value: a query is a line or ten
)

// textValue is a value that is written as one word or number with a unit.
type textValue interface {
	// parse reads the scalar; its error says what to write instead.
	parse(n *yaml.Node) error
}

// treeValue is a value that may be written in more than one shape. It notes its
// own faults.
type treeValue interface {
	read(d *decoder, n *yaml.Node, path string)
}

// decoder fills the file types from a YAML tree. It knows keys, lists of words and
// ranges from the same struct tags that the JSON Schema is made of, so that the two
// cannot disagree.
type decoder struct {
	*book
	visited int
	open    []*yaml.Node // the values that are being read, outermost first
	stopped bool
}

// field is where a value goes: its path, and the words or range it is bound to.
type field struct {
	path  string
	words []string
	min   *float64
	max   *float64
}

// value decodes one node into v.
func (d *decoder) value(n *yaml.Node, v reflect.Value, f field) {
	n = d.enter(n, f.path)
	if n == nil {
		return
	}
	defer d.leave()
	d.nodes[f.path] = n
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		d.node(n, f.path, "is empty; give it a value or delete the line")
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch t := v.Addr().Interface().(type) {
	case textValue:
		d.text(n, t, f.path)
		return
	case treeValue:
		t.read(d, n, f.path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, v, f.path)
	case reflect.Slice:
		d.list(n, v, f.path)
	case reflect.Map:
		d.words(n, v, f.path)
	default:
		d.scalar(n, v, f)
	}
}

// enter follows aliases and counts: a tree that is too large or nests too deeply is
// one fault, and ends the reading.
func (d *decoder) enter(n *yaml.Node, path string) *yaml.Node {
	at := n
	if n.Kind == yaml.AliasNode && n.Alias != nil { // an anchor is never an alias itself
		n = n.Alias
	}
	if d.stopped {
		return nil
	}
	d.visited++
	switch {
	case slices.Contains(d.open, n):
		d.node(at, path, "the alias *"+at.Value+" contains itself; write its values out")
	case d.visited > maxNodes:
		d.node(at, path, fmt.Sprintf("the aliases (*name) of this file stand for more than %d values; write them out", maxNodes))
	case len(d.open) > maxDepth:
		d.node(at, path, fmt.Sprintf("nests more than %d deep; make it flatter", maxDepth))
	default:
		d.open = append(d.open, n)
		return n
	}
	d.stopped = true
	return nil
}

func (d *decoder) leave() { d.open = d.open[:len(d.open)-1] }

// text decodes a value with a grammar of its own.
func (d *decoder) text(n *yaml.Node, t textValue, path string) {
	if n.Kind != yaml.ScalarNode {
		d.node(n, path, "is "+describe(n)+"; write one value")
		return
	}
	if err := t.parse(n); err != nil {
		d.node(n, path, err.Error())
	}
}

// mapping decodes a mapping into a struct, refusing keys that the struct does not
// have and keys that are given twice.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.node(n, path, "is "+describe(n)+"; write keys with values ("+strings.Join(firstKeys(v.Type(), 3), ": …, ")+": …)")
		return
	}
	keys := keysOf(v.Type())
	d.pairs(n, path, func(key, value *yaml.Node, path string) {
		i := slices.Index(keys, key.Value)
		if i < 0 {
			d.node(key, path, fmt.Sprintf("unknown key %q%s", key.Value, didYouMean(key.Value, keys)))
			return
		}
		d.value(value, v.Field(i), fieldOf(v.Type().Field(i), path))
	})
}

// pairs calls do for each key of a mapping that is a plain word given once.
func (d *decoder) pairs(n *yaml.Node, path string, do func(key, value *yaml.Node, path string)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content) && len(d.faults) <= mostFaults; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := joinPath(path, key.Value)
		switch line, twice := first[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			d.node(key, path, "a key is "+describe(key)+"; keys are single words")
		case key.ShortTag() == "!!merge":
			d.node(key, path, "merge keys (<<) are not read; write the fields out")
		case key.ShortTag() != "!!str":
			d.node(key, at, fmt.Sprintf("the key %s is %s; write it in quotes", key.Value, describe(key)))
		case twice:
			d.node(key, at, fmt.Sprintf("is given already on line %d; keep one of them", line))
		default:
			first[key.Value] = key.Line
			do(key, value, at)
		}
	}
}

// list decodes a sequence.
func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.node(n, path, "is "+describe(n)+"; write a list: one line for each, beginning with \"- \"")
		return
	}
	if len(n.Content) > maxItems {
		d.node(n, path, fmt.Sprintf("has %d elements; write at most %d", len(n.Content), maxItems))
		return
	}
	if len(n.Content) == 0 { // JSON, in which plans are pinned, leaves out both alike
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		d.value(c, v.Index(i), field{path: fmt.Sprintf("%s[%d]", path, i)})
	}
}

// words decodes a mapping of names to text.
func (d *decoder) words(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.node(n, path, "is "+describe(n)+"; write names with values (name: value)")
		return
	}
	if len(n.Content) == 0 {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, path, func(key, value *yaml.Node, path string) {
		var s string
		d.value(value, reflect.ValueOf(&s).Elem(), field{path: path})
		v.SetMapIndex(reflect.ValueOf(key.Value), reflect.ValueOf(s))
	})
}

// scalar decodes text, numbers and truth.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, f field) {
	var err error
	switch v.Kind() {
	case reflect.String:
		err = setString(n, v, f)
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			err = fmt.Errorf("is %s; write true or false", describe(n))
		} else {
			err = n.Decode(v.Addr().Interface())
		}
	case reflect.Int:
		if n.Kind != yaml.ScalarNode || describe(n) != "a number" {
			err = fmt.Errorf("is %s; write a whole number", describe(n))
		} else if n.ShortTag() != "!!int" || n.Decode(v.Addr().Interface()) != nil {
			err = fmt.Errorf("%s is no whole number that can be used here", n.Value)
		} else {
			err = f.inRange(float64(v.Int()), n.Value)
		}
	case reflect.Float64:
		var x float64
		if x, err = number(n); err == nil {
			v.SetFloat(x)
			err = f.inRange(x, n.Value)
		}
	default:
		err = fmt.Errorf("cannot be read (%s)", v.Type())
	}
	if err != nil {
		d.node(n, f.path, err.Error())
	}
}

// setString decodes text, one of a list of words where the field has one.
func setString(n *yaml.Node, v reflect.Value, f field) error {
	switch {
	case n.Kind != yaml.ScalarNode:
		return fmt.Errorf("is %s; write text", describe(n))
	case len(f.words) > 0 && !slices.Contains(f.words, n.Value):
		return fmt.Errorf("%q is not one of %s%s", n.Value, strings.Join(f.words, ", "), nearestOnly(n.Value, f.words))
	case len(n.Value) > maxText:
		return fmt.Errorf("is %d bytes long; write at most %d", len(n.Value), maxText)
	case n.ShortTag() != "!!str":
		return fmt.Errorf("%s is %s; for text write it in quotes: %q", n.Value, describe(n), n.Value)
	case strings.TrimSpace(n.Value) == "":
		return fmt.Errorf("is empty text; give it a value or delete the line")
	}
	v.SetString(n.Value)
	return nil
}

// nearestOnly is didYouMean without the list, where that has been given already.
func nearestOnly(word string, known []string) string {
	if s := didYouMean(word, known); strings.HasPrefix(s, "; did") {
		return s
	}
	return ""
}

func (f field) inRange(x float64, text string) error {
	switch {
	case f.min != nil && f.max != nil && (x < *f.min || x > *f.max):
		return fmt.Errorf("%s is out of range; write a number from %s to %s", text, decimal(*f.min), decimal(*f.max))
	case f.min != nil && x < *f.min:
		return fmt.Errorf("%s is too small; write %s or more", text, decimal(*f.min))
	case f.max != nil && x > *f.max:
		return fmt.Errorf("%s is too large; write %s or less", text, decimal(*f.max))
	}
	return nil
}
