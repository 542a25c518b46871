// Package queries turns the questions that people already ask their metrics
// store into counts that can be compared.
//
// A [Query] is text in a store's language. [Query.Scoped] narrows it to one
// arm of a rollout by rewriting its syntax tree, never its string. [Understand]
// reads what it asks for: a ratio of two counters, a histogram, one counter, or,
// where it cannot be read as counts, a gauge. A [Source] then answers the
// resulting [Reading] with a [Frame]: one value, or a gap, for every closed block
// and every process.
//
// Stores live in sub-packages, one client each; heavy SDKs stay behind those
// doors. Whatever can answer a PromQL range query gets its counts from package
// queries/promql, so that a Prometheus server and the embedded scraper count alike.
package queries
