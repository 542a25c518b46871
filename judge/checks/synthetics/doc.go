// Package synthetics runs checks of kind synthetics: it has Datadog run tests against
// the canary, by their public IDs and with the start URL overridden, waits for the
// batch, and says what its results come to. It also turns HTTP checks into tests of
// Datadog's.
//
// Only results that Datadog calls blocking fail a check. What was not run, ended in a
// way that is not known here, or could not be asked for breaks it.
//
// Datadog's client is compiled for half a minute, so nothing else imports it.
package synthetics
