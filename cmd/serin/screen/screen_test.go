package screen

import (
	"bytes"
	"testing"
	"time"
)

func TestLiveWritesPlainLinesWhereNobodyWatches(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	l := NewLive(&out, 5*time.Second)
	l.now = func() time.Time { return now }

	l.Update(0, "one")
	now = now.Add(time.Second)
	l.Update(0.1, "too early")
	l.Say("a fact")
	now = now.Add(5 * time.Second)
	l.Update(0.2, "one") // nothing new
	l.Update(0.2, "two")
	l.Close()

	want := "one\na fact\ntwo\n"
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{
		{"short", 10, "short"},
		{"exactly ten", 11, "exactly ten"},
		{"longer than that", 8, "longer …"},
		{"ünï¢ode", 4, "ünï…"},
		{"two\nlines", 20, "two lines"},
		{"no room known", 0, "no room known"},
	} {
		if got := fit(c.text, c.columns); got != c.want {
			t.Errorf("fit(%q, %d): got %q, want %q", c.text, c.columns, got, c.want)
		}
	}
}

func TestNothingButATerminalIsColoured(t *testing.T) {
	var out bytes.Buffer
	if Terminal(&out) || Colour(&out) {
		t.Error("got a terminal, want none for a buffer")
	}
	if got := Width(&out); got != 100 {
		t.Errorf("Width: got %d, want 100", got)
	}
}
