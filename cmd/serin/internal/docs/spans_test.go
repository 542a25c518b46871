package docs

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	word   = regexp.MustCompile(`^[a-z][a-z-]*$`)
	flagIn = regexp.MustCompile(`--[a-z][a-z-]+`)
)

// TestCommandsInTheTextExist holds that what running text calls a command is one, and has
// the flags that it names there.
func TestCommandsInTheTextExist(t *testing.T) {
	known := append(strings.Fields(help(t)), "report") // the former name of show
	helps := map[string]string{}
	checked := 0
	for _, p := range pages(t) {
		for _, s := range p.spans {
			checked++
			name, ok := commandIn(s.target, known)
			if !ok {
				t.Errorf("%s:%d: serin %s: there is no such command", p.path, s.line, s.target)
				continue
			}
			for _, flag := range flagIn.FindAllString(s.target, -1) {
				if helps[name] == "" {
					helps[name] = help(t, strings.Fields(name)...)
				}
				if !strings.Contains(helps[name], flag) {
					t.Errorf("%s:%d: serin %s: serin %s has no flag %s", p.path, s.line, s.target, name, flag)
				}
			}
		}
	}
	if checked < 40 {
		t.Errorf("got %d commands in running text, want 40 or more", checked)
	}
}

// commandIn returns the words at a text's beginning that help lists; there is one at least,
// where the text is a command.
func commandIn(text string, known []string) (string, bool) {
	var words []string
	for _, w := range strings.Fields(text) {
		if !word.MatchString(w) || !slices.Contains(known, w) {
			break
		}
		words = append(words, w)
	}
	return strings.Join(words, " "), len(words) > 0 || strings.HasPrefix(text, "--")
}

func help(t *testing.T, words ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), os.Getenv(binary), append(words, "--help")...).Output()
	if err != nil {
		t.Errorf("serin %s --help: %v", strings.Join(words, " "), err)
	}
	return string(out)
}

// TestCommandIn finds commands in texts.
func TestCommandIn(t *testing.T) {
	known := []string{"plan", "check", "demo"}
	for text, want := range map[string]string{"plan check FILE": "plan check", "demo": "demo", "plan check x.yaml --a": "plan check", "dmeo": ""} {
		if got, _ := commandIn(text, known); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	if _, ok := commandIn("dmeo --stay", known); ok {
		t.Error("dmeo counts as a command")
	}
}
