// Package calibrate holds a plan's promise against a service's own history: pods of the
// baseline are judged as if they were the canary, over and over, by the engine that
// judges live rollouts. They run what the others run, so that every alarm is a false one.
//
// A [History] is what a source has of the baseline's pods, read once, in windows, and
// kept in a [File] from which an interrupted calibration goes on. A [Layout] says which
// pods are judged at which times; it follows from the history and a seed. [Study] judges
// the draws, and a [Report] says how often there was an alarm, with an interval that
// knows that draws share time and pods, how soon a healthy canary is promoted, and what
// would mend the plan. [Compare] puts two plans before the same draws.
package calibrate
