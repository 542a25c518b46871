// Package cloudwatchtest stands in for CloudWatch in tests. It speaks what the SDK
// speaks, Smithy's RPC v2 in CBOR, and was written from what is known of it. It proves
// our side of the contract only; nothing here was compared with AWS itself.
package cloudwatchtest
