//go:build unix

package execcheck

import (
	"errors"
	"os/exec"
	"syscall"
)

// inGroup starts a command in a process group of its own, which is killed as a whole when
// the command's time is over.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		killGroup(cmd)
		return nil
	}
}

// killGroup kills what is left of a command's group. That nothing is left is no news, and
// there is nobody to tell anything else.
func killGroup(cmd *exec.Cmd) {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); errors.Is(err, syscall.EPERM) {
		_ = cmd.Process.Kill()
	}
}
