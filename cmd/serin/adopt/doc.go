// Package adopt turns what other tools judge canaries by into plans: Flagger's Canary
// and MetricTemplate, Argo's AnalysisTemplate and Rollout, Kayenta's canaryConfig; and
// the modules of blackbox_exporter into checks.
//
// Queries are changed by their syntax trees: matchers that choose the canary become the
// metric's selector, since a plan's queries are written without their arms. Bounds on
// the canary become limits. What is not carried over is said in a comment of the plan
// where it would stand. Credentials are never copied.
//
// Every plan that is returned has been loaded by package plan. A part that it refuses
// is put into a comment, with the reason.
package adopt
