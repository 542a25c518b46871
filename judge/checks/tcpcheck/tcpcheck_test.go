package tcpcheck_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/tcpcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve accepts connections until the test ends and hands each to do.
func serve(t *testing.T, do func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				do(c)
			}()
		}
	}()
	return l.Addr().String()
}

func saying(text string) func(net.Conn) { return func(c net.Conn) { io.WriteString(c, text) } }

// silent accepts and says nothing, until the other side goes away.
func silent(c net.Conn) { io.Copy(io.Discard, c) }

func halfClosed(c net.Conn) {
	c.(*net.TCPConn).CloseWrite()
	silent(c)
}

func endless(c net.Conn) {
	for {
		if _, err := io.WriteString(c, "more "); err != nil {
			return
		}
	}
}

// dripping says one letter and waits, again and again.
func dripping(c net.Conn) {
	io.WriteString(c, "S")
	silent(c)
}

func run(t *testing.T, cfg tcpcheck.Config, c checks.TCP) checks.Result {
	t.Helper()
	if c.Within == 0 {
		c.Within = 10 * time.Second
	}
	return tcpcheck.New(cfg).Run(t.Context(), checks.Spec{Name: "x", TCP: &c}, checks.Target{Canary: checks.Arm{Workload: "shop"}})
}

func TestBanners(t *testing.T) {
	for name, c := range map[string]struct {
		server func(net.Conn)
		check  checks.TCP
		status checks.Status
		said   string
	}{
		"accepted":              {silent, checks.TCP{}, checks.Passed, "was accepted in "},
		"the banner":            {saying("SSH-2.0-x\r\n"), checks.TCP{Banner: "^SSH-2"}, checks.Passed, "answered as it must"},
		"another banner":        {saying("220 mail"), checks.TCP{Banner: "^SSH-2"}, checks.Failed, `said "220 mail", which does not match the banner: it closed the connection`},
		"a credential":          {saying("token=hunter2"), checks.TCP{Banner: "^SSH-2"}, checks.Failed, `said "token=(hidden)"`},
		"closed at once":        {func(net.Conn) {}, checks.TCP{Banner: "x"}, checks.Failed, "was accepted, but said nothing: "},
		"silent":                {silent, checks.TCP{Banner: "x", Within: 50 * time.Millisecond}, checks.Failed, "was accepted, but said nothing: it took longer than it may"},
		"half-closed":           {halfClosed, checks.TCP{Banner: "x"}, checks.Failed, "was accepted, but said nothing: it closed the connection"},
		"an endless banner":     {endless, checks.TCP{Banner: "SSH"}, checks.Failed, "nothing in the first 4 KiB matches"},
		"a banner that drips":   {dripping, checks.TCP{Banner: "^SSH", Within: 50 * time.Millisecond}, checks.Failed, `said "S", which does not match the banner: it took longer`},
		"silent where TLS":      {silent, checks.TCP{TLS: true, Within: 50 * time.Millisecond}, checks.Failed, "but the TLS handshake failed: it took longer"},
		"no TLS":                {saying("HTTP/1.1 400 Bad Request\r\n\r\n"), checks.TCP{TLS: true}, checks.Failed, "but the TLS handshake failed: "},
		"no regular expression": {silent, checks.TCP{Banner: "("}, checks.Broken, "its banner is no regular expression"},
	} {
		t.Run(name, func(t *testing.T) {
			c.check.Address = serve(t, c.server)
			got := run(t, tcpcheck.Config{}, c.check)
			if got.Status != c.status || !strings.Contains(got.Reason, c.said) || strings.Contains(got.Reason, "hunter2") {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.said)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	if got := run(t, tcpcheck.Config{Roots: roots}, checks.TCP{Address: s.URL, TLS: true}); got.Status != checks.Passed {
		t.Errorf("got %s: %s, want it passed", got.Status, got.Reason)
	}
	if got := run(t, tcpcheck.Config{}, checks.TCP{Address: s.URL, TLS: true}); got.Status != checks.Failed || !strings.Contains(got.Reason, "unknown authority") {
		t.Errorf("got %s: %s, want the unknown authority", got.Status, got.Reason)
	}
}

// TestGuard ensures that the guard sees the address that is dialled, after the name was
// resolved, and that its refusal is no verdict on the canary.
func TestGuard(t *testing.T) {
	_, port, _ := net.SplitHostPort(serve(t, silent))
	var asked []netip.Addr
	guard := func(a netip.AddrPort) error {
		asked = append(asked, a.Addr())
		return errors.New("not there")
	}
	got := run(t, tcpcheck.Config{Guard: guard}, checks.TCP{Address: "localhost:" + port})
	if got.Status != checks.Broken || !strings.Contains(got.Reason, "was not tried: not there") || len(asked) == 0 || !asked[0].IsLoopback() {
		t.Errorf("got %s: %s, asked of %v; want it broken by the guard", got.Status, got.Reason, asked)
	}
	if got := run(t, tcpcheck.Config{Guard: func(netip.AddrPort) error { panic("x") }}, checks.TCP{Address: "localhost:" + port}); got.Status != checks.Broken {
		t.Errorf("got %s: %s, want it broken by the guard's defect", got.Status, got.Reason)
	}
}

func TestWhatIsNoCheck(t *testing.T) {
	for address, want := range map[string]string{
		"{{ .Canary.Workload }}": "its address is not host:port",
		"{{ .Nope }}":            "its address cannot be filled in",
		"host:0":                 "its address is not host:port",
		"ftp://host/":            "its address is not host:port",
	} {
		if got := run(t, tcpcheck.Config{}, checks.TCP{Address: address}); got.Status != checks.Broken || !strings.Contains(got.Reason, want) {
			t.Errorf("%s: got %s: %s, want %s", address, got.Status, got.Reason, want)
		}
	}
	if got := tcpcheck.New(tcpcheck.Config{}).Run(t.Context(), checks.Spec{}, checks.Target{}); got.Status != checks.Broken {
		t.Errorf("got %s: %s of another kind, want it broken", got.Status, got.Reason)
	}
}

func TestRetriesAndGivingUp(t *testing.T) {
	closed := serve(t, func(net.Conn) {})
	r := tcpcheck.New(tcpcheck.Config{Clock: checks.Clock{Pause: time.Millisecond}})
	spec := checks.Spec{Retries: 2, TCP: &checks.TCP{Address: closed, Banner: "x", Within: time.Second}}
	if got := r.Run(t.Context(), spec, checks.Target{}); got.Attempts != 3 || !strings.Contains(got.Reason, "attempt 3 of 3 (before: ") {
		t.Errorf("got %d attempts: %s, want three", got.Attempts, got.Reason)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := r.Run(ctx, spec, checks.Target{}); got.Status != checks.Broken || !strings.Contains(got.Reason, "given up by the caller") {
		t.Errorf("got %s: %s, want it given up", got.Status, got.Reason)
	}
}
