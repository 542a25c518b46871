package house

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// module is the path of the main module.
const module = "github.com/serin-canary/serin"

// tree is the project's own files: texts by path, and the Go files of the main
// module parsed. Paths are relative to the root and use slashes.
type tree struct {
	texts map[string][]byte
	files []goFile
	fset  *token.FileSet
	// broken are the Go files that do not parse.
	broken []fault
}

// goFile is one Go file of the main module.
type goFile struct {
	path string
	pkg  string // its folder
	test bool
	ast  *ast.File
	text []byte
}

// fault is one place where a rule is broken. Key names it in a list of exceptions
// and does not move when lines do.
type fault struct {
	key  string
	at   string
	text string
}

// newTree reads the named files. A file that vanished meanwhile is left out.
func newTree(fsys fs.FS, paths []string) (tree, error) {
	t := tree{texts: map[string][]byte{}, fset: token.NewFileSet()}
	for _, p := range paths {
		b, err := fs.ReadFile(fsys, p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return tree{}, err
		}
		t.texts[p] = b
	}
	for _, p := range t.paths() {
		if path.Ext(p) == ".go" && t.inMainModule(p) {
			t.parse(p)
		}
	}
	return t, nil
}

// paths returns the names of all files, sorted.
func (t *tree) paths() []string {
	ps := make([]string, 0, len(t.texts))
	for p := range t.texts {
		ps = append(ps, p)
	}
	slices.Sort(ps)
	return ps
}

// inMainModule reports whether a Go file is compiled into the main module: not
// test data, and not below a go.mod of its own.
func (t *tree) inMainModule(p string) bool {
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		if path.Base(dir) == "testdata" {
			return false
		}
		if _, nested := t.texts[dir+"/go.mod"]; nested {
			return false
		}
	}
	return true
}

func (t *tree) parse(p string) {
	f, err := parser.ParseFile(t.fset, p, t.texts[p], parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.broken = append(t.broken, fault{key: p, at: p, text: err.Error()})
		return
	}
	t.files = append(t.files, goFile{
		path: p, pkg: path.Dir(p), test: strings.HasSuffix(p, "_test.go"), ast: f, text: t.texts[p],
	})
}

// at writes a position as path:line.
func (t *tree) at(pos token.Pos) string {
	p := t.fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// packages returns the folders that hold Go files of the main module, sorted.
func (t *tree) packages() []string {
	var ps []string
	for _, f := range t.files {
		ps = append(ps, f.pkg)
	}
	slices.Sort(ps)
	return slices.Compact(ps)
}

// findRoot walks up from the working directory to the main module's go.mod.
func findRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(b, []byte("module "+module+"\n")) {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod of module " + module + " above the working directory")
		}
		dir = up
	}
}

// ownPaths lists the files that git tracks or would: what is ignored is not ours.
// Without git (a source archive) every file below the root counts.
func ownPaths(t *testing.T, root string) []string {
	t.Helper()
	cmd := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if out, err := cmd.Output(); err == nil {
		ps := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
		slices.Sort(ps)
		return slices.Compact(ps)
	}
	var ps []string
	err := fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".git" || d.Name() == "node_modules":
			return fs.SkipDir
		case d.Type().IsRegular():
			ps = append(ps, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ps
}
