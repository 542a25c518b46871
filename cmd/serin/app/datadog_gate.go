package app

import "github.com/serin-canary/serin/judge/checks/gatecheck"

// Gate returns what has Datadog evaluate its Deployment Gates.
func (d Datadog) Gate() *gatecheck.Runner {
	return gatecheck.New(gatecheck.Config{URL: d.address(), Keys: d.keys()})
}
