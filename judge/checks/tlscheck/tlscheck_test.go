package tlscheck_test

import (
	"crypto/tls"
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
	"github.com/serin-canary/serin/judge/checks/tlscheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCertificates(t *testing.T) {
	s := httptest.NewUnstartedServer(nil)
	s.TLS = &tls.Config{MaxVersion: tls.VersionTLS12, MinVersion: tls.VersionTLS12}
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	now := func() time.Time { return s.Certificate().NotAfter.Add(-36 * time.Hour) }
	for name, c := range map[string]struct {
		check  checks.Handshake
		roots  *x509.CertPool
		status checks.Status
		said   string
	}{
		"good":                 {checks.Handshake{ServerName: "example.com", Names: []string{"127.0.0.1"}, DaysLeft: 1}, roots, checks.Passed, "speaks TLS 1.2 with a certificate that lasts 1.5 days more"},
		"expires too soon":     {checks.Handshake{DaysLeft: 14}, roots, checks.Failed, "expires in 1.5 days, want at least 14"},
		"an old version":       {checks.Handshake{MinVersion: "1.3"}, roots, checks.Failed, "speaks TLS 1.2, want 1.3"},
		"another name":         {checks.Handshake{ServerName: "shop.test"}, roots, checks.Failed, "the TLS handshake failed: "},
		"a name is missing":    {checks.Handshake{Names: []string{"127.0.0.1", "shop.test"}}, roots, checks.Failed, `does not cover "shop.test"`},
		"an unknown authority": {checks.Handshake{}, nil, checks.Failed, "unknown authority"},
		"no such version":      {checks.Handshake{MinVersion: "1.1"}, roots, checks.Broken, "write 1.2 or 1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			c.check.Address = "{{ .Canary.URL }}"
			r := tlscheck.New(tlscheck.Config{Roots: c.roots, Clock: checks.Clock{Now: now}})
			got := r.Run(t.Context(), checks.Spec{TLS: &c.check}, checks.Target{Canary: checks.Arm{URL: s.URL}})
			if got.Status != c.status || !strings.Contains(got.Reason, c.said) {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.said)
			}
		})
	}
}

func TestServersThatAreNone(t *testing.T) {
	for name, do := range map[string]func(net.Conn){
		"silent":    func(c net.Conn) { io.Copy(io.Discard, c) },
		"no TLS":    func(c net.Conn) { io.WriteString(c, "220 mail\r\n") },
		"closes":    func(net.Conn) {},
		"half-open": func(c net.Conn) { c.(*net.TCPConn).CloseWrite(); io.Copy(io.Discard, c) },
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			done := make(chan struct{})
			go func() {
				defer close(done)
				if c, err := l.Accept(); err == nil {
					do(c)
					c.Close()
				}
			}()
			h := checks.Handshake{Address: l.Addr().String(), Within: 100 * time.Millisecond}
			got := tlscheck.New(tlscheck.Config{}).Run(t.Context(), checks.Spec{TLS: &h}, checks.Target{})
			if got.Status != checks.Failed || !strings.Contains(got.Reason, "the TLS handshake failed") {
				t.Errorf("got %s: %s, want a failed handshake", got.Status, got.Reason)
			}
			<-done
		})
	}
}

func TestGuard(t *testing.T) {
	h := checks.Handshake{Address: "localhost:443"}
	r := tlscheck.New(tlscheck.Config{Guard: func(netip.AddrPort) error { return errors.New("not there") }})
	if got := r.Run(t.Context(), checks.Spec{TLS: &h}, checks.Target{}); got.Status != checks.Broken || !strings.Contains(got.Reason, "not there") {
		t.Errorf("got %s: %s, want it broken by the guard", got.Status, got.Reason)
	}
	if got := r.Run(t.Context(), checks.Spec{}, checks.Target{}); got.Status != checks.Broken {
		t.Errorf("got %s: %s of another kind, want it broken", got.Status, got.Reason)
	}
}
