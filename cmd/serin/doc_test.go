package main

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the output of the documentation's examples into doc.go")

// TestDocumentation runs every "$ serin" example of the package documentation and
// compares what it prints, both streams together, with what the documentation says.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	var got []string
	ran := 0
	for i := 0; i < len(lines); i++ {
		got = append(got, lines[i])
		command, ok := strings.CutPrefix(lines[i], "//\t$ serin ")
		if !ok {
			continue
		}
		ran++
		for i+1 < len(lines) && strings.HasPrefix(lines[i+1], "//\t") || isBlankInside(lines, i+1) {
			i++ // the output as it was
		}
		for _, l := range strings.Split(strings.TrimRight(runExample(t, command), "\n"), "\n") {
			got = append(got, strings.TrimRight("//\t"+l, "\t "))
		}
	}
	if ran < 4 {
		t.Errorf("%d examples were found in doc.go, want at least 4", ran)
	}
	if diff := cmp.Diff(string(text), strings.Join(got, "\n")); diff != "" {
		if *update {
			if err := os.WriteFile("doc.go", []byte(strings.Join(got, "\n")), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Errorf("run go test ./cmd/serin -update; doc.go (-said +ran):\n%s", diff)
	}
}

// isBlankInside reports whether line i is a blank comment line inside an example.
func isBlankInside(lines []string, i int) bool {
	return i+1 < len(lines) && lines[i] == "//" && strings.HasPrefix(lines[i+1], "//\t") &&
		!strings.HasPrefix(lines[i+1], "//\t$ ")
}

func runExample(t *testing.T, command string) string {
	t.Helper()
	t.Chdir("testdata/doc")
	defer t.Chdir("../..")
	var out bytes.Buffer
	code := run(t.Context(), strings.Fields(command), &out, &out)
	if code != 0 && !strings.Contains(out.String(), "\n") {
		t.Errorf("serin %s: exit %d without a word", command, code)
	}
	return out.String()
}

// TestDocumentationIsOne makes sure that doc.go is the package's only
// documentation, so that nothing is said that is not run.
func TestDocumentationIsOne(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || f.Name() == "doc.go" {
			continue
		}
		src, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if src.Doc != (*ast.CommentGroup)(nil) {
			t.Errorf("%s documents the package; move it to doc.go", f.Name())
		}
	}
}
