// Package tlscheck runs checks that are one TLS handshake.
//
// A check passes when the handshake ends with a certificate that verifies, covers the
// names that are wanted and lasts as long as is wanted, at the version that is wanted
// or a newer one. The guard is asked with the resolved address at the dial.
package tlscheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/serin-canary/serin/judge/checks"
)

var _ checks.Runner = (*Runner)(nil)

// Config is what a [Runner] is made of.
type Config = checks.Reach

// Runner runs TLS checks. It may be used by many goroutines.
type Runner struct{ cfg Config }

// New returns a runner.
func New(cfg Config) *Runner {
	cfg.Clock = cfg.Clock.WithDefaults()
	return &Runner{cfg}
}

// Run implements checks.Runner.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return r.cfg.Clock.Run(ctx, s, func() (checks.Probe, error) { return r.prepare(s.TLS, t) })
}

func (r *Runner) prepare(c *checks.Handshake, t checks.Target) (checks.Probe, error) {
	if c == nil {
		return checks.Probe{}, errors.New("it is not a TLS check")
	}
	p := probe{runner: r, days: float64(c.DaysLeft), version: tls.VersionTLS12}
	text, err := checks.Fill("address", c.Address, t)
	if err != nil {
		return checks.Probe{}, err
	}
	if p.address, err = checks.HostPort(text); err != nil {
		return checks.Probe{}, err
	}
	if p.server, err = checks.Fill("serverName", c.ServerName, t); err != nil {
		return checks.Probe{}, err
	}
	if p.server == "" {
		if p.server, _, err = net.SplitHostPort(p.address); err != nil {
			return checks.Probe{}, err
		}
	}
	for _, n := range c.Names {
		name, err := checks.Fill("names", n, t)
		if err != nil {
			return checks.Probe{}, err
		}
		p.names = append(p.names, name)
	}
	switch c.MinVersion {
	case "", "1.2":
	case "1.3":
		p.version = tls.VersionTLS13
	default:
		return checks.Probe{}, fmt.Errorf("it wants TLS %q; write 1.2 or 1.3", c.MinVersion)
	}
	return checks.Probe{Name: "TLS " + p.address, Within: c.Within, Try: p.try}, nil
}

// probe is a check with its templates rendered.
type probe struct {
	runner  *Runner
	address string
	server  string
	names   []string
	days    float64
	version uint16
}

func (p probe) try(ctx context.Context) checks.Attempt {
	conn, err := p.runner.cfg.Guard.Dialer().DialContext(ctx, "tcp", p.address)
	if err != nil {
		return checks.Unreached(err)
	}
	defer conn.Close()
	c := tls.Client(conn, &tls.Config{ServerName: p.server, RootCAs: p.runner.cfg.Roots, MinVersion: tls.VersionTLS12})
	if err := c.HandshakeContext(ctx); err != nil {
		return checks.Failing("was accepted, but the TLS handshake failed: %s", checks.Cause(err))
	}
	state := c.ConnectionState()
	seen := checks.SeenTLS(&state, p.runner.cfg.Clock.Now())
	if seen == nil {
		return checks.Failing("showed no certificate")
	}
	if state.Version < p.version {
		return checks.Failing("speaks TLS %s, want 1.3", seen.Version)
	}
	if i := slices.IndexFunc(p.names, func(n string) bool { return state.PeerCertificates[0].VerifyHostname(n) != nil }); i >= 0 {
		return checks.Failing("shows a certificate that does not cover %s", checks.Excerpt(p.names[i]))
	}
	if seen.DaysLeft < p.days {
		return checks.Failing("shows a certificate that expires in %.1f days, want at least %g", seen.DaysLeft, p.days)
	}
	return checks.Attempt{Status: checks.Passed, Said: fmt.Sprintf("speaks TLS %s with a certificate that lasts %.1f days more", seen.Version, seen.DaysLeft)}
}
