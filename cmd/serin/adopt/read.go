package adopt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/judge/plan"
)

// Bounds on what is read. Manifests of a whole cluster fit; a mistaken file does not.
const (
	maxFile  = 4 << 20 // bytes
	maxDocs  = 2_000   // documents of all files
	maxDepth = 64
)

// document is one object of a file.
type document struct {
	book *book
	root tree
}

// kind returns the document's kind, as Kubernetes names it.
func (d document) kind() string { return d.root.peek("kind") }

// readAll reads every document of every file that can be read, and says what is wrong
// with the others.
func readAll(files []File) (docs []document, unread plan.Faults) {
	for _, f := range files {
		b := &book{file: f.Name, lines: strings.Split(string(f.Text), "\n")}
		read := b.read(f.Text)
		if len(b.faults) == 0 && len(read) == 0 {
			b.fault(nil, "", "is empty")
		}
		if docs = append(docs, read...); len(docs) > maxDocs {
			b.fault(nil, "", fmt.Sprintf("makes more than %d documents together with the files before it; name fewer files", maxDocs))
			return nil, append(unread, b.faults...)
		}
		unread = append(unread, b.faults...)
		b.faults = nil
	}
	return docs, unread
}

// read reads one file: JSON where it begins with a brace or bracket, else YAML.
func (b *book) read(text []byte) []document {
	if len(text) > maxFile {
		b.fault(nil, "", fmt.Sprintf("is longer than %d MiB; name the files that define the canary", maxFile>>20))
		return nil
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		if n := b.readJSON(text); n != nil {
			return b.split(n)
		}
		return nil
	}
	return b.readYAML(text)
}

// split takes a list of Kubernetes objects apart.
func (b *book) split(n *yaml.Node) []document {
	b.check(n, "", 0)
	root := tree{n: n, b: b}
	if n.Kind == yaml.SequenceNode { // what Kayenta's API lists
		return b.each(root)
	}
	if n.Kind != yaml.MappingNode {
		b.fault(n, "", "is "+describe(n)+"; an object with keys is needed here")
		return nil
	}
	if items := root.get("items"); root.peek("kind") == "List" || items.n != nil && strings.HasSuffix(root.peek("kind"), "List") {
		return b.each(items)
	}
	return []document{{b, root}}
}

// each returns the objects of a list.
func (b *book) each(items tree) (out []document) {
	for _, item := range items.list() {
		if item.isMap() {
			out = append(out, document{b, tree{n: item.resolved(), b: b, path: item.path}})
		}
	}
	return out
}

func (b *book) readYAML(text []byte) []document {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var out []document
	for len(out) <= maxDocs {
		n, err := next(d)
		switch {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			b.unreadable(err)
			return nil
		case n == nil: // an empty document between two ---
			continue
		}
		out = append(out, b.split(n)...)
	}
	return out
}

// next reads one document; nil is one without content. A panic of the YAML library is
// a document that it could not read, too.
func next(d *yaml.Decoder) (n *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = nil, fmt.Errorf("yaml: cannot be read (%v)", r)
		}
	}()
	var doc yaml.Node
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, nil
	}
	if c := doc.Content[0]; c.Kind != yaml.ScalarNode || c.ShortTag() != "!!null" {
		return c, nil
	}
	return nil, nil
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
	for i := max(0, line-2); i < min(line+1, len(b.lines)); i++ {
		if strings.Contains(b.lines[i], "{{") && !strings.Contains(b.lines[i], "\"{{") {
			text += "; if this is a template of Helm's, render it first (helm template)"
			break
		}
	}
	b.fault(&yaml.Node{Line: line, Column: 1}, "", "is not YAML: "+text)
}

// readJSON reads a file that has one JSON object into the same tree that YAML has,
// positions included.
func (b *book) readJSON(text []byte) *yaml.Node {
	j := &jsonReader{text: text, d: json.NewDecoder(bytes.NewReader(text))}
	j.d.UseNumber()
	var n *yaml.Node
	var raw json.RawMessage
	err := json.Unmarshal(text, &raw) // its error knows the offset
	if err == nil {
		n, err = j.value(0)
	}
	if err == nil {
		return n
	}
	at, what := j.d.InputOffset(), err.Error()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = syntax.Offset - 1
	}
	if strings.HasPrefix(what, "unexpected end") {
		at, what = int64(len(text)), "ends too early; a brace or bracket is not closed"
	}
	line, column := j.place(at)
	b.fault(&yaml.Node{Line: line, Column: column}, "", "is not JSON: "+what)
	return nil
}

type jsonReader struct {
	text []byte
	d    *json.Decoder
	line struct{ number, start int } // the last one that place found
	last int
}

// place turns an offset into a line and a column, from 1. Offsets mostly grow.
func (j *jsonReader) place(offset int64) (line, column int) {
	to := max(0, min(int(offset), len(j.text)))
	if to < j.last {
		j.last, j.line.number, j.line.start = 0, 0, 0
	}
	for i := j.last; i < to; i++ {
		if j.text[i] == '\n' {
			j.line.number, j.line.start = j.line.number+1, i+1
		}
	}
	j.last = to
	return j.line.number + 1, 1 + len([]rune(string(j.text[j.line.start:to])))
}

// here returns where the next token begins.
func (j *jsonReader) here() (line, column int) {
	at := int(j.d.InputOffset())
	for at < len(j.text) && bytes.IndexByte([]byte(" \t\r\n,:"), j.text[at]) >= 0 {
		at++
	}
	return j.place(int64(at))
}

func (j *jsonReader) value(depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nests more than %d deep", maxDepth)
	}
	line, column := j.here()
	t, err := j.d.Token()
	if err != nil {
		return nil, err
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: line, Column: column}
	switch t := t.(type) {
	case json.Delim:
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		if t == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		for j.d.More() { // a key is a value like any other
			v, err := j.value(depth + 1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, v)
		}
		_, err = j.d.Token()
	case string:
		n.Tag, n.Value = "!!str", t
	case json.Number:
		n.Tag, n.Value = "!!float", t.String()
	case bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(t)
	default:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, err
}
