package plan

import (
	"regexp"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/queries"
)

// longestSince bounds how far back logs are asked for.
const longestSince = 24 * time.Hour

var expectation = regexp.MustCompile(`^\s*(>=|<=|>|<|==|!=)\s*([-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?)\s*$`)

func (b *builder) prometheus(f prometheusFile, path string) *checks.Prometheus {
	out := &checks.Prometheus{Source: b.p.Source, Query: value(f.Query, ""), Any: value(f.Any, false), Within: b.within(f.Within, path)}
	if l := b.language(); l != queries.PromQL && !b.faulty("language") {
		b.at(path, "asks in PromQL, and language says that this plan's source takes %s; ask it by a metric or a limit", languageName(l))
	}
	b.given(f.Query, path+".query", `up{job="shop"}`)
	if f.Query != nil {
		if text, ok := b.template(path+".query", out.Query); ok {
			if _, err := queries.ParsePromQL(text); err != nil {
				b.at(path+".query", "is no PromQL: %s", err)
			}
		}
	}
	if f.Expect != nil && !b.faulty(path+".expect") {
		if m := expectation.FindStringSubmatch(*f.Expect); m != nil {
			out.Assert = append(out.Assert, "value "+m[1]+" "+m[2])
		} else {
			b.at(path+".expect", "%q is no comparison with a number; write for example > 0 or <= 0.05, and anything longer under assert", *f.Expect)
		}
	}
	out.Assert = append(out.Assert, b.assertsOf(checks.OfQuery, f.Assert, path+".assert")...)
	if len(f.Assert) == 0 && f.Expect == nil && !b.faulty(path+".assert") {
		b.at(path, `says not what the value must be; write for example expect: "> 0"`)
	}
	return out
}

func (b *builder) logs(f logsFile, path string) *checks.Logs {
	out := &checks.Logs{
		Loki: value(f.Loki, ""), Query: value(f.Query, ""), Since: b.since(f.Since, path), URL: value(f.URL, ""), Pattern: value(f.Pattern, ""),
		Max: value(f.Max, 0), Quiet: value(f.Quiet, false), Headers: f.Headers, Within: b.within(f.Within, path),
	}
	b.headers(f.Headers, path+".headers")
	switch {
	case f.Loki != nil && f.URL != nil:
		b.at(path+".url", "is a second place beside loki; a check reads one: keep one of them")
	case f.Loki != nil:
		b.loki(f, path)
	case f.URL != nil:
		b.logText(f, path)
	case !b.faulty(path+".loki") && !b.faulty(path+".url"):
		b.at(path, "says not where the lines are; write loki and query, or url and pattern")
	}
	return out
}

func (b *builder) loki(f logsFile, path string) {
	b.urlOf(f.Loki, path+".loki", "http://loki:3100", "http", "https")
	b.given(f.Query, path+".query", `{app="shop"} |= "error"`)
	if f.Query != nil {
		if text, ok := b.template(path+".query", *f.Query); ok && checks.LogSelector(text) == "" {
			b.at(path+".query", `does not begin with a selector; write a query of lines: {app="shop"} |= "error"`)
		}
	}
	if f.Pattern != nil {
		b.at(path+".pattern", `is for a text, and Loki selects its lines itself; write it in the query: |~ "error|panic"`)
	}
}

func (b *builder) logText(f logsFile, path string) {
	b.urlOf(f.URL, path+".url", "{{ .Canary.URL }}/logs", "http", "https")
	b.given(f.Pattern, path+".pattern", "ERROR|panic")
	b.expression(f.Pattern, path+".pattern")
	if f.Pattern != nil && *f.Pattern == "" {
		b.at(path+".pattern", "is empty, and would count every line; write for example ERROR|panic")
	}
	if f.Query != nil {
		b.at(path+".query", "is for a Loki; a text's lines are counted by pattern")
	}
	if f.Since != nil {
		b.at(path+".since", "is for a Loki; a text is read as a whole")
	}
}

// since reads how far back logs are asked for.
func (b *builder) since(t *durationText, path string) time.Duration {
	d := t.or(0)
	if t != nil && !b.faulty(path+".since") && (d < time.Second || d > longestSince) {
		b.at(path+".since", "%s is out of range; write a duration from 1s to %s", checks.Span(d), checks.Span(longestSince))
	}
	return d
}
