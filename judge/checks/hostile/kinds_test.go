package hostile_test

import (
	"context"
	"crypto/x509"
	"net/netip"
	"slices"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/dnscheck"
	"github.com/serin-canary/serin/judge/checks/execcheck"
	"github.com/serin-canary/serin/judge/checks/gatecheck"
	"github.com/serin-canary/serin/judge/checks/grpccheck"
	"github.com/serin-canary/serin/judge/checks/hostile"
	"github.com/serin-canary/serin/judge/checks/httpcheck"
	"github.com/serin-canary/serin/judge/checks/journey"
	"github.com/serin-canary/serin/judge/checks/load"
	"github.com/serin-canary/serin/judge/checks/logcheck"
	"github.com/serin-canary/serin/judge/checks/promcheck"
	"github.com/serin-canary/serin/judge/checks/tcpcheck"
	"github.com/serin-canary/serin/judge/checks/tlscheck"
	"github.com/serin-canary/serin/judge/checks/wscheck"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/promql"
)

// kind is one way in which checks talk to strangers. No server here may be good to it.
type kind struct {
	name string
	// spec is a check of an address, in a time.
	spec func(address string, within time.Duration) checks.Spec
	// meets are the servers that speak its protocol, beside those that speak none.
	meets func() []hostile.Server
	// tls is the same check over TLS; nil where there is none.
	tls func(address string, within time.Duration) checks.Spec
}

func kinds() []kind {
	const oneLess = "json.a == 1"
	http := func(scheme string) func(string, time.Duration) checks.Spec {
		return func(at string, within time.Duration) checks.Spec {
			return checks.Spec{HTTP: &checks.HTTP{URL: scheme + "://" + at + "/x", Assert: []string{oneLess}, Within: within}}
		}
	}
	steps := func(scheme string) func(string, time.Duration) checks.Spec {
		return func(at string, within time.Duration) checks.Spec {
			return checks.Spec{Journey: &checks.Journey{Steps: []checks.Step{{Name: "one", HTTP: *http(scheme)(at, within).HTTP}}}}
		}
	}
	grpc := func(c checks.GRPC, tls bool) func(string, time.Duration) checks.Spec {
		return func(at string, within time.Duration) checks.Spec {
			c := c
			c.Address, c.TLS, c.Within = at, tls, within
			return checks.Spec{GRPC: &c}
		}
	}
	tcp := func(tls bool) func(string, time.Duration) checks.Spec {
		return func(at string, within time.Duration) checks.Spec {
			return checks.Spec{TCP: &checks.TCP{Address: at, Banner: "^SSH-2", TLS: tls, Within: within}}
		}
	}
	handshake := func(at string, within time.Duration) checks.Spec {
		return checks.Spec{TLS: &checks.Handshake{Address: at, Within: within}}
	}
	socket := func(scheme string) func(string, time.Duration) checks.Spec {
		return func(at string, within time.Duration) checks.Spec {
			return checks.Spec{WebSocket: &checks.WebSocket{URL: scheme + "://" + at + "/x", Text: "hello!", Within: within}}
		}
	}
	text := func(scheme string) func(string, time.Duration) checks.Spec {
		return func(at string, within time.Duration) checks.Spec {
			return checks.Spec{Logs: &checks.Logs{URL: scheme + "://" + at + "/x", Pattern: ".|^$", Within: within}}
		}
	}
	loki := func(scheme string) func(string, time.Duration) checks.Spec {
		return func(at string, within time.Duration) checks.Spec {
			return checks.Spec{Logs: &checks.Logs{Loki: scheme + "://" + at, Query: `{a="b"}`, Quiet: true, Within: within}}
		}
	}
	return []kind{
		{"http", http("http"), hostile.HTTP, http("https")},
		{"journey", steps("http"), hostile.HTTP, steps("https")},
		{"tcp", tcp(false), none, tcp(true)},
		{"tls", handshake, none, handshake},
		{"grpc health", grpc(checks.GRPC{}, false), hostile.HTTP2, grpc(checks.GRPC{}, true)},
		{"grpc method", grpc(checks.GRPC{Method: "a.B/C", Code: "NOT_FOUND"}, false), hostile.HTTP2, grpc(checks.GRPC{Method: "a.B/C"}, true)},
		{"websocket", socket("ws"), webSocketAndHTTP, socket("wss")},
		{"logs of a text", text("http"), hostile.HTTP, text("https")},
		{"logs of a Loki", loki("http"), hostile.HTTP, loki("https")},
		{"prometheus", func(at string, within time.Duration) checks.Spec {
			return checks.Spec{Prometheus: &checks.Prometheus{Source: "http://" + at, Query: "up", Assert: []string{"value > 0"}, Within: within}}
		}, hostile.HTTP, nil},
		{"gate of Datadog", func(at string, within time.Duration) checks.Spec {
			return checks.Spec{DatadogGate: &checks.DatadogGate{Service: at, Env: "prod", Within: within}}
		}, hostile.HTTP, nil},
		{"load", func(at string, within time.Duration) checks.Spec {
			return checks.Spec{Load: &checks.Load{
				Targets: []checks.LoadTarget{{Method: "GET", URL: "{{ .Arm.URL }}/x"}}, Hosts: []string{"127.0.0.1"}, Rate: 500,
				Duration: 300 * time.Millisecond, Timeout: within,
			}, Total: 20 * time.Second}
		}, fewer, nil},
	}
}

