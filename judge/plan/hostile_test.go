package plan

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestHostileFiles ensures that no file of the size that is read keeps a server busy, or
// makes it say more than it was told.
func TestHostileFiles(t *testing.T) {
	base := "service: a\npreset: istio\n"
	for name, text := range map[string]string{
		"many faults":        base + strings.Repeat("metrics: 1\n", 20_000),
		"many unknown keys":  base + manyLines(func(i string) string { return "k" + i + ": 1\n" }),
		"many metrics":       base + "metrics:\n" + manyLines(func(i string) string { return "- {name: m" + i + ", of: x, query: a}\n" }),
		"many labels":        base + "arms: {canary: {labels: {\n" + manyLines(func(i string) string { return "'l " + i + "': 1,\n" }) + "}}}\n",
		"long key":           base + strings.Repeat("k", 200_000) + ": 1\n",
		"long word":          base + "mode: " + strings.Repeat("k", 200_000) + "\n",
		"long query":         base + "metrics: [{name: a, query: '" + strings.Repeat("(", 200_000) + "'}]\n",
		"long name":          base + "metrics: [{name: " + strings.Repeat("a", 200_000) + "}]\n",
		"long selector":      base + "selector: 'a=\"" + strings.Repeat("{{.Workload}}", 7_000) + "\"'\n",
		"long template":      base + "checks: [{name: a, http: {get: '" + strings.Repeat("{{.Canary.URL}}", 6_000) + "'}}]\n",
		"deep template":      base + "checks: [{name: a, http: {get: '" + strings.Repeat("{{if .Service}}", 6_000) + strings.Repeat("{{end}}", 10) + "'}}]\n",
		"deep sequences":     base + "checks: [{name: a, http: {get: x, json: " + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000) + "}}]\n",
		"wide document":      base + "checks: [{name: a, http: {get: x, json: [" + strings.Repeat("1,", 30_000) + "]}}]\n",
		"long regexp":        base + "arms: {canary: {podPattern: '" + strings.Repeat("(a|b)?", 30_000) + "'}}\n",
		"repeated regexp":    base + "arms: {canary: {podPattern: '((((a{1,100}){1,100}){1,100}){1,100})'}}\n",
		"long number":        base + "metrics: [{name: errors, tolerance: " + strings.Repeat("9", 200_000) + "%}]\n",
		"long alias of many": base + "x: &x [" + strings.Repeat("a,", 1000) + "]\nchecks: [" + strings.Repeat("*x,", 30_000) + "]\n",
	} {
		if len(text) > maxFile {
			t.Fatalf("%s: %d bytes is more than is read", name, len(text))
		}
		start := time.Now()
		_, err := Parse("p.yaml", []byte(text))
		var faults Faults
		if !errors.As(err, &faults) || len(faults) > mostFaults+1 {
			t.Errorf("%s: got %d faults (%T), want some", name, len(faults), err)
		}
		if n := len(faults.Error()); n > 1<<20 {
			t.Errorf("%s: got %d bytes of faults, want less than the file could have", name, n)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %s", name, took)
		} else if took > time.Second/2 {
			t.Logf("%s: took %s", name, took)
		}
	}
}

func manyLines(line func(i string) string) string {
	var b strings.Builder
	for i := 0; b.Len() < 200_000; i++ {
		b.WriteString(line(strings.Repeat("x", i%7) + string(rune('a'+i%26)) + time.Duration(i).String()))
	}
	return b.String()
}
