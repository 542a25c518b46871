// Package scrape is the embedded source: it scrapes the metrics pages of both arms
// for the time of a rollout into a bounded in-memory store under Prometheus's own
// query engine.
//
// A page is read as Prometheus reads it: labels of the target are added, a label that
// the page has too is kept as exported_<name>, every scrape leaves the series up,
// scrape_duration_seconds and scrape_samples_scraped, and a series that vanishes is
// marked stale. Samples go into a store that never holds more series and samples than
// it may: new series beyond the bound are refused, the oldest samples make room for new
// ones, and both are counted and said beside every answer that they can have touched.
//
// Nothing is kept on disk. What a look did not freeze in the journal is lost by a
// restart, and the frames say so.
package scrape
