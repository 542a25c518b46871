// Package stats compares two arms by pure functions.
package stats
