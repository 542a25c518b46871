//go:build !unix

package execcheck

import "os/exec"

// inGroup leaves a command where it is: there are no process groups here.
func inGroup(*exec.Cmd) {}

// killGroup kills nothing: the command itself is killed by its context.
func killGroup(*exec.Cmd) {}
