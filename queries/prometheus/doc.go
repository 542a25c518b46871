// Package prometheus reads frames from a Prometheus server or anything that
// answers its HTTP API: Thanos, Mimir, Cortex, VictoriaMetrics.
//
// A [Source] asks and keeps the credentials; what the samples count is package
// queries/promql's matter. Credentials are read from files at each request and never
// stand in an error or a note: of a server's answer only its reason is repeated, with
// every secret that was sent blotted out. Redirects are not followed, since they would
// carry the credentials along.
package prometheus
