package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Fault is one thing that is wrong with a plan file.
type Fault struct {
	File         string
	Line, Column int    // counted from 1, in characters
	Path         string // field path: metrics[1].tolerance
	Text         string // what is wrong and what to write instead
}

// String writes file:line:column: path: text.
func (f Fault) String() string {
	where := fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
	if f.Path == "" {
		return where + ": " + f.Text
	}
	return where + ": " + f.Path + ": " + f.Text
}

// Faults is everything that is wrong with one or more plan files, in file order.
type Faults []Fault

// Error lists them, one a line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the faults in file order.
func (fs Faults) sorted() Faults {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
	return fs
}

// book collects the faults of one file and knows where each field stands in it.
type book struct {
	file   string
	lines  []string              // the file's text
	nodes  map[string]*yaml.Node // by field path
	faults Faults
}

// at notes a fault of a field. A field that is not there is blamed on what encloses it.
func (b *book) at(path, format string, args ...any) {
	for i, a := range args {
		switch a := a.(type) {
		case Duration:
			args[i] = short(a.D())
		case time.Duration:
			args[i] = short(a)
		}
	}
	b.node(b.find(path), path, fmt.Sprintf(format, args...))
}

// node notes a fault at a node of the file.
func (b *book) node(n *yaml.Node, path, text string) {
	line, column := 1, 1
	if n != nil && n.Line > 0 {
		line, column = n.Line, n.Column
	}
	b.add(Fault{Line: line, Column: column, Path: path, Text: text})
}

// Bounds on what a hostile file can make of its own faults.
const (
	mostFaults  = 200
	longestText = 1000 // characters
	longestPath = 200
)

// add notes a fault. After very many it notes only that there are more.
func (b *book) add(f Fault) {
	if len(b.faults) > mostFaults {
		return
	}
	if len(b.faults) == mostFaults {
		f.Path, f.Text = "", fmt.Sprintf("more than %d faults; mend these first", mostFaults)
	}
	f.File, f.Path, f.Text = b.file, cut(f.Path, longestPath), cut(f.Text, longestText)
	b.faults = append(b.faults, f)
}

// cut shortens a text to so many characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return string([]rune(strings.ToValidUTF8(text, "?"))[:min(most, utf8.RuneCountInString(text))]) + "…"
}

// find returns the node of a field, or of the nearest one that encloses it.
func (b *book) find(path string) *yaml.Node {
	for path != "" {
		if n, ok := b.nodes[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return b.nodes[""]
}

// faulty reports whether a field, or one inside it, has a fault already. What follows
// from a fault is not reported as another one.
func (b *book) faulty(path string) bool {
	return slices.ContainsFunc(b.faults, func(f Fault) bool {
		rest, ok := strings.CutPrefix(f.Path, path)
		return ok && (rest == "" || path == "" || rest[0] == '.' || rest[0] == '[')
	})
}
