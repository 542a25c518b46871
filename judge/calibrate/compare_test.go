package calibrate_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/judge/plan"
)

var update = flag.Bool("update", false, "write golden files")

// plansOf are a plan that takes noise for chance, and the plan as it is, which is slower.
func plansOf(p plan.Plan) [2]plan.Plan {
	keen := p
	keen.Name, keen.Sequential.Dispersion = "keen", plan.Exact
	keen.Metrics = slices.Clone(p.Metrics)
	keen.Metrics[0].Tolerance = plan.Margin{Relative: .01}
	p.Name = "calm"
	return [2]plan.Plan{keen, p}
}

func TestComparePlans(t *testing.T) {
	t.Parallel()
	const runs = 16
	f, p := errorsOnly(t, runs)
	file, h := past(t, f, runs, p)
	told := 0
	c, err := calibrate.Compare(t.Context(), file, h, plansOf(p), calibrate.Config{
		Baseline: baselineArm(), Draws: 2 * runs, Seed: 4, Engine: "test", Harm: &calibrate.Harm{Errors: .01, Seed: 4},
		Tell: func(done, of int) { told = max(told, done*100/of) },
	})
	if err != nil {
		t.Fatal(err)
	}
	keen, calm := c.Healthy[0], c.Healthy[1]
	if keen.Alarms.Count <= calm.Alarms.Count {
		t.Errorf("got %d and %d false alarms, want more of the keen plan", keen.Alarms.Count, calm.Alarms.Count)
	}
	if n := c.Alarms; n.Both+n.First+n.Second+n.None != 2*runs || n.First <= n.Second {
		t.Errorf("got %+v, want every draw counted once", n)
	}
	if c.Harmed == nil || c.Harmed[1].Alarms.Rate < .9 {
		t.Errorf("got %+v, want a regression of 1 pp found", c.Harmed)
	}
	if c.Sooner == nil || len(c.Differ) == 0 || told != 100 {
		t.Errorf("got %v sooner, %d differences, %d %% told", c.Sooner, len(c.Differ), told)
	}
	for _, format := range []string{"text", "markdown", "html"} {
		golden(t, "compare."+format, func(b *bytes.Buffer) error { return calibrate.WriteComparison(b, format, c) })
	}
	other := plansOf(p)
	other[1].Block *= 2
	if _, err := calibrate.Compare(t.Context(), file, h, other, calibrate.Config{Baseline: baselineArm()}); err == nil || !strings.Contains(err.Error(), "blocks of the same length") {
		t.Errorf("got error %v, want blocks of one length", err)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	const runs = 8
	f, p := errorsOnly(t, runs)
	file, h := past(t, f, runs, p)
	r := study(t, file, h, calibrate.Config{Plan: plansOf(p)[0], Draws: 12, Seed: 4, Paths: 40})
	if r.Metrics[0].Forecast == nil {
		t.Error("got no forecast of the smallest regression")
	}
	for _, format := range []string{"text", "markdown", "html"} {
		golden(t, "report."+format, func(b *bytes.Buffer) error { return calibrate.Write(b, format, r) })
	}
	var b bytes.Buffer
	var back calibrate.Report
	if err := calibrate.Write(&b, "json", r); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || sameReport(r, back) != "" {
		t.Errorf("json does not read back: %v\n%s", err, sameReport(r, back))
	}
	if err := calibrate.Write(&b, "pdf", r); err == nil {
		t.Error("got no error for a format that there is not")
	}
}

func golden(t *testing.T, name string, write func(*bytes.Buffer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}
