package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
)

// On a real terminal a report and a list fit, and are in colour where the environment lets
// them be; in a pipe they are not.
func TestOnTerminals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serin.db")
	id := liveJournal(t, file, "checkout")[0]
	show := "serin show " + id + " --journal " + file
	list := "serin list --journal " + file
	ansi := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, c := range []struct {
		name, line    string
		env           []string
		width         int
		colour, ascii bool
	}{
		{"a narrow one", "stty cols 60; " + show, nil, 60, true, false},
		{"a usual one", "stty cols 80; " + show, nil, 80, true, false},
		{"a wide one", "stty cols 200; " + show, nil, 120, true, false},
		{"no colour", "stty cols 80; " + show, []string{"NO_COLOR=1"}, 80, false, false},
		{"a dumb one", "stty cols 80; " + show, []string{"TERM=dumb"}, 80, false, false},
		{"ASCII", "stty cols 80; " + show, []string{"LC_ALL=C"}, 80, true, true},
		{"a list", "stty cols 60; " + list, nil, 60, true, false},
		{"a pipe", "stty cols 60; " + show + " | cat", nil, 100, false, false},
		{"a pipe of another width", "stty cols 60; " + show + " | cat", []string{"COLUMNS=70"}, 70, false, false},
		{"a pipe in colour", "stty cols 60; " + show + " | cat", []string{"CLICOLOR_FORCE=1"}, 100, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := onTerminal(t, c.line+"; echo the''end", c.env...)
			p.seen.await(t, "theend")
			got := strings.ReplaceAll(p.seen.String(), "\r\n", "\n")
			if coloured := ansi.MatchString(got); coloured != c.colour {
				t.Errorf("colour: got %t, want %t\n%s", coloured, c.colour, got)
			}
			got = ansi.ReplaceAllString(got, "")
			if !strings.Contains(got, id) || strings.ContainsAny(got, "\x1b\r") {
				t.Errorf("got %q, want the rollout, and nothing else that a terminal obeys", got)
			}
			if ascii := strings.IndexFunc(got, func(r rune) bool { return r > '~' }) < 0; c.ascii && !ascii {
				t.Errorf("got\n%s\nwant ASCII", got)
			}
			widest := 0
			got, _, _ = strings.Cut(got, "\nSummary\n") // its lines are for logs
			for line := range strings.Lines(got) {
				widest = max(widest, lipgloss.Width(strings.TrimSuffix(line, "\n")))
			}
			if widest > c.width || strings.Contains(c.line, "show") && widest < c.width-15 {
				t.Errorf("the widest line has %d columns, want some less than %d:\n%s", widest, c.width, got)
			}
		})
	}
}
