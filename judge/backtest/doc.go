// Package backtest walks a past rollout look by look through the very engine that judges
// live ones, and says when Serin would have spoken, what, and why.
//
// A [Walker] stands at one look after the other. At each it asks a source what a live
// judge would have asked then: the blocks that had closed by that time, with the plan's
// lag, and nothing later. What was asked once is frozen, as in a journal. One thing
// cannot be brought back: samples that reached the store late are there now.
//
// A recorded rollout needs no source: [Recorded] judges what its looks froze, by its own
// plan or by another one.
package backtest
