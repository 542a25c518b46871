package e2e

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

const chartDir = "../helm/serin"

var update = flag.Bool("update", false, "write the golden files anew")

// values reads a values file of testdata, and lays more over it.
func values(t *testing.T, name string, over ...map[string]any) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "values", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := loader.LoadValues(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range over {
		out = loader.MergeMaps(out, o)
	}
	return out
}

// render returns what Helm makes of the chart for a cluster of this version, by the
// template's name.
func render(t *testing.T, kube string, vals map[string]any) (map[string]string, error) {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	version, err := common.ParseKubeVersion(kube)
	if err != nil {
		t.Fatal(err)
	}
	caps := common.DefaultCapabilities.Copy()
	caps.KubeVersion = *version
	all, err := util.ToRenderValues(c, vals, common.ReleaseOptions{Name: "serin", Namespace: "delivery", IsInstall: true, Revision: 1}, caps)
	if err != nil {
		return nil, err
	}
	out, err := engine.Engine{}.RenderWithContext(t.Context(), c, all)
	if err != nil {
		return nil, err
	}
	short := map[string]string{}
	for name, text := range out {
		if strings.TrimSpace(text) != "" && path.Ext(name) != ".tpl" {
			short[strings.TrimPrefix(name, "serin/templates/")] = text
		}
	}
	return short, nil
}

func mustRender(t *testing.T, vals map[string]any) map[string]string {
	t.Helper()
	out, err := render(t, "v1.34.0", vals)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// manifests joins what goes to the cluster.
func manifests(rendered map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if name != "NOTES.txt" {
			b.WriteString("---\n# " + name + "\n" + strings.TrimPrefix(strings.TrimSpace(rendered[name]), "---\n") + "\n")
		}
	}
	return b.String()
}

func cases() []string { return []string{"small", "postgres-ha", "ingress", "everything"} }

