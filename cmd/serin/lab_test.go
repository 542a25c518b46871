package main

import (
	"bytes"
	"encoding/json"
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

func TestLabRefuses(t *testing.T) {
	for _, tt := range []struct{ flag, value, want string }{
		{"--runs", "0", "at least 1"},
		{"--level", "rough", "clean, moderate, harsh"},
		{"--scenario", "ab", "there are aa"},
		{"--pods", "0", "3+1"},
		{"--rps", "0", "above 0"},
		{"--rule", "serine", "there are serin"},
	} {
		var out, diag bytes.Buffer
		if code := run(t.Context(), []string{"lab", tt.flag, tt.value}, &out, &diag); code != exitFailure || !strings.Contains(diag.String(), tt.want) {
			t.Errorf("%s %s: got exit code %d and %q, want %d and %q in it", tt.flag, tt.value, code, diag.String(), exitFailure, tt.want)
		}
	}
}
