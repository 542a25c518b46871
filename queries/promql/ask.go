package promql

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
)

// ErrTooLarge is wrapped by the error of a [Ranger] whose answer is larger than it
// is willing to hold. The reader then asks for sums instead.
var ErrTooLarge = errors.New("the answer is larger than the limit")

// maxPoints is how many points of one series are asked for at once; Prometheus
// refuses more than 11,000.
const maxPoints = 11000

// question is one range query over a grid of instants.
type question struct {
	expr string
	over Range
}

// answer is what came back: err is a *queries.Error or nil.
type answer struct {
	m        model.Matrix
	warnings []string
	err      error
}

// ask puts all questions at once, as far as the reader's slots allow. Answers come
// in the order of the questions.
func (r *Reader) ask(ctx context.Context, qs []question) []answer {
	out := make([]answer, len(qs))
	var wg sync.WaitGroup
	for i := range qs {
		wg.Go(func() { out[i] = r.answer(ctx, qs[i]) })
	}
	wg.Wait()
	return out
}

// answer puts one question, in parts where it has too many points.
func (r *Reader) answer(ctx context.Context, q question) answer {
	var parts []answer
	for start := q.over.Start; start <= q.over.End; start += maxPoints * q.over.Step {
		part := Range{Start: start, End: min(q.over.End, start+(maxPoints-1)*q.over.Step), Step: q.over.Step}
		a := r.part(ctx, q.expr, part)
		if a.err != nil {
			return a
		}
		parts = append(parts, a)
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return merge(parts)
}

func (r *Reader) part(ctx context.Context, expr string, over Range) answer {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return answer{err: &queries.Error{
			Fault: queries.Unavailable, Source: r.o.Source,
			Text: "there was no time left to ask", Err: context.Cause(ctx),
		}}
	}
	m, warnings, err := r.ranger.Range(ctx, expr, over)
	if err != nil {
		var known *queries.Error
		if !errors.As(err, &known) {
			err = &queries.Error{Fault: queries.Unavailable, Source: r.o.Source, Text: "the query failed", Err: err}
		}
	}
	return answer{m, warnings, err}
}

// merge joins the parts of one question, series by series.
func merge(parts []answer) answer {
	var out answer
	at := map[model.Fingerprint]*model.SampleStream{}
	for _, p := range parts {
		out.warnings = append(out.warnings, p.warnings...)
		for _, s := range p.m {
			id := s.Metric.Fingerprint()
			if have := at[id]; have != nil {
				have.Values = append(have.Values, s.Values...)
				have.Histograms = append(have.Histograms, s.Histograms...)
				continue
			}
			at[id] = s
			out.m = append(out.m, s)
		}
	}
	return out
}

// firstError returns the first error in the order of the questions.
func firstError(as []answer) error {
	for _, a := range as {
		if a.err != nil {
			return a.err
		}
	}
	return nil
}

// engineRemark begins a warning about the samples of a query. All other warnings say
// that a part of the store did not answer.
const engineRemark = "PromQL warning:"

// warn turns what the store said beside its data into notes.
func (l *look) warn(as []answer) {
	for _, a := range as {
		for _, w := range a.warnings {
			w = strings.Join(strings.Fields(w), " ")
			if r := []rune(w); len(r) > 200 {
				w = string(r[:200]) + "…"
			}
			code := queries.NotePartial
			if strings.HasPrefix(w, engineRemark) {
				code = queries.NoteNotANumber // samples that could not be computed with; nothing is missing from the store
			}
			l.note(code, "the store says of its own answer: %s", w)
		}
	}
}

// selector is an instant vector selector that is read sample by sample.
type selector struct {
	text string
	by   []string // labels that its sums must keep, beside those that name a process
}

// last asks for the last sample of each block of every series. The range is one
// millisecond short of the block: servers differ on whether a sample exactly at its
// far end belongs to it, and that sample is the block before's.
func (l *look) last(s selector) question {
	block := model.Duration((l.g.step - 1) * 1e6)
	if l.g.step == 1 {
		block = model.Duration(1e6)
	}
	expr := "last_over_time(" + s.text + "[" + block.String() + "])"
	if l.old {
		since := strconv.FormatFloat((float64(l.g.step)-0.5)/1000, 'f', -1, 64)
		expr = s.text + " and (timestamp(" + s.text + ") > time() - " + since + ")"
	}
	if l.summed {
		by := append([]string{"job", "instance"}, l.r.o.Process...)
		by = append(by, s.by...)
		slices.Sort(by)
		expr = "sum by (" + strings.Join(slices.Compact(by), ", ") + ") (" + expr + ")"
	}
	return question{expr, l.g.rangeOf(0, l.g.points()-1)}
}

// read asks for every selector, and for extra questions beside them; the answers
// come in that order. Where there are more series than the limit it asks again, for
// sums.
func (l *look) read(ctx context.Context, ss []selector, extra []question) ([]answer, error) {
	var qs []question
	for _, s := range ss {
		qs = append(qs, l.last(s))
	}
	as := l.r.ask(ctx, append(qs, extra...))
	series, tooLarge := 0, false
	for i, a := range as[:len(ss)] {
		series += len(a.m)
		if errors.Is(a.err, ErrTooLarge) {
			tooLarge, as[i].err = true, nil
		}
	}
	if err := firstError(as); err != nil {
		return nil, err
	}
	if tooLarge || series > l.r.o.SeriesLimit {
		l.summed = true
		l.note(queries.NoteSeriesLimit, "there are more than %d series; counts were read from their sums by process, where a fall is a gap", l.r.o.SeriesLimit)
		for i, s := range ss {
			qs[i] = l.last(s)
		}
		copy(as, l.r.ask(ctx, qs))
		if err := firstError(as); err != nil {
			return nil, err
		}
	}
	l.warn(as)
	return as, nil
}
