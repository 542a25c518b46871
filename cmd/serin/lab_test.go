package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLab(t *testing.T) {
	var out, diag bytes.Buffer
	code := run(t.Context(), []string{
		"lab", "--runs", "3", "--level", "clean,harsh", "--scenario", "aa,errors+5pp", "--pods", "3+1", "--rule", "serin,argo-99", "-o", "json",
	}, &out, &diag)
	if code != 0 {
		t.Fatalf("got exit code %d, want 0:\n%s", code, diag.String())
	}
	var cells []map[string]any
	if err := json.Unmarshal(out.Bytes(), &cells); err != nil {
		t.Fatalf("%v:\n%s", err, out.String())
	}
	if len(cells) != 8 {
		t.Errorf("got %d cells, want 2 levels of 2 scenarios under 2 rules", len(cells))
	}
	for _, key := range []string{"rule", "level", "rps", "pods", "scenario", "runs", "rollback_rate", "promote_rate", "median_minutes", "bad_requests"} {
		if _, ok := cells[0][key]; !ok {
			t.Errorf("the cell has no %s: %v", key, cells[0])
		}
	}
}

func TestLabDraws(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lab.svg")
	var out, diag bytes.Buffer
	code := run(t.Context(), []string{
		"lab", "--runs", "2", "--scenario", "aa,errors+5pp", "--rule", "argo-95,argo-99", "-o", "matrix", "--show", "interval", "--plot", file,
	}, &out, &diag)
	if code != 0 {
		t.Fatalf("got exit code %d, want 0:\n%s", code, diag.String())
	}
	if want := "| `errors+5pp` | "; !strings.HasPrefix(out.String(), "| scenario | argo-95 | argo-99 |\n") || !strings.Contains(out.String(), want) {
		t.Errorf("got\n%s\nwant a matrix with a row %q", out.String(), want)
	}
	picture, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(picture, []byte("Rolled back by minute")) {
		t.Errorf("got %d bytes of a picture and error %v, want a chart of detection", len(picture), err)
	}
}

// TestLabsCommands holds that the commands which write the tables of the documentation
// are commands.
func TestLabsCommands(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "lab.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(page)) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "<!-- $ serin ")
		if !ok || strings.Contains(command, "$SERIN_SERIES_DIR") {
			continue
		}
		found++
		var out, diag bytes.Buffer
		args := append(strings.Fields(strings.TrimSuffix(command, " -->")), "--runs", "0")
		if code := run(t.Context(), args, &out, &diag); code != exitFailure || !strings.Contains(diag.String(), "--runs must be at least 1") {
			t.Errorf("%s: got %q, want it to be refused for its runs alone", command, diag.String())
		}
	}
	if found < 5 {
		t.Errorf("got %d commands in docs/lab.md, want at least 5", found)
	}
}

func TestLabRefuses(t *testing.T) {
	for _, tt := range []struct{ flag, value, want string }{
		{"--runs", "0", "at least 1"},
		{"--level", "rough", "clean, moderate, harsh"},
		{"--scenario", "ab", "there are aa"},
		{"--pods", "0", "3+1"},
		{"--rps", "0", "above 0"},
		{"--rule", "serine", "there are serin"},
		{"--plot", "lab.gif", ".svg or .png"},
		{"--series", "/nowhere", "there are no series"},
	} {
		var out, diag bytes.Buffer
		if code := run(t.Context(), []string{"lab", tt.flag, tt.value}, &out, &diag); code != exitFailure || !strings.Contains(diag.String(), tt.want) {
			t.Errorf("%s %s: got exit code %d and %q, want %d and %q in it", tt.flag, tt.value, code, diag.String(), exitFailure, tt.want)
		}
	}
}
