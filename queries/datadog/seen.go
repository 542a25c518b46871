package datadog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/queries"
)

// sighting is whether a metric was seen, and when that was asked.
type sighting struct {
	seen bool
	at   time.Time
}

// blindFor is for how long it is believed that a metric was never seen.
const blindFor = 10 * time.Minute

// everSeen reports whether a numerator that has no value now had one within a day,
// whatever its tags' values: by its name, with the tags that only it asks for.
func (s *Source) everSeen(ctx context.Context, bad queries.Part, total []queries.Part, end time.Time) (bool, error) {
	wide := queries.Part{Func: bad.Func, Name: bad.Name, Filter: existence(bad, total), Count: true}
	text := wide.String() + rollup("sum", time.Hour)
	s.mu.Lock()
	was, asked := s.seen[text]
	s.mu.Unlock()
	if asked && (was.seen || s.cfg.Now().Sub(was.at) < blindFor) {
		return was.seen, nil
	}
	w := queries.Window{Start: end.Add(-24 * time.Hour).Truncate(time.Hour), End: end.Truncate(time.Hour).Add(time.Hour), Block: time.Hour}
	var got response
	body := newRequest([]formula{single(text)}, w.Start, w.End, w.Block)
	if err := s.client.call(ctx, "/api/v2/query/timeseries", nil, &body, &got); err != nil {
		return false, err
	}
	seen := false
	for _, values := range got.Data.Attributes.Values {
		seen = seen || slices.ContainsFunc(values, func(v *float64) bool { return v != nil })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) > 1000 {
		clear(s.seen)
	}
	s.seen[text] = sighting{seen, s.cfg.Now()}
	return seen, nil
}

// existence writes the filter that asks whether the tags exist which only the
// numerator asks for.
func existence(bad queries.Part, total []queries.Part) string {
	keys := map[string]bool{}
	for _, p := range total {
		for _, k := range tagKeys(p.Filter) {
			keys[k] = true
		}
	}
	var own []string
	for _, k := range tagKeys(bad.Filter) {
		if item := k + ":*"; !keys[k] && !slices.Contains(own, item) {
			own = append(own, item)
		}
	}
	if len(own) == 0 {
		return "*"
	}
	return strings.Join(own, ",")
}

// tagKeys lists the tags that a filter asks for, those that it denies left out.
func tagKeys(filter string) []string {
	var out []string
	for _, item := range strings.FieldsFunc(filter, func(r rune) bool { return r == ',' || r == ' ' || r == '(' || r == ')' }) {
		if key, _, ok := strings.Cut(item, ":"); ok && !strings.HasPrefix(item, "!") {
			out = append(out, key)
		}
	}
	return out
}

// mostVersions bounds what Versions returns.
const mostVersions = 100

// Versions lists the values of a tag that a metric was reported with in a window, the
// most reported first: Versions(ctx, "trace.http.request.hits", "service:checkout",
// "version", w) finds the arms of a service.
func (s *Source) Versions(ctx context.Context, metric, filter, tag string, w queries.Window) ([]string, error) {
	text := fmt.Sprintf("sum:%s{%s} by {%s}.as_count()", metric, filter, tag)
	p, err := queries.ReadPart(queries.Datadog, text)
	if err != nil {
		return nil, s.rejected("the question cannot be written: "+err.Error(), err)
	}
	a, err := s.join(ctx, question{single(p.String() + rollup("sum", w.Block))}, w)
	if err != nil {
		return nil, err
	}
	counts := map[string]float64{}
	for _, one := range a.series[0] {
		for _, t := range one.tags {
			if value, ok := strings.CutPrefix(t, tag+":"); ok {
				for _, v := range one.values {
					if !queries.IsGap(v) {
						counts[value] += v
					}
				}
			}
		}
	}
	return mostFirst(counts), nil
}

func mostFirst(counts map[string]float64) []string {
	out := make([]string, 0, len(counts))
	for v := range counts {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b string) int {
		switch {
		case counts[a] != counts[b] && counts[a] > counts[b]:
			return -1
		case counts[a] != counts[b]:
			return 1
		}
		return strings.Compare(a, b)
	})
	return out[:min(len(out), mostVersions)]
}
