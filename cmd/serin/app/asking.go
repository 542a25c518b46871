package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/promcheck"
	"github.com/serin-canary/serin/queries/promql"
)

// asked lets Prometheus checks ask the sources.
func (s *Sources) asked(k checks.Kinds) checks.Kinds {
	k["prometheus"] = promcheck.New(promcheck.Config{Ask: s.ask})
	return k
}

// ask answers a query of a check at a time, by the source of a name. It stands in no
// queue: a check asks one question, and has a limit of its own.
func (s *Sources) ask(ctx context.Context, source, query string, at time.Time) ([]promcheck.Sample, error) {
	r := s.rangers[source]
	switch {
	case len(s.stores) == 0:
		return nil, errors.New("no source is known here; name the configuration that has them with --config")
	case s.stores[source] == nil:
		return nil, fmt.Errorf("source %q is not configured; there are %s", source, strings.Join(s.Names(), ", "))
	case r == nil:
		return nil, fmt.Errorf("source %q does not answer PromQL", source)
	}
	second := at.Unix() * 1000
	matrix, _, err := r.Range(ctx, query, promql.Range{Start: second, End: second, Step: 1000})
	if err != nil {
		return nil, err
	}
	var out []promcheck.Sample
	for _, series := range matrix {
		if len(series.Values) == 0 {
			continue
		}
		labels := make(map[string]string, len(series.Metric))
		for name, value := range series.Metric {
			labels[string(name)] = string(value)
		}
		out = append(out, promcheck.Sample{Labels: labels, Value: float64(series.Values[len(series.Values)-1].Value)})
	}
	return out, nil
}
