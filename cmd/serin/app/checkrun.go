package app

import (
	"errors"
	"fmt"

	"github.com/serin-canary/serin/judge/checks"
)

// Checks returns what runs checks outside of a server: every kind that this build can
// run, at the addresses that are allowed.
func Checks(o Outgoing, d Datadog) (checks.Runner, error) {
	var faults []error
	fault := func(path, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
	}
	o.check(fault)
	d.check(fault)
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return runners(o.ForChecks().Guard, d), nil
}
