// Package smoke runs the checks of a plan outside of a rollout, as a pipeline does
// before it shifts traffic, and writes what they found: a table, JSON, or JUnit XML.
//
// Nothing passes by absence: a check that could not be run, or whose turn did not come
// before the time was over, is broken, and a run without checks is refused.
package smoke
