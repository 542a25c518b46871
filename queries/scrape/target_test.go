package scrape

import (
	"strings"
	"testing"
	"time"
)

func TestTargetLabels(t *testing.T) {
	tests := []struct {
		name   string
		target Target
		page   string
		want   string // the labels of the page's one series
	}{
		{"job and instance are set", Target{URL: "http://10.0.0.1:8080/metrics"}, `a 1`, `a{instance="10.0.0.1:8080", job="shop"}`},
		{"the scheme's port", Target{URL: "http://pod/metrics"}, `a 1`, `a{instance="pod:80", job="shop"}`},
		{"the scheme's port, https", Target{URL: "https://pod"}, `a 1`, `a{instance="pod:443", job="shop"}`},
		{"an IPv6 address", Target{URL: "http://[::1]:9/m"}, `a 1`, `a{instance="[::1]:9", job="shop"}`},
		{"labels win over what would be set", Target{URL: "http://pod", Labels: map[string]string{"job": "j", "instance": "i"}}, `a 1`, `a{instance="i", job="j"}`},
		{"an empty label is none", Target{URL: "http://pod", Labels: map[string]string{"job": "", "zone": ""}}, `a 1`, `a{instance="pod:80", job="shop"}`},
		{"a label of the page that the target has too", Target{URL: "http://pod", Labels: map[string]string{"pod": "p1"}}, `a{pod="x",job="y",z=""} 1`,
			`a{exported_job="y", exported_pod="x", instance="pod:80", job="shop", pod="p1"}`},
		{"exported_ is taken", Target{URL: "http://pod", Labels: map[string]string{"pod": "p1"}}, `a{pod="x",exported_pod="y"} 1`,
			`a{exported_exported_pod="x", exported_pod="y", instance="pod:80", job="shop", pod="p1"}`},
		{"exported_ is the target's too", Target{URL: "http://pod", Labels: map[string]string{"pod": "p1", "exported_pod": "p2"}}, `a{pod="x"} 1`,
			`a{exported_exported_pod="x", exported_pod="p2", instance="pod:80", job="shop", pod="p1"}`},
		{"an empty label of the page hides nothing", Target{URL: "http://pod", Labels: map[string]string{"pod": "p1"}}, `a{pod=""} 1`,
			`a{instance="pod:80", job="shop", pod="p1"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := newTestSource(t, Config{Targets: []Target{tt.target}})
			ingest(t, s, 0, page{body: []byte(tt.page + "\n")}, epoch.UnixMilli())
			equalLines(t, "series", values(t, s, `{__name__="a"}`, epoch), []string{tt.want + " 1"})
		})
	}
}

func TestFaultyTargetsAreRefused(t *testing.T) {
	tests := []struct {
		name   string
		target Target
		want   string
	}{
		{"not a URL", Target{URL: "http://a:b:secret"}, "not a URL"},
		{"no scheme", Target{URL: "pod:8080/secret"}, "must begin with http://"},
		{"another scheme", Target{URL: "ftp://pod"}, "must begin with http://"},
		{"a user", Target{URL: "http://me:secret@pod"}, "names a user"},
		{"no host", Target{URL: "http:///secret"}, "names no host"},
		{"a port that is none", Target{URL: "http://pod:0/secret"}, "not between 1 and 65535"},
		{"a label that is none", Target{URL: "http://pod/secret", Labels: map[string]string{"a-b": "c"}}, `label "a-b"`},
		{"a reserved label", Target{URL: "http://pod/secret", Labels: map[string]string{"__name__": "c"}}, `label "__name__"`},
		{"a label that is not UTF-8", Target{URL: "http://pod/secret", Labels: map[string]string{"a": "\xff"}}, "not UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Config{Targets: []Target{{URL: "http://fine"}, tt.target}})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "target 2") {
				t.Fatalf("got error %v, want one with %q about target 2", err, tt.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the URL: %v", err)
			}
		})
	}
}

func TestAllFaultsAreNamedAtOnce(t *testing.T) {
	_, err := New(Config{Targets: []Target{{URL: "x"}, {URL: "http://a"}, {URL: "http://a"}}})
	for _, want := range []string{"target 1", "target 3 is the same as target 2"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	_, err = New(Config{Interval: time.Second, Timeout: time.Minute, Retention: time.Second, MaxSeries: -1, MaxSamples: -1, MaxBody: -1})
	for _, want := range []string{"timeout 1m0s", "retention 1s", "series bound -1", "sample bound -1", "page bound -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

func TestScrapesAreSpreadAndAligned(t *testing.T) {
	interval := 15 * time.Second
	tests := []struct {
		now    time.Time
		offset time.Duration
		want   time.Duration
	}{
		{epoch, 0, interval}, // epoch is aligned: never twice at once
		{epoch.Add(time.Second), 0, 14 * time.Second},
		{epoch, 3 * time.Second, 3 * time.Second},
		{epoch.Add(4 * time.Second), 3 * time.Second, 14 * time.Second},
		{time.Unix(-2, 0), 0, 2 * time.Second},
	}
	for _, tt := range tests {
		if got := untilNext(tt.now, interval, tt.offset); got != tt.want {
			t.Errorf("untilNext(%v, offset %v): got %v, want %v", tt.now, tt.offset, got, tt.want)
		}
	}
	seen := map[time.Duration]bool{}
	for _, host := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		at, err := newSite(Target{URL: "http://" + host}, "shop")
		if err != nil {
			t.Fatal(err)
		}
		o := at.offset(interval)
		if o < 0 || o >= interval || o != at.offset(interval) {
			t.Errorf("offset of %s: got %v, want the same one within %v each time", host, o, interval)
		}
		seen[o.Round(time.Second)] = true
	}
	if len(seen) < 4 {
		t.Errorf("got offsets %v, want them spread", seen)
	}
}
