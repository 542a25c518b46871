package app

import (
	"errors"
	"fmt"
	"maps"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/execcheck"
	"github.com/serin-canary/serin/judge/plan"
)

// AllowExec lets the checks that [Checks] returned run commands on this machine. It is
// for people who run a plan by hand and say so; no server does.
func AllowExec(r checks.Runner) checks.Runner {
	kinds, ok := r.(checks.Kinds)
	if !ok {
		return r
	}
	out := maps.Clone(kinds)
	out["exec"] = execcheck.New(execcheck.Config{})
	return out
}

// refuseCommands refuses plans that want commands to be run, which no server does.
func refuseCommands(plans *plan.Set) error {
	var wrong []error
	for _, n := range plans.Names() {
		p, err := plans.Find(n, "", "")
		if err != nil {
			return err
		}
		for _, c := range p.Checks {
			if c.Exec != nil {
				wrong = append(wrong, fmt.Errorf("plan %s: the check %s is a command, and no server runs commands; run it by hand with serin check run --allow-exec, from a plan that is not among the server's", n, c.Name))
			}
		}
	}
	return errors.Join(wrong...)
}
