// Package notifications sends Serin the notifications of Argo Rollouts by Argo's own
// code, and reads what Serin exports for Argo with Argo's own types and validation.
// It is a module of its own, because Argo Rollouts brings Kubernetes with it. Only its
// tests do anything.
//
// What is real: Argo Rollouts' event recorder with its triggers and subscriptions, the
// notifications engine with its templates, secrets and webhook service, Argo's web
// metric provider, its validation; Serin's server over HTTP with its journal. What
// stands in: the Rollouts, which are written out here as the controller has them when
// it records an event (from before it), and the judge, whose verdict is always that
// more is needed. (The controllers themselves run in webhooks/e2e/argo.)
package notifications
