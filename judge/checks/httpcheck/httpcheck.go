// Package httpcheck runs checks that are one HTTP request, and sends the requests of
// journeys.
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
	"errors"
	"net/http"

	"github.com/serin-canary/serin/judge/checks"
)

var _ checks.Runner = (*Runner)(nil)

// Config is what a [Runner] is made of.
type Config = checks.Reach

// Runner runs HTTP checks. It may be used by many goroutines.
type Runner struct {
	cfg       Config
	transport *http.Transport
}

// New returns a runner.
func New(cfg Config) *Runner {
	cfg.Clock = cfg.Clock.WithDefaults()
	return &Runner{cfg: cfg, transport: &http.Transport{
		DialContext:            cfg.Guard.Dialer().DialContext,
		ForceAttemptHTTP2:      true, // a dialler of our own would turn it off
		DisableKeepAlives:      true, // a probe must see a new connection work, and leave none
		MaxResponseHeaderBytes: 64 << 10,
		TLSClientConfig:        &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    cfg.Clock.Timeout,
	}}
}

// Run implements checks.Runner.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return r.cfg.Clock.Run(ctx, s, func() (checks.Probe, error) {
		if s.HTTP == nil {
			return checks.Probe{}, errors.New("it is not an HTTP check")
		}
		q, err := r.Prepare(*s.HTTP, t)
		if err != nil {
			return checks.Probe{}, err
		}
		return checks.Probe{Name: q.Name(), Within: q.Limit(), Try: func(ctx context.Context) checks.Attempt {
			_, a := q.Send(ctx, nil)
			return a
		}}, nil
	})
}
