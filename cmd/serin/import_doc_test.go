package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestImportPage runs every command of docs/import.md on the files that the page shows,
// and compares what it prints, the report behind the plan, with what the page says.
func TestImportPage(t *testing.T) {
	page, err := filepath.Abs(filepath.Join("..", "..", "docs", "import.md"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, f := range regexp.MustCompile("(?s)\n`([a-z.]+)`:\n\n```[a-z]+\n(.*?\n)```\n").FindAllStringSubmatch(string(text), -1) {
		if err := os.WriteFile(f[1], []byte(f[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ran := 0
	got := regexp.MustCompile("(?s)\n```\n\\$ serin [^\n]*\n(.*?\n)?```\n").ReplaceAllStringFunc(string(text), func(block string) string {
		ran++
		command, _, _ := strings.Cut(strings.TrimPrefix(block, "\n```\n$ serin "), "\n")
		var out, report bytes.Buffer
		if code := run(t.Context(), strings.Fields(command), &out, &report); code != 0 {
			t.Errorf("serin %s: exit %d", command, code)
		}
		printed := out.String()
		if printed == "" {
			printed = report.String()
		}
		return "\n```\n$ serin " + command + "\n" + printed + "```\n"
	})
	if ran != 4 {
		t.Errorf("%d commands were found, want 4", ran)
	}
	if diff := cmp.Diff(string(text), got); diff != "" {
		if *update {
			if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Errorf("run go test ./cmd/serin -update; docs/import.md (-said +ran):\n%s", diff)
	}
}
