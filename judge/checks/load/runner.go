package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// Runner runs load checks.
type Runner struct {
	// Guard is asked before each connection; without one nothing is dialled.
	Guard func(netip.AddrPort) error
	Now   func() time.Time // default time.Now
	// Seed throws the coin of each load (default: at random).
	Seed func() uint64
}

var _ checks.Runner = Runner{}

// Run sends a load to both arms. The result is [checks.Measured] with what came back:
// the judge says what that means. A load that could not be sent at all is broken.
func (r Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) (out checks.Result) {
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Seed == nil {
		r.Seed = rand.Uint64
	}
	out = checks.Result{Name: s.Name, Status: checks.Broken, At: r.Now().UTC(), Attempts: 1}
	defer func() { out.Took = r.Now().UTC().Sub(out.At) }()
	if s.Load == nil {
		out.Reason = "the check is no load; this is a defect of the server"
		return out
	}
	l, err := prepare(*s.Load, t)
	if err != nil {
		out.Reason = "the load was not sent: " + oneLine(err)
		return out
	}
	l.Seed = r.Seed()
	run, err := Config{Hosts: s.Load.Hosts, Guard: r.Guard}.Run(ctx, l)
	if err != nil {
		out.Reason = oneLine(err)
		return out
	}
	run.Warmup = min(l.count(), int(s.Load.Rate*s.Load.Warmup.Seconds()))
	out.Status, out.Load = checks.Measured, &run
	out.Reason = fmt.Sprintf("%d requests to each arm, %g a second", len(run.Canary), run.Rate)
	if run.Ended != "" {
		out.Reason += "; " + run.Ended
	}
	return out
}

// oneLine joins the faults of a load.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// prepare fills in the texts of a load for both arms.
func prepare(s checks.Load, t checks.Target) (Load, error) {
	l := Load{Rate: s.Rate, Duration: s.Length(), Connections: s.Connections, Timeout: s.Timeout}
	var errs [2]error
	l.Canary, l.Requests, errs[0] = fill(s, t, t.Canary)
	l.Baseline, l.OfBaseline, errs[1] = fill(s, t, t.Baseline)
	if errs[0] != nil || errs[1] != nil {
		return l, errors.Join(named("canary", errs[0]), named("baseline", errs[1]))
	}
	return l, nil
}

func named(arm string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", arm, err)
}

// fill returns an arm's address and requests. Its errors quote no header, body or
// address, any of which may hold a credential.
func fill(s checks.Load, t checks.Target, arm checks.Arm) (address string, requests []Request, err error) {
	t.Arm = arm
	for i, target := range s.Targets {
		text, err := checks.Fill("url", target.URL, t)
		if err != nil {
			return "", nil, fmt.Errorf("targets[%d]: %w", i, err)
		}
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil {
			return "", nil, fmt.Errorf("targets[%d]: its URL cannot be read", i)
		}
		// The user stays in the address, where it is refused.
		base := (&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}).String()
		if address == "" {
			address = base
		} else if address != base {
			return "", nil, fmt.Errorf("targets[%d]: it is on another host, port or scheme than the target before; one load asks one address of an arm", i)
		}
		r := Request{Method: target.Method, Path: u.RequestURI(), Header: http.Header{}}
		for name, value := range target.Headers {
			if value, err = checks.Fill("header "+name, value, t); err != nil {
				return "", nil, fmt.Errorf("targets[%d]: %w", i, err)
			}
			r.Header.Set(name, value)
		}
		if r.Body, err = checks.Fill("body", target.Body, t); err != nil {
			return "", nil, fmt.Errorf("targets[%d]: %w", i, err)
		}
		requests = append(requests, r)
	}
	return address, requests, nil
}
