package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/backtest"
	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// pastPlan judges the past of [pastSamples].
const pastPlan = `service: shop
source: prometheus
arms:
  baseline: { labels: { track: stable } }
  canary: { labels: { track: canary } }
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
    required: true
prePeriod: 30m
minDuration: 10m
maxDuration: 30m
`

// pastSamples is twelve hours of eight stable pods, of which one request in a hundred fails,
// and two pods of a canary that fails three times as often, in the hour from bad on.
func pastSamples(end, bad time.Time) string {
	var h promtest.History
	const step = 30 * time.Second
	for pod := range 10 {
		luck := rand.New(rand.NewPCG(1, uint64(pod)))
		from, to, track, rate := end.Add(-12*time.Hour), end, "stable", .01
		if pod >= 8 {
			from, to, track, rate = bad, bad.Add(time.Hour), "canary", .03
		}
		labels := fmt.Sprintf(`job="shop",instance="10.0.0.%d:80",pod="shop-%s-%[1]d",track=%[2]q`, pod, track)
		var ok, failed float64
		for at := from; !at.After(to); at = at.Add(step) {
			for range 240 + luck.IntN(20) {
				if luck.Float64() < rate {
					failed++
				} else {
					ok++
				}
			}
			m := promtest.Metric{Family: "http_requests", Kind: "counter", Suffix: "_total"}
			m.Labels = labels + `,code="200"`
			h.Add(m, at, ok)
			m.Labels = labels + `,code="500"`
			h.Add(m, at, failed)
		}
	}
	return h.String()
}

// pastWorld is a Prometheus with a past, and the flags that ask it.
type pastWorld struct {
	t        *testing.T
	dir, url string
	end, bad time.Time
}

func newPastWorld(t *testing.T) pastWorld {
	end := time.Now().UTC().Truncate(time.Hour)
	w := pastWorld{t: t, dir: t.TempDir(), end: end, bad: end.Add(-2 * time.Hour)}
	w.url = promtest.Start(t, promtest.Config{History: pastSamples(w.end, w.bad)})
	w.write("shop.yaml", pastPlan)
	w.write("wide.yaml", strings.Replace(pastPlan, "    required: true\n", "    required: true\n    tolerance: 150%\n    margin: 300%\n", 1))
	return w
}

func (w pastWorld) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// serin runs a command in the world's folder and returns its output.
func (w pastWorld) serin(args ...string) []byte {
	w.t.Helper()
	cmd, errs := w.command(args...)
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("serin %s: %v\n%s", strings.Join(args, " "), err, errs)
	}
	return out
}

func (w pastWorld) command(args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(context.WithoutCancel(w.t.Context()), "serin", args...)
	errs := &bytes.Buffer{}
	cmd.Dir, cmd.Stderr = w.dir, errs
	return cmd, errs
}

func (w pastWorld) calibrate(state string) []string {
	except := w.bad.Format(time.RFC3339) + "/" + w.bad.Add(time.Hour).Format(time.RFC3339)
	return []string{"calibrate", "--plan", "shop.yaml", "--prometheus", w.url, "--days", "1", "--to", w.end.Format(time.RFC3339),
		"--except", except, "--draws", "60", "--paths", "0", "--state", state, "-o", "json", "--queries-per-minute", "0"}
}

// TestThePastOfARealPrometheus walks a bad rollout through, calibrates, interrupted in
// every way, and compares two plans.
func TestThePastOfARealPrometheus(t *testing.T) {
	needsMinutes(t)
	w := newPastWorld(t)
	t.Run("backtest", func(t *testing.T) {
		var r backtest.Report
		out := w.serin("backtest", "--plan", "shop.yaml", "--prometheus", w.url, "--from", w.bad.Format(time.RFC3339),
			"--to", w.bad.Add(30*time.Minute).Format(time.RFC3339), "--queries-per-minute", "0", "-o", "json", "--html", "backtest.html")
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatal(err)
		}
		if first, said := r.First(); first != judge.Rollback || said.Metrics[0] != "errors" || len(r.Looks) != 30 {
			t.Errorf("got %v, want a rollback by errors: %s", first, r.Sentence())
		}
		if page, err := os.ReadFile(filepath.Join(w.dir, "backtest.html")); err != nil || !bytes.Contains(page, []byte("Serin would have said rollback")) {
			t.Errorf("the page does not say it: %v", err)
		}
	})
	t.Run("calibrate", func(t *testing.T) {
		want := w.serin(w.calibrate("whole")...)
		w.interrupt("part", syscall.SIGKILL)
		if text := w.interrupt("part", os.Interrupt); text != "" && !strings.Contains(text, "kept in part, and the same command goes on") {
			t.Errorf("Ctrl-C is answered by %q", text)
		}
		got := w.serin(w.calibrate("part")...)
		if !bytes.Equal(want, got) {
			t.Errorf("the report of an interrupted calibration is another one:\n%s\nwant\n%s", got, want)
		}
		var r calibrate.Report
		if err := json.Unmarshal(got, &r); err != nil {
			t.Fatal(err)
		}
		if r.Verdict == calibrate.Broken || r.Alarms.Of != 60 || r.Promoted.Count == 0 {
			t.Errorf("got %+v, want a healthy past", r.Alarms)
		}
	})
	t.Run("compare-plans", func(t *testing.T) {
		out := w.serin("compare-plans", "shop.yaml", "wide.yaml", "--history", "whole", "--draws", "24", "--harm-errors", "0.8%", "-o", "json")
		var c calibrate.Comparison
		if err := json.Unmarshal(out, &c); err != nil {
			t.Fatal(err)
		}
		if c.Found == nil || c.Found.First <= c.Found.Second {
			t.Errorf("got %+v, want the plan with the wider tolerance to find less", c.Found)
		}
	})
}

// interrupt begins a calibration and ends it once it has judged something, or anything
// where it has before. It returns what it wrote to stderr; "" where it ended first.
func (w pastWorld) interrupt(state string, by os.Signal) string {
	w.t.Helper()
	cmd, errs := w.command(w.calibrate(state)...)
	before := w.judged(state)
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for w.judged(state) < before+3 {
		select {
		case err := <-done:
			w.t.Logf("ended before it could be interrupted: %v", err)
			return ""
		case <-time.After(5 * time.Millisecond):
		}
	}
	if err := cmd.Process.Signal(by); err != nil && !errors.Is(err, os.ErrProcessDone) {
		w.t.Fatal(err)
	}
	if err := <-done; err == nil {
		return ""
	}
	return errs.String()
}

// judged counts the draws in a state file.
func (w pastWorld) judged(state string) int {
	text, err := os.ReadFile(filepath.Join(w.dir, state))
	if err != nil {
		return 0 // not there yet
	}
	return bytes.Count(text, []byte(`{"draw":`))
}
