package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
)

func rising(n int) []judge.TracePoint {
	out := make([]judge.TracePoint, n)
	for i := range out {
		out[i] = judge.TracePoint{At: i, End: at.Add(time.Duration(i) * time.Minute), Worse: -0.5 + float64(i)*2/float64(n-1)}
	}
	e := *errorsFinding().Effect
	out[n-1].Effect, out[n-1].NotWorse = &e, ptr(-3.2)
	return out
}

func trace() judge.Trace {
	return judge.Trace{
		Rollout: "abcdefghijklmnop", Block: "1m0s", Threshold: 1.30103, Promote: 1.30103, Points: rising(9),
		Metrics: []judge.MetricTrace{
			{Name: "errors", Weight: 0.5, Required: true, Points: rising(9)},
			{Name: "a-metric-with-a-name-that-is-long\x1b[31m", Weight: 0.5, Points: rising(3)},
			{Name: "nothing", Points: []judge.TracePoint{}},
		},
	}
}

func TestTrace(t *testing.T) {
	var text, js, md bytes.Buffer
	if err := report.TraceText(&text, trace(), report.Options{Width: 80}); err != nil {
		t.Fatal(err)
	}
	if err := report.TracedJSON(&js, judge.Verdict{Reason: "neither side is proven"}, trace()); err != nil {
		t.Fatal(err)
	}
	if err := report.TraceMarkdown(&md, trace()); err != nil {
		t.Fatal(err)
	}
	golden(t, "trace.txt", text.String())
	golden(t, "trace.json.golden", js.String())
	golden(t, "trace.md.golden", md.String())
}

// TestTraceTooNarrow ensures that a line that would not fit is not written at all, and
// that no line is wider than the terminal.
func TestTraceTooNarrow(t *testing.T) {
	long := trace()
	long.Metrics[0].Points, long.Points = rising(240), rising(240)
	for width := 1; width < 140; width++ {
		var b bytes.Buffer
		if err := report.TraceText(&b, long, report.Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > max(width, 40) {
				t.Errorf("width %d: a line has %d columns", width, n)
			}
		}
	}
	var b bytes.Buffer
	for _, write := range []func() error{
		func() error { return report.TraceText(&b, judge.Trace{}, report.Options{}) },
		func() error { return report.TraceMarkdown(&b, judge.Trace{}) },
	} {
		if err := write(); err != nil || b.Len() > 0 {
			t.Errorf("an empty trace: got %q, %v", b.String(), err)
		}
	}
}
