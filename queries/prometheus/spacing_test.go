package prometheus

import (
	"fmt"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// TestScrapeInterval measures samples of a real server: of a steady series, of one that is
// young, and of one with a scrape that failed.
func TestScrapeInterval(t *testing.T) {
	t.Parallel()
	end := promtest.Epoch().Add(20 * time.Minute)
	var h promtest.History
	add := func(name string, step time.Duration, from time.Duration, without int) {
		n := 0
		for at := promtest.Epoch().Add(from); !at.After(end); at = at.Add(step) {
			if n++; n != without {
				h.Add(promtest.Metric{Family: name, Kind: "unknown", Labels: fmt.Sprintf("pod=%q,path=%q", name, `/a"b\c`)}, at, 1)
			}
		}
	}
	add("steady", 15*time.Second, 0, 0)
	add("young", 15*time.Second, 19*time.Minute, 0)
	add("missed", 30*time.Second, 0, 35)
	add("slow", 90*time.Second, 0, 0)
	add("once", time.Hour, 19*time.Minute, 0)
	s, err := New(Config{Name: "real", URL: promtest.Start(t, promtest.Config{History: h.String()})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for selector, want := range map[string]time.Duration{
		"steady": 15 * time.Second, "young": 15 * time.Second, "missed": 30 * time.Second, "slow": 90 * time.Second,
		`{pod=~"slow|steady"}`: 15 * time.Second, "once": 0, "none": 0,
	} {
		if got, err := s.ScrapeInterval(t.Context(), selector, end, 10*time.Minute); err != nil || got != want {
			t.Errorf("%s: got samples %s apart, %v, want %s", selector, got, err, want)
		}
	}
}
