// Package demo is a canary release in one process: a small service in two arms,
// users that call it, a driver that asks Serin what Flagger would ask, and a real
// Serin server that answers from what it scraped.
//
// Nothing is canned. The pods listen on loopback ports and export client_golang
// metrics; the users' latencies are really served; Serin scrapes the pods each
// second and judges them by an ordinary plan (plan.yaml in this folder); the driver
// shifts traffic only as far as the answers to its webhooks allow. What differs
// from production is the length of things: blocks of two seconds instead of a
// minute, a tick of three seconds instead of a minute.
package demo
