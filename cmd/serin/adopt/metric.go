package adopt

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// bound is a value that the canary may not cross, in the unit of its query.
type bound struct {
	below bool
	value float64
}

// asked is one metric of the input.
type asked struct {
	at       tree
	name     string
	question question
	bounds   []bound
	success  bool   // its name says that it is a share of successes
	lower    bool   // less is worse
	unit     string // where the source knows it
	shown    bool   // it may not decide anything
	about    []string
}

// metric adds a metric to the plan, with a limit for each of its bounds.
func (d *draft) metric(a asked) *row {
	r := &row{above: a.about}
	d.metrics = append(d.metrics, r)
	switch a.question.reading.Kind {
	case queries.Ratio:
		d.share(r, a)
	case queries.Histogram:
		d.latency(r, a)
	default:
		d.value(r, a)
	}
	for _, remark := range a.question.remarks {
		r.say("%s", remark)
		if changed, ok := strings.CutPrefix(remark, "Changed: "); ok {
			d.note(a.at, Changed, "%s: %s", r.name, strings.TrimSuffix(changed, "."))
		}
	}
	if len(a.question.free) > 0 {
		r.say("Left out of its query, because an arm says whose series are meant: %s.", strings.Join(a.question.free, ", "))
		d.note(a.at, Changed, "%s: left out of its query: %s", r.name, strings.Join(a.question.free, ", "))
	}
	if a.question.selector == "" {
		r.say("Its query names no arm. Unless the caller gives the arms labels, Serin narrows it by the labels namespace and pod, which its series must have.")
	}
	if a.shown {
		r.weighs, r.demands, r.gauge = false, false, false
		r.raw("weight", "0")
		r.raw("required", "false")
	}
	return r
}

// falls reports whether less is worse: as the input says, or as its bounds do. Where it
// is bounded on both sides, a lower bound of at least half decides.
func (a asked) falls(half float64) bool {
	below, above := false, false
	for _, b := range a.bounds {
		if b.below {
			below = below || b.value > 0
			if b.value >= half {
				return true
			}
		} else {
			above = true
		}
	}
	return (below || a.success || a.lower) && !above
}

// text writes query and selector.
func (r *row) text(q queries.Query, selector string) {
	pretty := strings.TrimLeft(q.Pretty(), " ")
	r.fields = append(r.fields, field{key: "query", value: pretty, block: strings.Contains(pretty, "\n")})
	if selector != "" {
		r.add("selector", selector)
	}
}

// share adds a share of counters. What is better when higher is written as its errors
// where that is the same: ten per cent of 99.9 % is a great deal to tolerate.
func (d *draft) share(r *row, a asked) {
	rd := a.question.reading
	scale := rd.Scale
	if scale == 0 {
		scale = 1
	}
	lower := a.falls(0.5 * scale)
	query, turned := plainly(rd), false
	if lower {
		bad, same := complement(rd)
		high := false
		for _, b := range a.bounds {
			high = high || b.below && b.value/scale >= 0.5
		}
		if (same || high || a.success) && counted(bad) != "" {
			query, turned = bad, true
		}
	}
	r.weighs, r.demands = true, !lower || turned
	r.name = unique(d.metrics, d.shareName(a, turned), d.reserved...)
	if plain := counted(query); plain != "" {
		d.note(a.at, Carried, "%s (as counts: %s)", r.name, plain)
	}
	switch {
	case turned:
		r.say("A share of successes, written as its failures: the tolerance is of those.")
	case lower:
		r.raw("kind", "proportion")
	}
	r.text(query, a.question.selector)
	if lower && !turned {
		r.raw("worse", "lower")
	}
	for _, b := range a.bounds {
		share := rounded(b.value / scale)
		switch {
		case a.shown:
			d.idle(r, a, b)
		case turned && b.below:
			d.limitShare(r, a, 1-share, b)
		case !turned && !b.below:
			d.limitShare(r, a, share, b)
		default:
			d.leaveRow(&d.limits, a.at, "the bound %s of %s; a share is bounded from above only, and the comparison judges the rest.", b.words(), r.name)
		}
	}
}

