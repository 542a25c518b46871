package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/alerts"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

const exportedPlan = `service: checkout
preset: http
arms:
  baseline: { labels: { track: stable } }
  canary: { labels: { track: canary } }
alertmanager:
  - name: burn
    match: alertname="CheckoutBurn", severity=~"page|critical"
`

// exportRun runs serin export in a folder with a plan.
func exportRun(t *testing.T, args ...string) (out, said string) {
	t.Helper()
	var o, e bytes.Buffer
	if code := run(t.Context(), append([]string{"export"}, args...), &o, &e); code != 0 {
		t.Fatalf("serin export %s: exit %d: %s", strings.Join(args, " "), code, e.String())
	}
	return o.String(), e.String()
}

func exportFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile("checkout.yaml", []byte(exportedPlan), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tool runs a program that holds what is exported against its own rules.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	bin, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SERIN_REQUIRE_TOOLS") != "" {
			t.Fatalf("%s is missing; install Debian's packages prometheus and prometheus-alertmanager", name)
		}
		t.Skipf("%s is not installed", name)
	}
	if out, err := exec.CommandContext(t.Context(), bin, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// strictYAML reads one document and nothing behind it.
func strictYAML(t *testing.T, text string, into any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		t.Errorf("there is something behind the document: %v", err)
	}
}

type objectMeta struct {
	Name, Namespace     string
	Labels, Annotations map[string]string
}

// Every format of a dashboard holds the same board.
func TestExportedDashboards(t *testing.T) {
	exportFolder(t)
	of := []string{"dashboard", "--plan", "checkout.yaml", "--since", "2026-05-01T12:00:00Z", "--self", `job="serin"`}
	text, said := exportRun(t, of...)
	if again, _ := exportRun(t, of...); again != text || said != "" {
		t.Errorf("the second time it differs, or something was said: %s", said)
	}
	var board struct {
		UID, Title string
		Panels     []any
		Templating struct{ List []map[string]any }
	}
	if err := json.Unmarshal([]byte(text), &board); err != nil || len(board.Panels) < 10 || !strings.HasPrefix(board.UID, "serin-") {
		t.Fatalf("got %d panels, UID %q, %v", len(board.Panels), board.UID, err)
	}
	var cm struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   objectMeta
		Data       map[string]string
	}
	manifest, _ := exportRun(t, append(of, "--format", "configmap", "--object-namespace", "monitoring", "--folder", "Canaries")...)
	strictYAML(t, manifest, &cm)
	if cm.Data[board.UID+".json"] != text || cm.Metadata.Namespace != "monitoring" || cm.Metadata.Labels["grafana_dashboard"] != "1" {
		t.Errorf("the ConfigMap has another board, or lacks its marks: %v", cm.Metadata)
	}
	operator, _ := exportRun(t, append(of, "--format", "operator", "--label", "team=delivery")...)
	var cr struct {
		Kind     string
		Metadata objectMeta
		Spec     struct{ UID, JSON string }
	}
	if err := yaml.Unmarshal([]byte(operator), &cr); err != nil || cr.Spec.JSON != text || cr.Spec.UID != board.UID || cr.Metadata.Labels["team"] != "delivery" {
		t.Errorf("the operator's object: %v, %+v", err, cr.Metadata)
	}
	resource, _ := exportRun(t, append(of, "--format", "resource")...)
	var v2 struct {
		APIVersion, Kind string
		Metadata         struct{ Name string }
		Spec             struct{ Elements map[string]any }
	}
	if err := json.Unmarshal([]byte(resource), &v2); err != nil || v2.Metadata.Name != board.UID || !strings.HasPrefix(v2.APIVersion, "dashboard.grafana.app/") || len(v2.Spec.Elements) < 10 {
		t.Errorf("the resource: %v, %s %s with %d elements", err, v2.APIVersion, v2.Metadata.Name, len(v2.Spec.Elements))
	}
	_, said = exportRun(t, "dashboard", "--service", "checkout", "--namespace", "shop", "--output", "boards/")
	if name := strings.TrimSpace(strings.TrimPrefix(said, "wrote ")); !strings.HasPrefix(name, "boards/serin-s-") {
		t.Errorf("got %q, want the board under the name that it is published by", said)
	} else if b, err := os.ReadFile(name); err != nil || !json.Valid(b) {
		t.Errorf("%s: %v, or no JSON", name, err)
	}
}

