package report_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/judge/rollout"
)

// past is a list with every outcome, a rollout without a look, one in shadow mode, and
// one whose names are hostile.
func past() []report.Past {
	list := []report.Past{
		pastOf("abcdefghijklmnop", "checkout", rolledBack()),
		pastOf("bcdefghijklmnopq", "a-service-with-a-name-that-is-rather-long", undecided()),
		pastOf("cdefghijklmnopqr", "search", promoted()),
		pastOf("defghijklmnopqrs", "cart\x1b[2J\x1b]0;owned\a\u202eevil", hostile()),
	}
	quiet := undecided()
	quiet.Mode, quiet.Outcome = "shadow", judge.Rollback
	list = append(list, pastOf("efghijklmnopqrst", "日本語のサービス", quiet))
	list[0].Closed = at.Add(time.Minute)
	return append(list, report.Past{Rollout: rollout.Rollout{ID: "fghijklmnopqrstu", Service: "new", Revision: "r1", Started: at}})
}

func pastOf(id, service string, v judge.Verdict) report.Past {
	v.Rollout.ID, v.Rollout.Service, v.Rollout.Started = id, service, at.Add(-time.Hour)
	return report.Past{Rollout: v.Rollout, Looks: v.Seq, Last: &v}
}

func listText(t *testing.T, list []report.Past, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.List(&b, list, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// traced is a trace with ratios: one climbs, one stays, one never has a ratio.
func traced() judge.Trace {
	tr := judge.Trace{Threshold: 1.30103, Points: rising(9)}
	for i, ratio := range []func(int) float64{
		func(i int) float64 { return 1 + 0.35*float64(i) },
		func(i int) float64 { return 1 + 0.02*math.Sin(float64(i)) },
		func(int) float64 { return 0 },
	} {
		points := rising(9)
		for n := range points {
			if i == 0 && n < 3 {
				continue // it began later
			}
			points[n].Effect = &judge.Effect{Ratio: ratio(n)}
		}
		tr.Metrics = append(tr.Metrics, judge.MetricTrace{Name: []string{"errors", "latency", "queue"}[i], Weight: []float64{0.5, 0.5, 0}[i], Points: points})
	}
	return tr
}

func traceText(t *testing.T, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.TraceText(&b, traced(), o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The same report, list and curves on terminals of three widths, and where a locale has
// nothing but ASCII.
func TestWidths(t *testing.T) {
	for _, width := range []int{60, 80, 120} {
		o := report.Options{Width: width, Now: at.Add(time.Minute)}
		golden(t, fmt.Sprintf("list-%d.txt", width), listText(t, past(), o))
		golden(t, fmt.Sprintf("terminal-%d.txt", width), text(t, rolledBack(), o)+traceText(t, o))
		golden(t, fmt.Sprintf("hostile-%d.txt", width), text(t, hostile(), o))
	}
	o := report.Options{Width: 80, ASCII: true}
	golden(t, "ascii-80.txt", text(t, rolledBack(), o)+traceText(t, o)+listText(t, past(), o))
	var b bytes.Buffer
	if err := report.ListMarkdown(&b, past(), at.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	golden(t, "list.md.golden", b.String())
}

// hostileTexts are what names and reasons may hold, and what of it a terminal would obey.
func hostileTexts() []string {
	return []string{
		"\x1b[2J\x1b[H", "\x1b]0;title\a", "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "\x9b31m", "\u009b31m",
		"\r\nROLLBACK", "a\bb\x7fc", "\u202eevil\u202c", "\u2066x\u2069", "\u200b\u200f\ufeff", "\u2028\u2029", "\xff\xfe", "\x00",
		"مرحبا", "e" + strings.Repeat("\u0301", 50), strings.Repeat("W", 10_000),
	}
}

// Nothing that comes from outside moves the cursor, turns the direction of writing, or
// makes a line of its own; and no line of a table is wider than the terminal.
func TestNamesAreInertOnTerminals(t *testing.T) {
	for _, bad := range hostileTexts() {
		v := rolledBack()
		v.Rollout.Service, v.Rollout.Namespace, v.Rollout.Revision = "s"+bad, "n"+bad, "r"+bad
		v.Reason, v.Page, v.Engine = "because "+bad, bad, bad
		for i := range v.Findings {
			v.Findings[i].Name, v.Findings[i].Reason, v.Findings[i].Next = "f"+bad, bad, bad
			if v.Findings[i].Effect != nil {
				v.Findings[i].Effect.Unit = bad
			}
		}
		list := []report.Past{{Rollout: v.Rollout, Last: &v}}
		for _, width := range []int{60, 80, 120} {
			for _, ascii := range []bool{false, true} {
				o := report.Options{Width: width, ASCII: ascii}
				table := listText(t, list, o)
				wantInert(t, bad, text(t, v, o)+table, ascii)
				for line := range strings.Lines(table) {
					if n := lipgloss.Width(strings.TrimSuffix(line, "\n")); n > width {
						t.Errorf("%.20q at %d columns: a line of the list has %d: %q", bad, width, n, line)
					}
				}
				if n := strings.Count(table, "\n"); n != 2 {
					t.Errorf("%.20q: the list has %d lines, want 2:\n%s", bad, n, table)
				}
			}
		}
	}
}

func wantInert(t *testing.T, bad, got string, ascii bool) {
	t.Helper()
	if strings.Contains(got, strings.Repeat("\u0301", 4)) {
		t.Errorf("%.20q: many marks on one letter reached the terminal", bad)
	}
	for _, r := range got {
		obeyed := r < ' ' && r != '\n' || r >= 0x7f && r <= 0x9f || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e ||
			r >= 0x2066 && r <= 0x2069 || r == 0xfeff || r == 0xfffd || r == 0x61c
		if obeyed || ascii && r > '~' {
			t.Errorf("%.20q: %U reached the terminal", bad, r)
			return
		}
	}
}

// A list fits into any terminal, and never loses what a person goes on with.
func TestListKeepsToItsWidth(t *testing.T) {
	for width := 50; width <= 200; width++ {
		got := listText(t, past(), report.Options{Width: width})
		for line := range strings.Lines(got) {
			if n := lipgloss.Width(strings.TrimSuffix(line, "\n")); n > width {
				t.Fatalf("%d columns: a line has %d: %q", width, n, line)
			}
		}
		for _, one := range past() {
			if !strings.Contains(got, one.Rollout.ID) {
				t.Fatalf("%d columns: %s is missing:\n%s", width, one.Rollout.ID, got)
			}
		}
	}
	if got := listText(t, nil, report.Options{}); got != "There are no such rollouts.\n" {
		t.Errorf("nothing: got %q", got)
	}
}

// ASCII keeps a text's width, whatever is in it, and leaves nothing else.
func TestASCIIKeepsTheWidth(t *testing.T) {
	for _, s := range append(hostileTexts(), "plain", "✓ 4.1× (≤ 1.04) – … → ▁▂▃▄▅▆▇█ φ̂ σ̂ 日本") {
		s = report.Plain(s)
		got := report.ASCII(s)
		if lipgloss.Width(got) != lipgloss.Width(s) || strings.IndexFunc(got, func(r rune) bool { return r > '~' }) >= 0 {
			t.Errorf("got %q of %d columns, want ASCII of %d for %q", got, lipgloss.Width(got), lipgloss.Width(s), s)
		}
	}
}

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		name    string
		values  []float64
		columns int
		want    string
	}{
		{"all levels", []float64{0, 1, 2, 3, 4, 5, 6, 7}, 60, "▁▂▃▄▅▆▇█"},
		{"beyond the ends", []float64{-9, 99}, 60, "▁█"},
		{"the greatest of those that share a column", []float64{0, 7, 0, 0}, 2, "█▁"},
		{"no number", []float64{math.NaN(), math.Inf(1), math.Inf(-1)}, 60, " █▁"},
		{"a number beside none", []float64{math.NaN(), 7, 0, math.NaN()}, 2, "█▁"},
		{"nothing", nil, 60, ""},
		{"no room", []float64{1}, 0, ""},
	} {
		if got := report.Spark(c.values, 0, 7, c.columns); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
