package scrape

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/queries"
)

// maxNamed is how many targets that did not answer a frame names one by one.
const maxNamed = 20

// remarks says of a frame what its numbers do not show.
func (s *Source) remarks(r queries.Reading, f queries.Frame) []queries.Note {
	notes := s.downNotes(r, f.Window)
	if text := s.lostText(f); text != "" {
		notes = append(notes, queries.Note{Code: queries.NoteLost, Text: text})
	}
	return notes
}

// downNotes names the targets that did not answer a scrape in the window, where the
// reading may concern them.
func (s *Source) downNotes(r queries.Reading, w queries.Window) []queries.Note {
	from, to := w.Start.UnixMilli(), w.End.UnixMilli()
	concerns := concern(r)
	var notes []queries.Note
	s.mu.Lock()
	for _, f := range s.failures {
		if text := f.within(from, to); text != "" && concerns(f.site) {
			notes = append(notes, queries.Note{Code: queries.NoteTargetDown, Text: text})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(notes, func(a, b queries.Note) int { return cmp.Compare(a.Text, b.Text) })
	if more := len(notes) - maxNamed; more > 0 {
		notes = append(notes[:maxNamed], queries.Note{
			Code: queries.NoteTargetDown, Text: fmt.Sprintf("targets did not answer: %d more", more),
		})
	}
	return notes
}

// within says how often the target did not answer in [from, to], or nothing.
func (f *failing) within(from, to int64) string {
	var all spell
	for _, sp := range f.spells {
		if !sp.overlaps(from, to) {
			continue
		}
		if all.count == 0 {
			all.from = sp.from
		}
		all.to, all.text = sp.to, sp.text
		all.count += sp.count
	}
	t := newStatus(f.site)
	switch all.count {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("target %s did not answer the scrape of %s: %s", t.name(), clock(all.from), all.text)
	}
	return fmt.Sprintf("target %s did not answer %d scrapes from %s to %s: %s", t.name(), all.count, clock(all.from), clock(all.to), all.text)
}

// clock writes a time in milliseconds, to the second.
func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// concern returns whether a reading may ask for a target's series: not where each of
// its selectors contradicts one of the labels that the target gives all its series. So
// one arm's frame does not tell of the other's targets. In doubt it may.
func concern(r queries.Reading) func(*site) bool {
	selectors, ok := selectorsOf(r)
	if !ok {
		return func(*site) bool { return true }
	}
	return func(at *site) bool {
		return slices.ContainsFunc(selectors, func(matchers []*labels.Matcher) bool {
			return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool {
				v := at.label(m.Name)
				return m.Name != model.MetricNameLabel && v != "" && !m.Matches(v)
			})
		})
	}
}

// selectorsOf returns the matchers of a reading's selectors.
func selectorsOf(r queries.Reading) ([][]*labels.Matcher, bool) {
	var texts []string
	for _, term := range slices.Concat(r.Bad, r.Total) {
		texts = append(texts, term.Selector)
	}
	if r.Buckets != "" {
		texts = append(texts, r.Buckets)
	}
	if len(texts) == 0 {
		texts = append(texts, r.Query.Expr)
	}
	var all [][]*labels.Matcher
	for _, text := range texts {
		expr, err := queries.ParsePromQL(text)
		if err != nil {
			return nil, false
		}
		all = append(all, parser.ExtractSelectors(expr)...)
	}
	return all, len(all) > 0
}

// lostText says how many of a frame's blocks have no answer because they began before
// the time from which the store has samples, or nothing.
func (s *Source) lostText(f queries.Frame) string {
	since, trimmed, known := s.store.since()
	n := f.Window.Len()
	lost := 0
	for i := range n {
		begin := f.Window.Start.Add(time.Duration(i) * f.Window.Block).UnixMilli()
		if (!known || begin < since) && !answered(f, i) {
			lost++
		}
	}
	switch {
	case lost == 0:
		return ""
	case !known:
		return fmt.Sprintf("%d of %d blocks have no answer: nothing has been scraped since this process started; what was not frozen before is lost", lost, n)
	case trimmed:
		return fmt.Sprintf("%d of %d blocks began before %s and were dropped (the store keeps %v and at most %d samples); what was not frozen before is lost",
			lost, n, clock(since), s.config.Retention, s.config.MaxSamples)
	}
	return fmt.Sprintf("%d of %d blocks began before this process first scraped, at %s; what was not frozen before is lost", lost, n, clock(since))
}

// answered reports whether any process has a value in block i.
func answered(f queries.Frame, i int) bool {
	return slices.ContainsFunc(f.Processes, func(p queries.Process) bool {
		for _, c := range []queries.Column{p.N, p.X, p.Sum, p.V} {
			if i < len(c) && !queries.IsGap(c[i]) {
				return true
			}
		}
		return false
	})
}