func TestChartGoldens(t *testing.T) {
	for _, name := range cases() {
		t.Run(name, func(t *testing.T) {
			out := mustRender(t, values(t, name))
			checkManifests(t, manifests(out))
			notes := out["NOTES.txt"]
			delete(out, "dashboard.yaml") // TestChartCarriesTheMixin reads it
			golden(t, name+".yaml", manifests(out))
			golden(t, name+".notes.txt", strings.TrimLeft(notes, "\n"))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs; after looking at it run go test -update\n(-want +got)\n%s", file, d)
	}
}

func TestOlderClustersSleepNot(t *testing.T) {
	for kube, want := range map[string]bool{"v1.29.4": false, "v1.30.0": true, "v1.34.1-gke.100": true} {
		out, err := render(t, kube, values(t, "small"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(manifests(out), "preStop"); got != want {
			t.Errorf("%s: got preStop %v, want %v", kube, got, want)
		}
	}
}

func TestHelmLint(t *testing.T) {
	for _, name := range cases() {
		for _, m := range lint.RunAll(chartDir, values(t, name), "delivery").Messages {
			if m.Severity >= support.WarningSev {
				t.Errorf("%s: %s", name, m.Error())
			}
		}
	}
}

func TestBadValuesAreRefusedByName(t *testing.T) {
	type over = map[string]any
	for _, c := range []struct {
		name string
		base string
		over over
		want string
	}{
		{"two replicas of a file", "small", over{"replicas": 2}, "replicas: more than one needs journal.kind postgres"},
		{"no token", "small", over{"token": over{"existingSecret": ""}}, "token.existingSecret: name the Secret"},
		{"no source", "small", over{"config": over{"sources": []any{}}}, "config.sources: list at least one"},
		{"no plan", "ingress", over{"plansConfigMap": ""}, "plans: write at least one plan"},
		{"plans twice", "small", over{"plansConfigMap": "ours"}, "plansConfigMap: plans are given as well"},
		{"PostgreSQL without its URL", "small", over{"journal": over{"kind": "postgres"}}, "journal.postgres.existingSecret: name the Secret"},
		{"a third journal", "small", over{"journal": over{"kind": "mysql"}}, "/journal/kind"},
		{"an unknown key", "small", over{"replicaCount": 3}, "'replicaCount' not allowed"},
		{"an unknown key of serin.yaml", "small", over{"config": over{"source": []any{}}}, "'source' not allowed"},
		{"what the chart says itself", "small", over{"config": over{"listen": ":1"}}, "'listen' not allowed"},
		{"a secret's reserved place", "small", over{"secrets": []any{over{"path": "token", "secret": "x"}}}, "/secrets/0/path"},
		{"a port of root", "small", over{"port": 80}, "/port"},
		{"a grace shorter than Serin's own", "small", over{"terminationGracePeriodSeconds": 5}, "/terminationGracePeriodSeconds"},
		{"clients' certificates without TLS", "small", over{"tls": over{"clientCA": true}}, "tls.existingSecret: clients' certificates need TLS"},
		{"an Ingress for no name", "small", over{"ingress": over{"enabled": true}}, "ingress.host: say under which name"},
		{"a route through no gateway", "small", over{"httpRoute": over{"enabled": true}}, "httpRoute.parentRefs: name the Gateway"},
		{"a probe of something else", "small", over{"probes": over{"readinessPath": "/"}}, "/probes/readinessPath"},
		{"a peer for callers and none for Prometheus", "ingress", over{"serviceMonitor": over{"enabled": true}}, "networkPolicy.fromMonitoring: networkPolicy.from shuts everybody else out"},
		{"a peer for callers and none for the Ingress", "postgres-ha", over{"ingress": over{"enabled": true, "host": "a.example.com"}}, "networkPolicy.fromIngress: networkPolicy.from shuts everybody else out"},
		{"a peer for callers and none for the route", "postgres-ha", over{"httpRoute": over{"enabled": true, "parentRefs": []any{over{"name": "a"}}}}, "networkPolicy.fromIngress:"},
		{"a container without an image", "small", over{"extraContainers": []any{over{"name": "a"}}}, "/extraContainers/0"},
		{"a tag as digest", "small", over{"image": over{"digest": "v1"}}, "/image/digest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := render(t, "v1.34.0", values(t, c.base, c.over))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	t.Run("everything that is missing is told at once", func(t *testing.T) {
		_, err := render(t, "v1.34.0", map[string]any{})
		for _, want := range []string{"token.existingSecret", "config.sources", "plans:"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s in it", err, want)
			}
		}
	})
}

// TestConfigKeysAreSerins holds the schema of the value config against the server's own.
func TestConfigKeysAreSerins(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../cmd/serin/app/config.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Config" {
			return true
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			tag, err := strconv.Unquote(f.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			key, _, _ := strings.Cut(reflect.StructTag(tag).Get("yaml"), ",")
			if !slices.Contains([]string{"listen", "plans", "journal", "tokenFiles", "webConfig"}, key) {
				want = append(want, key)
			}
		}
		return false
	})
	var schema struct {
		Properties struct {
			Config struct{ Properties map[string]any }
		}
	}
	text, err := os.ReadFile(chartDir + "/values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(schema.Properties.Config.Properties))); d != "" {
		t.Errorf("values.schema.json's config is not serin.yaml (-serin +schema)\n%s", d)
	}
}

func TestChartCarriesTheMixin(t *testing.T) {
	for _, name := range []string{"serin-fleet.json", "serin-itself.yml"} {
		ours, err := os.ReadFile(chartDir + "/files/" + name)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := os.ReadFile("../mixin/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if string(ours) != string(theirs) {
			t.Errorf("%s/files/%s is not that of deploy/mixin; copy it", chartDir, name)
		}
	}
	var board struct{ Data map[string]string }
	out := mustRender(t, values(t, "everything"))
	if err := yaml.Unmarshal([]byte(out["dashboard.yaml"]), &board); err != nil {
		t.Fatal(err)
	}
	text := board.Data["serin-fleet.json"]
	if !json.Valid([]byte(text)) || strings.Contains(text, `job=\"serin\"`) || !strings.Contains(text, `job=\"judge\"`) {
		t.Errorf("the board does not select by the name of the chart: %.300s", text)
	}
}
