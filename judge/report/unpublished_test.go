package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/report"
)

// missing is what may be missing: work that is tried again, that was given up, and
// whatever a place answers.
func missing() []report.Unpublished {
	at := time.Date(2026, 5, 1, 12, 0, 30, 0, time.UTC)
	return []report.Unpublished{
		{What: "alert rules", Where: "prometheus rules", Why: "prometheus has read its files and does not have the group: add /etc/rules/*.yml to rule_files.", Since: at, Attempts: 7, Work: "qk3v5zgq7xmh2b4t"},
		{What: "dashboard", Where: "grafana", Why: "grafana answered with 502\x1b[31m | @oncall <b>https://x.example.com</b>", Since: at, Attempts: 1, Next: at.Add(95 * time.Second)},
		{What: "what is published", Why: "the work cannot be read"},
	}
}

func TestUnpublished(t *testing.T) {
	var text, narrow, marked bytes.Buffer
	for _, write := range []func() error{
		func() error { return report.UnpublishedText(&text, missing(), report.Options{}) },
		func() error { return report.UnpublishedText(&narrow, missing(), report.Options{Width: 40}) },
		func() error { return report.UnpublishedMarkdown(&marked, missing()) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "unpublished.txt", text.String())
	golden(t, "unpublished.md.golden", marked.String())
	for _, l := range strings.Split(narrow.String(), "\n") {
		if len([]rune(l)) > 40 {
			t.Errorf("got a line of %d characters in 40 columns: %q", len([]rune(l)), l)
		}
	}
	if all := text.String() + marked.String(); strings.ContainsRune(all, 0x1b) || strings.Contains(marked.String(), "<b>") || strings.Contains(marked.String(), " @oncall") {
		t.Errorf("what a place answered is not made harmless:\n%s", all)
	}
}

// Where everything is published nothing is said: a report is not longer by it.
func TestUnpublishedNothing(t *testing.T) {
	var b bytes.Buffer
	if err := report.UnpublishedText(&b, nil, report.Options{}); err != nil || b.Len() > 0 {
		t.Errorf("got %q, %v", b.String(), err)
	}
	if err := report.UnpublishedMarkdown(&b, nil); err != nil || b.Len() > 0 {
		t.Errorf("got %q, %v", b.String(), err)
	}
}