// fewer are enough for a load, which meets each a few hundred times.
func fewer() []hostile.Server {
	return slices.DeleteFunc(hostile.HTTP(), func(s hostile.Server) bool {
		return !slices.Contains([]string{"slow body", "an endless body", "endless headers", "redirects to credentials", "upgrades to nothing"}, s.Name)
	})
}

func none() []hostile.Server { return nil }

func webSocketAndHTTP() []hostile.Server { return append(hostile.WebSocket(), hostile.HTTP()...) }

// open is a guard that lets everything pass, where there is none.
func open(guard checks.Guard) checks.Guard {
	if guard == nil {
		return func(netip.AddrPort) error { return nil }
	}
	return guard
}

// gate asks the Datadog of a check's service, which is an address here.
type gate struct{ clock checks.Clock }

// Run implements checks.Runner.
func (g gate) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return gatecheck.New(gatecheck.Config{
		URL: "http://" + s.DatadogGate.Service, Clock: g.clock, Poll: time.Millisecond,
		Keys: func() (string, string, error) { return "api-key", "app-key", nil },
	}).Run(ctx, s, t)
}

// runners are those of all kinds, with one guard and one pool of authorities. A
// Prometheus source is a URL here.
func runners(guard checks.Guard, roots *x509.CertPool) checks.Kinds {
	clock := checks.Clock{Pause: time.Millisecond}
	web := httpcheck.New(httpcheck.Config{Clock: clock, Guard: guard, Roots: roots})
	return checks.Kinds{
		"http":        web,
		"journey":     journey.New(journey.Config{HTTP: web}),
		"tcp":         tcpcheck.New(tcpcheck.Config{Clock: clock, Guard: guard, Roots: roots}),
		"dns":         dnscheck.New(dnscheck.Config{Clock: clock, Guard: guard}),
		"tls":         tlscheck.New(tlscheck.Config{Clock: clock, Guard: guard, Roots: roots}),
		"grpc":        grpccheck.New(grpccheck.Config{Clock: clock, Guard: guard, Roots: roots}),
		"websocket":   wscheck.New(wscheck.Config{Clock: clock, Guard: guard, Roots: roots}),
		"logs":        logcheck.New(logcheck.Config{Clock: clock, Guard: guard, Roots: roots}),
		"exec":        execcheck.New(execcheck.Config{Clock: clock}),
		"datadogGate": gate{clock},
		"load":        load.Runner{Guard: open(guard)},
		"prometheus": promcheck.New(promcheck.Config{Clock: clock, Ask: func(ctx context.Context, source, query string, at time.Time) ([]promcheck.Sample, error) {
			s, err := prometheus.New(prometheus.Config{Name: "main", URL: source, Limits: prometheus.Limits{Bytes: 1 << 20}})
			if err != nil {
				return nil, err
			}
			defer s.Close()
			m, _, err := s.Range(ctx, query, promql.Range{Start: at.Unix() * 1000, End: at.Unix() * 1000, Step: 1000})
			out := make([]promcheck.Sample, len(m))
			return out, err
		}}),
	}
}
