// Package notify tells people and their tools how rollouts go: one message a rollout and
// target, brought up to date where the service can do that, and never a flood.
//
// What is told is what is so now, whatever the work was queued for: a handler reads the
// rollout, composes a [Notice] of it, and brings the target's message there. What the
// service calls the message is kept in the journal, and so is that a message is being
// sent: whoever is killed in between finds it again where the service can be asked.
//
// Texts of others (names, revisions, sentences) are escaped for each service by a rule of
// its contract, written down in docs/notifications.md. Credentials are references, read
// at each use, and are in no error, log line or record.
package notify