// shareName names a share: by what it counts now.
func (d *draft) shareName(a asked, turned bool) string {
	name := slug(a.name, "share")
	if !turned {
		return name
	}
	for _, word := range []string{"success-rate", "success-ratio", "success-percentage", "success"} {
		if before, after, ok := strings.Cut(name, word); ok {
			if before == "request-" || before == "" {
				return "errors" + after
			}
			return before + "errors" + after
		}
	}
	return name + "-errors"
}

// idle says of a bound that it belongs to a metric that decides nothing.
func (d *draft) idle(of *row, a asked, b bound) {
	d.leaveRow(&d.limits, a.at, "the bound %s of %s, which is only shown: a limit would roll back.", b.words(), of.name)
}

// limitShare bounds a share of counters by its metric.
func (d *draft) limitShare(of *row, a asked, share float64, b bound) {
	if share >= 1 || share < 0 {
		d.leaveRow(&d.limits, a.at, "the bound %s of %s, which no share can cross.", b.words(), of.name)
		return
	}
	l := &row{name: unique(d.limits, of.name), of: of.name}
	l.say("It was: %s %s.", oneLine(cut(a.name, 60)), b.words())
	l.add("metric", of.name)
	l.raw("above", decimal(100*share)+"%")
	d.limits = append(d.limits, l)
	d.note(a.at, Carried, "limit %s: above %s%%", l.name, decimal(100*share))
}

// latency adds a quantile of a histogram.
func (d *draft) latency(r *row, a asked) {
	r.name = unique(d.metrics, slug(a.name, "latency"), d.reserved...)
	r.weighs, r.demands = true, true
	d.note(a.at, Carried, "%s (as counts: the histogram %s)", r.name, a.question.reading.Buckets)
	r.text(a.question.reading.Query, a.question.selector)
	if a.unit != "" {
		r.add("unit", a.unit)
	}
	d.limitValues(r, a)
}

// value adds anything else: a gauge, or a count of its own.
func (d *draft) value(r *row, a asked) {
	rd := a.question.reading
	r.name = unique(d.metrics, slug(a.name, "value"), d.reserved...)
	if rd.Kind == queries.Counter {
		d.note(a.at, Changed, "%s (as a rate: %s is compared with the canary's share of traffic, and never rolls back)", r.name, selectors(rd.Total))
		r.say("A count by itself: it is compared with the canary's share of traffic and never rolls back. To judge it for each request, add of: with the name of a metric that counts requests.")
	} else {
		r.gauge = true
		d.note(a.at, Changed, "%s (as a plain value, not as counts: %s)", r.name, strings.TrimSuffix(rd.Why, "."))
		r.say("Compared as a plain value, not as counts: %s.", strings.TrimSuffix(rd.Why, "."))
	}
	r.text(rd.Query, a.question.selector)
	if rd.Kind != queries.Counter && a.falls(math.Inf(1)) {
		r.raw("worse", "lower")
	}
	if a.unit != "" {
		r.add("unit", a.unit)
	}
	d.limitValues(r, a)
}

// limitValues bounds a metric's value by limits with its query, asked of the canary alone.
func (d *draft) limitValues(of *row, a asked) {
	for _, b := range a.bounds {
		rd := a.question.reading
		switch {
		case a.shown:
			d.idle(of, a, b)
			continue
		case rd.Kind == queries.Counter:
			d.leaveRow(&d.limits, a.at, "the bound %s of %s; a count grows with traffic: bound it for each request, or as a share.", b.words(), of.name)
			continue
		case b.value < 0:
			d.leaveRow(&d.limits, a.at, "the bound %s of %s; bounds are not negative.", b.words(), of.name)
			continue
		}
		name := of.name
		if b.below && len(a.bounds) > 1 {
			name += "-low"
		}
		l := &row{name: unique(d.limits, name)}
		l.say("It was: %s %s.", oneLine(cut(a.name, 60)), b.words())
		l.text(rd.Query, a.question.selector)
		unit := a.unit
		if known := histogramUnit(rd); unit == "" && known != "" {
			unit = known
		} else if unit != "" {
			l.add("unit", unit)
		}
		key := "above"
		if b.below {
			key = "below"
		}
		l.raw(key, decimal(b.value)+unit)
		d.limits = append(d.limits, l)
		d.note(a.at, Carried, "limit %s: %s %s", l.name, key, decimal(b.value)+unit)
	}
}

func (b bound) words() string {
	if b.below {
		return "not below " + decimal(b.value)
	}
	return "not above " + decimal(b.value)
}

