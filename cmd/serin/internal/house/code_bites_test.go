package house

import (
	"fmt"
	"slices"
	"strings"
)

// codeBites show the rules about Go code at work.
func codeBites() []bite {
	return slices.Concat(commentBites(), stateBites(), sizeBites())
}

func commentBites() []bite {
	const doc, exported = "one comment for each package", "every exported name is documented"
	return []bite{
		{name: "good", rule: doc, file: map[string]string{"judge/a.go": "// Package judge judges.\npackage judge\n", "judge/b.go": "package judge\n"}},
		{name: "none", rule: doc, file: map[string]string{"judge/a.go": "package judge\n"}, want: []string{"judge: package judge has no comment"}},
		{name: "two", rule: doc, want: []string{"judge/b.go: package judge has a comment here and in judge/a.go"},
			file: map[string]string{"judge/a.go": "// Package judge judges.\npackage judge\n", "judge/b.go": "// Package judge jests.\npackage judge\n"}},
		{name: "other beginning", rule: doc, file: map[string]string{"judge/a.go": "// It judges.\npackage judge\n"}, want: []string{"does not begin with"}},
		{name: "command", rule: doc, file: map[string]string{"cmd/serin/main.go": "// Serin judges canaries.\npackage main\n"}},
		{name: "only tests", rule: doc, file: map[string]string{"judge/a_test.go": "package judge\n"}},
		{
			name: "all kinds", rule: exported,
			file: map[string]string{"judge/a.go": `package judge

func F() {}

type T struct{}

func (t *T) M() {}

type hidden[K any] struct{}

func (hidden[K]) M() {}

const C = 1

var (
	V = 1 // V is said.
	W = 2
)

type (
	// A is said.
	A int
	B int
)

// The constants.
const (
	D = 1
	E = 2
)
`},
			want: []string{"a.go:13: C has", "a.go:17: W has", "a.go:23: B has", "a.go:3: F has", "a.go:5: T has", "a.go:7: M has"},
		},
		{name: "tests and commands", rule: exported, file: map[string]string{
			"judge/a_test.go": "package judge\n\nfunc F() {}\n", "cmd/serin/main.go": "package main\n\nfunc F() {}\n",
		}},
	}
}

func stateBites() []bite {
	const vars, calls = "no mutable package variables", "calls in the right place"
	sleep := "package judge\n\nimport (\n\tnap \"time\"\n)\n\nfunc f() { nap.Sleep(1) }\n"
	exit := "package judge\n\nimport \"os\"\n\nfunc f() { os.Exit(1) }\n"
	return []bite{
		{name: "init", rule: "no init", file: map[string]string{"judge/a.go": "package judge\n\nfunc init() {}\n"}, want: []string{"judge/a.go:3"}},
		{name: "method", rule: "no init", file: map[string]string{"judge/a.go": "package judge\n\ntype t int\n\nfunc (t) init() {}\n"}},
		{
			name: "all kinds", rule: vars,
			file: map[string]string{"judge/a.go": `package judge

import (
	"embed"
	"errors"
	"regexp"
	"time"
)

var _ error = (*fault)(nil)

var errGone = errors.New("gone")

var word = regexp.MustCompile("a+")

//go:embed files
var files embed.FS

var table = map[string]int{"a": 1}

var now = time.Now

var cache, _ = fill()

var later *int
`},
			want: []string{"a.go:19: variable table", "a.go:21: variable now", "a.go:23: variable cache", "a.go:25: variable later"},
		},
		{name: "test", rule: vars, file: map[string]string{"judge/a_test.go": "package judge\n\nvar update = true\n"}},
		{name: "context", rule: "no context in a struct", want: []string{"judge/a.go:6"},
			file: map[string]string{"judge/a.go": "package judge\n\nimport \"context\"\n\ntype job struct {\n\tctx context.Context\n}\n"}},
		{name: "sleep in a test", rule: calls, file: map[string]string{"judge/a_test.go": sleep}, want: []string{"judge/a_test.go:7: time.Sleep"}},
		{name: "sleep elsewhere", rule: calls, file: map[string]string{"judge/a.go": sleep}},
		{name: "sleep by a fake clock", rule: calls, file: map[string]string{"judge/a_test.go": strings.NewReplacer(
			"nap \"time\"", "nap \"time\"\n\t\"testing/synctest\"", "nap.Sleep(1)", "synctest.Test(nil, func() { nap.Sleep(1) })").Replace(sleep)}},
		{name: "exit", rule: calls, file: map[string]string{"judge/a.go": exit}, want: []string{"only main ends the process"}},
		{name: "exit of main", rule: calls, file: map[string]string{"cmd/serin/a.go": strings.Replace(exit, "judge", "main", 1)}},
		{name: "print", rule: calls, want: []string{"fmt.Println: a library"},
			file: map[string]string{"judge/a.go": "package judge\n\nimport \"fmt\"\n\nfunc f() { fmt.Println() }\n"}},
	}
}

func sizeBites() []bite {
	lines := func(n int) string { return strings.Repeat("\n", n) }
	function := func(n int) string { return "package judge\n\nfunc (t *T) f() {" + lines(n-1) + "}\n" }
	params := "package judge\n\nimport \"context\"\n\nfunc f(ctx context.Context, a, b int, c string, d ...%s) {}\n"
	return []bite{
		{name: "short", rule: "length of files", file: map[string]string{"judge/a.go": "package judge" + lines(maxFileLines)}},
		{name: "long", rule: "length of files", file: map[string]string{"judge/a.go": "package judge" + lines(maxFileLines+1)}, want: []string{"401 lines"}},
		{name: "test", rule: "length of files", file: map[string]string{"judge/a_test.go": "package judge" + lines(maxFileLines+1)}},
		{name: "short", rule: "length of functions", file: map[string]string{"judge/a.go": function(maxFuncLines)}},
		{name: "long", rule: "length of functions", file: map[string]string{"judge/a.go": function(maxFuncLines + 1)}, want: []string{"judge.T.f has 61 lines"}},
		{name: "four", rule: "number of parameters", file: map[string]string{"judge/a.go": fmt.Sprintf(params, "int")}},
		{name: "five", rule: "number of parameters", file: map[string]string{"judge/a.go": strings.Replace(fmt.Sprintf(params, "int"), "a, b", "a, a2, b", 1)}, want: []string{"judge.f has 5 parameters"}},
		{name: "three", rule: "methods of interfaces", file: map[string]string{"judge/a.go": "package judge\n\ntype I interface {\n\tA()\n\tB()\n\tC()\n}\n"}},
		{name: "four", rule: "methods of interfaces", file: map[string]string{"judge/a.go": "package judge\n\ntype I interface {\n\tA()\n\tB()\n\tC()\n\tJ\n}\n"}, want: []string{"judge.I has 4 methods"}},
	}
}
