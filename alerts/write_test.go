package alerts

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	return Subject{
		Plan: load(t, text),
		Rollout: rollout.Rollout{
			ID: "abcdefghijklmnop", Service: "checkout", Namespace: "shop", Revision: "7d9f",
			Baseline: rollout.Arm{Namespace: "shop", Workload: "checkout-primary", PodPattern: "checkout-primary-[0-9a-z]+-[0-9a-z]+"},
			Canary:   rollout.Arm{Namespace: "shop", Workload: "checkout", PodPattern: "checkout-[0-9a-z]+-[0-9a-z]+"},
			Started:  time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
		},
		Links: Links{Report: "https://serin.example.com/r/abcdefghijklmnop", Runbook: "https://wiki.example.com/{{canary}}"},
		Self:  []queries.Matcher{{Label: "job", Op: queries.Equal, Value: "serin"}},
	}
}

// plans are what rules are written of, by name.
func plans() map[string]string {
	return map[string]string{
		"http":  "service: checkout\npreset: [http, kubernetes]\nmetrics:\n  - name: errors\n    objective: 99.9%\n",
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

func TestGolden(t *testing.T) {
	for name, text := range plans() {
		t.Run(name, func(t *testing.T) {
			s, err := Write(subject(t, text))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range everything(t, s) {
				golden(t, filepath.Join("testdata", name, f.Name), f.Data)
			}
		})
	}
}

// everything is a set's files.
func everything(t testing.TB, s Set) []File {
	t.Helper()
	rules, err := s.YAML()
	if err != nil {
		t.Fatal(err)
	}
	dead, err := s.Tombstone().YAML()
	if err != nil {
		t.Fatal(err)
	}
	inlined, err := s.Inlined()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := inlined.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(whole), "rollout:value") || strings.Contains(string(whole), "rollout:requests") {
		t.Error("an inlined set looks recordings up")
	}
	manifest, err := s.Manifest(ManifestOptions{Namespace: "monitoring", Labels: map[string]string{"release": "prom"}, Owner: Owner{"argoproj.io/v1alpha1", "Rollout", "checkout", "1-2"}})
	if err != nil {
		t.Fatal(err)
	}
	tests, untested, err := s.Tests()
	if err != nil {
		t.Fatal(err)
	}
	left := strings.Join(append(append([]string{"left out:"}, s.LeftOut...), append([]string{"untested:"}, untested...)...), "\n") + "\n"
	return append([]File{
		{s.Name() + ".yml", rules}, {s.Name() + "-tombstone.yml", dead}, {s.Name() + "-inlined.yml", whole},
		{s.Name() + ".yaml", manifest}, {"left.txt", []byte(left)},
	}, tests...)
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
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
		t.Errorf("%s: run go test ./alerts -update and look at the difference (-want +got), error %v:\n%s", file, err, cmp.Diff(string(want), string(got)))
	}
}

// promtool runs Debian's promtool.
func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	bin, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("SERIN_REQUIRE_TOOLS") != "" {
			t.Fatal("promtool is missing; install Debian's package prometheus")
		}
		t.Skip("promtool is not installed")
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// What is written passes promtool's strictest check, and its own unit tests.
func TestPromtool(t *testing.T) {
	for name, text := range plans() {
		if name != "http" && os.Getenv("SERIN_E2E") == "" {
			continue // each is seconds of promtool's work
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Write(subject(t, text))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			for _, f := range everything(t, s) {
				if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
				switch {
				case strings.HasSuffix(f.Name, "_test.yml"):
					promtool(t, dir, "test", "rules", f.Name)
				case strings.HasSuffix(f.Name, ".yml"):
					promtool(t, dir, "check", "rules", "--lint=all", "--lint-fatal", f.Name)
				}
			}
		})
	}
}
