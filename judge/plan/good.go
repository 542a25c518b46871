package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-canary/serin/queries"
)

// A share of counters may count what is good or what is bad, and its text rarely says
// which. Taken the wrong way round, an outage is an improvement: so a share that is not
// told is read for signs of a success rate, and refused where there is one.

// sense is what a part of a query counts, as far as its names and labels tell.
type sense int

const (
	untold    sense = iota
	failures        // requests with 5xx, say
	successes       // requests with 2xx
	others          // what is left when something unknown is taken away
)

var (
	faultLabel = regexp.MustCompile(`(?i)(?:^|_)(?:err|fail|exception)`)
	codeLabel  = regexp.MustCompile(`(?i)code|status|class|response|result`)
	goodWord   = regexp.MustCompile(`^(?:ok|good|2xx|succe.*)$`)
	nameEdge   = regexp.MustCompile(`[^a-z0-9]+`)
)

// values are those of a label that speak of success, of failure, and of failures of
// clients, which count as failures where no success is counted with them. A label of
// errors says failure by having a value.
func values(label string) (good, bad, poor []string) {
	if faultLabel.MatchString(label) {
		return []string{"", "none", "None", "false", "0", "nil"}, []string{"true", "1", "timeout"}, nil
	}
	good = []string{"200", "201", "204", "2xx", "2XX", "ok", "OK", "Ok", "success", "SUCCESS", "Success", "succeeded", "good"}
	bad = []string{"500", "502", "503", "504", "5xx", "5XX", "error", "ERROR", "Error", "fail", "failed", "failure",
		"SERVER_ERROR", "UNAVAILABLE", "Unavailable", "INTERNAL", "Internal"}
	poor = []string{"400", "404", "429", "4xx", "4XX", "CLIENT_ERROR"}
	if codeLabel.MatchString(label) { // elsewhere a digit may number anything
		good, bad, poor = append(good, "2", "0"), append(bad, "5", "14"), append(poor, "4")
	}
	return good, bad, poor
}

// successRate says why a share reads as one of good events, or nothing where it does not.
func successRate(r queries.Reading) string {
	for _, t := range r.Bad {
		if t.Minus {
			return "" // what is left of all after the good: the bad
		}
	}
	for _, t := range r.Bad {
		bad, ok := partOf(r.Query.Lang, t.Selector)
		if !ok {
			continue
		}
		for _, o := range r.Total {
			if total, ok := partOf(r.Query.Lang, o.Selector); ok {
				if why := bad.good(total); why != "" {
					return why
				}
			}
		}
	}
	return ""
}

// counted is a counter of a query: its name and what narrows it.
type counted struct {
	name     string
	matchers []queries.Matcher
}

func partOf(lang queries.Lang, text string) (counted, bool) {
	if lang != queries.PromQL {
		p, err := queries.ReadPart(lang, text)
		return counted{p.Name, p.Dims}, err == nil
	}
	ss, err := queries.Selections(queries.Query{Lang: lang, Expr: text})
	if err != nil || len(ss) != 1 {
		return counted{}, false
	}
	return counted{ss[0].Name, ss[0].Matchers}, true
}

// good says why a numerator counts good events of what a denominator counts.
func (c counted) good(total counted) string {
	var why, unknown string
	for _, m := range c.matchers {
		if slices.Contains(total.matchers, m) {
			continue
		}
		text := fmt.Sprintf("%s%s%q", m.Label, m.Op, m.Value)
		switch c.senseOf(m) {
		case failures:
			return ""
		case successes:
			why = text
		case others:
			unknown = text
		}
	}
	switch {
	case why != "":
		return why + " selects what went well"
	case c.name != total.name && c.wellNamed(total):
		return c.name + " is named after what went well"
	case c.name == total.name && unknown != "":
		return unknown + " takes something away from all, which leaves what went well where that is the failures"
	}
	return ""
}

// senseOf is what a matcher leaves of a counter.
func (c counted) senseOf(m queries.Matcher) sense {
	if m.Label == "le" && m.Op == queries.Equal && m.Value != "+Inf" && strings.HasSuffix(c.name, "_bucket") {
		return successes // those that were fast enough
	}
	positive, negated := m, false
	switch m.Op {
	case queries.NotEqual:
		positive.Op, negated = queries.Equal, true
	case queries.NotMatch:
		positive.Op, negated = queries.Match, true
	}
	goods, bads, poors := values(m.Label)
	good, bad, poor := slices.ContainsFunc(goods, positive.Accepts), slices.ContainsFunc(bads, positive.Accepts), slices.ContainsFunc(poors, positive.Accepts)
	var s sense
	switch {
	case good && !bad:
		s = successes
	case !good && (bad || poor):
		s = failures
	case !negated, m.Value == "":
		return untold
	default:
		return others
	}
	if negated {
		s = map[sense]sense{successes: failures, failures: successes}[s]
	}
	return s
}

// wellNamed reports whether a name speaks of success where that of all does not.
func (c counted) wellNamed(total counted) bool {
	of := func(name string) bool {
		return slices.ContainsFunc(nameEdge.Split(strings.ToLower(name), -1), goodWord.MatchString)
	}
	return of(c.name) && !of(total.name)
}

// sign refuses a share whose plan does not say which way is worse and which reads as a
// success rate: as errors it would promote an outage.
func (b *builder) sign(d draft[metricFile], m Metric) {
	if m.Kind != Errors || d.row.Kind != nil || d.row.Worse != nil {
		return
	}
	if why := successRate(m.Reading); why != "" {
		b.blame(d.origin, "query", "reads as a share of good events (%s), which would be judged as errors, worse when higher: ask for the failures (1 - good/all), or write worse: lower, required: true and a margin of its own; write kind: errors where failures are what it counts", why)
	}
}
