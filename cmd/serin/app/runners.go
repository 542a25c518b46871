package app

import (
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/dnscheck"
	"github.com/serin-canary/serin/judge/checks/execcheck"
	"github.com/serin-canary/serin/judge/checks/grpccheck"
	"github.com/serin-canary/serin/judge/checks/httpcheck"
	"github.com/serin-canary/serin/judge/checks/journey"
	"github.com/serin-canary/serin/judge/checks/load"
	"github.com/serin-canary/serin/judge/checks/logcheck"
	"github.com/serin-canary/serin/judge/checks/promcheck"
	"github.com/serin-canary/serin/judge/checks/tcpcheck"
	"github.com/serin-canary/serin/judge/checks/tlscheck"
	"github.com/serin-canary/serin/judge/checks/wscheck"
)

// runners are those of all checks that this build can run; each asks the guard
// where it dials, but for those that ask a server of the configuration.
func runners(guard checks.Guard, dd Datadog) checks.Kinds {
	return checks.Kinds{
		"http": httpcheck.New(httpcheck.Config{Guard: guard}),
		"tcp":  tcpcheck.New(tcpcheck.Config{Guard: guard}),
		"dns":  dnscheck.New(dnscheck.Config{Guard: guard}),
		"tls":  tlscheck.New(tlscheck.Config{Guard: guard}),
		"load": load.Runner{Guard: guard},
		"grpc": grpccheck.New(grpccheck.Config{Guard: guard}),

		"journey":   journey.New(journey.Config{HTTP: httpcheck.New(httpcheck.Config{Guard: guard})}),
		"websocket": wscheck.New(wscheck.Config{Guard: guard}),

		"prometheus": promcheck.New(promcheck.Config{}), // asked gives it sources
		"logs":       logcheck.New(logcheck.Config{Guard: guard}),
		"exec":       execcheck.Refusing(), // AllowExec

		"synthetics":  dd.Synthetics(),
		"datadogGate": dd.Gate(),
	}
}
