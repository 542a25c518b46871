package house

import (
	"bytes"
	"fmt"
	"go/ast"
)

// The largest that things may grow. They bound the maxima, which are what makes
// code hard to read; medians take care of themselves.
const (
	maxFileLines  = 400
	maxFuncLines  = 60
	maxParameters = 4
	maxMethods    = 3
)

func sizeRules() []rule {
	return []rule{
		{
			name:   "length of files",
			advice: "make two rooms of it, each with a name",
			find:   findLongFiles,
		},
		{
			name:   "length of functions",
			advice: "name the parts",
			find:   findLongFunctions,
		},
		{
			name:   "number of parameters",
			advice: "pass a struct; a context does not count",
			find:   findManyParameters,
		},
		{
			name:   "methods of interfaces",
			advice: "let each caller define the one to three methods that it needs",
			find:   findWideInterfaces,
		},
	}
}

func findLongFiles(t *tree) []fault {
	var faults []fault
	for _, f := range t.files {
		n := bytes.Count(f.text, []byte("\n"))
		if !f.test && !ast.IsGenerated(f.ast) && n > maxFileLines {
			faults = append(faults, fault{key: f.path, at: f.path, text: fmt.Sprintf("%d lines, at most %d", n, maxFileLines)})
		}
	}
	return faults
}

// eachFunc calls what with every function of the product: its file, its
// declaration, its key.
func eachFunc(t *tree, what func(f goFile, d *ast.FuncDecl, key string)) {
	for _, f := range t.files {
		if f.test || ast.IsGenerated(f.ast) {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := fn.Name.Name
			if r := receiver(fn); r != "" {
				name = r + "." + name
			}
			what(f, fn, f.pkg+"."+name)
		}
	}
}

func findLongFunctions(t *tree) []fault {
	var faults []fault
	eachFunc(t, func(_ goFile, d *ast.FuncDecl, key string) {
		n := t.fset.Position(d.End()).Line - t.fset.Position(d.Pos()).Line + 1
		if n > maxFuncLines {
			faults = append(faults, fault{key: key, at: t.at(d.Pos()), text: fmt.Sprintf("%s has %d lines, at most %d", key, n, maxFuncLines)})
		}
	})
	return faults
}

func findManyParameters(t *tree) []fault {
	var faults []fault
	eachFunc(t, func(f goFile, d *ast.FuncDecl, key string) {
		n := 0
		for _, p := range d.Type.Params.List {
			if sel, ok := p.Type.(*ast.SelectorExpr); ok && qualified(f, sel) == "context.Context" {
				continue
			}
			n += max(1, len(p.Names))
		}
		if n > maxParameters {
			faults = append(faults, fault{key: key, at: t.at(d.Pos()), text: fmt.Sprintf("%s has %d parameters, at most %d", key, n, maxParameters)})
		}
	})
	return faults
}

func findWideInterfaces(t *tree) []fault {
	var faults []fault
	for _, f := range t.files {
		if f.test || ast.IsGenerated(f.ast) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if i, ok := s.Type.(*ast.InterfaceType); ok && methods(i) > maxMethods {
				key := f.pkg + "." + s.Name.Name
				faults = append(faults, fault{key: key, at: t.at(s.Pos()), text: fmt.Sprintf("%s has %d methods, at most %d", key, methods(i), maxMethods)})
			}
			return true
		})
	}
	return faults
}

// methods counts an interface's own methods; an embedded interface counts as one.
func methods(i *ast.InterfaceType) int {
	n := 0
	for _, m := range i.Methods.List {
		n += max(1, len(m.Names))
	}
	return n
}
