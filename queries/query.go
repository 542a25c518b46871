package queries

import "time"

// Lang names the language of a query.
type Lang string

// The languages that a source may speak.
const (
	PromQL     Lang = "promql"
	Datadog    Lang = "datadog"
	CloudWatch Lang = "cloudwatch"
)

// Query is a question in a store's own language, as a user wrote it.
type Query struct {
	Lang Lang   `json:"lang"`
	Expr string `json:"expr"`
}

// Op is the operator of a [Matcher], spelled as PromQL spells it.
type Op string

// The operators of a Matcher. Regular expressions are anchored at both ends.
const (
	Equal    Op = "="
	NotEqual Op = "!="
	Match    Op = "=~"
	NotMatch Op = "!~"
)

// Matcher narrows a query to the series whose label agrees.
type Matcher struct {
	Label string `json:"label"`
	Op    Op     `json:"op"`
	Value string `json:"value"`
}

// Kind says what a query can be read as.
type Kind string

// The kinds of a Reading, from the least to the most that can be compared.
const (
	// Gauge is a value for each block; nothing is known of what it counts.
	Gauge Kind = "gauge"
	// Counter is one count for each block, such as requests or CPU seconds.
	Counter Kind = "counter"
	// Ratio is a count of bad events among a count of all events.
	Ratio Kind = "ratio"
	// Histogram is a count of observations above each of a list of bounds.
	Histogram Kind = "histogram"
)

// Reading is what a query was understood to ask for. It is what a [Source]
// answers. Only the fields of its Kind are set.
type Reading struct {
	Kind  Kind  `json:"kind"`
	Query Query `json:"query"` // the whole query, scoped

	// Bad and Total are the counters of a Ratio; a Counter has Total only.
	Bad   Counts `json:"bad,omitempty"`
	Total Counts `json:"total,omitempty"`

	// Buckets is the selector of a Histogram: of the classic _bucket series,
	// or of the native histogram itself where Native is set.
	Buckets string `json:"buckets,omitempty"`
	Native  bool   `json:"native,omitempty"`
	// Quantile in (0,1) is the one that the query asked of a Histogram.
	Quantile float64 `json:"quantile,omitempty"`
	// Bounds, where set, are the bounds that the frame must have, ascending, in the
	// unit of the query (after Scale). They hold a histogram's bounds fixed from call
	// to call; where they are empty the source says which bounds it found.
	Bounds []float64 `json:"bounds,omitempty"`

	// Scale multiplies the store's unit into the query's: 1000 where seconds are
	// shown as milliseconds. It is 1 where the query says nothing.
	Scale float64 `json:"scale,omitempty"`
	// Range is the widest range selector or subquery in the expression. A gauge's
	// block may not be shorter, or neighbouring blocks would share samples.
	Range time.Duration `json:"range,omitempty"`
	// Why says, for a Gauge, what kept it from being read as counts.
	Why string `json:"why,omitempty"`
}

// Counts is a sum of counters, some of which may be subtracted: the bad events
// of 1 - good/total are total minus good.
type Counts []Term

// Term is one counter of a [Counts].
type Term struct {
	// Selector is an instant vector selector in the store's language.
	Selector string `json:"selector"`
	// Minus says that this counter is subtracted.
	Minus bool `json:"minus,omitempty"`
	// Native says that the series are native histograms, whose observations are counted.
	Native bool `json:"native,omitempty"`
}
