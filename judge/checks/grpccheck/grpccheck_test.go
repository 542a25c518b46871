package grpccheck_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/grpccheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shop is the service that is called: gRPC's own test service, whose types have enums,
// bytes and messages in messages.
type shop struct {
	testpb.UnimplementedTestServiceServer
}

func (shop) UnaryCall(ctx context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if e := in.GetResponseStatus(); e != nil {
		return nil, status.Error(codes.Code(e.GetCode()), e.GetMessage())
	}
	md, _ := metadata.FromIncomingContext(ctx)
	return &testpb.SimpleResponse{
		Username: strings.Join(md.Get("authorization"), " "), Hostname: strings.Join(md.Get("x-arm"), ","),
		Payload: &testpb.Payload{Body: make([]byte, in.GetResponseSize())},
	}, nil
}

// server is a real gRPC server, until the test ends.
func server(t *testing.T, register func(*grpc.Server), opts ...grpc.ServerOption) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(opts...)
	register(s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { s.Stop(); <-done })
	return l.Addr().String()
}

func everything(s *grpc.Server) {
	h := health.NewServer()
	h.SetServingStatus("shop.Orders", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(s, h)
	testpb.RegisterTestServiceServer(s, shop{})
	reflection.Register(s)
}

func alphaOnly(s *grpc.Server) {
	testpb.RegisterTestServiceServer(s, shop{})
	reflection.Register(onlyAlpha{s})
}

// onlyAlpha drops the registration of reflection's version 1.
type onlyAlpha struct{ *grpc.Server }

func (o onlyAlpha) RegisterService(d *grpc.ServiceDesc, impl any) {
	if d.ServiceName != "grpc.reflection.v1.ServerReflection" {
		o.Server.RegisterService(d, impl)
	}
}

func run(t *testing.T, cfg grpccheck.Config, c checks.GRPC) checks.Result {
	t.Helper()
	if c.Within == 0 {
		c.Within = 20 * time.Second
	}
	target := checks.Target{Canary: checks.Arm{Workload: "shop-canary"}}
	return grpccheck.New(cfg).Run(t.Context(), checks.Spec{Name: "x", GRPC: &c}, target)
}

func TestHealth(t *testing.T) {
	for name, c := range map[string]struct {
		register func(*grpc.Server)
		check    checks.GRPC
		status   checks.Status
		said     string
	}{
		"the server":         {everything, checks.GRPC{}, checks.Passed, " health is SERVING, answered in "},
		"a service":          {everything, checks.GRPC{Service: "shop.Orders"}, checks.Failed, " health of shop.Orders is NOT_SERVING, answered in "},
		"as it must":         {everything, checks.GRPC{Service: "shop.Orders", Status: "NOT_SERVING"}, checks.Passed, "is NOT_SERVING"},
		"an unknown service": {everything, checks.GRPC{Service: "{{ .Canary.Workload }}"}, checks.Failed, "health of shop-canary does not know the service"},
		"no health":          {func(*grpc.Server) {}, checks.GRPC{}, checks.Failed, "has no health service"},
	} {
		t.Run(name, func(t *testing.T) {
			c.check.Address = server(t, c.register)
			if got := run(t, grpccheck.Config{}, c.check); got.Status != c.status || !strings.Contains(got.Reason, c.said) {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.said)
			}
		})
	}
}

