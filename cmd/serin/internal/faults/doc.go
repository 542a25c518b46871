// Package faults runs real servers against what they must survive: kills, lost
// databases, full disks, sources that misbehave. It has only tests, which build the
// command once and run only where SERIN_E2E is set. docs/operations.md lists what
// happens at each fault, and which test shows it.
package faults
