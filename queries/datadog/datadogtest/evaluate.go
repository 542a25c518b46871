package datadogtest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// one is a series of an answer.
type one struct {
	tags   []string
	values []*float64
}

// scaled reads the formulas that the fake knows: a name, or a number times a name.
func scaled(formula string) (k float64, name string, err error) {
	m := regexp.MustCompile(`^(?:([0-9.]+) \* )?(q[0-9]+)$`).FindStringSubmatch(formula)
	if m == nil {
		return 0, "", fmt.Errorf("the fake does not know the formula %q", formula)
	}
	k = 1
	if m[1] != "" {
		if k, err = strconv.ParseFloat(m[1], 64); err != nil {
			return 0, "", err
		}
	}
	return k, m[2], nil
}

// evaluate answers one named query on a grid of bins.
func (s *Server) evaluate(text string, times []int64, step, interval time.Duration) ([]one, string, error) {
	name, query, _ := strings.Cut(text, "=")
	m := regexp.MustCompile(`^([a-z0-9.]+|count\(v: v[<>]=?[0-9.]+\)):([A-Za-z0-9_./-]+)\{([^{}]*)\}(?: by \{([^{}]*)\})?(\.as_count\(\))?(?:\.rollup\((\w+), (\d+)\))?$`).FindStringSubmatch(query)
	if m == nil {
		return nil, name, fmt.Errorf("Error parsing query: unable to parse %s", query)
	}
	if m[7] != "" && m[7] != strconv.Itoa(int(interval/time.Second)) {
		return nil, name, fmt.Errorf("the rollup of %s is not the interval", query)
	}
	groups := map[string][][]point{}
	for _, p := range s.points[m[2]] {
		i := slices.IndexFunc(times, func(t int64) bool { return p.at >= t && p.at < t+step.Milliseconds() })
		if i < 0 || !matches(m[3], p.tags) {
			continue
		}
		var tags []string
		if m[4] != "" {
			for tag := range strings.SplitSeq(m[4], ",") {
				tags = append(tags, tag+":"+p.tags[tag])
			}
		}
		key := strings.Join(tags, ",")
		if groups[key] == nil {
			groups[key] = make([][]point, len(times))
		}
		groups[key][i] = append(groups[key][i], p)
	}
	var keys []string
	for k := range groups {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var out []one
	for _, k := range keys {
		o := one{values: make([]*float64, len(times)), tags: []string{}}
		if k != "" {
			o.tags = strings.Split(k, ",")
		}
		for i, bin := range groups[k] {
			if len(bin) > 0 {
				v := aggregate(m[1], bin)
				o.values[i] = &v
			}
		}
		out = append(out, o)
	}
	return out, name, nil
}

// aggregate makes one value of a bin's points.
func aggregate(how string, bin []point) float64 {
	sum, n := 0.0, 0.0
	for _, p := range bin {
		sum, n = sum+p.value*p.n, n+p.n
	}
	sorted := slices.SortedFunc(slices.Values(bin), func(a, b point) int { return cmp.Compare(a.value, b.value) })
	if bound := regexp.MustCompile(`^count\(v: v([<>]=?)([0-9.]+)\)$`).FindStringSubmatch(how); bound != nil {
		limit, _ := strconv.ParseFloat(bound[2], 64)
		n := 0.0
		for _, p := range bin {
			v := p.value
			if bound[1] == ">" && v > limit || bound[1] == ">=" && v >= limit || bound[1] == "<" && v < limit || bound[1] == "<=" && v <= limit {
				n += p.n
			}
		}
		return n
	}
	switch how {
	case "sum":
		return sum
	case "count":
		return n
	case "min":
		return sorted[0].value
	case "max":
		return sorted[len(sorted)-1].value
	case "avg":
		return sum / n
	}
	q, _ := strconv.ParseFloat(strings.TrimPrefix(how, "p"), 64)
	below := 0.0
	for _, p := range sorted {
		if below += p.n; below >= q/100*n {
			return p.value
		}
	}
	return sorted[len(sorted)-1].value
}

// matches applies a filter: tags that are all to be there, a * for any value, ! and NOT
// for none.
func matches(filter string, tags map[string]string) bool {
	filter = strings.ReplaceAll(filter, " AND ", ",")
	for item := range strings.SplitSeq(filter, ",") {
		item = strings.TrimSpace(strings.Replace(item, "NOT ", "!", 1))
		bare, not := strings.CutPrefix(item, "!")
		any := false
		for alternative := range strings.SplitSeq(strings.Trim(bare, "()"), " OR ") {
			key, value, _ := strings.Cut(alternative, ":")
			got, there := tags[key]
			prefix, star := strings.CutSuffix(value, "*")
			any = any || alternative == "*" || there && (got == value || star && strings.HasPrefix(got, prefix))
		}
		if any == not {
			return false
		}
	}
	return true
}
