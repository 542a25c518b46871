// Package publishing draws and watches rollouts as they go: it publishes the dashboard
// and the alert rules when one is announced, brings them up to date as verdicts come,
// and takes them away when it is over.
//
// Everything is work of the outbox, queued in the transaction of what it follows from.
// A place that cannot be reached is tried again, shown on /readyz, /metrics and among
// the work, and never changes a verdict.
package publishing
