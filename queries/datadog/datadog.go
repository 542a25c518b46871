package datadog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/batch"
	"github.com/serin-canary/serin/queries/store"
)

// Source is an organisation of Datadog. It is safe for concurrent use.
type Source struct {
	cfg    Config
	client *client
	calls  *batch.Batcher[span, question, answer]

	mu   sync.Mutex
	seen map[string]sighting // by the text of the question whether a metric was seen
}

// span is the window of one call. Its times are UTC.
type span struct {
	start, end time.Time
	block      time.Duration
}

// question is what one reading wants of a call.
type question []formula

// answer is the series of each formula of a question, and what was said beside them.
type answer struct {
	series [][]series
	finer  bool   // its steps were finer than a block
	said   string // a part is missing, in Datadog's words
}

// New checks the configuration and returns a source; it does not connect.
func New(c Config) (*Source, error) {
	faults := c.Check()
	for _, field := range slices.Sorted(maps.Keys(faults)) {
		return nil, fmt.Errorf("source %q: %s %w", c.Name, field, faults[field])
	}
	c = c.withDefaults()
	s := &Source{cfg: c, client: newClient(c), seen: map[string]sighting{}}
	s.calls = batch.New(batch.Config[span, question, answer]{
		Ask: s.ask, Pause: c.Pause,
		Refused: func(err error) bool { return errors.Is(err, errRefused) },
	})
	return s, nil
}

// How far a call reaches back beyond its window, in blocks, and how many blocks it
// asks for at most, so that its points stay below what Datadog coarsens at.
const (
	leadBlocks = 4
	mostBlocks = 300
)

// Blocks implements queries.Source.
func (s *Source) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	if err := w.Validate(); err != nil {
		return queries.Frame{}, s.rejected(err.Error(), err)
	}
	if lang := r.Query.Lang; lang != queries.Datadog {
		return queries.Frame{}, s.rejected(fmt.Sprintf("a query in language %q cannot be asked of Datadog; write language: datadog in the plan, or name another source", lang), nil)
	}
	var out queries.Frame
	for from := w.Start; from.Before(w.End); {
		to := from.Add(mostBlocks * w.Block)
		if to.After(w.End) {
			to = w.End
		}
		f, err := s.piece(ctx, r, queries.Window{Start: from, End: to, Block: w.Block})
		if err != nil {
			return queries.Frame{}, err
		}
		if out, err = out.Append(f); err != nil {
			return queries.Frame{}, s.malformed(err.Error())
		}
		from = to
	}
	if w.Len() == 0 {
		out.Window = w
	}
	return out, nil
}

// piece answers a reading over a window that fits a call.
func (s *Source) piece(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	var f queries.Frame
	var err error
	switch r.Kind {
	case queries.Ratio, queries.Counter:
		f, err = s.counts(ctx, r, w)
	case queries.Gauge:
		f, err = s.gauge(ctx, r, w)
	default:
		return queries.Frame{}, s.rejected(fmt.Sprintf("a reading of kind %q cannot be answered", r.Kind), nil)
	}
	f.Notes = queries.SortNotes(f.Notes)
	return f, err
}

// join asks one question together with others over the same window.
func (s *Source) join(ctx context.Context, q question, w queries.Window) (answer, error) {
	a, err := s.calls.Do(ctx, span{w.Start.UTC(), w.End.UTC(), w.Block}, q)
	return a, store.Joined(ctx, s.cfg.Name, s.cfg.Timeout, err)
}

// ask makes one call of many questions.
func (s *Source) ask(ctx context.Context, at span, qs []question) ([]answer, error) {
	var fs []formula
	for _, q := range qs {
		fs = append(fs, q...)
	}
	w := queries.Window{Start: at.start, End: at.end, Block: at.block}
	var got response
	body := newRequest(fs, w.Start.Add(-leadBlocks*w.Block), w.End, w.Block)
	if err := s.client.call(ctx, "/api/v2/query/timeseries", nil, &body, &got); err != nil {
		return nil, err
	}
	all, step, fault := got.read(w, len(fs))
	if fault != nil {
		fault.Source = s.cfg.Name
		return nil, fault
	}
	out := make([]answer, len(qs))
	for i, q := range qs {
		out[i] = answer{series: all[:len(q)], finer: step > 0 && step < w.Block.Milliseconds(), said: store.Redact(said(got.Errors))}
		all = all[len(q):]
	}
	return out, nil
}

func (s *Source) rejected(text string, cause error) error {
	return &queries.Error{Fault: queries.Rejected, Source: s.cfg.Name, Text: text, Err: cause}
}

func (s *Source) malformed(text string) error {
	return &queries.Error{Fault: queries.Malformed, Source: s.cfg.Name, Text: text}
}

// Ping reports whether Datadog answers, and takes the API key.
func (s *Source) Ping(ctx context.Context) error {
	var got struct {
		Valid bool `json:"valid"`
	}
	if err := s.client.call(ctx, "/api/v1/validate", url.Values{}, nil, &got); err != nil {
		return err
	}
	if !got.Valid {
		return s.rejected("it does not take the API key", nil)
	}
	return nil
}

// Clock returns Datadog's own time, by the Date of its answers: blocks are closed by
// it, where this machine's clock is ahead.
func (s *Source) Clock(ctx context.Context) (time.Time, error) {
	return s.client.clock.Ask(ctx, s.Ping)
}

// Calls returns how many calls have been made since the start.
func (s *Source) Calls() uint64 { return s.client.calls.Load() }

// BytesRead returns how many bytes of answers have been read since the start, after
// decompression.
func (s *Source) BytesRead() uint64 { return s.client.read.Load() }

// Close closes idle connections. The source may be used again.
func (s *Source) Close() { s.client.http.CloseIdleConnections() }
