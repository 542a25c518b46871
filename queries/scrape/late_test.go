package scrape

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/queries"
)

// dated is a page that gives its samples their times, as pages of gateways and agents
// do: an arm's requests at some seconds after the epoch, two a second, a tenth of them bad.
func dated(arm string, seconds ...int) string {
	var b strings.Builder
	b.WriteString("# TYPE requests_total counter\n")
	for _, s := range seconds {
		at := epoch.Add(time.Duration(s) * time.Second).UnixMilli()
		fmt.Fprintf(&b, "requests_total{arm=%q,pod=%q,code=\"200\"} %d %d\nrequests_total{arm=%q,pod=%q,code=\"500\"} %v %d\n",
			arm, arm, 1000+2*s, at, arm, arm, 100+0.2*float64(s), at)
	}
	return b.String()
}

// TestLateSamplesOfAPage has a page tell of its past late: a block that is read afterwards
// has it, and what comes behind a newer sample of its series is refused and counted, so that
// nothing is counted twice.
func TestLateSamplesOfAPage(t *testing.T) {
	p := newPod(t, "")
	s, clock := newTestSource(t, Config{Targets: []Target{p.target()}, HonourTimestamps: true, Retention: 30 * time.Minute})
	tell := func(at int, seconds ...int) {
		clock.set(epoch.Add(time.Duration(at) * time.Second))
		p.show(dated("canary", seconds...))
		scrapeAll(t, s)
	}
	read := func(from, n int) string {
		f, err := s.Blocks(t.Context(), errorRatio("canary"), window(from, n))
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, v := range f.Total().N {
			word := "_"
			if !queries.IsGap(v) {
				word = fmt.Sprint(v)
			}
			words = append(words, word)
		}
		return strings.Join(words, " ")
	}
	tell(-10, -20)
	tell(56, 10, 25, 40, 55) // block 0, whole
	tell(200)                // blocks 1 and 2 are not told of
	frozen := read(0, 3)     // what a look at 200 s freezes
	tell(230, 70, 85, 100, 115, 130, 145, 160, 175, 190, 205, 220)
	tell(238, 235)
	if want := "165 _ _"; frozen != want {
		t.Errorf("before the late samples: got %s, want %s", frozen, want)
	}
	for _, c := range []struct {
		name    string
		from, n int
		want    string
	}{
		{"the next block, which begins where a late sample is", 3, 1, "132"},
		{"all of them, asked anew", 0, 4, "165 132 132 132"},
	} {
		if got := read(c.from, c.n); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	// Out of order, the same again, or another value for a time: refused, and counted in
	// the source's own metrics. The first telling stands.
	tell(239, 110, 235)
	p.show(strings.ReplaceAll(dated("canary", 235), "} 1", "} 7"))
	scrapeAll(t, s)
	if got := read(0, 4); got != "165 132 132 132" {
		t.Errorf("told again: got %s, want what was told first", got)
	}
	if got := s.store.usage().dropped[badOrder]; got != 6 {
		t.Errorf("samples refused for their order: got %d, want 6", got)
	}
	// Older than what the source keeps: refused, and said.
	tell(3600, -20)
	if d := cmp.Diff(uint64(2), s.store.usage().dropped[badTime]); d != "" {
		t.Errorf("samples refused for their times (-want +got):\n%s", d)
	}
}
