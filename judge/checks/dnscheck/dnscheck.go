// Package dnscheck runs checks that are one question to a resolver.
//
// A check passes when the answers are exactly those that are wanted, in any order, or
// at least as many as are wanted. A resolver that a plan names is asked for at the
// guard; the system's own are not, since nobody but the operator chose them. What the
// answers point to is not connected to.
package dnscheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/serin-canary/serin/judge/checks"
)

var _ checks.Runner = (*Runner)(nil)

// Config is what a [Runner] is made of. The zero value is usable.
type Config struct {
	Clock checks.Clock
	Guard checks.Guard
}

// Runner runs DNS checks. It may be used by many goroutines.
type Runner struct{ cfg Config }

// New returns a runner.
func New(cfg Config) *Runner {
	cfg.Clock = cfg.Clock.WithDefaults()
	return &Runner{cfg}
}

// Run implements checks.Runner.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return r.cfg.Clock.Run(ctx, s, func() (checks.Probe, error) { return r.prepare(s.DNS, t) })
}

func (r *Runner) prepare(c *checks.DNS, t checks.Target) (checks.Probe, error) {
	if c == nil {
		return checks.Probe{}, errors.New("it is not a DNS check")
	}
	p := probe{runner: r, kind: c.Type, least: max(1, c.AtLeast)}
	name, err := checks.Fill("name", c.Name, t)
	if err != nil {
		return checks.Probe{}, err
	}
	if p.name = strings.TrimSuffix(strings.TrimSpace(name), ".") + "."; p.name == "." {
		return checks.Probe{}, errors.New("it asks for no name")
	}
	for _, w := range c.Want {
		text, err := checks.Fill("want", w, t)
		if err != nil {
			return checks.Probe{}, err
		}
		p.want = append(p.want, normal(p.kind, text))
	}
	slices.Sort(p.want)
	p.want = slices.Compact(p.want)
	if c.Resolver != "" {
		if p.server, err = checks.HostPort(c.Resolver); err != nil {
			return checks.Probe{}, errors.New("its resolver is not host:port; write for example 10.0.0.53:53")
		}
	}
	return checks.Probe{Name: "DNS " + p.kind + " " + strings.TrimSuffix(p.name, "."), Within: c.Within, Try: p.try}, nil
}

// probe is a check with its templates rendered.
type probe struct {
	runner     *Runner
	server     string // host:port, or "" for the system's
	name, kind string
	want       []string // sorted
	least      int
}

func (p probe) try(ctx context.Context) checks.Attempt {
	now := p.runner.cfg.Clock.Now
	began := now()
	var refused atomic.Pointer[error]
	got, err := p.lookup(ctx, p.resolver(ctx, &refused))
	if err != nil {
		var d *net.DNSError
		switch {
		case refused.Load() != nil:
			return checks.Unreached(*refused.Load())
		case errors.As(err, &d) && d.IsNotFound:
			return checks.Failing("has no answer")
		}
		return checks.Failing("was not answered%s: %s", p.by(), cause(err, d))
	}
	for i := range got {
		got[i] = normal(p.kind, got[i])
	}
	slices.Sort(got)
	got = slices.Compact(got)
	if len(p.want) > 0 && !slices.Equal(got, p.want) {
		return checks.Failing("is %s, want %s", listed(got), listed(p.want))
	}
	if len(got) < p.least {
		return checks.Failing("has %d answers, want at least %d", len(got), p.least)
	}
	return checks.Attempt{Status: checks.Passed, Said: fmt.Sprintf("is %s, answered in %s", listed(got), checks.Took(now().Sub(began)))}
}

// by names the resolver that the plan names.
func (p probe) by() string {
	if p.server == "" {
		return ""
	}
	return " by " + checks.Line(p.server, 80)
}

// cause says why there is no answer. The resolver's own words name the system's servers
// also where another one was asked.
func cause(err error, d *net.DNSError) string {
	if d != nil && !d.IsTimeout {
		return checks.Line(d.Err, 200)
	}
	return checks.Cause(err)
}

// resolver returns a resolver of one attempt, whose end closes its connections: Go's own
// would go on waiting for a silent server. The guard's refusal is kept in refused, since
// the resolver keeps only the text of an error.
func (p probe) resolver(attempt context.Context, refused *atomic.Pointer[error]) *net.Resolver {
	dialer := &net.Dialer{}
	if p.server != "" {
		dialer = p.runner.cfg.Guard.Dialer()
	}
	return &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, network, at string) (net.Conn, error) {
		if p.server != "" {
			at = p.server
		}
		conn, err := dialer.DialContext(ctx, network, at)
		if err != nil {
			if checks.Refusal(err) != nil {
				refused.Store(&err)
			}
			return nil, err
		}
		context.AfterFunc(attempt, func() { conn.Close() })
		return conn, nil
	}}
}

func (p probe) lookup(ctx context.Context, r *net.Resolver) ([]string, error) {
	switch p.kind {
	case "A", "AAAA":
		network := map[string]string{"A": "ip4", "AAAA": "ip6"}[p.kind]
		ips, err := r.LookupNetIP(ctx, network, p.name)
		out := make([]string, len(ips))
		for i, ip := range ips {
			out[i] = ip.Unmap().String()
		}
		return out, err
	case "CNAME":
		name, err := r.LookupCNAME(ctx, p.name)
		if err == nil && strings.EqualFold(name, p.name) { // Go's way to say that there is none
			return nil, &net.DNSError{Err: "no such record", Name: p.name, IsNotFound: true}
		}
		return []string{name}, err
	case "TXT":
		return r.LookupTXT(ctx, p.name)
	}
	return nil, fmt.Errorf("there are no %q records to ask for; write A, AAAA, CNAME or TXT", p.kind)
}

// normal brings an answer into the form in which answers are compared.
func normal(kind, text string) string {
	switch kind {
	case "A", "AAAA":
		if ip, err := netip.ParseAddr(strings.TrimSpace(text)); err == nil {
			return ip.Unmap().String()
		}
	case "CNAME":
		return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(text), "."))
	}
	return text
}

// listed writes a few answers.
func listed(all []string) string {
	const most = 5
	var words []string
	for i, a := range all {
		if i == most {
			words = append(words, fmt.Sprintf("and %d more", len(all)-most))
			break
		}
		words = append(words, strings.Trim(checks.Excerpt(a), `"`))
	}
	return strings.Join(words, ", ")
}
