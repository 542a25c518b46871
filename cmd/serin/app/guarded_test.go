package app

import (
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// TestEveryKindAsksTheGuard ensures that the runners as they are registered go neither
// where clouds keep credentials nor outside of the networks that are listed.
func TestEveryKindAsksTheGuard(t *testing.T) {
	specs := func(host string) map[string]checks.Spec {
		const soon = 5 * time.Second
		return map[string]checks.Spec{
			"http":      {HTTP: &checks.HTTP{URL: "http://" + host + ":80/latest/", Within: soon}},
			"journey":   {Journey: &checks.Journey{Steps: []checks.Step{{Name: "a", HTTP: checks.HTTP{URL: "http://" + host + ":80/", Within: soon}}}}},
			"tcp":       {TCP: &checks.TCP{Address: host + ":80", Within: soon}},
			"tls":       {TLS: &checks.Handshake{Address: host + ":443", Within: soon}},
			"dns":       {DNS: &checks.DNS{Name: "shop.test", Type: "A", Resolver: host + ":53", Within: soon}},
			"grpc":      {GRPC: &checks.GRPC{Address: host + ":80", Within: soon}},
			"websocket": {WebSocket: &checks.WebSocket{URL: "ws://" + host + ":80/", Within: soon}},
			"text":      {Logs: &checks.Logs{URL: "http://" + host + "/", Pattern: "x", Within: soon}},
			"Loki":      {Logs: &checks.Logs{Loki: "http://" + host, Query: `{a="b"}`, Within: soon}},
		}
	}
	listed := Outgoing{Checks: []string{"203.0.113.0/24"}}.ForChecks().Guard
	for _, c := range []struct {
		host  string
		guard checks.Guard
		said  string
	}{
		{"169.254.169.254", Guard, "is where clouds keep credentials"},
		{"[::ffff:169.254.169.254]", Guard, "is where clouds keep credentials"},
		{"[fd00:ec2::254]", Guard, "is where clouds keep credentials"},
		{"0.0.0.0", Guard, "is not the address of one host"},
		{"127.0.0.1", listed, "outgoing.checks"},
		{"10.1.2.3", listed, "outgoing.checks"},
	} {
		for kind, spec := range specs(c.host) {
			got := runners(c.guard, Datadog{}).Run(t.Context(), spec, checks.Target{})
			if got.Status != checks.Broken || !strings.Contains(got.Reason, c.said) {
				t.Errorf("%s to %s: got %s: %s, want it broken: %s", kind, c.host, got.Status, got.Reason, c.said)
			}
		}
	}
}
