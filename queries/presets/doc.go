// Package presets holds the questions that are the same for everybody: requests,
// errors and durations as a mesh or an instrumented service reports them, and the
// use of resources as Kubernetes reports it.
//
// A family is one YAML file in families/, with the source of its names in a comment.
// Adding one is adding a file: there is nothing to register. Rows are written as a
// plan's own metrics and limits are, and a plan merges them under its own
// (package judge/plan); numbers with units stay text here, because the plan reads them.
package presets
