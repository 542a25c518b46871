package dashboards

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestLongReasonsAreCut holds that the verdict's panel has a text of bounded length, from
// its beginning, whatever the judge had to say.
func TestLongReasonsAreCut(t *testing.T) {
	s := subject(t, plans()["http"])
	long := strings.Repeat("errors are worse; ", 100)
	for _, c := range []struct {
		name, worst string
		most        int
	}{{"a reason", "", 1000}, {"a reason and the worst metric", "latency is worse; " + long, 1000}} {
		s.Verdict.Reason, s.Verdict.Worst, s.Verdict.WorstReason = "not decided yet: "+long, "latency", c.worst
		got := s.words()
		if n := utf8.RuneCountInString(got); n > c.most || !strings.Contains(got, "not decided yet: errors are worse; ") || !strings.Contains(got, "…") {
			t.Errorf("%s: got %d characters, want at most %d, cut at the end:\n%s", c.name, n, c.most, got)
		}
		if (c.worst != "") != strings.Contains(got, "**Worst: latency.** latency is worse; ") {
			t.Errorf("%s: got %s", c.name, got)
		}
	}
}
