// Package gatecheck runs checks that are evaluations of Datadog's Deployment Gates.
//
// An evaluation is asked for (POST /api/v2/deployments/gates/evaluation) and looked at
// (GET …/evaluation/ID) until its gate_status is pass or fail. It passes only where it says so
// and at least one rule was no dry run: a gate without rules says nothing. A gate that fails
// fails the check, with the reasons of its rules; Datadog counts a monitor without data, and a
// search that finds none, as failing. What cannot be asked, is not decided in time, or answers
// otherwise breaks the check: the canary is not to blame.
//
// It was written from what is known of the wire, and not run against Datadog.
package gatecheck