// histogramUnit is the unit that a plan knows of a histogram by its name.
func histogramUnit(r queries.Reading) string {
	if r.Kind != queries.Histogram {
		return ""
	}
	return plan.GuessUnit(plan.Metric{Kind: plan.Latency, Reading: r})
}

// complement returns the query for what is missing to all: 1 minus a share. The second
// value says that it counts the very same events by their labels, which reads
// better: of code!~"5.." it is code=~"5..".
func complement(r queries.Reading) (queries.Query, bool) {
	if len(r.Bad) == 1 && len(r.Total) == 1 && !r.Bad[0].Minus {
		if bad, ok := turnedOver(r.Bad[0].Selector, r.Total[0].Selector); ok {
			return ratioOf(bad, r.Total[0].Selector, r), true
		}
	}
	expr := "1 - (" + r.Query.Expr + ")"
	if r.Scale != 0 && r.Scale != 1 {
		expr = fmt.Sprintf("1 - (%s) / %s", r.Query.Expr, strconv.FormatFloat(r.Scale, 'g', -1, 64))
	}
	same := len(r.Bad) == 2 && len(r.Total) == 1 && r.Bad[0] == r.Total[0] // 1 - bad/total already
	q := queries.Query{Lang: queries.PromQL, Expr: expr}
	if same {
		q = ratioOf(r.Bad[1].Selector, r.Total[0].Selector, r)
	}
	return q, same
}

// plainly writes 1 - good/all as the bad among all, where they differ by one matcher.
func plainly(r queries.Reading) queries.Query {
	if len(r.Bad) == 2 && len(r.Total) == 1 && r.Bad[0] == r.Total[0] && r.Bad[1].Minus {
		if bad, ok := turnedOver(r.Bad[1].Selector, r.Total[0].Selector); ok {
			return ratioOf(bad, r.Total[0].Selector, r)
		}
	}
	return r.Query
}

// ratioOf divides two counters, over the window that the reading had.
func ratioOf(bad, all string, r queries.Reading) queries.Query {
	window := "2m"
	if r.Range > 0 {
		window = promDuration(r.Range)
	}
	return queries.Query{Lang: queries.PromQL, Expr: fmt.Sprintf("sum(rate(%s[%s])) / sum(rate(%s[%s]))", bad, window, all, window)}
}

// turnedOver returns the selector of all events that are not good, where the two
// differ by one matcher.
func turnedOver(good, all string) (string, bool) {
	matchers := func(selector string) (out []queries.Matcher) {
		_, err := queries.Query{Lang: queries.PromQL, Expr: selector}.Rewritten(func(m queries.Matcher) (queries.Matcher, bool) {
			out = append(out, m)
			return m, true
		})
		if err != nil {
			return nil
		}
		return out
	}
	goods, alls := matchers(good), matchers(all)
	var only []queries.Matcher
	for _, m := range goods {
		if !contains(alls, m) {
			only = append(only, m)
		}
	}
	if len(only) != 1 || len(goods) != len(alls)+1 || nameOf(good) != nameOf(all) {
		return "", false
	}
	m := only[0]
	m.Op = map[queries.Op]queries.Op{queries.Equal: queries.NotEqual, queries.NotEqual: queries.Equal, queries.Match: queries.NotMatch, queries.NotMatch: queries.Match}[m.Op]
	q, err := queries.Query{Lang: queries.PromQL, Expr: all}.Scoped([]queries.Matcher{m})
	return q.Expr, err == nil
}

func contains(list []queries.Matcher, m queries.Matcher) bool {
	for _, l := range list {
		if l == m {
			return true
		}
	}
	return false
}

func nameOf(selector string) string {
	name, _, _ := strings.Cut(selector, "{")
	return name
}

// counted says which counters a share is made of.
func counted(q queries.Query) string {
	r, err := queries.Understand(q)
	if err != nil || r.Kind != queries.Ratio {
		return ""
	}
	return selectors(r.Bad) + " over " + selectors(r.Total)
}

func selectors(c queries.Counts) string {
	var out []string
	for i, t := range c {
		switch {
		case t.Minus:
			out = append(out, "- "+t.Selector)
		case i > 0:
			out = append(out, "+ "+t.Selector)
		default:
			out = append(out, t.Selector)
		}
	}
	return strings.Join(out, " ")
}