// Every format of the rules is accepted by who reads it.
func TestExportedAlerts(t *testing.T) {
	exportFolder(t)
	of := []string{"alerts", "--plan", "checkout.yaml", "--since", "2026-05-01T12:00:00Z", "--self", `job="serin"`, "--label", "team=delivery"}
	text, _ := exportRun(t, of...)
	if err := alerts.Check([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "alert: JudgeSilent") || !strings.Contains(text, "team: delivery") {
		t.Errorf("the rules about the judge, or the label, are missing:\n%s", text)
	}
	manifest, _ := exportRun(t, append(of, "--format", "prometheusrule", "--object-label", "release=prom", "--object-namespace", "monitoring")...)
	var rule struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   objectMeta
		Spec       struct{ Groups []map[string]any }
	}
	strictYAML(t, manifest, &rule)
	inner, err := yaml.Marshal(rule.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := alerts.Check(inner); err != nil || rule.Kind != "PrometheusRule" || rule.Metadata.Labels["release"] != "prom" {
		t.Errorf("the PrometheusRule: %v, %+v", err, rule.Metadata)
	}
	group, _ := exportRun(t, append(of, "--format", "mimir")...)
	if err := alerts.Check([]byte("groups:\n- " + strings.ReplaceAll(strings.TrimSpace(group), "\n", "\n  "))); err != nil {
		t.Errorf("the group: %v", err)
	}
	managed, _ := exportRun(t, append(of, "--format", "grafana", "--folder-uid", "canaries", "--source-uid", "prom")...)
	var g struct {
		Title, FolderUID string
		Interval         int
		Rules            []map[string]any
	}
	if err := json.Unmarshal([]byte(managed), &g); err != nil || g.FolderUID != "canaries" || len(g.Rules) != strings.Count(text, "alert: ") {
		t.Errorf("the group of Grafana's: %v, folder %s, %d rules", err, g.FolderUID, len(g.Rules))
	}
}

func TestExportedRulesPassTheirTests(t *testing.T) {
	exportFolder(t)
	exportRun(t, "alerts", "--plan", "checkout.yaml", "--since", "2026-05-01T12:00:00Z", "--self", `job="serin"`, "--format", "tests", "--output", "rules/")
	files, err := filepath.Glob("rules/*.yml")
	if err != nil || len(files) != 3 {
		t.Fatalf("got %v, %v; want the rules and two files of tests", files, err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.yml") {
			tool(t, "promtool", "test", "rules", f)
		} else {
			tool(t, "promtool", "check", "rules", "--lint=all", "--lint-fatal", f)
		}
	}
}

func TestExportedRouteIsAccepted(t *testing.T) {
	exportFolder(t)
	text, _ := exportRun(t, "alerts", "--plan", "checkout.yaml", "--format", "alertmanager", "--serin-url", "https://serin.example.com/", "--token-file", "/etc/alertmanager/token", "-o", "am.yml")
	if text != "" {
		t.Errorf("got %q on standard output beside the file", text)
	}
	got, err := os.ReadFile("am.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`- alertname="CheckoutBurn"`, `- severity=~"page|critical"`, "url: https://serin.example.com/alertmanager", "credentials_file: /etc/alertmanager/token", "continue: true"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	tool(t, "amtool", "check-config", "am.yml")
}

// A recorded rollout's dashboard and rules are those that its server would publish.
func TestExportOfARecordedRollout(t *testing.T) {
	exportFolder(t)
	j, err := journal.Open(t.Context(), "serin.db", journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Parse("checkout.yaml", []byte(exportedPlan))
	if err != nil {
		t.Fatal(err)
	}
	a, err := j.Announce(t.Context(), rollout.Rollout{
		Service: "checkout", Namespace: "shop", Revision: "7d9f", Controller: "api", Plan: p.Name,
		Baseline: rollout.Arm(p.Arms.Baseline), Canary: rollout.Arm(p.Arms.Canary), Started: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
	}, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.End(t.Context(), a.Rollout.ID, time.Date(2026, 5, 1, 12, 20, 0, 0, time.UTC), "promoted"), j.Close()); err != nil {
		t.Fatal(err)
	}
	board, _ := exportRun(t, "dashboard", "--rollout", a.Rollout.ID, "--journal", "serin.db", "--base-url", "https://serin.example.com")
	for _, want := range []string{"serin-" + a.Rollout.ID, "Canary: shop/checkout 7d9f (ended, never judged)", "https://serin.example.com/r/" + a.Rollout.ID, "2026-05-01T12:25:00Z"} {
		if !strings.Contains(board, want) {
			t.Errorf("the board lacks %s", want)
		}
	}
	rules, _ := exportRun(t, "alerts", "--rollout", a.Rollout.ID, "--journal", "serin.db", "--grafana", "https://grafana.example.com/")
	if !strings.Contains(rules, "dashboard_url: https://grafana.example.com/d/serin-"+a.Rollout.ID) || !strings.Contains(rules, "rollout: "+a.Rollout.ID) {
		t.Errorf("the rules do not lead to the board:\n%s", rules)
	}
}

// What is kept in deploy/mixin is what this build prints.
func TestMixinIsAsItIsKept(t *testing.T) {
	mixinFolder, dir := filepath.Join("..", "..", "deploy", "mixin"), t.TempDir()
	if *update {
		dir = mixinFolder
	}
	exportRun(t, "mixin", "--self", `job="serin"`, "--output", dir+"/")
	made, err := os.ReadDir(dir)
	if err != nil || len(made) < 3 {
		t.Fatalf("got %d files, %v", len(made), err)
	}
	for _, f := range made {
		got, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(filepath.Join(mixinFolder, f.Name()))
		if err != nil || !bytes.Equal(kept, got) {
			t.Errorf("deploy/mixin/%s: run go test ./cmd/serin -run Mixin -update and look at the difference, error %v (-kept +printed):\n%s", f.Name(), err, cmp.Diff(string(kept), string(got)))
		}
	}
	tool(t, "promtool", "check", "rules", "--lint=all", "--lint-fatal", filepath.Join(mixinFolder, "serin-itself.yml"))
	tool(t, "promtool", "test", "rules", filepath.Join(mixinFolder, "serin-itself_test.yml"))
}
