// Package discover looks at what a Prometheus has of a service: which presets' metrics
// are there, which labels tell the arms apart, how often is scraped, and, of a query
// that finds nothing, what it looked for and what is there instead.
package discover
