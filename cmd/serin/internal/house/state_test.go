package house

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
)

func stateRules() []rule {
	return []rule{
		{
			name:   "no init",
			advice: "do it where it is needed, or in cmd/serin, in sight",
			find:   findInits,
		},
		{
			name:   "no mutable package variables",
			advice: "make it a constant, a function that returns it, or a field; error values, compiled expressions and embedded files may stay",
			find:   findPackageVars,
		},
		{
			name:   "no context in a struct",
			advice: "pass the context as the first parameter",
			find:   findStoredContexts,
		},
		{
			name:   "calls in the right place",
			advice: "wait for a condition or move a fake clock instead of sleeping; return errors instead of ending the process",
			find:   findMisplacedCalls,
		},
	}
}

func findInits(t *tree) []fault {
	var faults []fault
	for _, f := range t.files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				faults = append(faults, fault{key: f.path, at: t.at(fn.Pos()), text: "init runs unseen"})
			}
		}
	}
	return faults
}

func findPackageVars(t *tree) []fault {
	var faults []fault
	for _, f := range t.files {
		if f.test {
			continue // flags of tests live in variables
		}
		for _, d := range f.ast.Decls {
			group, ok := d.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, s := range group.Specs {
				v, ok := s.(*ast.ValueSpec)
				if !ok || harmless(f, group, v) {
					continue
				}
				name := v.Names[0]
				faults = append(faults, fault{key: f.pkg + "." + name.Name, at: t.at(name.Pos()), text: "variable " + name.Name + " may change under everybody's feet"})
			}
		}
	}
	return faults
}

// harmless reports whether a package variable is one of those that nobody changes:
// an interface assertion, an embedded file, an error value, a compiled expression.
func harmless(f goFile, group *ast.GenDecl, v *ast.ValueSpec) bool {
	if !slices.ContainsFunc(v.Names, func(n *ast.Ident) bool { return n.Name != "_" }) {
		return true
	}
	if embeds(group.Doc) || embeds(v.Doc) {
		return true
	}
	if len(v.Values) != len(v.Names) {
		return false
	}
	return !slices.ContainsFunc(v.Values, func(x ast.Expr) bool {
		call, ok := x.(*ast.CallExpr)
		return !ok || !slices.Contains([]string{"errors.New", "fmt.Errorf", "regexp.MustCompile"}, callee(f, call))
	})
}

func embeds(g *ast.CommentGroup) bool {
	return g != nil && slices.ContainsFunc(g.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// callee returns the called function of another package as importPath.Name, or "".
func callee(f goFile, call *ast.CallExpr) string {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	return qualified(f, sel)
}

// qualified returns pkg.Name of a name of another package as importPath.Name, or "".
// A local variable that hides the package's name deceives it; nothing here hides so.
func qualified(f goFile, sel *ast.SelectorExpr) string {
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for _, spec := range f.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		local := path.Base(p)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == x.Name {
			return p + "." + sel.Sel.Name
		}
	}
	return ""
}

func findStoredContexts(t *tree) []fault {
	var faults []fault
	for _, f := range t.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			s, ok := n.(*ast.StructType)
			if !ok || f.test {
				return true
			}
			for _, field := range s.Fields.List {
				if sel, ok := field.Type.(*ast.SelectorExpr); ok && qualified(f, sel) == "context.Context" {
					faults = append(faults, fault{key: f.path, at: t.at(field.Pos()), text: "a stored context outlives its caller"})
				}
			}
			return true
		})
	}
	return faults
}

// misplaced says why a call may not stand in a file, or "".
func misplaced(f goFile, called string) string {
	inCommand := f.pkg == "cmd/serin" || strings.HasPrefix(f.pkg, "cmd/serin/")
	switch called {
	case "time.Sleep":
		if f.test {
			return "a test that sleeps is slow on good days and fails on bad ones"
		}
	case "os.Exit", "log.Fatal", "log.Fatalf", "log.Fatalln":
		if !f.test && f.ast.Name.Name != "main" {
			return "only main ends the process"
		}
	case "fmt.Print", "fmt.Printf", "fmt.Println":
		if !f.test && !inCommand {
			return "a library writes to what it is given"
		}
	}
	return ""
}

func findMisplacedCalls(t *tree) []fault {
	var faults []fault
	for _, f := range t.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := callee(f, call)
			if name == "testing/synctest.Test" {
				return false // its sleeps move a fake clock
			}
			if why := misplaced(f, name); why != "" {
				faults = append(faults, fault{key: f.path + " " + name, at: t.at(call.Pos()), text: name + ": " + why})
			}
			return true
		})
	}
	return faults
}
