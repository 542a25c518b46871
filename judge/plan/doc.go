// Package plan says what to judge for a service and when it is bad.
//
// A plan is a strict YAML file (docs/plan.md). [Load] reports every fault at once
// with file, line, column and the field's path; nothing is guessed and nothing is
// ignored. Presets are merged under the user's own metrics, defaults are those of
// docs/statistics.md, and every query is parsed and understood before a plan
// is accepted.
package plan
