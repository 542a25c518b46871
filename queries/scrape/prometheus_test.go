package scrape

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// startPrometheus starts a real server and returns it as a source.
func startPrometheus(t *testing.T, c promtest.Config) *prometheus.Source {
	t.Helper()
	c.Flags = append(c.Flags, "--enable-feature=native-histograms")
	real, err := prometheus.New(prometheus.Config{Name: "prometheus", URL: promtest.Start(t, c)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { real.Close() })
	return real
}

// story is what pods show over time, and when they are scraped.
type story struct {
	pods   []string
	begin  time.Time
	rounds int
	page   func(pod string, round int) string // empty: not scraped in this round
}

// at is when a pod is scraped in a round: never at the very end of a block.
func (s story) at(pod, round int) time.Time {
	return s.begin.Add(time.Duration(round)*interval + time.Duration(1000+1300*pod)*time.Millisecond)
}

// labelsOf are what a pod's target adds.
func (s story) labelsOf(pod string) map[string]string {
	arm, _, _ := strings.Cut(pod, "-")
	return map[string]string{"job": "shop", "instance": pod + ":80", "pod": pod, "arm": arm}
}

// openMetrics is the story as samples with times, made from the pages' text by
// other means than the package's own.
func (s story) openMetrics() string {
	byName := map[string]*strings.Builder{}
	var names []string
	for i, pod := range s.pods {
		l := s.labelsOf(pod)
		added := fmt.Sprintf(`arm=%q,instance=%q,job=%q,pod=%q`, l["arm"], l["instance"], l["job"], l["pod"])
		samples := map[string][]string{}
		var order []string
		for round := range s.rounds {
			for _, line := range strings.Split(s.page(pod, round), "\n") {
				if line == "" || line[0] == '#' {
					continue
				}
				id, value, _ := strings.Cut(line, "} ")
				id = normalised(id) + "," + added + "}"
				if samples[id] == nil {
					order = append(order, id)
				}
				samples[id] = append(samples[id], fmt.Sprintf("%s %s %.3f\n", id, value, float64(s.at(i, round).UnixMilli())/1000))
			}
		}
		for _, id := range order {
			name, _, _ := strings.Cut(id, "{")
			if byName[name] == nil {
				byName[name] = &strings.Builder{}
				names = append(names, name)
			}
			for _, line := range samples[id] {
				byName[name].WriteString(line)
			}
		}
	}
	var all strings.Builder
	for _, name := range names {
		all.WriteString(byName[name].String())
	}
	return all.String() + "# EOF\n"
}

// normalised writes le="1" as Prometheus does since 3.0.
func normalised(id string) string {
	before, rest, ok := strings.Cut(id, `le="`)
	if !ok {
		return id
	}
	le, after, _ := strings.Cut(rest, `"`)
	if !strings.ContainsAny(le, ".eI") {
		le += ".0"
	}
	return before + `le="` + le + `"` + after
}

// scrapedInto feeds the story to a source, page by page, over HTTP.
func (s story) scrapedInto(t *testing.T) *Source {
	t.Helper()
	var targets []Target
	pods := make([]*pod, len(s.pods))
	for i, name := range s.pods {
		pods[i] = newPod(t, "")
		targets = append(targets, Target{URL: pods[i].URL, Labels: s.labelsOf(name)})
	}
	src, clock := newTestSource(t, Config{Targets: targets})
	for round := range s.rounds {
		for i, name := range s.pods {
			body := s.page(name, round)
			if body == "" {
				continue
			}
			pods[i].show(body)
			clock.set(s.at(i, round))
			src.scrapers[i].scrapeOnce(t.Context())
		}
	}
	return src
}

// TestCountingRules puts every rule of counting, which all PromQL stores share, to the
// embedded source.
func TestCountingRules(t *testing.T) {
	cases := promtest.Cases(t, "../../testdata/counting.txt")
	var h promtest.History
	for _, c := range cases {
		c.Record(&h)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			s, _ := newTestSource(t, Config{SeriesLimit: c.Limit})
			commitHistory(t, s, h.String())
			r := c.Reading(t)
			r.Bounds = c.Bounds
			f, err := s.Blocks(t.Context(), r, c.Window())
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, n := range f.Notes {
				codes = append(codes, string(n.Code))
			}
			if d := cmp.Diff(c.Want, f.Processes, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("processes (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.Notes, slices.Compact(codes), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("notes (-want +got):\n%s", d)
			}
		})
	}
}

// commitHistory puts samples with times, in OpenMetrics, into a source's store.
func commitHistory(t *testing.T, s *Source, text string) {
	t.Helper()
	known := map[string]*line{}
	at := map[int64][]point{}
	for l := range strings.Lines(text) {
		if l[0] == '#' {
			continue
		}
		id, rest, _ := strings.Cut(strings.TrimSpace(l), "} ")
		value, when, _ := strings.Cut(rest, " ")
		v, err := strconv.ParseFloat(value, 64)
		seconds, err2 := strconv.ParseFloat(when, 64)
		e, err3 := queries.ParsePromQL(id + "}")
		if err != nil || err2 != nil || err3 != nil {
			t.Fatalf("%q: %v, %v, %v", l, err, err2, err3)
		}
		if known[id] == nil {
			b := labels.NewScratchBuilder(8)
			for _, m := range e.(*parser.VectorSelector).LabelMatchers {
				b.Add(m.Name, m.Value)
			}
			b.Sort()
			known[id] = &line{labels: b.Labels()}
		}
		ms := int64(seconds * 1000)
		at[ms] = append(at[ms], point{line: known[id], t: ms, v: v})
	}
	var times []int64
	for ms := range at {
		times = append(times, ms)
	}
	slices.Sort(times)
	for _, ms := range times {
		s.store.commit(ms, at[ms])
	}
	if n := s.store.usage().dropped; n != [reasons]uint64{} {
		t.Fatalf("the store dropped samples: %v", n)
	}
}
