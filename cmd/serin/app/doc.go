// Package app is the server as a whole: its process configuration, and the wiring
// of sources, journal, judge and webhooks into something that starts and stops.
//
// [Read] reads a configuration file strictly, with every fault at once. [New]
// binds the listener and opens everything, and leaves nothing behind where it
// fails; [App.Start] serves; [App.Stop] finishes the requests under way. Signals
// belong to main.
package app
