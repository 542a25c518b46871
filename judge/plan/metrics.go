package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/queries"
)

// metrics builds the plan's metrics from its presets and its own.
func (b *builder) metrics() {
	b.p.Metrics = []Metric{}
	var kept []draft[metricFile]
	b.loaded = b.families()
	drafts := b.mergeMetrics(b.loaded)
	b.sure = !b.faulty("preset") && !b.broken("metrics.name") &&
		!slices.ContainsFunc(drafts, func(d draft[metricFile]) bool { return d.name == "" })
	for _, d := range drafts {
		if !value(d.row.Enabled, true) {
			continue
		}
		b.p.Metrics = append(b.p.Metrics, b.metric(d))
		kept = append(kept, d)
	}
	for i, d := range kept {
		b.checkOf(d, b.p.Metrics[i])
	}
	b.share(kept)
	for i, d := range kept {
		b.dispersion(d, &b.p.Metrics[i])
	}
}

// metric builds one metric.
func (b *builder) metric(d draft[metricFile]) Metric {
	m := Metric{
		Name: d.name, Preset: d.preset, Of: value(d.row.Of, ""),
		Selector: b.selector(d.origin, d.row.Select),
		Weight:   value(d.row.Weight, 0), Critical: value(d.row.Critical, false),
		Title: value(d.row.Title, ""), Description: value(d.row.Description, ""),
	}
	reading, ok := b.query(d.origin, d.row.Query)
	if !ok {
		b.unknownMetric(d)
		return m
	}
	m.Query = reading.Query
	m.Kind, ok = b.kind(d, reading)
	m.Reading = reading
	if m.Kind == Gauge && m.Of == "" {
		m.Reading = asGauge(reading)
	}
	if !ok {
		return m
	}
	m.Worse = b.worse(d, m.Kind)
	m.Required = value(d.row.Required, m.Kind == Errors || m.Kind == Latency)
	m.Unit = value(d.row.Unit, unitOf(m.Kind, reading))
	b.sign(d, m)
	b.margins(d, &m)
	b.objective(d, &m)
	m.Block = b.ownBlock(d, m)
	return m
}

// unknownMetric says, of a metric that has no query, which names would have had one.
func (b *builder) unknownMetric(d draft[metricFile]) {
	if d.row.Query != nil || d.name == "" || b.blamed(d.origin, "query") {
		return
	}
	var known []string
	for _, f := range b.loaded {
		for _, m := range f.Metrics {
			known = append(known, m.Name)
		}
	}
	advice := "; the plan names no preset that could have one"
	if len(known) > 0 {
		advice = fmt.Sprintf(", and no metric of the plan's presets is called %q%s", d.name, didYouMean(d.name, known))
	}
	b.blame(d.origin, "query", "is missing%s", advice)
}

// query parses and understands a query.
func (b *builder) query(o origin, text *string) (queries.Reading, bool) {
	if text == nil || b.blamed(o, "query") {
		return queries.Reading{}, false
	}
	r, err := queries.Understand(queries.Query{Lang: b.language(), Expr: strings.TrimRight(*text, "\n")})
	if err != nil {
		what := "is not " + languageName(b.language())
		if strings.Contains(*text, "{{") {
			what += " (a query is written without its arms and without templates; selector narrows it)"
		}
		b.syntax(o.field("query"), what, err)
		return queries.Reading{}, false
	}
	return r, true
}

// selector settles which selector narrows a query, and checks it: its own, its
// preset's, or the plan's.
func (b *builder) selector(o origin, own *string) string {
	path := o.field("selector")
	if own == nil {
		own, path = b.f.Select, "selector"
	}
	if own == nil || path != "preset" && b.faulty(path) {
		return value(own, "")
	}
	if _, err := parseSelector(*own); err != nil {
		b.syntax(path, "is no selector", err)
	}
	return strings.TrimSpace(*own)
}

// kind settles how a metric is compared: what the plan says, as far as the query can
// be read so, or else what the query can be read as.
func (b *builder) kind(d draft[metricFile], r queries.Reading) (Kind, bool) {
	declared := Kind(value(d.row.Kind, ""))
	if declared == "" {
		return derivedKind(r, Direction(value(d.row.Worse, "")), value(d.row.Of, "")), !b.blamed(d.origin, "kind")
	}
	var want queries.Kind
	var example string
	switch declared {
	case Errors, Proportion:
		want, example = queries.Ratio, "sum(rate(bad_total[2m])) / sum(rate(all_total[2m]))"
	case Latency:
		want, example = queries.Histogram, "histogram_quantile(0.99, sum by (le) (rate(duration_seconds_bucket[2m])))"
	case Rate:
		want, example = queries.Counter, "sum(rate(requests_total[2m]))"
	default:
		return declared, true
	}
	if r.Kind == want {
		return declared, true
	}
	why := ""
	if r.Why != "" {
		why = " (" + strings.TrimSuffix(r.Why, ".") + ")"
	}
	b.blame(d.origin, "kind", "kind %s needs a query that reads as a %s, such as %s; this one reads as a %s%s: change the query, or delete the line",
		declared, want, example, r.Kind, why)
	return declared, false
}

