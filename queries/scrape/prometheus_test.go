package scrape

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries/promql"
)

// tool finds one of Prometheus's programs, or skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("SERIN_REQUIRE_TOOLS") != "":
		t.Fatalf("%s is not installed and SERIN_REQUIRE_TOOLS is set; install Debian's package prometheus", name)
	default:
		t.Skipf("%s is not installed; install Debian's package prometheus to compare with the real one", name)
	}
	return ""
}

// server is a real Prometheus on loopback.
type server struct{ api v1.API }

// startPrometheus starts a server over recorded samples, in OpenMetrics, that scrapes
// as its configuration says.
func startPrometheus(t *testing.T, recorded, config string) server {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data := filepath.Join(dir, "data")
	if recorded != "" {
		out, err := exec.Command(tool(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", write("recorded.om", recorded), data).CombinedOutput()
		if err != nil {
			t.Fatalf("promtool: %v\n%s", err, out)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "prometheus"), "--config.file="+write("prometheus.yml", config), "--storage.tsdb.path="+data,
		"--storage.tsdb.retention.time=100y", "--enable-feature=native-histograms", "--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		log.Close()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("prometheus said:\n%s", b)
		}
	})
	transport := &http.Transport{DisableKeepAlives: true}
	client, err := api.NewClient(api.Config{Address: "http://" + addr, RoundTripper: transport})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "prometheus ready", func() bool {
		res, err := (&http.Client{Transport: transport}).Get("http://" + addr + "/-/ready")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return server{v1.NewAPI(client)}
}

// Range implements promql.Ranger.
func (p server) Range(ctx context.Context, expr string, r promql.Range) (model.Matrix, []string, error) {
	v, warnings, _, err := p.api.QueryRange(ctx, expr, v1.Range{
		Start: time.UnixMilli(r.Start), End: time.UnixMilli(r.End), Step: time.Duration(r.Step) * time.Millisecond,
	})
	if err != nil {
		return nil, nil, err
	}
	return v.(model.Matrix), warnings, nil
}

// story is what pods show over time, and when they are scraped.
type story struct {
	pods   []string
	begin  time.Time
	rounds int
	page   func(pod string, round int) string // empty: not scraped in this round
}

// at is when a pod is scraped in a round: never at the very end of a block.
func (s story) at(pod, round int) time.Time {
	return s.begin.Add(time.Duration(round)*interval + time.Duration(1000+1300*pod)*time.Millisecond)
}

// labelsOf are what a pod's target adds.
func (s story) labelsOf(pod string) map[string]string {
	arm, _, _ := strings.Cut(pod, "-")
	return map[string]string{"job": "shop", "instance": pod + ":80", "pod": pod, "arm": arm}
}

// openMetrics is the story as samples with times, made from the pages' text by
// other means than the package's own.
func (s story) openMetrics() string {
	byName := map[string]*strings.Builder{}
	var names []string
	for i, pod := range s.pods {
		l := s.labelsOf(pod)
		added := fmt.Sprintf(`arm=%q,instance=%q,job=%q,pod=%q`, l["arm"], l["instance"], l["job"], l["pod"])
		samples := map[string][]string{}
		var order []string
		for round := range s.rounds {
			for _, line := range strings.Split(s.page(pod, round), "\n") {
				if line == "" || line[0] == '#' {
					continue
				}
				id, value, _ := strings.Cut(line, "} ")
				id = normalised(id) + "," + added + "}"
				if samples[id] == nil {
					order = append(order, id)
				}
				samples[id] = append(samples[id], fmt.Sprintf("%s %s %.3f\n", id, value, float64(s.at(i, round).UnixMilli())/1000))
			}
		}
		for _, id := range order {
			name, _, _ := strings.Cut(id, "{")
			if byName[name] == nil {
				byName[name] = &strings.Builder{}
				names = append(names, name)
			}
			for _, line := range samples[id] {
				byName[name].WriteString(line)
			}
		}
	}
	var all strings.Builder
	for _, name := range names {
		all.WriteString(byName[name].String())
	}
	return all.String() + "# EOF\n"
}

// normalised writes le="1" as Prometheus does since 3.0.
func normalised(id string) string {
	before, rest, ok := strings.Cut(id, `le="`)
	if !ok {
		return id
	}
	le, after, _ := strings.Cut(rest, `"`)
	if !strings.ContainsAny(le, ".eI") {
		le += ".0"
	}
	return before + `le="` + le + `"` + after
}

// scrapedInto feeds the story to a source, page by page, over HTTP.
func (s story) scrapedInto(t *testing.T) *Source {
	t.Helper()
	var targets []Target
	pods := make([]*pod, len(s.pods))
	for i, name := range s.pods {
		pods[i] = newPod(t, "")
		targets = append(targets, Target{URL: pods[i].URL, Labels: s.labelsOf(name)})
	}
	src, clock := newTestSource(t, Config{Targets: targets})
	for round := range s.rounds {
		for i, name := range s.pods {
			body := s.page(name, round)
			if body == "" {
				continue
			}
			pods[i].show(body)
			clock.set(s.at(i, round))
			src.scrapers[i].scrapeOnce(t.Context())
		}
	}
	return src
}
