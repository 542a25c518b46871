package checks

import "time"

// Exec is a command on the machine of whoever runs the check. A server never runs one.
type Exec struct {
	// Command is the program and its arguments, with no shell between; templates.
	Command []string `json:"command" yaml:"command"`
	// Env are the names of the environment variables that the command sees beside PATH.
	Env []string `json:"env,omitempty" yaml:"env,omitempty"`
	// ExitCode is the code that passes (default 0).
	ExitCode int `json:"exitCode,omitempty" yaml:"exitCode,omitempty"`
	// Matches is a regular expression that the first 64 KiB of what it writes must match.
	Matches string `json:"matches,omitempty" yaml:"matches,omitempty"`
	// Within bounds the whole attempt. Zero means the runner's own limit.
	Within time.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}