func derivedKind(r queries.Reading, worse Direction, of string) Kind {
	switch {
	case r.Kind == queries.Ratio && worse == Lower:
		return Proportion
	case r.Kind == queries.Ratio:
		return Errors
	case r.Kind == queries.Histogram:
		return Latency
	case r.Kind == queries.Counter && of == "":
		return Rate
	}
	return Gauge
}

// worse settles which way is worse.
func (b *builder) worse(d draft[metricFile], k Kind) Direction {
	def := Higher
	if k == Rate {
		def = Either
	}
	w := Direction(value(d.row.Worse, string(def)))
	if b.blamed(d.origin, "worse") {
		return w
	}
	switch {
	case k == Proportion && d.row.Worse == nil:
		b.blame(d.origin, "worse", "is missing: a proportion may be worse either way; write worse: lower or worse: higher")
	case k == Rate && w != Either:
		b.blame(d.origin, "worse", "a rate is compared with the declared weight, both ways; to judge a count by its height, divide it by requests with of:")
	case k != Rate && w == Either:
		b.blame(d.origin, "worse", "only a request rate can be worse either way; write higher or lower")
	case k == Errors && w == Lower:
		b.blame(d.origin, "worse", "errors are worse when higher; a share that is worse when lower has kind: proportion")
	case k == Latency && w == Lower:
		b.blame(d.origin, "worse", "latency is worse when higher")
	}
	return w
}

// ownBlock settles a metric's own block. Only a gauge needs one: where its query looks
// back further than a block, neighbouring blocks would share samples.
func (b *builder) ownBlock(d draft[metricFile], m Metric) Duration {
	if b.faulty("block") || b.blamed(d.origin, "block") {
		return 0
	}
	block := b.p.Block.D()
	back := time.Duration(0)
	if m.Reading.Kind == queries.Gauge {
		back = m.Reading.Range
	}
	if d.row.Block == nil {
		return b.widened(d.origin, back)
	}
	own := duration(d.row.Block, 0)
	switch {
	case own.D()%block != 0 || own == 0:
		b.blame(d.origin, "block", "a block of %s is no multiple of the plan's, %s", own, b.p.Block)
	case own.D() < back:
		b.blame(d.origin, "block", "a block of %s is shorter than the query looks back, %s, so neighbouring blocks would share samples; write at least %s", own, back, back)
	case own.D() == block:
		return 0
	default:
		b.block(d.field("block"), own)
	}
	return own
}

// widened returns the shortest block that a query fits which looks back further than
// the plan's block, or zero where none does.
func (b *builder) widened(o origin, back time.Duration) Duration {
	block := b.p.Block.D()
	if back <= block {
		return 0
	}
	own := (back + block - 1) / block * block
	if own > longestBlock {
		b.blame(o, "query", "looks back %s, which would be its block; the longest is %s: use a shorter range, or a recording rule", back, longestBlock)
		return 0
	}
	for 24*time.Hour%own != 0 {
		own += block
	}
	return Duration(own)
}

// checkOf checks what a metric is divided by.
func (b *builder) checkOf(d draft[metricFile], m Metric) {
	if m.Of == "" || m.Query.Expr == "" {
		return
	}
	var known []string
	for _, o := range b.p.Metrics {
		counts := o.Reading.Kind == queries.Counter || o.Reading.Kind == queries.Ratio || o.Reading.Kind == queries.Histogram
		if counts && o.Of == "" && o.Name != m.Name && (o.Kind != Proportion || o.Name == m.Of) {
			known = append(known, o.Name)
		}
	}
	switch {
	case m.Reading.Kind != queries.Counter:
		b.blame(d.origin, "of", "only a counter can be divided by requests, such as sum(rate(cpu_seconds_total[2m])); this query reads as a %s", m.Reading.Kind)
	case m.Kind != Gauge:
		b.blame(d.origin, "of", "is for a counter that is compared for each request; delete kind: %s", m.Kind)
	case slices.Contains(known, m.Of) || !b.sure:
	case slices.ContainsFunc(b.p.Metrics, func(o Metric) bool { return o.Name == m.Of && o.Query.Expr == "" }): // faulty itself
	default:
		b.blame(d.origin, "of", "no metric of the plan that counts requests is called %q%s (add one, or drop this metric by its name and enabled: false)",
			m.Of, didYouMean(m.Of, known))
	}
}
