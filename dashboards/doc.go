// Package dashboards draws a rollout: which version is on trial, at which weight, what
// the judge thinks and why, and canary over baseline for exactly the series that are
// judged.
//
// A board is made of the plan and the rollout, so nobody types a query twice. Its
// first screen answers what on-call asks first. Boards are byte-stable: the same
// subject gives the same bytes, and panels keep their numbers, to which alerts link.
//
// Besides a rollout's own board there are two standing ones: a service's, and the
// fleet's.
package dashboards
