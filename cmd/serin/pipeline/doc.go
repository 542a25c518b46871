// Package pipeline asks a Serin server on behalf of a pipeline: a job of a CI system,
// a script of a deployment agent, a container that verifies a release. Such a caller
// knows a service and a revision, waits, and wants to be told by an exit code.
//
// A question is put to the rollout of that service and revision, whoever announced it
// first. So a pipeline that is interrupted goes on where it was, and a hundred machines
// that ask about one deployment share one rollout.
//
// Nothing here decides: the answers are the verdict's own.
package pipeline
