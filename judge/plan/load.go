package plan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile is the longest plan file that is read, in bytes.
const maxFile = 1 << 20

// Load reads one plan file. All faults are returned at once, as [Faults].
func Load(path string) (Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		return Plan{}, fmt.Errorf("plan: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Plan{}, fmt.Errorf("plan: %w", err)
	}
	return Parse(path, text)
}

// Parse reads one plan from text; file names it in faults.
func Parse(file string, text []byte) (Plan, error) {
	p, b := parsePlan(file, text)
	if len(b.faults) > 0 {
		return Plan{}, b.faults.sorted()
	}
	return p, nil
}

// parsePlan reads a plan and the book of its faults.
func parsePlan(name string, text []byte) (Plan, *book) {
	b := &builder{book: &book{file: name, nodes: map[string]*yaml.Node{}}}
	if len(text) > maxFile {
		b.at("", "is longer than %d KiB; a plan is a page or two", maxFile>>10)
		return Plan{}, b.book
	}
	b.lines = splitLines(string(text))
	root := b.tree(text)
	if root == nil {
		return Plan{}, b.book
	}
	d := &decoder{book: b.book}
	d.value(root, reflect.ValueOf(&b.f).Elem(), field{})
	if root.Kind == yaml.MappingNode && !d.stopped {
		b.build()
	}
	return b.p, b.book
}

// tree parses the one document of a file, or notes why it cannot.
func (b *book) tree(text []byte) *yaml.Node {
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	var first, second yaml.Node
	switch err := decodeTree(d, &first); {
	case errors.Is(err, io.EOF):
		b.at("", "is empty; a plan says at least which service it judges and how: service: checkout and preset: istio")
		return nil
	case err != nil:
		b.unreadable(err)
		return nil
	}
	switch err := decodeTree(d, &second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		b.unreadable(err)
		return nil
	default:
		b.node(&second, "", "is a second document (---); write one plan a file")
		return nil
	}
	return first.Content[0]
}

// decodeTree reads one document. The YAML library tells its own errors from panics by
// their type; a panic of any other type is a document that it could not read, too.
func decodeTree(d *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: cannot be read (%v)", r)
		}
	}()
	if err := d.Decode(n); err != nil {
		return err
	}
	if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
		return errors.New("yaml: has no content")
	}
	return nil
}

// unreadable notes an error of the YAML library, which knows its line at most.
func (b *book) unreadable(err error) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = max(1, min(n, len(b.lines)))
		}
		text = strings.TrimPrefix(text, m[0])
	}
	if m := regexp.MustCompile(`unknown anchor '(.+)'`).FindStringSubmatch(text); m != nil {
		for i := range b.lines { // the library does not say where
			if at := strings.Index(b.lines[i], "*"+m[1]); at >= 0 {
				b.node(&yaml.Node{Line: i + 1, Column: 1 + len([]rune(b.lines[i][:at]))}, "",
					fmt.Sprintf("*%s stands for nothing: no value before it is marked &%s; text that begins with * goes in quotes", m[1], m[1]))
				return
			}
		}
	}
	switch {
	case strings.Contains(text, "tab character"), strings.Contains(text, "cannot start any token") && strings.Contains(b.lines[line-1], "\t"):
		text += "; YAML is indented with spaces, never with tabs"
	case strings.Contains(text, "mapping values are not allowed"):
		text += "; put text that has a colon in quotes, and keys of one level under each other"
	}
	b.node(&yaml.Node{Line: line, Column: 1}, "", "is not YAML: "+text)
}
