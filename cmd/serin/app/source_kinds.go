package app

import (
	"maps"
	"slices"
)

// kinds lists the kinds that a source is said to be of, by their keys.
func (s Source) kinds() []string {
	var out []string
	for _, k := range []struct {
		name  string
		there bool
	}{
		{"prometheus", s.Prometheus != nil}, {"scrape", s.Scrape != nil}, {"datadog", s.Datadog != nil},
		{"cloudwatch", s.CloudWatch != nil}, {"http-json", s.HTTPJSON != nil},
	} {
		if k.there {
			out = append(out, k.name)
		}
	}
	return out
}

// foreignKinds lists the kinds whose queries are not PromQL.
func foreignKinds() []string { return []string{"cloudwatch", "datadog", "http-json"} }

// checkForeign checks a source whose queries are not PromQL.
func (s Source) checkForeign(at string, fault func(path, format string, args ...any)) {
	key, faults := "", map[string]error{}
	switch {
	case s.Datadog != nil:
		key, faults = "datadog", s.Datadog.Check()
	case s.CloudWatch != nil:
		key, faults = "cloudwatch", s.CloudWatch.Check()
	case s.HTTPJSON != nil:
		key, faults = "http-json", s.HTTPJSON.Check()
	}
	for _, field := range slices.Sorted(maps.Keys(faults)) {
		fault(at+"."+key+"."+field, "%v", faults[field])
	}
}
