package hostile_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/hostile"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	return authority{}.sign(t, &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour), NotBefore: time.Now().Add(-48 * time.Hour),
	})
}

// sign makes a certificate by this authority; the zero authority makes one by itself.
func (a authority) sign(t *testing.T, c *x509.Certificate) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.Subject = big.NewInt(1), pkix.Name{CommonName: "hostile"}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{made, key}
}

// shaking is a server that shows a certificate and then waits.
func (a authority) shaking(versions uint16) hostile.Server {
	return hostile.Server{Waits: true, Serve: func(c net.Conn) {
		s := tls.Server(c, &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}}, NextProtos: []string{"h2", "http/1.1"},
			MinVersion: tls.VersionTLS10, MaxVersion: versions,
		})
		_, _ = io.Copy(io.Discard, s)
	}}
}

// TestNoKindTakesABadCertificate ensures that every kind that speaks TLS refuses what is
// expired, somebody else's or unknown, and says so.
func TestNoKindTakesABadCertificate(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) }) // after the servers have ended
	root, other := newAuthority(t), newAuthority(t)
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	here := []net.IP{net.IPv4(127, 0, 0, 1)}
	hour := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		shown authority
		max   uint16
		said  string
	}{
		"expired":        {root.sign(t, &x509.Certificate{IPAddresses: here, NotAfter: time.Now().Add(-time.Hour)}), tls.VersionTLS13, "has expired"},
		"not yet":        {root.sign(t, &x509.Certificate{IPAddresses: here, NotBefore: hour, NotAfter: hour}), tls.VersionTLS13, "not yet valid"},
		"another name":   {root.sign(t, &x509.Certificate{DNSNames: []string{"shop.test"}, NotAfter: hour}), tls.VersionTLS13, "127.0.0.1"},
		"unknown":        {other.sign(t, &x509.Certificate{IPAddresses: here, NotAfter: hour}), tls.VersionTLS13, "unknown authority"},
		"by itself":      {authority{}.sign(t, &x509.Certificate{IPAddresses: here, NotAfter: hour}), tls.VersionTLS13, "unknown authority"},
		"an old version": {root.sign(t, &x509.Certificate{IPAddresses: here, NotAfter: hour}), tls.VersionTLS11, "protocol version"},
	} {
		at := hostile.Start(t, c.shown.shaking(c.max))
		for _, k := range kinds() {
			if k.tls == nil {
				continue
			}
			t.Run(name+": "+k.name, func(t *testing.T) {
				got := runners(nil, roots).Run(t.Context(), k.tls(at, 10*time.Second), checks.Target{})
				if got.Status == checks.Passed || !strings.Contains(got.Reason, c.said) {
					t.Errorf("got %s: %s\nwant %s", got.Status, got.Reason, c.said)
				}
			})
		}
	}
}
