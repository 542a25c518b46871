// Package tcpcheck runs checks that are one TCP connection.
//
// A check passes when the connection is accepted, the TLS handshake (where one is
// asked for) ends with a certificate that verifies, and the first 4 KiB that the
// server says match the banner (where one is wanted), all within the check's time.
// Nothing is sent. The guard is asked with the resolved address at the dial.
package tcpcheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

var _ checks.Runner = (*Runner)(nil)

// maxBanner is how much of a banner is read, in bytes.
const maxBanner = 4 << 10

// Config is what a [Runner] is made of.
type Config = checks.Reach

// Runner runs TCP checks. It may be used by many goroutines.
type Runner struct{ cfg Config }

// New returns a runner.
func New(cfg Config) *Runner {
	cfg.Clock = cfg.Clock.WithDefaults()
	return &Runner{cfg}
}

// Run implements checks.Runner.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return r.cfg.Clock.Run(ctx, s, func() (checks.Probe, error) { return r.prepare(s.TCP, t) })
}

func (r *Runner) prepare(c *checks.TCP, t checks.Target) (checks.Probe, error) {
	if c == nil {
		return checks.Probe{}, errors.New("it is not a TCP check")
	}
	text, err := checks.Fill("address", c.Address, t)
	if err != nil {
		return checks.Probe{}, err
	}
	address, err := checks.HostPort(text)
	if err != nil {
		return checks.Probe{}, err
	}
	p := probe{runner: r, address: address, tls: c.TLS}
	if c.Banner != "" {
		if p.banner, err = regexp.Compile(c.Banner); err != nil {
			return checks.Probe{}, fmt.Errorf("its banner is no regular expression: %w", err)
		}
	}
	return checks.Probe{Name: "TCP " + address, Within: c.Within, Try: p.try}, nil
}

// probe is a check with its template rendered.
type probe struct {
	runner  *Runner
	address string
	tls     bool
	banner  *regexp.Regexp
}

func (p probe) try(ctx context.Context) checks.Attempt {
	now := p.runner.cfg.Clock.Now
	began := now()
	conn, err := p.runner.cfg.Guard.Dialer().DialContext(ctx, "tcp", p.address)
	if err != nil {
		return checks.Unreached(err)
	}
	defer conn.Close()
	// What ends the attempt ends a read that waits.
	raw := conn
	defer context.AfterFunc(ctx, func() {
		if raw.SetDeadline(time.Unix(1, 0)) != nil {
			raw.Close()
		}
	})()
	if p.tls {
		if conn, err = p.handshake(ctx, conn); err != nil {
			return checks.Failing("was accepted, but the TLS handshake failed: %s", checks.Cause(err))
		}
	}
	if p.banner == nil {
		return checks.Attempt{Status: checks.Passed, Said: "was accepted in " + checks.Took(now().Sub(began))}
	}
	said, err := p.read(conn)
	took := checks.Took(now().Sub(began))
	switch {
	case p.banner.Match(said):
		return checks.Attempt{Status: checks.Passed, Said: "was accepted and answered as it must in " + took}
	case len(said) == maxBanner:
		return checks.Failing("said %s and more, and nothing in the first 4 KiB matches the banner", checks.Excerpt(string(said)))
	case len(said) == 0:
		return checks.Failing("was accepted, but said nothing: %s", ending(err))
	}
	return checks.Failing("said %s, which does not match the banner: %s", checks.Excerpt(string(said)), ending(err))
}

func (p probe) handshake(ctx context.Context, conn net.Conn) (net.Conn, error) {
	host, _, err := net.SplitHostPort(p.address)
	if err != nil {
		return nil, err
	}
	c := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: p.runner.cfg.Roots, MinVersion: tls.VersionTLS12})
	err = c.HandshakeContext(ctx)
	return c, err
}

// read reads until the banner matches, the connection ends, or there is enough.
func (p probe) read(conn net.Conn) ([]byte, error) {
	var said []byte
	buf := make([]byte, maxBanner)
	for len(said) < maxBanner {
		n, err := conn.Read(buf[:maxBanner-len(said)])
		said = append(said, buf[:n]...)
		if p.banner.Match(said) {
			return said, nil
		}
		if err != nil {
			return said, err
		}
	}
	return said, nil
}

func ending(err error) string {
	if errors.Is(err, io.EOF) {
		return "it closed the connection"
	}
	return checks.Cause(err)
}
