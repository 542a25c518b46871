package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// probe builds what a check does: one line for each kind. Exactly one must be given.
func (b *builder) probe(c checkFile, spec *checks.Spec, path string) {
	spec.HTTP = kindOf(c.HTTP, path+".http", b.http)
	spec.TCP = kindOf(c.TCP, path+".tcp", b.tcp)
	spec.DNS = kindOf(c.DNS, path+".dns", b.dns)
	spec.TLS = kindOf(c.TLS, path+".tls", b.handshake)
	spec.GRPC = kindOf(c.GRPC, path+".grpc", b.grpc)
	spec.WebSocket = kindOf(c.WebSocket, path+".websocket", b.webSocket)
	spec.Prometheus = kindOf(c.Prometheus, path+".prometheus", b.prometheus)
	spec.Logs = kindOf(c.Logs, path+".logs", b.logs)
	spec.Exec = kindOf(c.Exec, path+".exec", b.exec)
	if spec.Synthetics = kindOf(c.Synthetics, path+".synthetics", b.synthetics); spec.Synthetics != nil && c.Retries == nil {
		spec.Retries = 0 // Datadog's tests have retries of their own, and each run is paid for
	}
	if spec.DatadogGate = kindOf(c.DatadogGate, path+".datadogGate", b.datadogGate); spec.DatadogGate != nil && c.Retries == nil {
		spec.Retries = 0 // an evaluation is Datadog's word; asking at once again changes nothing
	}
	spec.Journey = kindOf(c.Journey, path+".journey", b.journey)
	spec.Load = kindOf(c.Load, path+".load", b.load)
	given := spec.Given()
	faulty := func(kind string) bool { return b.faulty(path + "." + kind) }
	switch {
	case len(given) > 1:
		b.at(path+"."+given[1], "is a second kind beside %s; a check does one thing: make it a check of its own", given[0])
	case len(given) == 0 && !slices.ContainsFunc(checks.KindNames(), faulty):
		b.at(path, `says nothing to do; give it a kind: http: { get: "{{ .Canary.URL }}/health" }`)
	}
}

// kindOf builds a kind that a check gives; nil where it does not.
func kindOf[F, S any](f *F, path string, build func(F, string) *S) *S {
	if f == nil {
		return nil
	}
	return build(*f, path)
}

func (b *builder) tcp(f tcpFile, path string) *checks.TCP {
	out := &checks.TCP{Address: value(f.Address, ""), Banner: value(f.Banner, ""), TLS: value(f.TLS, false), Within: b.within(f.Within, path)}
	b.hostPort(f.Address, path+".address")
	if f.Banner != nil {
		if _, err := regexp.Compile(out.Banner); err != nil {
			b.at(path+".banner", "is no regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
	}
	return out
}

func (b *builder) dns(f dnsFile, path string) *checks.DNS {
	out := &checks.DNS{
		Name: value(f.Name, ""), Type: value(f.Type, "A"), Resolver: value(f.Resolver, ""), Want: f.Want,
		AtLeast: value(f.AtLeast, 0), Within: b.within(f.Within, path),
	}
	b.given(f.Name, path+".name", "shop.example")
	if f.Name != nil {
		b.template(path+".name", out.Name)
	}
	if _, err := checks.HostPort(out.Resolver); f.Resolver != nil && (err != nil || strings.Contains(out.Resolver, "/")) {
		b.at(path+".resolver", "is not host:port; write for example 10.0.0.53:53")
	}
	if len(f.Want) > 0 && out.AtLeast > len(f.Want) {
		b.at(path+".atLeast", "asks for %d answers, and want lists %d; keep one of them", out.AtLeast, len(f.Want))
	}
	b.templates(path+".want", f.Want)
	return out
}

func (b *builder) handshake(f tlsFile, path string) *checks.Handshake {
	out := &checks.Handshake{
		Address: value(f.Address, ""), ServerName: value(f.ServerName, ""), Names: f.Names, DaysLeft: value(f.DaysLeft, 0),
		MinVersion: value(f.MinVersion, ""), Within: b.within(f.Within, path),
	}
	b.hostPort(f.Address, path+".address")
	if f.ServerName != nil {
		b.template(path+".serverName", out.ServerName)
	}
	b.templates(path+".names", f.Names)
	return out
}

func (b *builder) templates(path string, texts []string) {
	for i, text := range texts {
		b.template(fmt.Sprintf("%s[%d]", path, i), text)
	}
}

// hostPort checks that an address's template gives host:port.
func (b *builder) hostPort(text *string, path string) {
	b.given(text, path, "db.shop:5432")
	if text == nil {
		return
	}
	out, ok := b.template(path, *text)
	if !ok {
		return
	}
	if _, err := checks.HostPort(out); err != nil {
		b.at(path, "is not host:port; write for example db.shop:5432 or {{ .Canary.URL }}")
	}
}

func (b *builder) given(text *string, path, example string) {
	if text == nil && !b.faulty(path) {
		b.at(path, "is missing; write for example %s", example)
	}
}

// within reads the longest time of an attempt.
func (b *builder) within(t *durationText, path string) time.Duration {
	w := t.or(0)
	if t != nil && !b.faulty(path+".within") && (w == 0 || w > longestAnswer) {
		b.at(path+".within", "%s is out of range; write a duration above 0 and up to %s", w, longestAnswer)
	}
	return w
}
