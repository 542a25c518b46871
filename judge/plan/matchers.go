package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/serin-canary/serin/queries"
)

// Matchers returns what narrows the metric's query to one arm: its selector with the
// arm's facts filled in, or, where it has none, all of the arm's labels, sorted. It is
// an error where a fact is missing, and where nothing is left to tell the arms
// apart: a query that is not narrowed would compare the service with itself.
func (m Metric) Matchers(a Arm) ([]queries.Matcher, error) {
	ms, err := matchersOf(m.Selector, a)
	if err != nil {
		return nil, fmt.Errorf("metric %q: %w", m.Name, err)
	}
	return ms, nil
}

// Scoped returns the reading that a source is asked for one arm: the metric's query
// narrowed by its Matchers, and understood as the plan understood it.
func (m Metric) Scoped(a Arm) (queries.Reading, error) {
	r, err := scoped(m.Query, m.Reading.Kind, m.Selector, a)
	if err != nil {
		return queries.Reading{}, fmt.Errorf("metric %q: %w", m.Name, err)
	}
	return r, nil
}

// Matchers returns what narrows the limit's own query to one arm, as those of a
// [Metric] do. A limit on a metric of the plan has no query of its own, which is an error.
func (l Limit) Matchers(a Arm) ([]queries.Matcher, error) {
	if l.Query.Expr == "" {
		return nil, fmt.Errorf("limit %q: bounds the metric %q and has no query of its own", l.Name, l.Metric)
	}
	ms, err := matchersOf(l.Selector, a)
	if err != nil {
		return nil, fmt.Errorf("limit %q: %w", l.Name, err)
	}
	return ms, nil
}

// Scoped returns the reading of the limit's own query for one arm, as that of a
// [Metric] does.
func (l Limit) Scoped(a Arm) (queries.Reading, error) {
	if l.Query.Expr == "" {
		return queries.Reading{}, fmt.Errorf("limit %q: bounds the metric %q and has no query of its own", l.Name, l.Metric)
	}
	r, err := scoped(l.Query, l.Reading.Kind, l.Selector, a)
	if err != nil {
		return queries.Reading{}, fmt.Errorf("limit %q: %w", l.Name, err)
	}
	return r, nil
}

func scoped(q queries.Query, kind queries.Kind, selector string, a Arm) (queries.Reading, error) {
	ms, err := matchersOf(selector, a)
	if err != nil {
		return queries.Reading{}, err
	}
	narrow, err := q.Scoped(ms)
	if err != nil {
		return queries.Reading{}, err
	}
	r, err := queries.Understand(narrow)
	if err != nil {
		return queries.Reading{}, err
	}
	switch {
	case r.Kind == kind:
		return r, nil
	case kind == queries.Gauge:
		return asGauge(r), nil
	}
	return queries.Reading{}, fmt.Errorf("is read as a %s, but once narrowed to an arm as a %s", kind, r.Kind)
}

// asGauge reads a query as a value for each block, whatever else it could be read as.
func asGauge(r queries.Reading) queries.Reading {
	if r.Kind == queries.Gauge {
		return r
	}
	return queries.Reading{
		Kind: queries.Gauge, Query: r.Query, Scale: 1, Range: r.Range,
		Why: "the plan wants the value of the query, which could be read as a " + string(r.Kind),
	}
}

func matchersOf(selector string, a Arm) ([]queries.Matcher, error) {
	if selector == "" {
		return labelMatchers(a)
	}
	templates, err := parseSelector(selector)
	if err != nil {
		return nil, fmt.Errorf("selector: %w", err)
	}
	out := make([]queries.Matcher, len(templates))
	for i, t := range templates {
		if out[i], err = t.render(a); err != nil {
			return nil, err
		}
		if t.mayNarrow() && !narrows(out[i]) {
			return nil, fmt.Errorf("with this arm's facts the selector's %s%s%q matches everything, the other arm included; give the arm a pattern that leaves the other one out",
				out[i].Label, out[i].Op, out[i].Value)
		}
	}
	return out, nil
}

func labelMatchers(a Arm) ([]queries.Matcher, error) {
	var out []queries.Matcher
	for _, label := range slices.Sorted(maps.Keys(a.Labels)) {
		if a.Labels[label] == "" {
			return nil, fmt.Errorf("the arm's label %s is empty, which would match series without it; give it a value", label)
		}
		out = append(out, queries.Matcher{Label: label, Op: queries.Equal, Value: a.Labels[label]})
	}
	if len(out) == 0 {
		return podMatchers(a)
	}
	return out, nil
}

// podMatchers narrows to the arm's pods by the labels that Kubernetes service
// discovery usually leaves on every series of a pod.
func podMatchers(a Arm) ([]queries.Matcher, error) {
	pods := queries.Matcher{Label: "pod", Op: queries.Match, Value: a.PodPattern}
	if !narrows(pods) {
		return nil, errors.New("nothing narrows its query to one arm, so that the service would be compared with itself; give the arm labels, or the plan a selector")
	}
	if a.Namespace == "" {
		return []queries.Matcher{pods}, nil
	}
	return []queries.Matcher{{Label: "namespace", Op: queries.Equal, Value: a.Namespace}, pods}, nil
}
