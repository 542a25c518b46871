package app

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
	"github.com/serin-canary/serin/queries/scrape"
)

// TestPrometheusChecks ensures that a plan's query is answered by a real server, for the
// present moment.
func TestPrometheusChecks(t *testing.T) {
	var history strings.Builder
	history.WriteString("# TYPE pods gauge\n")
	now := time.Now().Unix()
	for _, s := range []string{`pod="a"} 1`, `pod="b"} 0`, `pod="c"} NaN`} {
		for at := now - 60; at <= now+60; at += 15 {
			fmt.Fprintf(&history, "pods{%s %d\n", s, at)
		}
	}
	history.WriteString("# EOF\n")
	sources, err := OpenSources([]Source{{Name: "main", Prometheus: &prometheus.Config{URL: promtest.Start(t, promtest.Config{History: history.String()})}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := sources.asked(checks.Kinds{})
	for query, want := range map[string]string{
		`pods{pod="a"}`:              "passed: is 1",
		`pods{pod=~"a|b"}`:           "failed: does not hold for 1 of 2 series: the assertion value > 0 does not hold: value is 0 of {pod=b}",
		`pods`:                       "failed: is NaN of {pod=c}",
		`pods{pod="nope"}`:           "failed: has no data",
		`vector(2)`:                  "passed: is 2",
		`topk by (a) (1, pods) or (`: `broken: was not answered: source "main": rejected: `,
	} {
		c := checks.Prometheus{Source: "main", Query: query, Assert: []string{"value > 0"}}
		got := all.Run(t.Context(), checks.Spec{Prometheus: &c}, checks.Target{})
		status, said, _ := strings.Cut(want, ": ")
		if string(got.Status) != status || !strings.Contains(got.Reason, said) {
			t.Errorf("%s: got %s: %s, want %s", query, got.Status, got.Reason, want)
		}
	}
}

func TestSourcesThatCannotBeAsked(t *testing.T) {
	sources, err := OpenSources([]Source{{Name: "own", Scrape: &Scrape{Targets: []scrape.Target{{URL: "http://127.0.0.1:1/metrics"}}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := sources.ask(t.Context(), "own", "vector(1) / 0", time.Now())
	if err != nil || len(got) != 1 || !math.IsInf(got[0].Value, 1) {
		t.Errorf("got %v, %v, want the embedded engine's answer", got, err)
	}
	if _, err := (&Sources{}).ask(t.Context(), "main", "vector(1)", time.Now()); err == nil || !strings.Contains(err.Error(), "name the configuration that has them with --config") {
		t.Errorf("got %v, want the next step", err)
	}
	if _, err := sources.ask(t.Context(), "other", "vector(1)", time.Now()); err == nil || !strings.Contains(err.Error(), `source "other" is not configured; there are own`) {
		t.Errorf("got %v, want the source that is missing", err)
	}
}
