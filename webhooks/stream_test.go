package webhooks

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

// eventsOf returns what reads the name of the next event, and "" at the end.
func eventsOf(r io.Reader) func() string {
	lines := bufio.NewScanner(r)
	return func() string {
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				return name
			}
		}
		return ""
	}
}

func TestStreamsAreBounded(t *testing.T) {
	var s streams
	for range mostStreams {
		if !s.enter() {
			t.Fatal("got no place, want one")
		}
	}
	if s.enter() {
		t.Error("got one place too many")
	}
	s.leave()
	if !s.enter() {
		t.Error("got no place after one was left")
	}
}
