package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); run with -update if the change is meant:\n%s", path, diff)
	}
}

func text(t *testing.T, v judge.Verdict, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Text(&b, v, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func markdown(t *testing.T, v judge.Verdict) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Markdown(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for name, v := range stories() {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".txt", text(t, v, report.Options{}))
			golden(t, name+".md.golden", markdown(t, v))
		})
	}
	golden(t, "rollback-errors-narrow.txt", text(t, rolledBack(), report.Options{Width: 60}))
	golden(t, "rollback-errors-colour.txt", text(t, rolledBack(), report.Options{Colour: true, Width: 120}))
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(stories())) {
		fmt.Fprintln(&lines, report.Line(stories()[name], 200))
	}
	golden(t, "lines.txt", lines.String())
}

// many is a verdict with so many findings, and sentences of some length.
func many(n, length int) judge.Verdict {
	v := rolledBack()
	long := strings.Repeat("日本語 und ein langer Satz, ", length)
	v.Reason, v.Page = long, long
	v.Rollout.Service, v.Rollout.Revision = "checkout"+strings.Repeat("-very-long", length), strings.Repeat("f", 40*length)
	v.Findings = nil
	for i := range n {
		f := errorsFinding()
		f.Name = fmt.Sprintf("metric-%02d-%s", i, strings.Repeat("x", length))
		f.Class = []judge.Class{judge.Worse, judge.Undecided, judge.NotWorse, judge.NoData, judge.LimitHit, judge.CheckFailed}[i%6]
		f.Reason, f.Next = long, long
		v.Findings = append(v.Findings, f)
	}
	return v
}

func TestSummaryIsShortAndLast(t *testing.T) {
	verdicts := stories()
	for _, n := range []int{0, 1, 40} {
		for _, length := range []int{1, 10, 60} {
			verdicts[fmt.Sprintf("%d findings of length %d", n, length)] = many(n, length)
		}
	}
	for name, v := range verdicts {
		s := report.Summary(v)
		if len(s) >= 1500 || s == "" || !utf8.ValidString(s) {
			t.Errorf("%s: got a summary of %d bytes, want some, valid, and less than 1500:\n%s", name, len(s), s)
		}
		for _, want := range []string{strings.ToUpper(report.ViewOf(v).Word), "roll back now? "} {
			if !strings.Contains(s, want) {
				t.Errorf("%s: the summary lacks %q:\n%s", name, want, s)
			}
		}
		if strings.Contains(s, "\x1b") {
			t.Errorf("%s: the summary has colour", name)
		}
		if full := text(t, v, report.Options{Colour: true}); !strings.HasSuffix(full, s) {
			t.Errorf("%s: the text does not end with the summary", name)
		}
	}
}

func TestTextKeepsToItsWidth(t *testing.T) {
	verdicts := stories()
	verdicts["many"] = many(40, 3)
	for name, v := range verdicts {
		for _, width := range []int{40, 60, 80, 100, 200} {
			full := text(t, v, report.Options{Width: width})
			body := strings.TrimSuffix(full, report.Summary(v)) // its lines are for logs
			for line := range strings.Lines(body) {
				if n := lipgloss.Width(strings.TrimSuffix(line, "\n")); n > width && width >= 60 {
					t.Errorf("%s at %d columns: a line has %d: %q", name, width, n, line)
				}
			}
		}
	}
}

func TestColourChangesNoWord(t *testing.T) {
	ansi := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for name, v := range stories() {
		plain, coloured := text(t, v, report.Options{}), text(t, v, report.Options{Colour: true})
		if strings.Contains(plain, "\x1b") {
			t.Errorf("%s: an escape without colour", name)
		}
		if !strings.Contains(coloured, "\x1b[") {
			t.Errorf("%s: no colour", name)
		}
		if diff := cmp.Diff(plain, ansi.ReplaceAllString(coloured, "")); diff != "" {
			t.Errorf("%s: colour changes words (-plain +coloured):\n%s", name, diff)
		}
	}
}

func TestLine(t *testing.T) {
	for name, v := range stories() {
		whole := report.Line(v, 100_000)
		if strings.ContainsAny(whole, "\n\r\x1b") {
			t.Errorf("%s: got %q, want one line without escapes", name, whole)
		}
		if !strings.HasPrefix(whole, report.ViewOf(v).Word) {
			t.Errorf("%s: got %q, want the outcome first", name, whole)
		}
		if (v.Mode == "shadow") != strings.Contains(whole, "shadow mode") {
			t.Errorf("%s: got %q, want shadow mode said where it is", name, whole)
		}
		for n := 1; n <= 600; n++ {
			got := report.Line(v, n)
			if len(got) > n || !utf8.ValidString(got) || len(whole) <= n && got != whole {
				t.Fatalf("%s: at most %d bytes: got %d: %q", name, n, len(got), got)
			}
		}
		if got := report.Line(v, 0); len(got) > 500 || got != report.Line(v, 500) {
			t.Errorf("%s: got %d bytes by default, want at most 500", name, len(got))
		}
	}
}

// Nothing that comes from outside makes a table cell, HTML, a link or a mention.
func TestMarkdownIsEscaped(t *testing.T) {
	got := markdown(t, hostile())
	for _, bad := range []string{"<script", "<b>", "<img", "http://", "www.", "![", "@everyone", " `", "\x1b", "\u202e", "\n1. ", "\n| not"} {
		if strings.Contains(got, bad) {
			t.Errorf("found %q in:\n%s", bad, got)
		}
	}
	if link := regexp.MustCompile(`[^\\]\]\(`).FindString(got); link != "" {
		t.Errorf("found a link %q in:\n%s", link, got)
	}
	unescaped := regexp.MustCompile(`(^|[^\\])\|`)
	cells := 0
	for line := range strings.Lines(got) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		n := len(unescaped.FindAllString(line, -1))
		if cells == 0 {
			cells = n
		}
		if n != cells {
			t.Errorf("a row has %d cell borders, want %d: %s", n, cells, line)
		}
	}
	if cells == 0 {
		t.Error("there is no table")
	}
}

func TestJSONReadsBack(t *testing.T) {
	v := rolledBack()
	var b bytes.Buffer
	if err := report.JSON(&b, v); err != nil {
		t.Fatal(err)
	}
	var got judge.Verdict
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(b.String(), "{\n  \"id\"") {
		t.Errorf("got %.40q, want it indented", b.String())
	}
	v.Score = nan()
	if err := report.JSON(&b, v); err == nil {
		t.Error("a number that JSON does not have was written")
	}
}

// The zero verdict is no accident to hide: it promises nothing.
func TestTheZeroVerdict(t *testing.T) {
	var v judge.Verdict
	for _, got := range []string{text(t, v, report.Options{}), markdown(t, v), report.Summary(v), report.Line(v, 0)} {
		low := strings.ToLower(got)
		if !strings.Contains(low, "continue") || strings.Contains(low, "proven") || strings.Contains(low, " yes") {
			t.Errorf("got %s", got)
		}
	}
}

func nan() float64 { var zero float64; return zero / zero }
