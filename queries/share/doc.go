// Package share stands between the judge and a source, and makes many rollouts
// bearable to it: equal questions are asked once, a bounded number of them at a
// time, rollout by rollout in turn, and not at all while the source asks to be left
// alone.
//
// # Why a shared answer is as good as an own one
//
// What a look freezes is what its source answers for a window that has closed: the
// window's end plus the plan's lag has passed, by the source's clock. Samples that
// arrive later change nothing that was frozen, so each of two looks a few seconds
// apart is as valid as the other. Here one of them takes over what the other was
// told, on three conditions. The question is the same: same reading, bounds
// included, and same window. When the other look began, the window was closed by the
// lag of this one's plan, which may be the longer. And the answer was whole: errors,
// and frames in which the store speaks of missing parts, are never kept. So a rollout
// sees nothing that it could not have seen by looking a few seconds earlier, and two
// replicas that do not share a process still agree through the journal, which
// freezes each block once.
package share
