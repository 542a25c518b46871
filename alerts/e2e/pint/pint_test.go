// Package pint holds the rules that Serin writes against Cloudflare's pint, a linter of
// rules: by themselves, and with a real Prometheus that has the metrics they are about.
package pint

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// ruleSets is how many plans have golden files.
const ruleSets = 4

// build builds pint, of the version that go.mod names.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "pint")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "github.com/cloudflare/pint/cmd/pint").CombinedOutput(); err != nil {
		t.Fatalf("pint cannot be built: %v\n%s", err, out)
	}
	return bin
}

// sets copies the rule sets that the golden files hold, since all of them have the same
// names. What else is there is no rule file.
func sets(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("../../testdata/*/serin-*.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir, n := t.TempDir(), 0
	for _, file := range found {
		if strings.HasSuffix(file, "_test.yml") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, filepath.Base(filepath.Dir(file))+"-"+filepath.Base(file)), string(text))
		n++
	}
	if n < 12 {
		t.Fatalf("got %d rule files, want those of all golden sets", n)
	}
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// lint runs pint over files one by one: many rollouts in one are not what is published.
func lint(t *testing.T, bin, dir string, args ...string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, file := range files {
		all.Go(func() {
			cmd := exec.CommandContext(t.Context(), bin, slices.Concat(args, []string{"lint", "--min-severity=info", "--fail-on=info", filepath.Base(file)})...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("pint about %s: %v\n%s", filepath.Base(file), err, out)
			}
		})
	}
	all.Wait()
}

func config(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs("pint.hcl")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPint(t *testing.T) {
	bin := build(t)
	t.Run("offline", func(t *testing.T) { offline(t, bin) })
	t.Run("finds", func(t *testing.T) { finds(t, bin) })
	t.Run("online", func(t *testing.T) { online(t, bin) })
}

func offline(t *testing.T, bin string) {
	dir := sets(t)
	own, err := os.ReadFile("../../../deploy/mixin/serin-itself.yml") // the rules about Serin itself
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "serin-itself.yml"), string(own))
	lint(t, bin, dir, "--no-color", "--offline", "--config", config(t))
}

// finds shows that a rule that is wrong is found: the test can fail.
func finds(t *testing.T, bin string) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bad.yml"), "groups: [{name: x, rules: [{alert: A, expr: 'sum(up) by (job) > 0 and on(pod) up == 0'}]}]\n")
	cmd := exec.CommandContext(t.Context(), bin, "--no-color", "--offline", "--config", config(t), "lint", "--fail-on=info", "bad.yml")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("pint found nothing:\n%s", out)
	}
}

// online has pint ask a Prometheus that has the metrics: every series of the rules is
// there, counters are counters, and ranges suit the scrape interval.
func online(t *testing.T, bin string) {
	dir := sets(t)
	server := prometheus(t, dir)
	own, err := os.ReadFile("pint.hcl")
	if err != nil {
		t.Fatal(err)
	}
	with := filepath.Join(t.TempDir(), "pint.hcl")
	write(t, with, string(own)+fmt.Sprintf("\nprometheus \"real\" {\n  uri = %q\n  required = true\n}\n", server))
	lint(t, bin, dir, "--no-color", "--config", with)
}

// exporter shows the metrics that the rules are about, growing at every scrape.
func exporter(t *testing.T) *httptest.Server {
	t.Helper()
	var scrapes atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := scrapes.Add(1)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, page(n))
	}))
	t.Cleanup(s.Close)
	return s
}

