package main

import (
	"log"
	"strings"
	"testing"
)

func TestForeignLinesAreShortAndInert(t *testing.T) {
	var said strings.Builder
	n, err := log.New(foreign{&said}, "", 0).Writer().Write([]byte("Unsolicited response \x1b[31m\nlevel=ERROR " + strings.Repeat("a", 5000)))
	if err != nil || n < 5000 {
		t.Errorf("got %d bytes taken, %v", n, err)
	}
	text := said.String()
	if len(text) > 300 || strings.Count(text, "\n") != 1 || strings.Contains(text, "\x1b") || !strings.Contains(text, `level=WARN msg="Unsolicited response \x1b[31m\nlevel=ERROR aaa`) {
		t.Errorf("got %q", text)
	}
}