func TestUnary(t *testing.T) {
	const unary = "grpc.testing.TestService/UnaryCall"
	fails := func(code int, text string) any {
		return map[string]any{"responseStatus": map[string]any{"code": float64(code), "message": text}}
	}
	for name, c := range map[string]struct {
		check  checks.GRPC
		status checks.Status
		said   string
	}{
		"an answer": {checks.GRPC{Method: unary, Request: map[string]any{"responseSize": 3.0}, Assert: []string{
			`json.payload.body == "AAAA" && code == "OK"`, `json.username == ""`, `json.payload.type == "COMPRESSABLE"`, `latency < duration("20s")`,
		}}, checks.Passed, unary + " answered OK in "},
		"an assertion": {checks.GRPC{Method: unary, Assert: []string{`json.hostname == "shop-canary"`}}, checks.Failed,
			`but the assertion json.hostname == "shop-canary" does not hold: json.hostname is ""`},
		"a missing key": {checks.GRPC{Method: unary, Assert: []string{`json.nope == 1`}}, checks.Failed, `json has no key "nope"`},
		"metadata": {checks.GRPC{Method: unary, Metadata: map[string]string{"x-arm": "{{ .Canary.Workload }}"}, Assert: []string{`json.hostname == "shop-canary"`}},
			checks.Passed, "answered OK"},
		"a credential that comes back": {checks.GRPC{Method: unary, Metadata: map[string]string{"authorization": "Bearer hunter2hunter2"}, Assert: []string{`json.username == "x"`}},
			checks.Failed, "json.username is \"(hidden)"},
		"an error": {checks.GRPC{Method: unary, Request: fails(5, "no such order\x1b[31m")}, checks.Failed, "answered NOT_FOUND in "},
		"the error that is wanted": {checks.GRPC{Method: unary, Request: fails(5, "x"), Code: "NOT_FOUND", Assert: []string{`code == "NOT_FOUND"`}},
			checks.Passed, "answered NOT_FOUND in "},
		"JSON of an error": {checks.GRPC{Method: unary, Request: fails(5, "x"), Code: "NOT_FOUND", Assert: []string{`json.x == 1`}},
			checks.Failed, "the call ended with NOT_FOUND, and such a call has no message"},
		"a credential in an error": {checks.GRPC{Method: unary, Request: fails(16, "password=hunter2")}, checks.Failed, "(password=(hidden)), want OK"},
		"a field that is none": {checks.GRPC{Method: unary, Request: map[string]any{"nope": 1.0}}, checks.Broken,
			`was not called: its request is no grpc.testing.SimpleRequest: proto: (line 1:2): unknown field "nope"`},
		"a method that is none":  {checks.GRPC{Method: "grpc.testing.TestService/Nope"}, checks.Failed, "has no method Nope"},
		"a service that is none": {checks.GRPC{Method: "shop.Orders/Get"}, checks.Failed, "has no service shop.Orders"},
		"a message, no service":  {checks.GRPC{Method: "grpc.testing.SimpleRequest/Get"}, checks.Failed, "has no service"},
		"a stream":               {checks.GRPC{Method: "grpc.testing.TestService/FullDuplexCall"}, checks.Broken, "its method streams"},
		"a method nobody wrote":  {checks.GRPC{Method: "grpc.testing.TestService/EmptyCall"}, checks.Failed, "answered UNIMPLEMENTED in "},
		"a large answer": {checks.GRPC{Method: unary, Request: map[string]any{"responseSize": 300_000.0}, Code: "RESOURCE_EXHAUSTED"}, checks.Failed,
			"received message larger than max"},
		"no such code": {checks.GRPC{Method: unary, Code: "NOPE"}, checks.Broken, `there is no code "NOPE"`},
	} {
		t.Run(name, func(t *testing.T) {
			c.check.Address = server(t, everything)
			got := run(t, grpccheck.Config{}, c.check)
			if got.Status != c.status || !strings.Contains(got.Reason, c.said) || strings.Contains(got.Reason, "hunter2") || strings.ContainsRune(got.Reason, '\x1b') {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.said)
			}
		})
	}
}

func TestReflection(t *testing.T) {
	call := checks.GRPC{Method: "grpc.testing.TestService/UnaryCall", Code: "OK"}
	call.Address = server(t, alphaOnly)
	if got := run(t, grpccheck.Config{}, call); got.Status != checks.Passed {
		t.Errorf("v1alpha: got %s: %s, want it passed", got.Status, got.Reason)
	}
	call.Address = server(t, func(s *grpc.Server) { testpb.RegisterTestServiceServer(s, shop{}) })
	if got := run(t, grpccheck.Config{}, call); got.Status != checks.Failed || !strings.Contains(got.Reason, "has no reflection") {
		t.Errorf("none: got %s: %s, want it to say so", got.Status, got.Reason)
	}
}

