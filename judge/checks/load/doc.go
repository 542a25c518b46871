// Package load sends the same requests to both arms at a constant rate and returns
// every latency and status.
//
// The model is open: when a request leaves does not depend on when others were
// answered, and a latency counts from the moment at which the request was to leave.
// A slow arm therefore cannot hide its pauses by being asked less (coordinated
// omission). Each arm has connections of its own, so that one that hangs does not
// slow the other down. What the load itself was late with, connections being free,
// is told apart ([checks.LoadSample.Late]).
//
// The k-th requests of both arms share one interval. Which of them leaves at its
// beginning and which at its half is a coin's throw by the seed, so that no arm is
// always first and a drift of the environment meets both.
//
// Everything is bounded: rate, duration, requests, bodies both ways, connections. No
// host is asked that the caller did not list, each resolved address is held against
// the guard where it is dialled, redirects are answers, no proxy is used, and nothing
// is decompressed. HTTP/1.1 only.
package load
