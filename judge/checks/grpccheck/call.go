package grpccheck

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/serin-canary/serin/judge/checks"
)

// codeNames returns the names of gRPC's codes, by their numbers.
func codeNames() []string {
	return []string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
		"UNAUTHENTICATED",
	}
}

func nameOf(c codes.Code) string {
	if names := codeNames(); int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("code %d", c)
}

// answers notes that a server ended a call: what the client says by itself of a broken
// connection has a code too, and is no answer.
type answers struct{}

type answeredKey struct{}

// noting returns a context in which the end of a call that a server sends is noted.
func noting(ctx context.Context) (context.Context, *atomic.Bool) {
	var answered atomic.Bool
	return context.WithValue(ctx, answeredKey{}, &answered), &answered
}

// HandleRPC implements stats.Handler.
func (answers) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, ended := s.(*stats.InTrailer); ended {
		if answered, ok := ctx.Value(answeredKey{}).(*atomic.Bool); ok {
			answered.Store(true)
		}
	}
}

// TagRPC implements stats.Handler.
func (answers) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements stats.Handler.
func (answers) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (answers) HandleConn(context.Context, stats.ConnStats) {}

func (p probe) askHealth(ctx context.Context, conn *grpc.ClientConn) checks.Attempt {
	now := p.runner.cfg.Clock.Now
	began := now()
	ctx, answered := noting(ctx)
	resp, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: p.service})
	took := checks.Took(now().Sub(began))
	switch code := status.Code(err); {
	case err != nil && (!answered.Load() || ownWords(err)):
		return p.unanswered(ctx, err)
	case code == codes.Unimplemented:
		return checks.Failing("has no health service (grpc.health.v1); register one, or name a method to call")
	case code == codes.NotFound:
		return checks.Failing("does not know the service whose health is asked for")
	case err != nil:
		return checks.Failing("answered %s in %s: %s", nameOf(code), took, p.excerpt(err))
	}
	if got := resp.GetStatus().String(); got != p.health {
		return checks.Failing("is %s, answered in %s, want %s", got, took, p.health)
	}
	return checks.Attempt{Status: checks.Passed, Said: "is " + p.health + ", answered in " + took}
}

// ownWords reports whether the client itself says that it could not read an answer,
// which may have an end that the server sent.
func ownWords(err error) bool {
	text := status.Convert(err).Message()
	return strings.HasPrefix(text, "grpc: ") || strings.HasPrefix(text, "cardinality violation")
}

// unanswered says why there is no answer.
func (p probe) unanswered(ctx context.Context, err error) checks.Attempt {
	if ctx.Err() != nil {
		return checks.Failing("was not answered: it took longer than it may")
	}
	return checks.Failing("was not answered: %s", p.excerpt(err))
}

// excerpt is what a call's error says, without credentials.
func (p probe) excerpt(err error) string {
	text := status.Convert(err).Message()
	text = strings.TrimSuffix(strings.TrimPrefix(text, `connection error: desc = "`), `"`)
	return checks.Inert(text, 160, p.hidden)
}

// call calls the method by what the server tells of its types.
func (p probe) call(ctx context.Context, conn *grpc.ClientConn) checks.Attempt {
	service, method, _ := strings.Cut(p.method, "/")
	types, no := p.describe(ctx, conn, service)
	if no != nil {
		return *no
	}
	m, no := types.method(service, method)
	if no != nil {
		return *no
	}
	in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	if err := (protojson.UnmarshalOptions{Resolver: types.known}).Unmarshal(p.request, in); err != nil {
		return checks.Breaking("was not called: its request is no %s: %s", m.Input().FullName(), checks.Cause(err))
	}
	now := p.runner.cfg.Clock.Now
	began := now()
	ctx, answered := noting(ctx)
	err := conn.Invoke(ctx, "/"+p.method, in, out)
	took := now().Sub(began)
	if err != nil && (!answered.Load() || ownWords(err)) {
		return p.unanswered(ctx, err)
	}
	return p.judge(ctx, took, err, func() ([]byte, error) { return types.json(out) })
}

// judge compares how a call ended with what is wanted.
func (p probe) judge(ctx context.Context, took time.Duration, err error, message func() ([]byte, error)) checks.Attempt {
	code := nameOf(status.Code(err))
	said := fmt.Sprintf("answered %s in %s", code, checks.Took(took))
	if code != p.code {
		if err != nil {
			said += fmt.Sprintf(" (%s)", p.excerpt(err))
		}
		return checks.Failing("%s, want %s", said, p.code)
	}
	of := checks.Answer{Code: code, Latency: took, Hidden: p.hidden}
	if err != nil {
		of.NoJSON = "the call ended with " + code + ", and such a call has no message"
	} else if text, err := message(); err != nil {
		of.Cut = err.Error()
	} else if of.JSON, err = checks.ReadJSON(text); err != nil {
		of.NoJSON = err.Error()
	}
	if bad := checks.Unmet(ctx, p.asserts, of); bad != "" {
		return checks.Failing("%s, but %s", said, bad)
	}
	return checks.Attempt{Status: checks.Passed, Said: said}
}

// method finds a unary method among the types that a server told.
func (t types) method(service, name string) (protoreflect.MethodDescriptor, *checks.Attempt) {
	d, err := t.files.FindDescriptorByName(protoreflect.FullName(service))
	s, ok := d.(protoreflect.ServiceDescriptor)
	if err != nil || !ok {
		return nil, pointer(checks.Failing("has no service %s, as it says by reflection", service))
	}
	m := s.Methods().ByName(protoreflect.Name(name))
	switch {
	case m == nil:
		return nil, pointer(checks.Failing("has no method %s in %s", name, service))
	case m.IsStreamingClient() || m.IsStreamingServer():
		return nil, pointer(checks.Breaking("was not called: its method streams, and only unary ones are called"))
	}
	return m, nil
}

func pointer(a checks.Attempt) *checks.Attempt { return &a }
