// Package stats compares two arms by pure functions: numbers in, numbers out; no
// clock, no randomness, no state.
//
// The statistics that verdicts rest on are in package sequential, below. They may be
// looked at as often as one likes. What is meant for a single look belongs here.
//
// testdata/reference holds what independent implementations made of given inputs.
// Every *.json there is read by the tests; its meta.tolerances say how near is near.
package stats
