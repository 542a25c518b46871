// Package grpccheck runs checks that are one gRPC call.
//
// Without a method, the server's health service is asked (grpc.health.v1), and a check
// passes when it answers with the status that is wanted. With one, its types are asked
// of the server by reflection (v1, or v1alpha where that is all it has), the request is
// made of JSON, and a check passes when the call ends with the code that is wanted and
// the assertions hold for the answer as JSON.
//
// A code other than OK is taken only from a server that sent it: what the client itself
// says of a broken connection is no answer. The guard is asked with the resolved address
// at the dial. No proxy is used, nothing is decompressed, at most 256 KiB of an answer
// are read, and at most 1 MiB of reflection.
package grpccheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/serin-canary/serin/judge/checks"
)

var _ checks.Runner = (*Runner)(nil)

const (
	maxAnswer  = 256 << 10 // bytes of an answer
	maxHeaders = 64 << 10  // bytes of its headers
)

// Config is what a [Runner] is made of.
type Config = checks.Reach

// Runner runs gRPC checks. It may be used by many goroutines.
type Runner struct{ cfg Config }

// New returns a runner.
func New(cfg Config) *Runner {
	cfg.Clock = cfg.Clock.WithDefaults()
	return &Runner{cfg}
}

// Run implements checks.Runner.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return r.cfg.Clock.Run(ctx, s, func() (checks.Probe, error) { return r.prepare(s.GRPC, t) })
}

// probe is a check with its templates rendered.
type probe struct {
	runner          *Runner
	address, server string
	tls             bool
	metadata        map[string]string
	hidden          []string

	service, health string // whose health, and which passes

	method  string // shop.Orders/Get; "" asks for health
	request []byte // JSON
	code    string
	asserts []*checks.Assertion
}

func (r *Runner) prepare(c *checks.GRPC, t checks.Target) (checks.Probe, error) {
	if c == nil {
		return checks.Probe{}, errors.New("it is not a gRPC check")
	}
	p := probe{runner: r, method: c.Method, code: or(c.Code, "OK"), health: or(c.Status, "SERVING")}
	text, err := checks.Fill("address", c.Address, t)
	if err != nil {
		return checks.Probe{}, err
	}
	p.tls = c.TLS || strings.HasPrefix(text, "https://")
	if p.address, err = checks.HostPort(text); err != nil {
		return checks.Probe{}, err
	}
	if p.server, err = checks.Fill("serverName", c.ServerName, t); err != nil {
		return checks.Probe{}, err
	}
	if p.service, err = checks.Fill("service", c.Service, t); err != nil {
		return checks.Probe{}, err
	}
	if p.metadata, err = checks.FillAll("metadata", c.Metadata, t); err != nil {
		return checks.Probe{}, err
	}
	for name, value := range p.metadata {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return checks.Probe{}, fmt.Errorf("its metadata %s has characters that cannot be sent; only printable ASCII can", name)
		}
	}
	p.hidden = checks.SecretsOf(p.metadata)
	if p.request, err = checks.FillJSON("request", c.Request, t); err != nil {
		return checks.Probe{}, err
	}
	if p.asserts, err = checks.OfGRPC.CompileAll(c.Assert); err != nil {
		return checks.Probe{}, err
	}
	if p.method != "" && !slices.Contains(codeNames(), p.code) {
		return checks.Probe{}, fmt.Errorf("there is no code %q; write for example NOT_FOUND", p.code)
	}
	return checks.Probe{Name: p.name(), Within: c.Within, Try: p.try}, nil
}

// name is what sentences call the check.
func (p probe) name() string {
	switch {
	case p.method != "":
		return "gRPC " + p.address + " " + p.method
	case p.service != "":
		return "gRPC " + p.address + " health of " + checks.Inert(p.service, 80, nil)
	}
	return "gRPC " + p.address + " health"
}

func (p probe) try(ctx context.Context) checks.Attempt {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // what still streams ends with it
	var refused atomic.Pointer[error]
	conn, err := p.connect(&refused)
	if err != nil {
		return checks.Breaking("was not tried: its address cannot be used")
	}
	defer conn.Close()
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(p.metadata))
	var a checks.Attempt
	if p.method == "" {
		a = p.askHealth(ctx, conn)
	} else {
		a = p.call(ctx, conn)
	}
	if no := refused.Load(); no != nil {
		return checks.Unreached(*no)
	}
	return a
}

// connect makes a client, which dials at its first call. What the guard refused is kept
// in refused, since the client keeps only the text of an error.
func (p probe) connect(refused *atomic.Pointer[error]) (*grpc.ClientConn, error) {
	dialer := p.runner.cfg.Guard.Dialer()
	security := insecure.NewCredentials()
	if p.tls {
		security = credentials.NewTLS(&tls.Config{ServerName: p.server, RootCAs: p.runner.cfg.Roots, MinVersion: tls.VersionTLS12})
	}
	return grpc.NewClient("passthrough:///"+p.address,
		grpc.WithTransportCredentials(security),
		grpc.WithContextDialer(func(ctx context.Context, at string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, "tcp", at)
			if err != nil && checks.Refusal(err) != nil {
				refused.Store(&err)
			}
			return conn, err
		}),
		grpc.WithNoProxy(), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithDisableHealthCheck(),
		grpc.WithUserAgent("serin-check"), grpc.WithMaxHeaderListSize(maxHeaders),
		grpc.WithStatsHandler(answers{}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
	)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
