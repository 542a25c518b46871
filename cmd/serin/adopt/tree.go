package adopt

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/judge/plan"
)

// Bounds on what a hostile file can make of its faults and aliases.
const (
	mostFaults = 100
	mostItems  = 500     // of one list
	mostVisits = 200_000 // aliases can stand for more than is written
)

// book collects the faults of one file.
type book struct {
	file   string
	lines  []string
	faults plan.Faults
	// missing are the faults of the files as a whole.
	missing plan.Faults
	visits  int
}

func (b *book) fault(n *yaml.Node, path, text string) {
	if len(b.faults) > mostFaults {
		return
	}
	if len(b.faults) == mostFaults {
		path, text = "", fmt.Sprintf("more than %d faults; mend these first", mostFaults)
	}
	line, column := 1, 1
	if n != nil && n.Line > 0 {
		line, column = n.Line, n.Column
	}
	b.faults = append(b.faults, plan.Fault{File: b.file, Line: line, Column: column, Path: cut(oneLine(path), 200), Text: cut(oneLine(text), 500)})
}

// check notes keys that are given twice and what nests too deeply. It does not
// follow aliases, so that it takes time in proportion to the file.
func (b *book) check(n *yaml.Node, path string, depth int) {
	if depth > maxDepth {
		b.fault(n, path, fmt.Sprintf("nests more than %d deep", maxDepth))
		return
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			b.check(c, fmt.Sprintf("%s[%d]", path, i), depth+1)
		}
	case yaml.MappingNode:
		first := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			at := join(path, key.Value)
			if line, twice := first[key.Value]; twice && key.Kind == yaml.ScalarNode {
				b.fault(key, at, fmt.Sprintf("is given already on line %d; keep one of them", line))
			}
			first[key.Value] = key.Line
			b.check(n.Content[i+1], at, depth+1)
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// tree is a value of a document, or nothing where its n is nil. What has the wrong
// shape is a fault; what is missing is the zero value.
type tree struct {
	n    *yaml.Node
	b    *book
	path string
}

func (t tree) there() bool {
	n := t.resolved()
	return n != nil && (n.Kind != yaml.ScalarNode || n.ShortTag() != "!!null")
}

// resolved follows an alias.
func (t tree) resolved() *yaml.Node {
	n := t.n
	if n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func (t tree) isMap() bool {
	if n := t.resolved(); t.there() && n.Kind != yaml.MappingNode {
		t.fault("is %s; keys with values are needed here", describe(n))
		return false
	}
	return t.there()
}

func (t tree) fault(format string, args ...any) { t.b.fault(t.n, t.path, fmt.Sprintf(format, args...)) }

// get returns the value of a key.
func (t tree) get(key string) tree {
	out := tree{b: t.b, path: join(t.path, key)}
	if t.isMap() {
		out.n = t.b.find(t.resolved(), key, 0)
	}
	return out
}

// at returns the value below several keys.
func (t tree) at(keys ...string) tree {
	for _, k := range keys {
		t = t.get(k)
	}
	return t
}

// find looks a key up, in merged mappings (<<) too.
func (b *book) find(n *yaml.Node, key string, depth int) *yaml.Node {
	if b.visits++; b.visits > mostVisits || depth > maxDepth {
		if b.visits == mostVisits+1 || depth > maxDepth {
			b.fault(n, "", "the aliases (*name) of this file stand for too many values; write them out")
		}
		return nil
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
		case k.ShortTag() == "!!merge":
			merged = append(merged, v)
		case k.Value == key:
			return v
		}
	}
	for _, v := range merged {
		if v = (tree{n: v}).resolved(); v == nil {
			continue
		}
		from := []*yaml.Node{v}
		if v.Kind == yaml.SequenceNode {
			from = v.Content
		}
		for _, f := range from {
			if f = (tree{n: f}).resolved(); f != nil && f.Kind == yaml.MappingNode {
				if got := b.find(f, key, depth+1); got != nil {
					return got
				}
			}
		}
	}
	return nil
}

// keys returns the keys of a mapping, in the order in which they are written.
func (t tree) keys() []string {
	if !t.isMap() {
		return nil
	}
	var out []string
	n := t.resolved()
	for i := 0; i+1 < len(n.Content) && len(out) < mostItems; i += 2 {
		if n.Content[i].Kind == yaml.ScalarNode && n.Content[i].ShortTag() != "!!merge" {
			out = append(out, n.Content[i].Value)
		}
	}
	return out
}

// list returns the elements of a list.
func (t tree) list() []tree {
	n := t.resolved()
	switch {
	case !t.there():
		return nil
	case n.Kind != yaml.SequenceNode:
		t.fault("is %s; a list is needed here", describe(n))
		return nil
	case len(n.Content) > mostItems:
		t.fault("has %d elements; at most %d are read", len(n.Content), mostItems)
		return nil
	}
	if t.b.visits += len(n.Content); t.b.visits > mostVisits {
		t.fault("the aliases (*name) of this file stand for too many values; write them out")
		return nil
	}
	out := make([]tree, len(n.Content))
	for i, c := range n.Content {
		out[i] = tree{n: c, b: t.b, path: fmt.Sprintf("%s[%d]", t.path, i)}
	}
	return out
}

// text returns a scalar as it is written. Numbers and truth are text, too: Kubernetes'
// own types are not always known here.
func (t tree) text() string {
	n := t.resolved()
	switch {
	case !t.there():
		return ""
	case n.Kind != yaml.ScalarNode:
		t.fault("is %s; text is needed here", describe(n))
		return ""
	}
	return n.Value
}

// peek returns the text of a key and has no faults.
func (t tree) peek(key string) string {
	if n := t.resolved(); n != nil && n.Kind == yaml.MappingNode {
		if v := (tree{n: t.b.find(n, key, 0)}).resolved(); v != nil && v.Kind == yaml.ScalarNode {
			return v.Value
		}
	}
	return ""
}

// number returns a number, and whether there was one.
func (t tree) number() (float64, bool) {
	text := t.text()
	if text == "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		t.fault("%q is no number", cut(text, 60))
		return 0, false
	}
	return v, true
}

// truth returns true or false.
func (t tree) truth() bool {
	switch text := t.text(); text {
	case "true":
		return true
	case "", "false":
	default:
		t.fault("%q is neither true nor false", cut(text, 60))
	}
	return false
}

// duration returns a time such as 1m30s, and zero where there is none.
func (t tree) duration() time.Duration {
	text := t.text()
	if text == "" || strings.Contains(text, "{{") {
		return 0
	}
	if v, err := strconv.Atoi(text); err == nil && v >= 0 && v < 1e8 { // Argo's pauses may be seconds
		return time.Duration(v) * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		t.fault("%q is no duration, such as 1m30s", cut(text, 60))
		return 0
	}
	return d
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", cut(n.Value, 60))
}

// oneLine makes any text fit for one line of a comment or a report: what ends a line
// in YAML, and what a terminal would obey, becomes a space.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
}

// cut shortens a text to so many characters.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
