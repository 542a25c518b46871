package screen

import (
	"bytes"
	"testing"
)

// plainly unsets everything that the environment may say of a terminal.
func plainly(t *testing.T) {
	t.Helper()
	for _, name := range []string{"NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LC_ALL", "LC_CTYPE", "LANG"} {
		t.Setenv(name, "")
	}
	t.Setenv("TERM", "xterm")
}

func TestColourIsForcedAndForbidden(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want bool
	}{
		{"no terminal", nil, false},
		{"forced", map[string]string{"CLICOLOR_FORCE": "1"}, true},
		{"not forced", map[string]string{"CLICOLOR_FORCE": "0"}, false},
		{"forced, and a dumb terminal", map[string]string{"CLICOLOR_FORCE": "1", "TERM": "dumb"}, true},
		{"forced and forbidden", map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			plainly(t)
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			if got := Colour(new(bytes.Buffer)); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
}

func TestWidthOfWhatIsNoTerminal(t *testing.T) {
	for _, c := range []struct {
		columns string
		want    int
	}{{"", 100}, {"80", 80}, {"7", 100}, {"-1", 100}, {"99999", 100}, {"wide", 100}} {
		plainly(t)
		t.Setenv("COLUMNS", c.columns)
		if got := Width(new(bytes.Buffer)); got != c.want {
			t.Errorf("COLUMNS=%q: got %d, want %d", c.columns, got, c.want)
		}
	}
}

func TestInert(t *testing.T) {
	for text, want := range map[string]string{
		"plain\n\ttext – ✓": "plain\n\ttext – ✓", "\x1b[2Jx\r\a\u202e\u200b\x9b\xff": "[2Jx", "": "",
	} {
		if got := Inert(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestASCIIWhereTheLocaleSaysSo(t *testing.T) {
	for _, c := range []struct {
		name, all, kind, lang string
		want                  bool
	}{
		{"nothing is known", "", "", "", false},
		{"UTF-8", "", "", "en_GB.UTF-8", false},
		{"as C libraries write it, too", "", "", "C.utf8", false},
		{"the C locale", "", "", "C", true},
		{"POSIX", "POSIX", "", "de_DE.UTF-8", true},
		{"Latin 1", "", "", "de_DE.ISO-8859-1", true},
		{"the kind of characters wins over the language", "", "C", "en_GB.UTF-8", true},
		{"all wins over both", "en_GB.UTF-8", "C", "C", false},
	} {
		plainly(t)
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_CTYPE", c.kind)
		t.Setenv("LANG", c.lang)
		if got := ASCII(); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}
