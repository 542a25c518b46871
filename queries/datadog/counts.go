package datadog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/binned"
)

// processTags are the tags that name a process, not a property of its requests.
func processTags() []string {
	return []string{"host", "pod_name", "kube_pod", "pod", "container_id", "container_name", "task_arn", "ecs_task_arn", "instance", "instance-id"}
}

// counts answers a Ratio or a Counter.
func (s *Source) counts(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	var parts []queries.Part
	var q question
	for _, t := range slices.Concat(r.Total, r.Bad) {
		p, err := queries.ReadPart(queries.Datadog, t.Selector)
		if err != nil {
			return queries.Frame{}, s.rejected("the query cannot be read: "+err.Error(), err)
		}
		parts = append(parts, p)
		q = append(q, single(p.String()+rollup("sum", w.Block)))
	}
	a, err := s.join(ctx, q, w)
	if err != nil {
		return queries.Frame{}, err
	}
	terms := make([]binned.Term, len(parts))
	for i, t := range slices.Concat(r.Total, r.Bad) {
		terms[i].Minus = t.Minus
		for _, one := range a.series[i] {
			terms[i].Add(processOf(parts[i].By, one.tags), one.values)
		}
	}
	total, bad := terms[:len(r.Total)], terms[len(r.Total):]
	f := binned.Counts(w, total, bad, binned.None)
	s.partial(&f, a)
	for i, t := range bad {
		if t.Seen() || !slices.ContainsFunc(total, binned.Term.Seen) {
			continue
		}
		known, err := s.everSeen(ctx, parts[len(r.Total)+i], parts[:len(r.Total)], w.End)
		if err != nil {
			return queries.Frame{}, err
		}
		if !known {
			f.Notes = append(f.Notes, queries.Note{Code: queries.NoteNeverSeen,
				Text: fmt.Sprintf("nothing was reported for %s within a day; check its name and tags", parts[len(r.Total)+i])})
		}
	}
	return f, nil
}

// gauge answers a Gauge: the whole query, its arithmetic done by Datadog.
func (s *Source) gauge(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	parts, err := queries.Parts(r.Query)
	if err != nil {
		return queries.Frame{}, s.rejected("the query cannot be read: "+err.Error(), err)
	}
	var f formula
	at := 0
	by := parts[0].By
	for _, p := range parts {
		if !slices.Equal(by, p.By) {
			return queries.Frame{}, s.rejected("its parts are grouped by different tags; group all of them alike", nil)
		}
		f.text = append(f.text, r.Query.Expr[at:p.From])
		f.parts = append(f.parts, p.String()+rollup(inTime(p), w.Block))
		at = p.To
	}
	f.text = append(f.text, r.Query.Expr[at:])
	a, err := s.join(ctx, question{f}, w)
	if err != nil {
		return queries.Frame{}, err
	}
	if a.finer {
		return queries.Frame{}, s.malformed("it answered in finer steps than it was asked for, and values cannot be put together")
	}
	values := map[string]queries.Column{}
	for _, one := range a.series[0] {
		name := processOf(by, one.tags)
		if _, twice := values[name]; twice {
			return queries.Frame{}, s.rejected(fmt.Sprintf("the query gives several series for one arm; group it by nothing, or by a tag that names a process (%s)", strings.Join(processTags(), ", ")), nil)
		}
		values[name] = one.values
	}
	frame := binned.Values(w, values)
	s.partial(&frame, a)
	return frame, nil
}

// partial notes that Datadog said that something is missing.
func (s *Source) partial(f *queries.Frame, a answer) {
	if a.said != "" {
		f.Notes = append(f.Notes, queries.Note{Code: queries.NotePartial, Text: a.said})
	}
}

// inTime is how a part's samples within a block are put together; empty is for
// percentiles, of which Datadog makes a block's own.
func inTime(p queries.Part) string {
	switch {
	case p.Count:
		return "sum"
	case p.Func == "min" || p.Func == "max":
		return p.Func
	case strings.HasPrefix(p.Func, "p") || strings.HasPrefix(p.Func, "count"):
		return ""
	}
	return "avg"
}

func rollup(method string, block time.Duration) string {
	if method == "" {
		return ""
	}
	return fmt.Sprintf(".rollup(%s, %d)", method, int64(block/time.Second))
}

// processOf names the process that a series is of: the values of its tags, where it is
// grouped by tags that name a process; otherwise it has no name.
func processOf(by, tags []string) string {
	if len(by) == 0 || slices.ContainsFunc(by, func(tag string) bool { return !slices.Contains(processTags(), tag) }) {
		return ""
	}
	var out []string
	for _, tag := range tags {
		_, value, _ := strings.Cut(tag, ":")
		out = append(out, value)
	}
	return strings.Join(out, "/")
}
