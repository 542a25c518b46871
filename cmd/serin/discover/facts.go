package discover

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
)

// shape is one matcher of a preset's selector that names facts of an arm, turned round:
// it reads the facts out of a label's value.
type shape struct {
	label string
	op    queries.Op
	facts []string // Namespace, Workload, Labels.service, ...
	re    *regexp.Regexp
}

// shapesOf cuts a selector into matchers that are the same for every arm, and shapes.
func shapesOf(selector string) (constant []queries.Matcher, shapes []shape, err error) {
	ms, err := queries.ParseSelector(selector)
	if err != nil {
		return nil, nil, err
	}
	fact := regexp.MustCompile(`\{\{ *\.([A-Za-z._]+) *\}\}`)
	for _, m := range ms {
		names := fact.FindAllStringSubmatch(m.Value, -1)
		if len(names) == 0 {
			constant = append(constant, m)
			continue
		}
		s := shape{label: m.Label, op: m.Op}
		var pattern strings.Builder
		between := fact.Split(m.Value, -1)
		for i, text := range between {
			if m.Op == queries.Equal {
				text = regexp.QuoteMeta(text)
			}
			pattern.WriteString(text)
			if i < len(names) {
				s.facts = append(s.facts, names[i][1])
				// The last one takes all it can: what follows it is a port or a hash.
				lazy := "?"
				if i == len(names)-1 {
					lazy = ""
				}
				fmt.Fprintf(&pattern, "(?P<f%d>.+%s)", i, lazy)
			}
		}
		if s.re, err = regexp.Compile("^(?:" + pattern.String() + ")$"); err != nil {
			return nil, nil, err
		}
		shapes = append(shapes, s)
	}
	return constant, shapes, nil
}

// read returns the facts that a series' label says, and false where it is of another shape.
func (s shape) read(l prometheus.Labels) (map[string]string, bool) {
	value := l[s.label]
	if value == "" && s.op == queries.Match && len(s.facts) == 1 && strings.HasPrefix(s.facts[0], "Labels.") {
		return map[string]string{s.facts[0]: "^$"}, true // one arm may be what the label is absent from
	}
	m := s.re.FindStringSubmatch(value)
	if m == nil {
		return nil, false
	}
	out := map[string]string{}
	for i, fact := range s.facts {
		v := m[s.re.SubexpIndex(fmt.Sprintf("f%d", i))]
		switch {
		case fact == "PodPattern":
			v = podPattern(v)
		case s.op == queries.Match:
			v = regexp.QuoteMeta(v)
		}
		out[fact] = v
	}
	return out, true
}

// podPattern returns a pattern of a pod's siblings: a Deployment's pods end in two hashes, a
// ReplicaSet's in one, a StatefulSet's in a number.
func podPattern(pod string) string {
	for _, kind := range []struct{ of, pattern string }{
		{`^(.+)-[0-9a-z]{6,10}-[0-9a-z]{5}$`, `-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)`},
		{`^(.+)-[0-9]+$`, `-[0-9]+`},
		{`^(.+)-[0-9a-z]{5}$`, `-[0-9a-z]{5}`},
	} {
		if m := regexp.MustCompile(kind.of).FindStringSubmatch(pod); m != nil {
			return regexp.QuoteMeta(m[1]) + kind.pattern
		}
	}
	return regexp.QuoteMeta(pod)
}

// candidate is what may be an arm: facts, and how many processes have them.
type candidate struct {
	facts     map[string]string
	processes int
}

// candidates groups series by the facts that they say.
func candidates(series []prometheus.Labels, shapes []shape) []candidate {
	at := map[string]candidate{}
	processes := map[string]map[string]bool{}
	for _, l := range series {
		facts := map[string]string{}
		fits := true
		for _, s := range shapes {
			found, ok := s.read(l)
			fits = fits && ok
			maps.Copy(facts, found)
		}
		if !fits {
			continue
		}
		key := textOf(facts)
		if processes[key] == nil {
			processes[key] = map[string]bool{}
		}
		processes[key][processOf(l)] = true
		at[key] = candidate{facts, len(processes[key])}
	}
	var out []candidate
	for _, key := range slices.Sorted(maps.Keys(at)) {
		out = append(out, at[key])
	}
	return out
}

// processOf names what a series is scraped from.
func processOf(l prometheus.Labels) string {
	return strings.Join([]string{l["job"], l["instance"], l["pod"], l["kubernetes_pod_name"]}, "\xff")
}

func textOf(facts map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(facts)) {
		parts = append(parts, k+"="+facts[k])
	}
	return strings.Join(parts, ",")
}
