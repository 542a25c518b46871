package app

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/judge/plan"
)

// Read reads a configuration file, lets the overrides change it, and fills in
// defaults. It fails with [plan.Faults], which list everything that is wrong.
func Read(path string, overrides ...func(*Config)) (Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("cannot read the configuration: %w", err)
	}
	return Parse(path, b, overrides...)
}

// Parse reads a configuration from text as [Read] does; file names it in faults.
func Parse(file string, text []byte, overrides ...func(*Config)) (Config, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return Config{}, plan.Faults{syntaxFault(file, err)}
	}
	var c Config
	var fs plan.Faults
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		var te *yaml.TypeError
		if !errors.As(err, &te) {
			return Config{}, plan.Faults{syntaxFault(file, err)}
		}
		for _, t := range te.Errors {
			fs = append(fs, typeFault(&root, t))
		}
	}
	if err := d.Decode(new(yaml.Node)); err == nil {
		fs = append(fs, plan.Fault{Line: 1, Column: 1, Text: "there is more than one document in the file; remove the --- line and what follows"})
	}
	for _, o := range overrides {
		o(&c)
	}
	c = c.WithDefaults()
	for _, f := range c.Check() {
		f.Line, f.Column = place(&root, f.Path)
		fs = append(fs, f)
	}
	if len(fs) == 0 {
		return c, nil
	}
	for i := range fs {
		fs[i].File = file
	}
	slices.SortStableFunc(fs, func(a, b plan.Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return Config{}, fs
}

// syntaxFault reads the line out of yaml's error.
func syntaxFault(file string, err error) plan.Fault {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	f := plan.Fault{File: file, Line: 1, Column: 1}
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); m != nil {
		f.Line, _ = strconv.Atoi(m[1]) // digits, as matched
		text = strings.TrimPrefix(text, m[0])
	}
	f.Text = "this is not YAML: " + text
	return f
}

// typeFault turns one of the decoder's sentences into one of ours. An unknown
// sentence is passed on as it is.
func typeFault(root *yaml.Node, text string) plan.Fault {
	f := plan.Fault{Line: 1, Column: 1, Text: text}
	m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(text)
	if m == nil {
		return f
	}
	f.Line, _ = strconv.Atoi(m[1]) // digits, as matched
	f.Text = m[2]
	if k := regexp.MustCompile(`^field (.*) (not found|already set) in type`).FindStringSubmatch(m[2]); k != nil {
		f.Text = fmt.Sprintf("unknown key %q; see serin serve --help for what there is", k[1])
		if k[2] == "already set" {
			f.Text = fmt.Sprintf("the key %q is there twice", k[1])
		}
		f.Path, f.Column = locate(root, f.Line, k[1])
		return f
	}
	if k := regexp.MustCompile("^cannot unmarshal !!(\\w+)(?: `(.*)`)? into (.*)$").FindStringSubmatch(m[2]); k != nil {
		f.Text = fmt.Sprintf("%s is needed here, not %s", needed(k[3]), given(k[1], k[2]))
		f.Path, f.Column = locate(root, f.Line, k[2])
	}
	return f
}

// needed says in words what a Go type takes.
func needed(goType string) string {
	switch {
	case goType == "time.Duration":
		return "a duration such as 15s"
	case goType == "string":
		return "text"
	case goType == "int":
		return "a whole number"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	}
	return "a block of keys"
}

// given says in words what a YAML node was.
func given(tag, value string) string {
	switch tag {
	case "seq":
		return "a list"
	case "map":
		return "a block of keys"
	}
	return strconv.Quote(value)
}

// locate finds the node of a text on a line: its path and its column.
func locate(root *yaml.Node, line int, text string) (path string, column int) {
	column = 1
	text, _, _ = strings.Cut(text, "...") // yaml cuts long values
	if text == "" && len(root.Content) > 0 && root.Content[0].Kind == yaml.SequenceNode {
		return "", column // the whole file is a list
	}
	walk(root, "", func(p string, n *yaml.Node) bool {
		if n.Line == line && strings.HasPrefix(n.Value, text) {
			path, column = p, n.Column
			return true
		}
		return false
	})
	return path, column
}

// place returns where a path is, or where the nearest part of it above is.
func place(root *yaml.Node, path string) (line, column int) {
	line, column = 1, 1
	longest := -1
	walk(root, "", func(p string, n *yaml.Node) bool {
		if (p == path || strings.HasPrefix(path, p+".") || strings.HasPrefix(path, p+"[")) && len(p) >= longest {
			line, column, longest = n.Line, n.Column, len(p)
		}
		return false
	})
	return line, column
}

// walk calls f for every key and every element of a document with its path, until
// f returns true.
func walk(n *yaml.Node, path string, f func(path string, n *yaml.Node) bool) bool {
	switch n.Kind {
	case yaml.DocumentNode:
		return len(n.Content) > 0 && walk(n.Content[0], path, f)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			p := strings.TrimPrefix(path+"."+k.Value, ".")
			if f(p, k) || (v.Kind == yaml.ScalarNode && f(p, v)) || walk(v, p, f) {
				return true
			}
		}
	case yaml.SequenceNode:
		for i, v := range n.Content {
			p := fmt.Sprintf("%s[%d]", path, i)
			if f(p, v) || walk(v, p, f) {
				return true
			}
		}
	}
	return false
}
