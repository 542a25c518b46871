package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge/checks"
)

var (
	grpcMethod   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*/[A-Za-z_][A-Za-z0-9_]*$`)
	grpcMetadata = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)
)

func (b *builder) grpc(f grpcFile, path string) *checks.GRPC {
	out := &checks.GRPC{
		Address: value(f.Address, ""), TLS: value(f.TLS, false), ServerName: value(f.ServerName, ""),
		Service: value(f.Service, ""), Status: value(f.Status, ""), Method: value(f.Method, ""), Code: value(f.Code, ""),
		Metadata: f.Metadata, Within: b.within(f.Within, path),
	}
	b.hostPort(f.Address, path+".address")
	b.optional(f.ServerName, path+".serverName")
	b.optional(f.Service, path+".service")
	if f.TLS != nil && !*f.TLS && strings.HasPrefix(out.Address, "https://") {
		b.at(path+".tls", "is false, and the address begins with https://; keep one of them")
	}
	if f.Request != nil {
		out.Request = f.Request.value
		b.jsonTemplates(path+".request", out.Request)
		if _, object := out.Request.(map[string]any); !object && !b.faulty(path+".request") {
			b.at(path+".request", "is no object; write the message's fields: { id: \"7\" }")
		}
	}
	out.Assert = b.assertsOf(checks.OfGRPC, f.Assert, path+".assert")
	b.grpcParts(f, path)
	b.metadata(f.Metadata, path+".metadata")
	return out
}

// grpcParts refuses what belongs to the other one of health and method.
func (b *builder) grpcParts(f grpcFile, path string) {
	type part struct {
		key   string
		given bool
	}
	if f.Method == nil {
		for _, p := range []part{{"request", f.Request != nil}, {"code", f.Code != nil}, {"assert", f.Assert != nil}} {
			if p.given && !b.faulty(path+".method") {
				b.at(path+"."+p.key, "belongs to a call, and no method is given, so that health is asked for; write for example method: shop.Orders/Get")
			}
		}
		return
	}
	if !grpcMethod.MatchString(*f.Method) {
		b.at(path+".method", "%q is no method; write package, service and method: shop.Orders/Get", *f.Method)
	}
	for _, p := range []part{{"service", f.Service != nil}, {"status", f.Status != nil}} {
		if p.given {
			b.at(path+"."+p.key, "belongs to the health service, and a method is called instead; keep one of them")
		}
	}
}

// metadata checks what is sent with a call: gRPC keeps some names to itself.
func (b *builder) metadata(texts map[string]string, path string) {
	own := []string{"te", "content-type", "user-agent", "host", "connection"}
	for name, text := range texts {
		switch {
		case !grpcMetadata.MatchString(name):
			b.at(path+"."+name, "%q is no name of metadata; write small letters, digits and - _ .", name)
		case strings.HasPrefix(name, "grpc-") || slices.Contains(own, name):
			b.at(path+"."+name, "%s is gRPC's own, and cannot be set", name)
		case strings.HasSuffix(name, "-bin"):
			b.at(path+"."+name, "is binary by its name, and texts are sent here; use a name without -bin")
		}
		b.template(path+"."+name, text)
	}
}

// optional checks the template of a text that may be left out.
func (b *builder) optional(text *string, path string) {
	if text != nil {
		b.template(path, *text)
	}
}

// assertsOf checks the types of assertions in the words of a kind.
func (b *builder) assertsOf(w checks.Words, texts []string, path string) []string {
	if len(texts) > maxAsserts {
		b.at(path, "has %d assertions; write at most %d", len(texts), maxAsserts)
		return nil
	}
	for i, text := range texts {
		at := fmt.Sprintf("%s[%d]", path, i)
		if b.faulty(at) {
			continue
		}
		if _, err := w.Compile(text); err != nil {
			b.at(at, "is no assertion that can be used: %s", err)
		}
	}
	return texts
}
