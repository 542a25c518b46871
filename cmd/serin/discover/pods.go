package discover

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets"
	"github.com/serin-canary/serin/queries/prometheus"
)

// podLabels are the labels that name a scraped pod, each with that of its namespace.
func podLabels() [][2]string {
	return [][2]string{{"pod", "namespace"}, {"kubernetes_pod_name", "kubernetes_namespace"}}
}

// crew is what a store says of one arm's pods.
type crew struct {
	namespace string
	pods      []string
}

// arms are both of them, and where their pods were read.
type armsOf struct {
	baseline, canary plan.Arm
	from             string
}

// withPods adds the arms' pods to what is known of them: mesh and ingress tell arms apart
// by workloads, services or routes, containers and runtimes know pods alone. It asks
// the series of the arms' own requests first, then those of containers; ok is false
// where neither tells the arms' pods apart.
func (f *finder) withPods(ctx context.Context) (out armsOf, ok bool, err error) {
	out = armsOf{baseline: f.found.Baseline, canary: f.found.Canary}
	if out.baseline.PodPattern != "" {
		return out, false, nil
	}
	b, err := f.crewOf(ctx, out.baseline)
	if err != nil {
		return out, false, err
	}
	var c crew
	if f.found.CanarySeen {
		if c, err = f.crewOf(ctx, out.canary); err != nil {
			return out, false, err
		}
	}
	if one, other, apart := patterns(b, c, f.found.CanarySeen); apart {
		out.from = "the pods that report their requests"
		out.baseline.PodPattern, out.canary.PodPattern = one, other
		out.baseline.Namespace = either(out.baseline.Namespace, b.namespace)
		out.canary.Namespace = either(out.canary.Namespace, c.namespace)
		return out, true, nil
	}
	return f.containers(ctx, out)
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// crewOf lists the pods that have an arm's requests.
func (f *finder) crewOf(ctx context.Context, a plan.Arm) (crew, error) {
	var out crew
	m, ok, err := f.requestsMetric()
	if err != nil || !ok {
		return out, err
	}
	r, err := m.Scoped(a)
	if err != nil {
		return out, nil //nolint:nilerr // an arm that lacks a fact has no pods to list
	}
	series, _, err := f.src.Series(ctx, r.Total[0].Selector, f.over, maxSeries)
	if err != nil {
		return out, err
	}
	return crewIn(series), nil
}

// crewIn reads the pods out of series; none where they are of several namespaces.
func crewIn(series []prometheus.Labels) crew {
	var out crew
	for _, names := range podLabels() {
		for _, l := range series {
			pod, namespace := l[names[0]], l[names[1]]
			switch {
			case pod == "" || slices.Contains(out.pods, pod):
				continue
			case len(out.pods) > 0 && namespace != out.namespace:
				return crew{}
			}
			out.pods, out.namespace = append(out.pods, pod), namespace
		}
		if len(out.pods) > 0 {
			break
		}
	}
	slices.Sort(out.pods)
	return out
}

// patterns returns patterns of both arms' pods that leave the other arm's out: of their
// workloads, or, where both arms are of one workload, of their ReplicaSets.
func patterns(b, c crew, seen bool) (one, other string, ok bool) {
	for _, of := range []func(string) string{podPattern, replicaPattern} {
		one, okOne := onePattern(b.pods, of)
		if !seen {
			return one, "", okOne
		}
		other, okOther := onePattern(c.pods, of)
		if okOne && okOther && !matchesAny(one, c.pods) && !matchesAny(other, b.pods) {
			return one, other, true
		}
	}
	return "", "", false
}

// onePattern is the pattern that all pods agree in.
func onePattern(pods []string, of func(string) string) (string, bool) {
	if len(pods) == 0 {
		return "", false
	}
	pattern := of(pods[0])
	return pattern, !slices.ContainsFunc(pods[1:], func(p string) bool { return of(p) != pattern })
}

// replicaPattern returns a pattern of the pods of one ReplicaSet.
func replicaPattern(pod string) string {
	i := strings.LastIndexByte(pod, '-')
	if i < 0 {
		return regexp.QuoteMeta(pod)
	}
	return regexp.QuoteMeta(pod[:i]) + "-[0-9a-z]+"
}

func matchesAny(pattern string, pods []string) bool {
	return slices.ContainsFunc(pods, queries.Matcher{Label: "pod", Op: queries.Match, Value: pattern}.Accepts)
}

// containers looks for the arms' pods among the containers that a family about resources
// knows, by their names: checkout-primary-... and checkout-...
func (f *finder) containers(ctx context.Context, out armsOf) (armsOf, bool, error) {
	if !f.found.CanarySeen {
		return out, false, nil
	}
	for _, name := range presets.Names() {
		p, err := presets.Get(name)
		if err != nil {
			return out, false, err
		}
		selector := f.selectorOf(p)
		if p.About != presets.Resources || selector == "" || !strings.Contains(p.Selector, ".PodPattern") {
			continue
		}
		two, ok, err := f.armsIn(ctx, p, selector)
		if err != nil {
			return out, false, err
		}
		baseline, canary := armOf(two.baseline), armOf(two.canary)
		if !ok || two.sure < named || out.baseline.Namespace != "" && out.baseline.Namespace != baseline.Namespace {
			continue
		}
		out.from = "the containers of their names"
		out.baseline.PodPattern, out.canary.PodPattern = baseline.PodPattern, canary.PodPattern
		out.baseline.Namespace, out.canary.Namespace = baseline.Namespace, canary.Namespace
		return out, true, nil
	}
	return out, false, nil
}

// selectorOf is the first selector of a family whose metric the store has.
func (f *finder) selectorOf(p presets.Preset) string {
	for _, m := range p.Metrics {
		ss, err := queries.Selections(queries.Query{Lang: queries.PromQL, Expr: m.Query})
		if err != nil {
			continue
		}
		for _, s := range ss {
			if f.names[s.Name] {
				return s.Text
			}
		}
	}
	return ""
}

// byPods are selectors that narrow a family without one of its own to an arm's pods, where
// the arms' labels are those of another family.
func byPods() []string {
	var out []string
	for _, names := range podLabels() {
		out = append(out, fmt.Sprintf(`%s="{{ .Namespace }}", %s=~"{{ .PodPattern }}"`, names[1], names[0]))
	}
	return out
}
