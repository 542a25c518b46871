// Package scrape is the embedded source: it scrapes the metrics pages of both arms
// for the time of a rollout into a bounded in-memory store under Prometheus's own
// query engine.
package scrape

import (
	"context"
	"log/slog"
	"time"

	"github.com/serin-canary/serin/queries"
)

// Target is one metrics page. Labels are added to every series of it, as a
// Prometheus scrape configuration does (job and instance are set where missing).
type Target struct {
	URL    string            `json:"url" yaml:"url"`
	Labels map[string]string `json:"labels" yaml:"labels"`
}

// Config configures a [Source].
type Config struct {
	Name       string // the source's name in plans
	Targets    []Target
	Interval   time.Duration    // default 15 s
	Timeout    time.Duration    // default: Interval, at most 10 s
	Retention  time.Duration    // default 3 h
	MaxSeries  int              // default 50,000
	MaxSamples int              // default 20 million
	Now        func() time.Time // default time.Now
	Log        *slog.Logger     // default: discard
}

// Source scrapes its targets and answers readings from what it scraped.
type Source struct{}

// New checks the configuration and returns a source that does not scrape yet.
func New(c Config) (*Source, error) { panic("skeleton") }

// Run scrapes until ctx ends.
func (s *Source) Run(ctx context.Context) error { panic("skeleton") }

// Blocks implements queries.Source.
func (s *Source) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	panic("skeleton")
}

// Ping reports an error while not one target answers.
func (s *Source) Ping(ctx context.Context) error { panic("skeleton") }
