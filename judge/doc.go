// Package judge decides whether a canary may go on.
//
// [Judge.Decide] gathers what is new: the closed blocks of each metric that were
// not frozen before, check results, other live rollouts. It freezes them, computes
// the verdict as a pure function of everything frozen so far and the pinned plan,
// and commits both in one journal transaction. Nothing else is remembered, so any
// replica may answer and every verdict can be replayed.
package judge
