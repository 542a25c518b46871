package app

import (
	"errors"
	"fmt"

	"github.com/serin-canary/serin/judge/checks"
)

// CheckOptions say where checks may go, and whom they may ask.
type CheckOptions struct {
	Outgoing Outgoing
	Datadog  Datadog
	Secrets  Secrets
	Sources  *Sources // of metrics; may be nil
	// Exec lets checks be commands on this machine.
	Exec bool
}

// Checks returns what runs checks outside of a server: every kind that this build can
// run, at the addresses that are allowed.
func Checks(o CheckOptions) (checks.Runner, error) {
	var faults []error
	fault := func(path, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
	}
	o.Outgoing.check(fault)
	o.Datadog.check(fault)
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	sources := o.Sources
	if sources == nil {
		sources = &Sources{}
	}
	var kinds checks.Runner = sources.asked(runners(o.Outgoing.ForChecks().Guard, o.Datadog))
	if o.Exec {
		kinds = AllowExec(kinds)
	}
	return checks.WithSecrets(o.Secrets.Give, kinds), nil
}
