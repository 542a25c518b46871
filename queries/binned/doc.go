// Package binned makes frames of what stores answer that count for themselves: one
// count, or one value, for each block and series. What a missing count means is
// decided here, once for all of them.
package binned
