package httpjson

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ohler55/ojg/jp"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/binned"
	"github.com/serin-canary/serin/queries/store"
)

// Source is an HTTP endpoint. It is safe for concurrent use.
type Source struct {
	cfg    Config
	url    template
	points jp.Expr
	http   *http.Client
	clock  store.Clock
	slots  chan struct{}
	made   atomic.Uint64
}

// New checks the configuration and returns a source; it does not connect.
func New(c Config) (*Source, error) {
	faults := c.Check()
	for _, field := range slices.Sorted(maps.Keys(faults)) {
		return nil, fmt.Errorf("source %q: %s %w", c.Name, field, faults[field])
	}
	if c.Times == "" {
		c.Times = seconds
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Concurrency == 0 {
		c.Concurrency = 8
	}
	t, err := parseTemplate(c.URL)
	if err != nil {
		return nil, fmt.Errorf("source %q: url %w", c.Name, err)
	}
	points, err := jp.ParseString(c.Points)
	if err != nil {
		return nil, fmt.Errorf("source %q: points %w", c.Name, err)
	}
	s := &Source{cfg: c, url: t, points: points, http: store.NewClient(c.Timeout, c.Guard), slots: make(chan struct{}, c.Concurrency)}
	s.clock.Watch(s.http)
	return s, nil
}

// Blocks implements queries.Source.
func (s *Source) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	if err := w.Validate(); err != nil {
		return queries.Frame{}, s.rejected(err.Error())
	}
	if lang := r.Query.Lang; lang != queries.JSON {
		return queries.Frame{}, s.rejected(fmt.Sprintf("a query in language %q cannot be asked of it; write language: http-json in the plan, or name another source", lang))
	}
	if w.Len() == 0 {
		return queries.Frame{Window: w}, nil
	}
	switch r.Kind {
	case queries.Ratio, queries.Counter:
		return s.counts(ctx, r, w)
	case queries.Gauge:
		return s.gauge(ctx, r, w)
	}
	return queries.Frame{}, s.rejected(fmt.Sprintf("a reading of kind %q cannot be answered", r.Kind))
}

// counts asks for every term at once.
func (s *Source) counts(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	all := slices.Concat(r.Total, r.Bad)
	terms, errs := make([]binned.Term, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, t := range all {
		wg.Go(func() {
			terms[i].Minus = t.Minus
			p, err := queries.ReadPart(queries.JSON, t.Selector)
			if err != nil {
				errs[i] = s.rejected("the query cannot be read: " + err.Error())
				return
			}
			var c queries.Column
			if c, errs[i] = s.ask(ctx, p, w); errs[i] == nil {
				terms[i].Add("", c)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return queries.Frame{}, err
		}
	}
	if !slices.ContainsFunc(terms[:len(r.Total)], binned.Term.Seen) {
		return queries.Frame{Window: w}, nil
	}
	return binned.Counts(w, terms[:len(r.Total)], terms[len(r.Total):], binned.Gap), nil
}

// gauge asks for one value a block.
func (s *Source) gauge(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	p, err := queries.ReadPart(queries.JSON, strings.TrimSpace(r.Query.Expr))
	if err != nil {
		return queries.Frame{}, s.rejected("arithmetic is done between counts only; let the endpoint answer the value itself: " + err.Error())
	}
	c, err := s.ask(ctx, p, w)
	if err != nil {
		return queries.Frame{}, err
	}
	term := binned.Term{}
	if term.Add("", c); !term.Seen() {
		return queries.Frame{Window: w}, nil
	}
	return binned.Values(w, term.Processes), nil
}

// fill writes the URL of a question.
func (s *Source) fill(p queries.Part, w queries.Window) (string, error) {
	values := map[string]string{"name": p.Name, "from": s.time(w.Start), "to": s.time(w.End), "step": fmt.Sprint(int64(w.Block / time.Second))}
	labels := url.Values{}
	for _, d := range p.Dims {
		if _, taken := values[d.Label]; taken || d.Label == "labels" {
			return "", fmt.Errorf("the label %s has the name of a placeholder", d.Label)
		}
		used := slices.ContainsFunc(s.url.pieces, func(x piece) bool { return x.holder == d.Label })
		switch {
		case used:
			values[d.Label] = d.Value
		case s.url.labels:
			labels.Set(d.Label, d.Value)
		default:
			return "", fmt.Errorf("the source's url has neither {%s} nor {labels}, so that the question cannot be narrowed by %s", d.Label, d.Label)
		}
	}
	var out strings.Builder
	for _, x := range s.url.pieces {
		v, known := values[x.holder]
		switch {
		case x.holder == "":
			out.WriteString(x.text)
		case x.holder == "labels":
			out.WriteString(labels.Encode())
		case !known:
			return "", fmt.Errorf("the source's url needs %s, and the question does not have it; let the selector or the query give it", x.holder)
		case x.query:
			out.WriteString(url.QueryEscape(v))
		case v == "." || v == ".." || v == "":
			return "", fmt.Errorf("%s=%q cannot stand in a path", x.holder, v)
		default:
			out.WriteString(url.PathEscape(v))
		}
	}
	return out.String(), nil
}

// time writes a time as the endpoint does.
func (s *Source) time(t time.Time) string {
	switch s.cfg.Times {
	case millis:
		return fmt.Sprint(t.UnixMilli())
	case rfc3339:
		return t.UTC().Format(time.RFC3339)
	}
	return fmt.Sprint(t.Unix())
}

func (s *Source) rejected(text string) error {
	return &queries.Error{Fault: queries.Rejected, Source: s.cfg.Name, Text: text}
}

func (s *Source) malformed(format string, args ...any) error {
	return &queries.Error{Fault: queries.Malformed, Source: s.cfg.Name, Text: store.Redact(fmt.Sprintf(format, args...))}
}

// Clock returns the endpoint's own time, by the Date of its answers: blocks are closed by
// it, where this machine's clock is ahead.
func (s *Source) Clock(ctx context.Context) (time.Time, error) { return s.clock.Ask(ctx, s.Ping) }

// Calls returns how many requests have been made since the start.
func (s *Source) Calls() uint64 { return s.made.Load() }

// Close closes idle connections. The source may be used again.
func (s *Source) Close() { s.http.CloseIdleConnections() }
