package cloudwatch

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/binned"
)

// ranked is a part that is a percentage of samples.
func ranked(p queries.Part) bool { return strings.HasPrefix(p.Func, "PR(") }

// counts answers a Ratio or a Counter.
func (s *Source) counts(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	var q question
	var parts []queries.Part
	for _, t := range slices.Concat(r.Total, r.Bad) {
		p, err := queries.ReadPart(queries.CloudWatch, t.Selector)
		if err != nil {
			return queries.Frame{}, s.rejected("the query cannot be read: "+err.Error(), err)
		}
		parts = append(parts, p)
		q.parts = append(q.parts, p)
		if ranked(p) {
			samples := p
			samples.Func = "SampleCount"
			q.parts = append(q.parts, samples)
		}
	}
	a, err := s.join(ctx, q, w)
	if err != nil {
		return queries.Frame{}, err
	}
	terms := make([]binned.Term, len(parts))
	next := 0
	for i, t := range slices.Concat(r.Total, r.Bad) {
		c := a.columns[next]
		next++
		if ranked(parts[i]) {
			c = rankedCount(c, a.columns[next])
			next++
		}
		terms[i] = binned.Term{Minus: t.Minus}
		if seen := (binned.Term{Processes: map[string]queries.Column{"": c}}); seen.Seen() {
			terms[i].Processes = seen.Processes
		}
	}
	total, bad := terms[:len(r.Total)], terms[len(r.Total):]
	f := binned.Counts(w, total, bad, binned.None)
	f.Notes = append(f.Notes, a.notes...)
	for i, t := range bad {
		if t.Seen() || !slices.ContainsFunc(total, binned.Term.Seen) {
			continue
		}
		p := parts[len(r.Total)+i]
		known, err := s.believed(ctx, p, seenOf(total, parts))
		if err != nil {
			return queries.Frame{}, err
		}
		if !known {
			f.Notes = append(f.Notes, queries.Note{Code: queries.NoteNeverSeen, Text: neverSeen(p)})
		}
	}
	return f, nil
}

// rankedCount is how many of the samples a percentage of them is. Samples without a
// percentage are no count: their block is made one that cannot be.
func rankedCount(percent, samples queries.Column) queries.Column {
	out := queries.Gaps(len(samples))
	for i, n := range samples {
		switch p := percent[i]; {
		case queries.IsGap(n):
		case n == 0:
			out[i] = 0
		case queries.IsGap(p):
			out[i] = math.Inf(1)
		default:
			out[i] = math.Round(p / 100 * n)
		}
	}
	return out
}

// gauge answers a Gauge: one statistic, or arithmetic that CloudWatch does.
func (s *Source) gauge(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	parts, err := queries.Parts(r.Query)
	if err != nil {
		return queries.Frame{}, s.rejected("the query cannot be read: "+err.Error(), err)
	}
	q := question{parts: parts}
	at := 0
	for _, p := range parts {
		q.text = append(q.text, r.Query.Expr[at:p.From])
		at = p.To
	}
	q.text = append(q.text, r.Query.Expr[at:])
	if len(parts) == 1 && strings.TrimSpace(q.text[0]+q.text[1]) == "" {
		q.text = nil
	}
	a, err := s.join(ctx, q, w)
	if err != nil {
		return queries.Frame{}, err
	}
	values := map[string]queries.Column{}
	if seen := (binned.Term{Processes: map[string]queries.Column{"": a.columns[0]}}); seen.Seen() {
		values = seen.Processes
	}
	f := binned.Values(w, values)
	f.Notes = append(f.Notes, a.notes...)
	return f, nil
}
