// Package datadog asks Datadog for binned counts.
//
// # What is asked
//
// Every question of a look, both arms and all metrics, goes into one call of the v2
// timeseries API, so that all of it is on one axis of time and costs one of the
// organisation's calls. Counters are asked as sums with as_count() over one block, in
// which nothing is interpolated. The call reaches a few blocks further back than the
// window, so that the step that Datadog really answered in can be read from the axis:
// where it is coarser than a block, as it is when there would be too many points, the
// answer is refused with the step that would do. Bins that do not lie wholly in the
// window are dropped.
//
// # What a null means
//
// Nothing was reported. A denominator without a value is a gap. A numerator without one
// is 0 beside a denominator that has one: errors are born with the first error. It is
// so only where the numerator has ever been seen within a day; otherwise the frame has
// the note queries.NoteNeverSeen.
//
// # Budget
//
// The headers X-RateLimit-* say how many calls the organisation has left. The last
// fifth of them (Config.Reserve) is not used, so that people's boards keep working: the
// source then fails as throttled until the limit is reset, for all rollouts alike.
//
// Datadog's v2 package of generated types takes minutes and gigabytes to compile. The
// call is made through the client's base package, which has the authentication and the
// servers; the few types of the one endpoint are here.
package datadog
