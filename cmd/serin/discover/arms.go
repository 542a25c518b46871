package discover

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/promql"
)

// arms looks for the arms of the service among the series of a family's requests; ok is
// false where the family has nothing of the service. A family with one arm alone is
// offered with a pair that is unlike.
func (f *finder) arms(ctx context.Context, p presets.Preset) (best pairOf, ok bool, err error) {
	requests := requestsOf(p)
	if !f.names[nameOf(requests)] {
		return best, false, nil
	}
	return f.armsIn(ctx, p, requests)
}

// armsIn looks for them among the series of one selector of a family.
func (f *finder) armsIn(ctx context.Context, p presets.Preset, requests string) (best pairOf, ok bool, err error) {
	constant, shapes, err := shapesOf(p.Selector)
	if err != nil {
		return best, false, err
	}
	if f.o.Namespace != "" {
		for _, s := range shapes {
			if slices.Equal(s.facts, []string{"Namespace"}) {
				constant = append(constant, queries.Matcher{Label: s.label, Op: queries.Equal, Value: f.o.Namespace})
			}
		}
	}
	labels, err := f.hints(ctx, requests, shapes)
	if err != nil {
		return best, false, err
	}
	for _, label := range labels {
		series, err := f.series(ctx, requests, append(slices.Clone(constant), f.hint(label)))
		if err != nil || len(series) == 0 {
			if err != nil {
				return best, false, err
			}
			continue
		}
		if p.Blend != "" {
			f.miss("preset %s has requests of the service (%s), and cannot be compared as it is: %s", p.Name, label, strings.TrimSpace(p.Blend))
			return best, false, nil
		}
		got, found := f.pairIn(series, shapes, label)
		if found && (!ok || got.sure > best.sure) {
			best, ok = got, true
		}
		if ok && best.sure >= named {
			break
		}
	}
	return best, ok, nil
}

// pairIn finds two arms in series, or one.
func (f *finder) pairIn(series []prometheus.Labels, shapes []shape, hint string) (pairOf, bool) {
	if len(shapes) == 0 {
		return f.labelPair(series, hint)
	}
	all := candidates(series, shapes)
	if len(all) == 0 {
		return pairOf{}, false
	}
	if two, ok := pair(all); ok {
		return two, true
	}
	return pairOf{baseline: all[0]}, true
}

// hints lists labels that may hold the service's name: the family's own, or those that its
// series have.
func (f *finder) hints(ctx context.Context, selector string, shapes []shape) ([]string, error) {
	for _, s := range shapes {
		if slices.ContainsFunc(s.facts, func(fact string) bool {
			return !slices.Contains([]string{"Namespace", "Hash", "Labels.canary", "Labels.node"}, fact)
		}) {
			return []string{s.label}, nil
		}
	}
	there, err := f.src.LabelNames(ctx, selector, f.over)
	if err != nil {
		return nil, err
	}
	usual := []string{
		"service", "service_name", "app", "app_kubernetes_io_name", "app_kubernetes_io_instance", "workload", "deployment",
		"container", "route", "envoy_cluster_name", "pod", "kubernetes_pod_name", "job",
	}
	var out []string
	for _, l := range append(usual, there...) {
		if slices.Contains(there, l) && !slices.Contains(out, l) && !ofRequests(l) {
			out = append(out, l)
		}
	}
	return out[:min(len(out), maxHints)], nil
}

// hint matches whatever has the service's name in it, however the store writes what is
// between its words.
func (f *finder) hint(label string) queries.Matcher {
	words := strings.FieldsFunc(f.o.Service, func(r rune) bool { return strings.ContainsRune("-_.", r) })
	for i, w := range words {
		words[i] = regexp.QuoteMeta(w)
	}
	return queries.Matcher{Label: label, Op: queries.Match, Value: ".*" + strings.Join(words, "[-_.]") + ".*"}
}

// series asks for series of a selector that agree with matchers.
func (f *finder) series(ctx context.Context, selector string, ms []queries.Matcher) ([]prometheus.Labels, error) {
	q, err := queries.Query{Lang: queries.PromQL, Expr: selector}.Scoped(ms)
	if err != nil {
		return nil, err
	}
	series, more, err := f.src.Series(ctx, q.Expr, f.over, maxSeries)
	if errors.Is(err, promql.ErrTooLarge) {
		f.miss("%s has too many series to look at; give --namespace, or a longer --service", q.Expr)
		return nil, nil
	}
	if more {
		f.miss("%s has more than %d series; only the first of them were looked at", q.Expr, maxSeries)
	}
	return series, err
}

// ofRequests reports whether a label tells requests or places apart, and never services.
func ofRequests(label string) bool {
	return slices.Contains([]string{
		"le", "quantile", "code", "status", "status_code", "method", "path", "handler", "uri", "matched_uri", "response_code", "response_flags",
		"classification", "envoy_response_code", "envoy_response_code_class", "consumer", "topic", "partition",
		"instance", "node", "host", "endpoint", "uid", "ip", "pod_ip", "zone", "region", "namespace", "kubernetes_namespace",
	}, label) || strings.HasPrefix(label, "grpc_") || strings.HasPrefix(label, "http_")
}

// ofPods reports whether a label names single pods.
func ofPods(label string) bool {
	return slices.Contains([]string{"pod", "pod_name", "kubernetes_pod_name"}, label)
}

// usualArms are labels by which people tell arms apart, the surest first.
func usualArms() []string {
	return []string{
		"track", "role", "variant", "variation", "arm", "version", "app_kubernetes_io_version", "service_version", "revision",
		"rollouts_pod_template_hash", "pod_template_hash", "color", "fleet", "stage", "release",
	}
}

// labelPair finds the label that tells two arms apart where a family has no selector.
func (f *finder) labelPair(series []prometheus.Labels, hint string) (pairOf, bool) {
	var best pairOf
	by := ""
	for _, label := range append(usualArms(), labelsOf(series)...) {
		if ofRequests(label) || ofPods(label) {
			continue
		}
		two, ok := pair(candidates(series, []shape{{
			label: label, op: queries.Equal, facts: []string{"Labels." + label}, re: regexp.MustCompile("^(?P<f0>.+)$"),
		}}))
		if ok && two.sure > best.sure && (two.sure > ordered || slices.Contains(usualArms(), label) || label == hint) {
			best, by = two, label
		}
	}
	common := map[string]string{}
	if v := series[0][hint]; hint != by && !f.called(best.baseline.facts["Labels."+by]) && !slices.ContainsFunc(series, func(l prometheus.Labels) bool { return l[hint] != v }) {
		common["Labels."+hint] = v
	}
	if by == "" {
		if len(common) == 0 {
			return pairOf{}, false
		}
		return pairOf{baseline: candidate{facts: common}}, true
	}
	for fact, v := range common {
		best.baseline.facts[fact], best.canary.facts[fact] = v, v
	}
	return best, true
}

// called reports whether a value has the service's name in it, so that nothing else is
// needed to tell the service from others.
func (f *finder) called(value string) bool {
	return queries.Matcher{Op: queries.Match, Label: "x", Value: f.hint("x").Value}.Accepts(value)
}

// labelsOf lists the labels of series, sorted.
func labelsOf(series []prometheus.Labels) []string {
	var out []string
	for _, l := range series {
		for name := range l {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}