func page(n int64) string {
	var b strings.Builder
	family := func(name, kind string, value int64, labels ...string) {
		fmt.Fprintf(&b, "# TYPE %s %s\n", name, kind)
		for _, arm := range []string{"checkout-primary", "checkout"} {
			common := fmt.Sprintf(`namespace="shop",pod="%s-abc-def",workload="%s"`, arm, arm)
			common += fmt.Sprintf(`,container="app",destination_workload="%s",destination_workload_namespace="shop",reporter="destination"`, arm)
			for _, l := range labels {
				fmt.Fprintf(&b, "%s{%s%s} %d\n", name, common, l, value)
			}
		}
	}
	histogram := func(name string) {
		fmt.Fprintf(&b, "# TYPE %s histogram\n", name)
		for _, arm := range []string{"checkout-primary", "checkout"} {
			common := fmt.Sprintf(`namespace="shop",pod="%s-abc-def",destination_workload="%s",destination_workload_namespace="shop",reporter="destination"`, arm, arm)
			fmt.Fprintf(&b, "%s_bucket{%s,le=\"0.1\"} %d\n%s_bucket{%s,le=\"+Inf\"} %d\n", name, common, 9*n, name, common, 10*n)
			fmt.Fprintf(&b, "%s_sum{%s} %d\n%s_count{%s} %d\n", name, common, n, name, common, 10*n)
		}
	}
	family("http_requests_total", "counter", 10*n, `,code="200"`, `,code="404"`, `,code="500"`)
	family("istio_requests_total", "counter", 10*n, `,response_code="200"`, `,response_code="500"`, `,response_code="404"`)
	histogram("http_request_duration_seconds")
	histogram("istio_request_duration_milliseconds")
	for _, name := range []string{"orders_total", "sessions_total", "db_queries_total", "container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total", "container_cpu_usage_seconds_total"} {
		family(name, "counter", 10*n, "")
	}
	family("kube_pod_container_status_restarts_total", "counter", 0, "")
	family("queue_length", "gauge", 3, "")
	family("container_memory_working_set_bytes", "gauge", 1<<20, "")
	family("kube_pod_container_status_last_terminated_reason", "gauge", 0, `,reason="OOMKilled"`)
	family("kube_pod_status_ready", "gauge", 1, `,condition="true"`, `,condition="false"`)
	family("kube_pod_status_phase", "gauge", 0, `,phase="Succeeded"`, `,phase="Failed"`)
	b.WriteString("# TYPE serin_journal_up gauge\nserin_journal_up 1\n")
	for name, labels := range map[string]string{"last_look_timestamp_seconds": "", "outcome": `,outcome="rollback"`, "page": "", "weight_percent": ""} {
		fmt.Fprintf(&b, "# TYPE serin_rollout_%s gauge\nserin_rollout_%s{rollout=\"abcdefghijklmnop\"%s} 0\n", name, name, labels)
	}
	return b.String()
}

// prometheus starts one that scrapes the exporter and evaluates the rules, and waits
// until it has recorded everything.
func prometheus(t *testing.T, rules string) string {
	t.Helper()
	server, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("SERIN_REQUIRE_TOOLS") != "" {
			t.Fatal("prometheus is missing; install Debian's package prometheus")
		}
		t.Skip("prometheus is not installed")
	}
	dir := t.TempDir()
	target := strings.TrimPrefix(exporter(t).URL, "http://")
	// The sets are evaluated one beside the other; all have the same group's name. They are
	// evaluated each second, and not each half minute as it says in what is linted.
	write(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(
		"global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%q]\nscrape_configs:\n  - {job_name: serin, honor_labels: true, static_configs: [{targets: [%q]}]}\n",
		filepath.Join(quick(t, rules), "*.yml"), target))
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), server, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	awaitRecorded(t, "http://"+addr)
	return "http://" + addr
}

// quick copies the rule sets as they are published, with rules that are evaluated each second.
func quick(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*-serin-abcdefghijklmnop.yml"))
	if err != nil || len(found) != ruleSets {
		t.Fatalf("got %d rule sets (%v), want %d", len(found), err, ruleSets)
	}
	to := t.TempDir()
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, filepath.Base(file)), strings.Replace(string(text), "interval: 30s", "interval: 1s", 1))
	}
	return to
}

// awaitRecorded waits until each rule of each set that records something has recorded it.
// Sets share names and labels with each other, and what one has recorded may have come of
// another; so each rule's last evaluation must have ended well, too.
func awaitRecorded(t *testing.T, server string) {
	t.Helper()
	end := time.Now().Add(5 * time.Minute)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		missing := unrecorded(t, server)
		if len(missing) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("never recorded:\n%s", strings.Join(missing, "\n"))
		}
		<-tick.C
	}
}

// unrecorded names what is not there yet of what the server's rules record.
func unrecorded(t *testing.T, server string) []string {
	t.Helper()
	var rules struct {
		Groups []struct {
			File  string
			Rules []struct {
				Name, Type, Health string
				Labels             map[string]string
			}
		}
	}
	if err := ask(t, server+"/api/v1/rules", &rules); err != nil {
		return []string{err.Error()}
	}
	if len(rules.Groups) < ruleSets {
		return []string{fmt.Sprintf("%d groups of rules, want %d", len(rules.Groups), ruleSets)}
	}
	var missing []string
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Type != "recording" {
				continue
			}
			if series := selector(r.Name, r.Labels); r.Health != "ok" || !there(t, server, series) {
				missing = append(missing, fmt.Sprintf("%s: %s (%s)", filepath.Base(g.File), series, r.Health))
			}
		}
	}
	return missing
}

// selector picks a recorded series by its name and labels.
func selector(name string, labels map[string]string) string {
	var of []string
	for k, v := range labels {
		of = append(of, fmt.Sprintf("%s=%q", k, v))
	}
	slices.Sort(of)
	return name + "{" + strings.Join(of, ",") + "}"
}

func there(t *testing.T, server, series string) bool {
	t.Helper()
	var found struct{ Result []json.RawMessage }
	err := ask(t, server+"/api/v1/query?query="+url.QueryEscape(series), &found)
	return err == nil && len(found.Result) > 0
}

// ask reads the data of an answer of Prometheus.
func ask(t *testing.T, page string, data any) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	return json.NewDecoder(a.Body).Decode(&struct{ Data any }{data})
}
