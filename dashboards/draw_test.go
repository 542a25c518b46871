package dashboards

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

var update = flag.Bool("update", false, "rewrite golden files")

func load(t testing.TB, text string) plan.Plan {
	t.Helper()
	p, err := plan.Parse("plan.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func subject(t testing.TB, text string) Subject {
	t.Helper()
	weight := 20.0
	return Subject{
		Plan: load(t, text),
		Rollout: rollout.Rollout{
			ID: "abcdefghijklmnop", Service: "checkout", Namespace: "shop", Revision: "7d9f", Controller: "flagger", Plan: "checkout", Attempt: 1,
			Baseline: rollout.Arm{Namespace: "shop", Workload: "checkout-primary", PodPattern: "checkout-primary-[0-9a-z]+-[0-9a-z]+"},
			Canary:   rollout.Arm{Namespace: "shop", Workload: "checkout", PodPattern: "checkout-[0-9a-z]+-[0-9a-z]+", Version: "v2.1.0"},
			Started:  time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
		},
		Verdict: Verdict{
			Outcome: "continue", Reason: "Neither side is proven yet: errors 0.9 % over 0.8 % (limit 0.93 %).", At: time.Date(2026, 5, 1, 12, 12, 30, 0, time.UTC),
			Worst: "errors", WorstReason: "errors are 1.1× the baseline's; 2:1 that this is more than tolerated.", Weight: &weight,
		},
		Links: Links{Report: "https://serin.example.com/r/abcdefghijklmnop", Runbook: "https://wiki.example.com/canary"},
	}
}

func plans() map[string]string {
	return map[string]string{
		"http":  "service: checkout\npreset: [http, kubernetes]\nchecks:\n  - name: home\n    http: { get: \"{{ .Canary.URL }}/health\" }\n",
		"istio": "service: checkout\npreset: istio\n",
		"business": `service: checkout
preset: http
metrics:
  - name: conversion
    query: sum(rate(orders_total[1m])) / sum(rate(sessions_total[1m]))
    worse: lower
    tolerance: 2%
  - name: queue
    title: Jobs that wait
    query: avg by (pod) (queue_length)
    unit: jobs
    tolerance: 10% + 2 jobs
    margin: 50% + 4 jobs
    weight: 1
  - name: queries-per-request
    query: sum(rate(db_queries_total[2m]))
    of: requests
    weight: 0.1
`,
		"fast": "service: checkout\nblock: 1s\nlag: 1s\nmaxDuration: 5m\nminDuration: 20s\npreset: http\nmode: shadow\n",
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(want, got) {
		t.Errorf("%s: run go test ./dashboards -update and look at the difference (-want +got), error %v:\n%s", file, err, cmp.Diff(string(want), string(got)))
	}
}

func TestGolden(t *testing.T) {
	for name, text := range plans() {
		t.Run(name, func(t *testing.T) {
			s := subject(t, text)
			b, err := Draw(s)
			if err != nil {
				t.Fatal(err)
			}
			one, err := b.JSON()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", one)
			if name != "http" {
				return
			}
			second, err := b.Manifest("canaries")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+"-v2.json", second)
			s.Closed, s.Why, s.Verdict.Outcome, s.Verdict.Proven = s.Rollout.Started.Add(40*time.Minute), "Flagger's phase is Failed", "rollback", true
			harm := 1.5
			s.Verdict.Harm, s.Verdict.CanaryRequests, s.Verdict.BaselineRequests = &harm, 402, 1954
			if b, err = Draw(s); err != nil {
				t.Fatal(err)
			}
			if one, err = b.JSON(); err != nil {
				t.Fatal(err)
			}
			golden(t, name+"-closed.json", one)
		})
	}
}

func TestStandingGolden(t *testing.T) {
	s := Standing{Self: []queries.Matcher{{Label: "job", Op: queries.Equal, Value: "serin"}}, Server: "https://serin.example.com"}
	fleet, err := Fleet(s)
	if err != nil {
		t.Fatal(err)
	}
	service, err := Service(s, "shop", "checkout")
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]Board{"fleet": fleet, "service": service} {
		text, err := b.JSON()
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", text)
	}
}
