// Package lab measures verdicts where the truth is known. It simulates rollouts
// minute by minute, lets the product's own judge and the rules of other tools
// decide on the very same numbers, and counts: how often is a healthy canary
// rolled back, how often and how fast a bad one, how often is each promoted.
//
// A [Cell] is one rule under one setting; [Run] fills cells. Every run is a function
// of the seed and its own index, so that a cell does not depend on how many
// processors computed it, and different scenarios with the same seed differ by
// their effect alone.
//
// The judge is not copied here. It is asked through [judge.Judge.Decide], which
// reads a source that answers from the simulation and a journal in memory.
package lab
