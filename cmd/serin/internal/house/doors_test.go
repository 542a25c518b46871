package house

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// door names the only packages that may import a library. The longest matching
// name decides, so that a part of a library can have a door of its own.
type door struct {
	library string
	// open lists our packages; one that ends in /* stands for everything below.
	// Empty means nobody.
	open []string
	// tests says that only tests may import it, of the packages in open.
	tests bool
	why   string
}

// anywhere is an open door.
const anywhere = "*"

func doors() []door {
	promTree := []string{"queries", "queries/*", "alerts", "dashboards"}
	return slices.Concat(nobodys(), []door{
		{library: "github.com/labstack/echo/v4", open: []string{"webhooks"}, why: "the next major version must be a mechanical change of one package"},
		{library: "modernc.org/sqlite", open: []string{"judge/journal", "judge/journal/*"}, why: "one package knows how things are stored"},
		{library: "github.com/pressly/goose/v3", open: []string{"judge/journal"}, why: "one package knows how things are stored"},
		{library: "github.com/jackc/pgx/v5", open: []string{"judge/journal", "judge/journal/*"}, why: "one package knows how things are stored"},
		{library: "github.com/klauspost/compress/zstd", open: []string{"judge/journal"}, why: "one package knows how things are stored"},
		{library: "github.com/riverqueue/river", open: []string{"judge/journal/outbox"}, why: "the queue can be exchanged in one package"},

		{library: "github.com/prometheus/prometheus/promql", open: []string{"queries/scrape"}, why: "the engine is for the embedded source; everybody else asks a server"},
		{library: "github.com/prometheus/prometheus/promql/parser", open: promTree, why: "queries are changed by their syntax trees, in few places"},
		{library: "github.com/prometheus/prometheus/model/labels", open: promTree, why: "it comes with the parser"},
		{library: "github.com/prometheus/prometheus/model/rulefmt", open: []string{"alerts", "alerts/*"}, why: "rules are written in one package, and published below it"},
		{library: "github.com/prometheus/prometheus/tsdb/chunkenc", open: []string{"queries/scrape"}, why: "the engine's storage interface speaks it; it is light"},
		{library: "github.com/prometheus/prometheus", open: []string{"queries/scrape"}, why: "what the engine needs stays with the engine"},
		{library: "github.com/prometheus/client_golang/api", open: []string{"queries/prometheus"}, why: "one client for each store"},
		{library: "github.com/prometheus/client_golang/prometheus", open: []string{"queries/*", "webhooks", "cmd/serin", "cmd/serin/*"}, why: "a source may show its own state; everything else is counted at the edge"},
		{library: "github.com/prometheus/client_model", open: []string{"queries/scrape", "webhooks", "cmd/serin", "cmd/serin/*"}, why: "scraped families are decoded in one place"},
		{library: "google.golang.org/protobuf", open: []string{"queries/scrape", "judge/checks/grpccheck"}, why: "metrics pages may be protobuf, and gRPC is"},
		{library: "github.com/prometheus/common", open: []string{"queries", "queries/*", "webhooks", "alerts", "dashboards", "cmd/serin", "cmd/serin/*"}, why: "formats and models of metrics belong to queries and to the edge"},

		{library: "github.com/DataDog/datadog-api-client-go/v2", open: []string{"queries/datadog", "judge/checks/synthetics"}, why: "a minute of compilation stays behind two doors"},
		{library: "github.com/aws/aws-sdk-go-v2", open: []string{"queries/cloudwatch", "webhooks/aws", "cmd/serin/*"}, why: "a cloud SDK is compiled only where it is called"},
		{library: "github.com/aws/smithy-go", open: []string{"queries/cloudwatch", "queries/cloudwatch/*", "webhooks/aws"}, why: "it comes with the cloud SDK"},
		{library: "github.com/golang-jwt/jwt/v5", open: []string{"webhooks/github"}, why: "GitHub's apps prove themselves by a JWT, nobody else here does"},
		{library: "github.com/grafana/grafana-foundation-sdk/go", open: []string{"dashboards"}, why: "one package draws"},

		{library: "github.com/alecthomas/kong", open: []string{"cmd/serin", "cmd/serin/*"}, why: "flags are the command's business"},
		{library: "github.com/schollz/progressbar/v3", open: []string{"cmd/serin", "cmd/serin/*"}, why: "only a command has a terminal"},
		{library: "charm.land/lipgloss/v2", open: []string{"cmd/serin", "cmd/serin/*", "judge/report"}, why: "colour belongs to terminals and reports"},
		{library: "go.yaml.in/yaml/v3", open: []string{"judge/plan", "queries/presets", "queries/presets/*", "alerts", "alerts/*", "dashboards", "dashboards/*", "cmd/serin", "cmd/serin/*"}, why: "files are read at the edge; everything else takes typed values"},
		{library: "github.com/invopop/jsonschema", open: []string{"judge/plan"}, why: "the schema is generated from the plan's types"},
		{library: "github.com/santhosh-tekuri/jsonschema/v6", open: []string{"judge/plan", "judge/checks/*", "webhooks"}, why: "documents are held against schemas in few places"},
		{library: "github.com/expr-lang/expr", open: []string{"judge/checks", "judge/checks/*"}, why: "conditions belong to checks"},
		{library: "github.com/ohler55/ojg", open: []string{"judge/checks", "judge/checks/*", "queries/httpjson"}, why: "extraction belongs to checks, and to the source that reads any JSON"},
		{library: "github.com/tsenart/vegeta/v12", open: []string{"judge/checks/load"}, why: "load is one kind of check"},
		{library: "google.golang.org/grpc", open: []string{"judge/checks/grpccheck"}, why: "gRPC is one kind of check"},
		{library: "github.com/coder/websocket", open: []string{"judge/checks/wscheck"}, why: "WebSockets are one kind of check"},
		{library: "code.dny.dev/ssrf", open: []string{"judge/checks/*", "webhooks", "cmd/serin", "cmd/serin/*"}, why: "addresses that callers name are checked where they are dialled"},
		{library: "github.com/cenkalti/backoff/v5", open: []string{"queries/*", "judge/checks/*", "judge/journal", "judge/journal/*", "webhooks", "cmd/serin", "cmd/serin/*"}, why: "only what touches the network or a file tries again"},
		{library: "github.com/standard-webhooks/standard-webhooks/libraries", open: []string{"webhooks", "webhooks/reply", "webhooks/notify", "cmd/serin/app"}, why: "callbacks are signed where they leave"},
		{library: "github.com/wneessen/go-mail", open: []string{"webhooks/notify"}, why: "mail leaves by one door; its headers are not written by hand"},
		{library: "go.opentelemetry.io", open: []string{"webhooks", "judge", "cmd/serin", "cmd/serin/*"}, why: "traces are made at the edge"},
		{library: "gonum.org/v1/gonum", open: []string{"stats", "stats/*", "judge", "judge/lab", "judge/aca", "judge/power"}, why: "numbers are computed in stats; judge needs quantiles for its limits"},
		{library: "gonum.org/v1/plot", open: []string{"webhooks/pages", "webhooks/notify/picture", "judge/lab"}, why: "pages, messages and the lab draw"},
		{library: "github.com/prometheus/exporter-toolkit", open: []string{"webhooks", "cmd/serin", "cmd/serin/*"}, why: "TLS files are the edge's business"},
		{library: "golang.org/x/net/html", open: []string{"webhooks/pages"}, why: "tests of pages read them as browsers do"},
		{library: "golang.org/x/time", open: []string{"queries/*", "webhooks", "cmd/serin/*"}, why: "the standard library's annexe; rates are limited at the edges"},
		{library: "golang.org/x/sync", open: []string{anywhere}, why: "the standard library's annexe"},
		{library: "golang.org/x/term", open: []string{"cmd/serin", "cmd/serin/*"}, why: "only a command has a terminal"},

		{library: "github.com/google/go-cmp", open: []string{anywhere}, tests: true, why: "it may panic, and says so"},
		{library: "pgregory.net/rapid", open: []string{anywhere}, tests: true, why: "it is a test library"},
		{library: "go.uber.org/goleak", open: []string{anywhere}, tests: true, why: "it is a test library"},
		{library: "github.com/rogpeppe/go-internal", open: []string{anywhere}, tests: true, why: "it is a test library"},
		{library: "github.com/joshdk/go-junit", open: []string{"cmd/serin/smoke"}, tests: true, why: "what reads our JUnit files is somebody else's code"},
		{library: "github.com/emersion", open: []string{"webhooks/notify"}, tests: true, why: "mail is sent to a real SMTP server of somebody else's"},
		{library: "github.com/yuin/goldmark", open: []string{"webhooks/notify"}, tests: true, why: "comments are read by somebody else's Markdown"},
		{library: "github.com/chromedp", open: []string{anywhere}, tests: true, why: "browsers are for tests"},
	})
}

