package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

func commentRules() []rule {
	return []rule{
		{
			name:   "one comment for each package",
			advice: "put one comment above the package clause of one file (doc.go where it is long)",
			find:   findPackageComments,
		},
		{
			name:   "every exported name is documented",
			advice: "say in a full sentence what it is or why it is there",
			find:   findUndocumented,
		},
	}
}

func findPackageComments(t *tree) []fault {
	var faults []fault
	for _, pkg := range t.packages() {
		var name string
		var with []goFile
		for _, f := range t.files {
			if f.pkg != pkg || f.test {
				continue
			}
			name = f.ast.Name.Name
			if f.ast.Doc != nil {
				with = append(with, f)
			}
		}
		faults = append(faults, judgePackageComment(pkg, name, with)...)
	}
	return faults
}

func judgePackageComment(pkg, name string, with []goFile) []fault {
	switch {
	case name == "":
		return nil // only tests; their package is described where it has code
	case len(with) == 0:
		return []fault{{key: pkg, at: pkg, text: "package " + name + " has no comment"}}
	}
	var faults []fault
	for _, f := range with[1:] {
		faults = append(faults, fault{key: pkg, at: f.path, text: fmt.Sprintf("package %s has a comment here and in %s", name, with[0].path)})
	}
	if text := with[0].ast.Doc.Text(); name != "main" && !strings.HasPrefix(text, "Package "+name+" ") {
		faults = append(faults, fault{key: pkg, at: with[0].path, text: fmt.Sprintf("the comment does not begin with %q", "Package "+name)})
	}
	return faults
}

func findUndocumented(t *tree) []fault {
	var faults []fault
	for _, f := range t.files {
		if f.test || f.ast.Name.Name == "main" || ast.IsGenerated(f.ast) {
			continue
		}
		for _, d := range f.ast.Decls {
			for _, name := range undocumented(d) {
				faults = append(faults, fault{key: f.pkg + "." + name.Name, at: t.at(name.Pos()), text: name.Name + " has no comment"})
			}
		}
	}
	return faults
}

// undocumented returns the exported names of a declaration that have no comment.
func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		var names []*ast.Ident
		for _, s := range d.Specs {
			names = append(names, undocumentedSpec(d, s)...)
		}
		return names
	}
	return nil
}

func undocumentedSpec(d *ast.GenDecl, s ast.Spec) []*ast.Ident {
	switch s := s.(type) {
	case *ast.TypeSpec:
		// A group's comment does not say what each type is.
		alone := !d.Lparen.IsValid() && d.Doc != nil
		if s.Name.IsExported() && s.Doc == nil && !alone {
			return []*ast.Ident{s.Name}
		}
	case *ast.ValueSpec:
		if s.Doc != nil || s.Comment != nil || d.Doc != nil || d.Tok == token.IMPORT {
			return nil
		}
		for _, n := range s.Names {
			if n.IsExported() {
				return []*ast.Ident{n}
			}
		}
	}
	return nil
}

// receiver returns the name of a method's type.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	x := d.Recv.List[0].Type
	for {
		switch y := x.(type) {
		case *ast.StarExpr:
			x = y.X
		case *ast.IndexExpr:
			x = y.X
		case *ast.IndexListExpr:
			x = y.X
		case *ast.Ident:
			return y.Name
		default:
			return ""
		}
	}
}
