// Package promql reads frames out of anything that answers PromQL range queries.
//
// Counts come from raw counters, not from rate() or increase(), which
// extrapolate: the last sample of each block is taken for every series, and
// neighbouring blocks are differenced, with resets, births and gaps handled one
// series at a time. The rules are those of [Reader].
package promql