// nobodys lists the libraries that nobody may import; .golangci.yml repeats them.
func nobodys() []door {
	return []door{
		{library: "github.com/stretchr/testify", why: "tests say got and want in plain Go; go-cmp shows differences"},
		{library: "github.com/prometheus/prometheus/tsdb", why: "it brings the cloud SDKs along; the embedded source has a store of its own"},
		{library: "github.com/prometheus/prometheus/scrape", why: "it brings tsdb along; the embedded source scrapes with expfmt"},
		{library: "github.com/prometheus/prometheus/web", why: "it brings the whole server along"},
		{library: "github.com/prometheus/prometheus/config", why: "it brings every service discovery along"},
		{library: "github.com/prometheus/prometheus/discovery", why: "it brings the cloud SDKs along"},
		{library: "github.com/prometheus/prometheus/promql/promqltest", why: "it brings tsdb along; promtool test rules does the same from outside"},
		{library: "github.com/DataDog/datadog-api-client-go/v2/api/datadogV2", why: "it takes two minutes and 7 GiB to compile; call the base client"},
		{library: "gopkg.in/yaml.v3", why: "it is archived; use go.yaml.in/yaml/v3"},
		{library: "gopkg.in/yaml.v2", why: "it is archived; use go.yaml.in/yaml/v3"},
		{library: "k8s.io", why: "suites that need Kubernetes are nested modules"},
		{library: "github.com/fluxcd/flagger", why: "suites that drive Flagger are nested modules"},
		{library: "github.com/argoproj", why: "suites that drive Argo are nested modules"},
	}
}

