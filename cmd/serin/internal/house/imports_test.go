package house

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// row says what one of our packages may import of ours. A name that ends in /*
// stands for every package below that folder that has no row of its own.
type row struct {
	pkg string
	// storey orders the house from the ground up. Tests may look sideways and down:
	// they may import every package of their own storey and of those below.
	storey int
	may    []string
}

// everything is a row's right to import any of our packages.
const everything = "*"

// plan of the house: direct imports, as docs/architecture.md draws them.
func importTable() []row {
	return []row{
		{pkg: "cmd/serin", storey: 5, may: []string{everything}},
		{pkg: "cmd/serin/*", storey: 5, may: []string{everything}},

		{pkg: "webhooks", storey: 4, may: []string{"judge", "judge/plan", "judge/rollout", "judge/checks", "judge/journal", "judge/journal/outbox", "judge/report", "judge/aca", "judge/samples", "queries", "webhooks/reply", "webhooks/pages"}},
		{pkg: "webhooks/reply", storey: 4, may: []string{"judge", "judge/plan", "judge/rollout", "judge/journal", "judge/journal/outbox"}},
		// Pages are of words and curves that others made.
		{pkg: "webhooks/pages", storey: 4, may: []string{"judge", "judge/plan", "judge/rollout", "judge/report"}},
		// Notices say a verdict in the reports' words, and read credentials as sources do.
		{pkg: "webhooks/notify", storey: 4, may: []string{"judge", "judge/plan", "judge/rollout", "judge/journal", "judge/journal/outbox", "judge/report", "queries/store", "webhooks/reply", "webhooks/notify/picture"}},
		{pkg: "webhooks/notify/picture", storey: 4, may: []string{"judge", "judge/report"}},
		{pkg: "webhooks/notify/notifytest", storey: 4, may: nil},
		// What tells answers in a caller's tongue, with that caller's SDK.
		{pkg: "webhooks/*", storey: 4, may: []string{"judge", "judge/rollout", "judge/journal", "judge/journal/outbox", "webhooks/reply"}},
		{pkg: "dashboards", storey: 4, may: []string{"judge/plan", "judge/rollout", "queries"}},
		{pkg: "dashboards/*", storey: 4, may: []string{"dashboards", "judge/rollout"}},
		{pkg: "alerts", storey: 4, may: []string{"judge/plan", "judge/rollout", "queries"}},
		{pkg: "alerts/*", storey: 4, may: []string{"alerts", "judge/rollout"}},

		{pkg: "judge/lab", storey: 3, may: []string{"judge", "judge/plan", "judge/rollout", "judge/aca", "queries", "stats", "stats/sequential"}},
		// The journal stores judge.Record, which holds frames and check results.
		{pkg: "judge/journal", storey: 3, may: []string{"judge", "judge/plan", "judge/rollout", "judge/checks", "judge/journal/outbox", "queries"}},
		{pkg: "judge/journal/outbox", may: nil},
		{pkg: "judge/journal/pgtest", may: nil},
		{pkg: "judge/power", storey: 3, may: []string{"judge", "judge/plan", "judge/rollout", "queries", "stats", "stats/sequential"}},
		{pkg: "judge/backtest", storey: 3, may: []string{"judge", "judge/backtest/paper", "judge/plan", "judge/rollout", "queries"}},
		{pkg: "judge/backtest/paper", storey: 3},
		{pkg: "judge/calibrate", storey: 3, may: []string{"judge", "judge/backtest", "judge/backtest/paper", "judge/plan", "judge/power", "judge/rollout", "queries", "stats"}},
		{pkg: "judge/samples", storey: 3, may: []string{"judge", "stats/sequential"}},
		// It takes samples, not runners: the load itself, and its library, stay outside.
		{pkg: "judge/loadcompare", storey: 1, may: []string{"judge/checks", "stats", "stats/sequential"}},
		{pkg: "judge/report", storey: 3, may: []string{"judge", "judge/plan", "judge/rollout"}},

		{pkg: "judge", storey: 2, may: []string{"judge/plan", "judge/rollout", "judge/checks", "judge/loadcompare", "queries", "stats", "stats/sequential"}},

		{pkg: "judge/aca", storey: 1, may: []string{"stats"}},
		{pkg: "judge/plan", storey: 1, may: []string{"queries", "queries/presets", "judge/checks"}},

		{pkg: "judge/checks", may: nil},
		// A journey is made of HTTP requests, and sends them as the HTTP checks do.
		{pkg: "judge/checks/journey", may: []string{"judge/checks", "judge/checks/httpcheck"}},
		{pkg: "judge/checks/gatecheck", may: []string{"judge/checks", "judge/checks/ddapi"}},
		{pkg: "judge/checks/synthetics", may: []string{"judge/checks", "judge/checks/ddapi"}},
		{pkg: "judge/checks/*", may: []string{"judge/checks"}},
		{pkg: "judge/rollout", may: nil},
		{pkg: "queries", may: nil},
		{pkg: "queries/prometheus", may: []string{"queries", "queries/promql"}},
		{pkg: "queries/scrape", may: []string{"queries", "queries/promql"}},
		// Stores that answer counts a block share how they are asked together, and what
		// their answers mean.
		{pkg: "queries/datadog", may: []string{"queries", "queries/batch", "queries/binned", "queries/store"}},
		{pkg: "queries/cloudwatch", may: []string{"queries", "queries/batch", "queries/binned", "queries/store"}},
		{pkg: "queries/httpjson", may: []string{"queries", "queries/binned", "queries/store"}},
		{pkg: "queries/*", may: []string{"queries"}},
		{pkg: "stats", may: nil},
		{pkg: "stats/sequential", may: []string{"stats"}},
	}
}

