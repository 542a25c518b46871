package prometheus

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
)

// keyPair makes a client's certificate and key, and returns their files.
func keyPair(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	c, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c}))),
		write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
}

func TestNewRefuses(t *testing.T) {
	good := Config{Name: "prom", URL: "https://prometheus.example:9090/prefix/"}
	if s, err := New(good); err != nil {
		t.Fatal(err)
	} else {
		s.Close()
	}
	junk := write(t, "junk.pem", "no certificate")
	for want, change := range map[string]func(*Config){
		"it needs a name":                    func(c *Config) { c.Name = "" },
		"it needs a url":                     func(c *Config) { c.URL = "" },
		"holds a user name or password":      func(c *Config) { c.URL = "http://serin:" + password + "@host:9090" },
		"holds a user name":                  func(c *Config) { c.URL = "http://" + token + "@host:9090" },
		"has a query or fragment":            func(c *Config) { c.URL = "http://host:9090/?token=" + token },
		"query or fragment":                  func(c *Config) { c.URL = "http://host:9090/#" + token },
		"the url cannot be read":             func(c *Config) { c.URL = "http://serin:" + password + "@host:port/%zz" },
		"must begin with http":               func(c *Config) { c.URL = "host:9090" },
		"begin with http:// or https://":     func(c *Config) { c.URL = "ftp://host" },
		"names no host":                      func(c *Config) { c.URL = "http:///path" },
		"the url names no host":              func(c *Config) { c.URL = "http://:9090" },
		"both bearerFile and username":       func(c *Config) { c.BearerFile, c.Username, c.PasswordFile = "a", "b", "c" },
		"username and passwordFile":          func(c *Config) { c.Username = "b" },
		"passwordFile are given together":    func(c *Config) { c.PasswordFile = "b" },
		"certFile and keyFile":               func(c *Config) { c.CertFile = "b" },
		"cannot be negative":                 func(c *Config) { c.Timeout = -1 },
		"seriesLimit and concurrency cannot": func(c *Config) { c.SeriesLimit = -1 },
		"concurrency cannot be negative":     func(c *Config) { c.Concurrency = -1 },
		"cannot be the name of a header":     func(c *Config) { c.Headers = map[string]string{"X Key": apiKey} },
		`"" cannot be the name`:              func(c *Config) { c.Headers = map[string]string{"": apiKey} },
		"header X-Key has a line break":      func(c *Config) { c.Headers = map[string]string{"x-key": apiKey + "\r\nHost: evil"} },
		"header Host cannot be set":          func(c *Config) { c.Headers = map[string]string{"host": apiKey} },
		"Authorization is set beside":        func(c *Config) { c.Headers = map[string]string{"authorization": token}; c.BearerFile = "a" },
		"the caFile cannot be read":          func(c *Config) { c.CAFile = "/nonexistent" },
		"holds no certificate":               func(c *Config) { c.CAFile = junk },
		"the client certificate cannot":      func(c *Config) { c.CertFile, c.KeyFile = junk, junk },
	} {
		c := good
		change(&c)
		s, err := New(c)
		if err == nil || s != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
			continue
		}
		clean(t, err)
	}
}
