package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/webhooks"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// pair writes a server's certificate and key.
func (a *authority) pair(dir string, serial int64) {
	a.t.Helper()
	cert, key := a.sign(&x509.Certificate{SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert.Raw}, "key.pem": {Type: "EC PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
}

// client is one that trusts the authority and presents a certificate, if any.
func (a *authority) client(leaf *x509.Certificate, key *ecdsa.PrivateKey) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	c := &tls.Config{RootCAs: pool}
	if leaf != nil {
		c.Certificates = []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}, Timeout: 10 * time.Second}
}

// writer is a log that many goroutines write.
type writer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *writer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func TestTLSFollowsItsFiles(t *testing.T) {
	dir, ca := t.TempDir(), newAuthority(t)
	ca.pair(dir, 2)
	write := func(name, text string) string {
		t.Helper()
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})))
	c := world(t)
	c.WebConfig = write("web.yaml", "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_ca_file: ca.pem\n  client_auth_type: VerifyClientCertIfGiven\n")
	c.Tokens = []Token{{Name: "flagger", Certificate: "spiffe://cluster/ns/flagger", Namespaces: []string{"*"}, Callers: []string{"*"}, Allow: []webhooks.Right{webhooks.RightRead}}}
	logs := &writer{}
	a, err := New(t.Context(), Options{Config: c, Log: slog.New(slog.NewTextHandler(logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	defer func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	}()
	get := func(client *http.Client) (code int, serial int64, protocol string) {
		t.Helper()
		resp, err := client.Get(a.URL() + "/v1/rollouts")
		if err != nil {
			return 0, 0, err.Error()
		}
		resp.Body.Close()
		return resp.StatusCode, resp.TLS.PeerCertificates[0].SerialNumber.Int64(), resp.Proto
	}
	id := &url.URL{Scheme: "spiffe", Host: "cluster", Path: "/ns/flagger"}
	leaf := func(by *authority) *http.Client {
		cert, key := by.sign(&x509.Certificate{SerialNumber: big.NewInt(9), URIs: []*url.URL{id}, Subject: pkix.Name{CommonName: "x"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		return ca.client(cert, key)
	}
	if code, serial, p := get(leaf(ca)); code != 200 || serial != 2 {
		t.Errorf("got %d from certificate %d (%s), want the caller known by its own", code, serial, p)
	}
	if code, _, _ := get(ca.client(nil, nil)); code != 401 {
		t.Errorf("got %d without a certificate, want 401", code)
	}
	if code, _, why := get(leaf(newAuthority(t))); code != 0 {
		t.Errorf("got %d with a stranger's certificate (%s), want no connection", code, why)
	}
	if code, _ := call(t, "GET", "http://"+a.Addr()+"/healthz", ""); code != 400 {
		t.Errorf("got %d over plain HTTP, want 400", code)
	}

	ca.pair(dir, 3)
	eventually(t, "the new certificate is served", func() bool { _, serial, _ := get(ca.client(nil, nil)); return serial == 3 })
	write("key.pem", "half a key")
	eventually(t, "the fault is logged", func() bool {
		_, serial, why := get(ca.client(nil, nil))
		if serial != 3 {
			t.Errorf("got certificate %d (%s), want the last good one", serial, why)
		}
		return strings.Contains(logs.String(), "the ones before stay in force")
	})
	ca.pair(dir, 4)
	eventually(t, "a good pair is taken again", func() bool { _, serial, _ := get(ca.client(nil, nil)); return serial == 4 })
}

func TestWebConfigurationsThatAreRefused(t *testing.T) {
	dir, ca := t.TempDir(), newAuthority(t)
	ca.pair(dir, 2)
	good := "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"
	for text, want := range map[string]string{
		good: "",
		"":   "it has no tls_server_config",
		"tls_server_config: {cert_file: cert.pem, key: Sentinel-key}":                       "cert and key are written into it",
		"tls_server_config: {cert_file: cert.pem, key_file: key.pem, min_version: TLS10}":   "min_version is below TLS12",
		"tls_server_config: {cert_file: none.pem, key_file: key.pem}":                       "its TLS cannot be used",
		"tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_ca_file: none}": "its TLS cannot be used",
		"tls_server_config: {certfile: cert.pem}":                                           "it is not a web configuration",
		"tls_server_config: [Sentinel-key]":                                                 "it is not a web configuration",
		good + "basic_auth_users: {a: Sentinel-key}":                                        "basic_auth_users is not used here",
		good + "rate_limit: {interval: 1s, burst: 2}":                                       "rate_limit is not used here",
		good + "http_server_config: {headers: {X-Frame-Options: deny}}":                     "http_server_config.headers is not used",
	} {
		f := filepath.Join(dir, "web.yaml")
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := openTLS(f, slog.New(slog.DiscardHandler))
		if (err == nil) != (want == "") || (err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Sentinel"))) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
		if err == nil && cfg.MinVersion < tls.VersionTLS12 {
			t.Errorf("got TLS from %x on, want 1.2", cfg.MinVersion)
		}
	}
}
