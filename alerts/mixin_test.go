package alerts

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/queries"
)

// The rules about Serin itself are valid, and each fires in a world that is as it says
// and is quiet in another.
func TestMixinIsProvenByPromtool(t *testing.T) {
	for name, o := range map[string]MixinOptions{
		"selected": {Self: []queries.Matcher{{Label: "job", Op: queries.Match, Value: "serin|canary-judge"}, {Label: "env", Op: queries.NotEqual, Value: "test"}}, Runbook: "https://wiki.example.com/{{serin}}", Labels: map[string]string{"team": "delivery", "severity": "none"}},
		"plain":    {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Mixin(o)
			if err != nil {
				t.Fatal(err)
			}
			files, untested, err := s.Tests()
			if err != nil || len(untested) > 0 || len(files) != 1 {
				t.Fatalf("got %d files of tests, untested %v, %v; want one file, with every alert", len(files), untested, err)
			}
			if got, want := bytes.Count(files[0].Data, []byte("name: ")), 2*len(s.Group.Rules); got != want {
				t.Errorf("got %d tests, want %d: two of each alert", got, want)
			}
			rules, err := s.YAML()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(rules), "rollout is over") {
				t.Error("the file says that it belongs to a rollout")
			}
			dir := t.TempDir()
			for _, f := range append(files, File{s.Name() + ".yml", rules}) {
				if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			promtool(t, dir, "check", "rules", "--lint=all", "--lint-fatal", s.Name()+".yml")
			promtool(t, dir, "test", "rules", files[0].Name)
		})
	}
}

// Only whoever runs Serin may say more than what the rules say themselves.
func TestMixinLabels(t *testing.T) {
	s, err := Mixin(MixinOptions{Labels: map[string]string{"team": "delivery", "severity": "none"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Group.Rules {
		if r.Labels["team"] != "delivery" || (r.Labels["severity"] != Page && r.Labels["severity"] != Ticket) || r.Labels["managed_by"] != managedBy {
			t.Errorf("%s: got labels %v", r.Alert, r.Labels)
		}
		if strings.Contains(r.Expr, "time() <") || strings.Contains(r.Expr, "vector(time())") {
			t.Errorf("%s: got %s, which ends some day", r.Alert, r.Expr)
		}
	}
	if _, err := Mixin(MixinOptions{Labels: map[string]string{"no label": "x"}}); err == nil {
		t.Error("a label that cannot be is accepted")
	}
}