// rowOf returns the row of a package: its own, or that of the nearest folder above.
func rowOf(table []row, pkg string) (row, bool) {
	for name := pkg; ; {
		if i := slices.IndexFunc(table, func(r row) bool { return r.pkg == name }); i >= 0 {
			return table[i], true
		}
		above := path.Dir(strings.TrimSuffix(name, "/*"))
		if above == "." {
			return row{}, false
		}
		name = above + "/*"
	}
}

func importRules() []rule {
	return []rule{
		{
			name:   "who imports whom",
			advice: "move the code to where it may be imported, or add a row to importTable and say why in docs/architecture.md",
			find:   findWrongImports,
		},
		{
			name:   "libraries stay behind their doors",
			advice: "keep the library in the packages that its door names, or change its door in doors and in .golangci.yml, with a reason",
			find:   findOpenDoors,
		},
	}
}

// eachImport calls f with every import of the tree: the file, the path, its place.
func eachImport(t *tree, f func(file goFile, importPath, at string)) {
	for _, file := range t.files {
		for _, spec := range file.ast.Imports {
			if p, err := strconv.Unquote(spec.Path.Value); err == nil {
				f(file, p, t.at(spec.Pos()))
			}
		}
	}
}

func findWrongImports(t *tree) []fault {
	table := importTable()
	var faults []fault
	for _, pkg := range t.packages() {
		if _, ok := rowOf(table, pkg); !ok {
			faults = append(faults, fault{key: pkg, at: pkg, text: "this package has no row in importTable: add one"})
		}
	}
	eachImport(t, func(f goFile, importPath, at string) {
		target, ours := strings.CutPrefix(importPath, module+"/")
		from, known := rowOf(table, f.pkg)
		if !ours || !known || mayImport(table, from, f, target) {
			return
		}
		whose := f.pkg
		if f.test {
			whose = "a test of " + f.pkg
		}
		faults = append(faults, fault{
			key: f.pkg + " -> " + target, at: at, text: fmt.Sprintf("%s may not import %s", whose, target),
		})
	})
	return faults
}

func mayImport(table []row, from row, f goFile, target string) bool {
	if slices.Contains(from.may, everything) || slices.Contains(from.may, target) {
		return true
	}
	if !f.test {
		return false
	}
	if target == f.pkg {
		return true
	}
	// Whoever deletes dashboards or alerts breaks nothing else, tests included.
	if target == "dashboards" || target == "alerts" {
		return false
	}
	to, ok := rowOf(table, target)
	return ok && to.storey <= from.storey
}

func importBites() []bite {
	file := func(pkg, imported string) string {
		return "package " + path.Base(pkg) + "\n\nimport _ \"" + imported + "\"\n"
	}
	one := func(name, p, imported string, want ...string) bite {
		return bite{
			name: name, rule: "who imports whom", want: want,
			file: map[string]string{p: file(path.Dir(p), module+"/"+imported)},
		}
	}
	door := func(name, p, imported string, want ...string) bite {
		return bite{
			name: name, rule: "libraries stay behind their doors", want: want,
			file: map[string]string{p: file(path.Dir(p), imported)},
		}
	}
	return []bite{
		one("allowed", "judge/judge.go", "judge/plan"),
		one("upwards", "judge/judge.go", "webhooks", "judge/judge.go:3: judge may not import webhooks"),
		one("across", "dashboards/board.go", "judge", "dashboards may not import judge"),
		one("leaf", "stats/rank.go", "queries", "stats may not import queries"),
		one("wildcard", "queries/datadog/client.go", "queries"),
		one("wildcard is no more than its row", "queries/datadog/client.go", "queries/promql", "queries/datadog may not import queries/promql"),
		one("runner below checks", "judge/checks/http/http.go", "judge", "judge/checks/http may not import judge"),
		one("unknown package", "notify/notify.go", "judge", "notify: this package has no row"),
		one("test looks down", "judge/judge_test.go", "queries/promql"),
		one("test looks up", "judge/judge_test.go", "judge/journal", "a test of judge may not import judge/journal"),
		one("test of its own package", "queries/scope_test.go", "queries"),
		one("test may not need dashboards", "webhooks/flagger_test.go", "dashboards", "may not import dashboards"),
		one("the roof", "cmd/serin/demo/demo.go", "dashboards"),
		door("standard library", "stats/rank.go", "go/ast"),
		door("behind its door", "webhooks/server.go", "github.com/labstack/echo/v4/middleware"),
		door("outside its door", "judge/judge.go", "github.com/labstack/echo/v4", "github.com/labstack/echo/v4 is for webhooks only"),
		door("nowhere", "queries/scrape/store.go", "github.com/prometheus/prometheus/tsdb", "github.com/prometheus/prometheus/tsdb is for nobody"),
		door("longest name wins", "queries/scrape/store.go", "github.com/prometheus/prometheus/tsdb/chunkenc"),
		door("name is no prefix", "queries/a.go", "github.com/prometheus/prometheusx", "has no door"),
		door("unknown library", "judge/judge.go", "example.org/left/pad", "example.org/left/pad has no door"),
		door("test library in a test", "stats/rank_test.go", "pgregory.net/rapid"),
		door("test library in the product", "stats/rank.go", "pgregory.net/rapid", "is for tests only"),
	}
}
