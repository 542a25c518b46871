// Package httpcheck runs checks that are one HTTP request.
//
// A check passes when the answer's status is one of those wanted, its assertions hold,
// its body holds the JSON that is wanted, and its last byte came in time. What is no answer (a
// refused connection, an unknown host, a certificate that does not verify, a
// timeout) is a failure. What kept the request from being sent (a template that
// does not render, a bad URL, a guarded address, a caller that gave up) is a broken
// check. Neither is ever a pass.
//
// A redirect is followed at most three times (or as often as the check says), to the
// same host name only and never from https to http; where its status is one of those
// wanted it is the answer. No
// proxy is used, connections are not kept, and at most 1 MiB of a body is read.
// Sentences about a check carry neither the user and query of its URL nor its
// headers.
package httpcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

var _ checks.Runner = (*Runner)(nil)

// Config is what a [Runner] is made of. The zero value is usable.
type Config struct {
	Now func() time.Time // default time.Now
	// Guard is asked before each connection with the address that was resolved; its
	// error forbids it and makes the check broken. By default every address is
	// allowed, loopback and private ones too, since plans are the operator's own.
	Guard func(netip.AddrPort) error
	// Roots are the authorities that certificates are verified by (default: the system's).
	Roots *x509.CertPool
	// Timeout bounds an attempt of a check without Within (default 10 s).
	Timeout time.Duration
	// Pause is the time between two attempts (default 250 ms).
	Pause time.Duration
}

// Runner runs HTTP checks. It may be used by many goroutines.
type Runner struct {
	cfg       Config
	transport *http.Transport
}

// New returns a runner.
func New(cfg Config) *Runner {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Pause <= 0 {
		cfg.Pause = 250 * time.Millisecond
	}
	dialer := &net.Dialer{}
	if cfg.Guard != nil {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return guarded(cfg.Guard, address) }
	}
	return &Runner{cfg: cfg, transport: &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true, // a dialler of our own would turn it off
		DisableKeepAlives:      true, // a probe must see a new connection work, and leave none
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    cfg.Timeout,
	}}
}

// forbidden is the guard's refusal on its way through net/http.
type forbidden struct{ err error }

// Error says what the guard said.
func (f *forbidden) Error() string { return f.err.Error() }

// Unwrap returns the guard's error.
func (f *forbidden) Unwrap() error { return f.err }

// guarded asks the guard. The dialler calls it on a goroutine of its own, where a
// panic would end the process.
func guarded(guard func(netip.AddrPort) error, address string) (err error) {
	defer func() {
		if recover() != nil {
			err = &forbidden{errors.New("the address guard failed; this is a defect of the server")}
		}
	}()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &forbidden{fmt.Errorf("its address cannot be read: %w", err)}
	}
	// An IPv4 address in IPv6 clothes is still that address.
	if err := guard(netip.AddrPortFrom(at.Addr().Unmap(), at.Port())); err != nil {
		return &forbidden{err}
	}
	return nil
}

// Run implements checks.Runner. A failed attempt is repeated s.Retries times; Took
// covers all attempts and the pauses between them.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) (result checks.Result) {
	result = checks.Result{Name: s.Name, Status: checks.Broken, At: r.cfg.Now().UTC()}
	defer func() {
		if recover() != nil { // it must never take the judge along
			result.Status, result.Reason = checks.Broken, "the check could not be run: its runner failed; this is a defect of the server"
		}
		result.Took = r.cfg.Now().Sub(result.At)
	}()
	if s.HTTP == nil {
		result.Reason = "the check could not be run: it is not an HTTP check"
		return result
	}
	p, err := render(*s.HTTP, t)
	if err != nil {
		result.Reason = "the check could not be run: " + line(err.Error())
		return result
	}
	attempts := 1 + max(0, s.Retries)
	var before []string
	for {
		result.Attempts++
		o := r.attempt(ctx, p)
		result.Status = o.status
		result.Reason = p.name + " " + o.said + tries(result.Attempts, attempts, before)
		if o.status != checks.Failed || result.Attempts == attempts {
			return result
		}
		before = append(before, o.said)
		if !r.pause(ctx) {
			result.Status = checks.Broken
			result.Reason = p.name + " " + o.said + ", and the caller gave up before it could be tried again"
			return result
		}
	}
}

// tries says how many attempts were made, and what the earlier ones said.
func tries(n, of int, before []string) string {
	if len(before) == 0 {
		return ""
	}
	return fmt.Sprintf("; attempt %d of %d (before: %s)", n, of, strings.Join(distinct(before), "; "))
}

// distinct drops neighbours that say the same.
func distinct(s []string) []string {
	var out []string
	for i, v := range s {
		if i == 0 || s[i-1] != v {
			out = append(out, v)
		}
	}
	return out
}

// pause waits between two attempts. It returns false where the caller gave up.
func (r *Runner) pause(ctx context.Context) bool {
	timer := time.NewTimer(r.cfg.Pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// refusal returns the guard's refusal where that is what ended a request, else nil.
func refusal(err error) error {
	var f *forbidden
	if errors.As(err, &f) {
		return f.err
	}
	return nil
}
