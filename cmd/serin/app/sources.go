package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	prom "github.com/prometheus/client_golang/prometheus"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/cloudwatch"
	"github.com/serin-canary/serin/queries/datadog"
	"github.com/serin-canary/serin/queries/httpjson"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/promql"
	"github.com/serin-canary/serin/queries/scrape"
	"github.com/serin-canary/serin/webhooks"
)

// Store is a source that can be asked whether it is there.
type Store interface {
	queries.Source
	webhooks.Pinger
}

// Sources are the stores that plans may name, and what has to run beside them.
type Sources struct {
	stores  map[string]Store
	scrapes []*scrape.Source
	queues  []prom.Collector // of the queues before them, where there are any
	rangers map[string]promql.Ranger
}

// OpenSources makes the configured stores. It does not connect to them.
func OpenSources(cs []Source, log *slog.Logger) (*Sources, error) {
	return openSources(cs, Limits{}, log)
}

func openSources(cs []Source, l Limits, log *slog.Logger) (*Sources, error) {
	s := &Sources{stores: map[string]Store{}, rangers: map[string]promql.Ranger{}}
	for _, c := range cs {
		store, err := open(c, l, log)
		if err != nil {
			return nil, fmt.Errorf("source %q: %w", c.Name, err)
		}
		s.stores[c.Name] = store
		if r, ok := store.(promql.Ranger); ok {
			s.rangers[c.Name] = r
		}
		if sc, ok := store.(*scrape.Source); ok {
			s.scrapes = append(s.scrapes, sc)
		}
	}
	return s, nil
}

func open(c Source, l Limits, log *slog.Logger) (Store, error) {
	switch {
	case c.Prometheus != nil:
		pc := *c.Prometheus
		pc.Name, pc.Limits = c.Name, l.answers()
		return prometheus.New(pc)
	case c.Scrape != nil:
		return scrape.New(scrape.Config{
			Name: c.Name, Targets: c.Scrape.Targets, Interval: c.Scrape.Interval,
			Retention: c.Scrape.Retention, Log: log,
		})
	case c.Datadog != nil:
		dc := *c.Datadog
		dc.Name = c.Name
		return datadog.New(dc)
	case c.CloudWatch != nil:
		cc := *c.CloudWatch
		cc.Name = c.Name
		return cloudwatch.New(cc)
	case c.HTTPJSON != nil:
		hc := *c.HTTPJSON
		hc.Name, hc.Guard = c.Name, Guard
		return httpjson.New(hc)
	}
	return nil, fmt.Errorf("it has no kind; add prometheus or scrape")
}

// ByName returns the stores as the judge takes them.
func (s *Sources) ByName() map[string]queries.Source {
	m := make(map[string]queries.Source, len(s.stores))
	for n, st := range s.stores {
		m[n] = st
	}
	return m
}

// Store returns the store of a name, or nil.
func (s *Sources) Store(name string) Store { return s.stores[name] }

// Names returns the names of the stores, sorted.
func (s *Sources) Names() []string { return slices.Sorted(maps.Keys(s.stores)) }

// Collectors are the states of the sources that have one.
func (s *Sources) Collectors() []prom.Collector {
	out := slices.Clone(s.queues)
	for _, sc := range s.scrapes {
		out = append(out, sc.Collector())
	}
	return out
}

// Run scrapes what is to be scraped until ctx ends; each source's work is handed
// to start, which runs it beside everything else.
func (s *Sources) Run(ctx context.Context, start func(work func())) {
	for _, sc := range s.scrapes {
		start(func() { _ = sc.Run(ctx) }) // it ends with ctx, and only so
	}
}