// TestNoServer ensures that the client's own UNAVAILABLE never passes for an answer.
func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for _, c := range []checks.GRPC{{}, {Method: "a.B/C", Code: "UNAVAILABLE"}} {
		c.Address = address
		if got := run(t, grpccheck.Config{}, c); got.Status != checks.Failed || !strings.Contains(got.Reason, "was not answered: ") || !strings.Contains(got.Reason, "refused") {
			t.Errorf("got %s: %s, want no answer", got.Status, got.Reason)
		}
	}
}

func TestTLS(t *testing.T) {
	lender := httptest.NewTLSServer(nil) // of its certificate
	defer lender.Close()
	roots := x509.NewCertPool()
	roots.AddCert(lender.Certificate())
	address := server(t, everything, grpc.Creds(credentials.NewServerTLSFromCert(&tls.Certificate{
		Certificate: lender.TLS.Certificates[0].Certificate, PrivateKey: lender.TLS.Certificates[0].PrivateKey,
	})))
	for name, c := range map[string]struct {
		check  checks.GRPC
		roots  *x509.CertPool
		status checks.Status
		said   string
	}{
		"good":                 {checks.GRPC{Address: address, TLS: true}, roots, checks.Passed, "is SERVING"},
		"by URL":               {checks.GRPC{Address: "https://" + address, ServerName: "example.com"}, roots, checks.Passed, "is SERVING"},
		"another name":         {checks.GRPC{Address: address, TLS: true, ServerName: "shop.test"}, roots, checks.Failed, "not shop.test"},
		"an unknown authority": {checks.GRPC{Address: address, TLS: true}, nil, checks.Failed, "unknown authority"},
		"plain to TLS":         {checks.GRPC{Address: address}, roots, checks.Failed, "was not answered: "},
	} {
		t.Run(name, func(t *testing.T) {
			if got := run(t, grpccheck.Config{Roots: c.roots}, c.check); got.Status != c.status || !strings.Contains(got.Reason, c.said) {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.said)
			}
		})
	}
}

func TestGuard(t *testing.T) {
	_, port, _ := net.SplitHostPort(server(t, everything))
	guard := func(a netip.AddrPort) error {
		if !a.Addr().IsLoopback() {
			t.Errorf("asked of %s, want the address that the name stands for", a)
		}
		return errors.New("not there")
	}
	got := run(t, grpccheck.Config{Guard: guard}, checks.GRPC{Address: "localhost:" + port})
	if got.Status != checks.Broken || !strings.Contains(got.Reason, "was not tried: not there") {
		t.Errorf("got %s: %s, want it broken by the guard", got.Status, got.Reason)
	}
}

func TestWhatIsNoCheck(t *testing.T) {
	for want, c := range map[string]checks.GRPC{
		"its address is not host:port":       {Address: "{{ .Canary.Workload }}"},
		"its service cannot be filled in":    {Address: "a:1", Service: "{{ .Nope }}"},
		"its metadata a cannot be filled in": {Address: "a:1", Metadata: map[string]string{"a": "{{ .Nope }}"}},
		"characters that cannot be sent":     {Address: "a:1", Metadata: map[string]string{"a": "ü"}},
		"its request cannot be filled in":    {Address: "a:1", Request: map[string]any{"a": []any{"{{ .Nope }}"}}},
		"its assertion status == 1":          {Address: "a:1", Assert: []string{"status == 1"}},
	} {
		if got := run(t, grpccheck.Config{}, c); got.Status != checks.Broken || !strings.Contains(got.Reason, want) {
			t.Errorf("got %s: %s, want %s", got.Status, got.Reason, want)
		}
	}
	if got := grpccheck.New(grpccheck.Config{}).Run(t.Context(), checks.Spec{}, checks.Target{}); got.Status != checks.Broken {
		t.Errorf("got %s: %s of another kind, want it broken", got.Status, got.Reason)
	}
}
