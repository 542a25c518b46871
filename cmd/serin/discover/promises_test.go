package discover

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPromisesHaveTheirTests holds that every test which docs/sources.md names is there, in
// the package that it names.
func TestPromisesHaveTheirTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "sources.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "## Promises and their tests")
	if !ok {
		t.Fatal("docs/sources.md has no table of promises")
	}
	held := 0
	for _, part := range regexp.MustCompile("`([a-z/]+)`: ((?:`Test[A-Za-z0-9]+`(?:, )?)+)").FindAllStringSubmatch(table, -1) {
		files, err := filepath.Glob(filepath.Join(root, part[1], "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(code)
		}
		for _, name := range regexp.MustCompile("Test[A-Za-z0-9]+").FindAllString(part[2], -1) {
			held++
			if !strings.Contains(all.String(), "\nfunc "+name+"(") {
				t.Errorf("%s has no test %s", part[1], name)
			}
		}
	}
	if held < 40 {
		t.Errorf("got %d tests in the table, want all of them", held)
	}
}
