// Package httpjson asks any HTTP endpoint that answers times and values in JSON.
//
// # What is asked
//
// The configuration has one URL with placeholders: {name}, {from}, {to}, {step}, and one
// for each label that narrows a question, or {labels} for all of them. Each question,
// count(orders{version="v2"}), is one GET. Values are escaped for the place where they
// stand; the host has no placeholder.
//
// # What is answered
//
// A JSONPath finds the points, each a pair [time, value]. A point's time is the
// beginning of its block, on the grid of the step: anything else is refused, since a
// count that belongs to no one block cannot be compared. A block without a point, or
// with null, is a gap; an endpoint that means 0 says 0.
//
// What the endpoint counts is its own affair: Serin takes count() for a number of events
// between a point's time and the next step, each event once.
package httpjson
