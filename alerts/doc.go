// Package alerts writes a rollout's alert rules: canary against baseline for every
// metric that is judged, the plan's limits, and what watches the judge itself.
//
// Everything comes from the plan and the rollout, so that on-call is paged about
// exactly what was judged. Expressions are syntax trees of PromQL, never pasted text.
// Every alert falls silent by itself at the rollout's deadline, should nobody be left
// to take the rules away; and a set can be turned into its tombstone, whose alerts
// cannot fire, so that what fires is resolved before the rules are deleted.
//
// With each set comes a unit test for promtool.
package alerts
