// Package datadogtest stands in for Datadog in tests. It was written from what is
// known of the wire: paths, headers, bodies, how counts are binned and how errors look.
// It proves our side of the contract only; nothing here was compared with Datadog itself.
package datadogtest
