package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	api "github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/batch"
	"github.com/serin-canary/serin/queries/store"
)

// Source is one region of an account. It is safe for concurrent use.
type Source struct {
	cfg   Config
	http  *http.Client
	clock store.Clock
	api   *api.Client
	calls *batch.Batcher[span, question, answer]
	made  atomic.Uint64 // calls of GetMetricData

	mu   sync.Mutex
	seen map[string]sighting
}

// span is the window of one call. Its times are UTC.
type span struct {
	start, end time.Time
	block      time.Duration
}

// New checks the configuration and returns a source; it does not connect. What is read
// is the environment and the SDK's own files.
func New(c Config) (*Source, error) {
	faults := c.Check()
	for _, field := range slices.Sorted(maps.Keys(faults)) {
		return nil, fmt.Errorf("source %q: %s %w", c.Name, field, faults[field])
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	loaded, err := config.LoadDefaultConfig(context.Background(), config.WithRegion(c.Region))
	if err != nil {
		return nil, fmt.Errorf("source %q: the SDK's configuration cannot be read: %w", c.Name, err)
	}
	s := &Source{cfg: c, http: store.NewClient(c.Timeout, nil), seen: map[string]sighting{}}
	s.clock.Watch(s.http)
	s.api = api.NewFromConfig(loaded, func(o *api.Options) {
		o.HTTPClient = s.http
		o.Retryer = aws.NopRetryer{} // what stands before the source tries again, for everybody
		if c.URL != "" {
			o.BaseEndpoint = aws.String(c.URL)
		}
	})
	s.calls = batch.New(batch.Config[span, question, answer]{
		Ask: s.ask, Pause: c.Pause, Most: 200,
		Refused: func(err error) bool { return errors.Is(err, errRefused) },
	})
	return s, nil
}

// Blocks implements queries.Source.
func (s *Source) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	if err := w.Validate(); err != nil {
		return queries.Frame{}, s.rejected(err.Error(), err)
	}
	if lang := r.Query.Lang; lang != queries.CloudWatch {
		return queries.Frame{}, s.rejected(fmt.Sprintf("a query in language %q cannot be asked of CloudWatch; write language: cloudwatch in the plan, or name another source", lang), nil)
	}
	if !period(w.Block) {
		return queries.Frame{}, s.rejected(fmt.Sprintf("CloudWatch has no period of %s: blocks are multiples of a minute, or 1, 5, 10 or 30 seconds for metrics of high resolution", w.Block), nil)
	}
	if w.Len() == 0 {
		return queries.Frame{Window: w}, nil
	}
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

// period reports whether CloudWatch has a period.
func period(d time.Duration) bool {
	return d > 0 && d%time.Minute == 0 || slices.Contains([]time.Duration{1, 5, 10, 30}, d/time.Second) && d%time.Second == 0
}

// join asks one question together with others over the same window.
func (s *Source) join(ctx context.Context, q question, w queries.Window) (answer, error) {
	a, err := s.calls.Do(ctx, span{w.Start.UTC(), w.End.UTC(), w.Block}, q)
	return a, store.Joined(ctx, s.cfg.Name, s.cfg.Timeout, err)
}

func (s *Source) rejected(text string, cause error) error {
	return &queries.Error{Fault: queries.Rejected, Source: s.cfg.Name, Text: text, Err: cause}
}

func (s *Source) malformed(text string) error {
	return &queries.Error{Fault: queries.Malformed, Source: s.cfg.Name, Text: text}
}

// Ping reports whether CloudWatch answers, and takes the credentials.
func (s *Source) Ping(ctx context.Context) error {
	_, err := s.api.ListMetrics(ctx, &api.ListMetricsInput{Namespace: aws.String("AWS/ApplicationELB"), MetricName: aws.String("RequestCount")})
	if err != nil {
		return s.fault(err)
	}
	return nil
}

// Clock returns CloudWatch's own time, by the Date of its answers: blocks are closed by
// it, where this machine's clock is ahead.
func (s *Source) Clock(ctx context.Context) (time.Time, error) { return s.clock.Ask(ctx, s.Ping) }

// Calls returns how many calls of GetMetricData have been made since the start, pages
// included.
func (s *Source) Calls() uint64 { return s.made.Load() }

// Close closes idle connections. The source may be used again.
func (s *Source) Close() { s.http.CloseIdleConnections() }