func findOpenDoors(t *tree) []fault {
	all := doors()
	var faults []fault
	eachImport(t, func(f goFile, importPath, at string) {
		if !thirdParty(importPath) {
			return
		}
		text := refuse(all, f, importPath)
		if text != "" {
			faults = append(faults, fault{key: f.pkg + " -> " + importPath, at: at, text: text})
		}
	})
	return faults
}

// thirdParty reports whether an import is neither ours nor the standard library's,
// whose first element has no dot.
func thirdParty(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return strings.Contains(first, ".") && importPath != module && !strings.HasPrefix(importPath, module+"/")
}

// refuse returns why a file may not import a library, or "" where it may.
func refuse(all []door, f goFile, importPath string) string {
	var d door
	for _, c := range all {
		if (importPath == c.library || strings.HasPrefix(importPath, c.library+"/")) && len(c.library) > len(d.library) {
			d = c
		}
	}
	switch {
	case d.library == "":
		return importPath + " has no door: a new library needs one, with a reason"
	case len(d.open) == 0:
		return importPath + " is for nobody: " + d.why
	case d.tests && !f.test:
		return importPath + " is for tests only: " + d.why
	case !opens(d, f.pkg):
		return fmt.Sprintf("%s is for %s only: %s", importPath, strings.Join(d.open, ", "), d.why)
	}
	return ""
}

func opens(d door, pkg string) bool {
	for _, o := range d.open {
		if o == anywhere || o == pkg {
			return true
		}
		if below, ok := strings.CutSuffix(o, "/*"); ok && path.Dir(pkg) != "." && strings.HasPrefix(pkg, below+"/") {
			return true
		}
	}
	return false
}
