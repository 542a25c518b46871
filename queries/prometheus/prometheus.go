package prometheus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/promql"
)

// Config configures a [Source].
type Config struct {
	Name string `json:"name" yaml:"name"` // the source's name in plans
	URL  string `json:"url" yaml:"url"`
	// BearerFile and PasswordFile name files that hold the secrets; they are read at
	// each request, so that rotation needs no restart.
	BearerFile   string            `json:"bearerFile,omitempty" yaml:"bearerFile,omitempty"`
	Username     string            `json:"username,omitempty" yaml:"username,omitempty"`
	PasswordFile string            `json:"passwordFile,omitempty" yaml:"passwordFile,omitempty"`
	Headers      map[string]string `json:"headers,omitempty" yaml:"headers,omitempty"` // X-Scope-OrgID
	CAFile       string            `json:"caFile,omitempty" yaml:"caFile,omitempty"`
	CertFile     string            `json:"certFile,omitempty" yaml:"certFile,omitempty"`
	KeyFile      string            `json:"keyFile,omitempty" yaml:"keyFile,omitempty"`
	Timeout      time.Duration     `json:"timeout,omitempty" yaml:"timeout,omitempty"` // default 30 s
	SeriesLimit  int               `json:"seriesLimit,omitempty" yaml:"seriesLimit,omitempty"`
	Concurrency  int               `json:"concurrency,omitempty" yaml:"concurrency,omitempty"` // default 16
	// Limits bound each answer. They belong to the process, not to the source.
	Limits Limits `json:"-" yaml:"-"`
}

// Source is a Prometheus server. It is safe for concurrent use.
type Source struct {
	cfg    Config
	client *http.Client
	trips  *roundTripper
	api    v1.API
	reader *promql.Reader
	clock  clock
}

// New checks the configuration and returns a source; it does not connect. Files of
// secrets are read at each request; those of certificates are read now, and the
// client's own again at each handshake.
func New(c Config) (*Source, error) {
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Concurrency == 0 {
		c.Concurrency = 16
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("source %q: %w", c.Name, err)
	}
	security, err := c.tls()
	if err != nil {
		return nil, fmt.Errorf("source %q: %w", c.Name, err)
	}
	c.Limits = c.Limits.withDefaults()
	s := &Source{cfg: c, trips: &roundTripper{cfg: c, next: newTransport(c, security)}}
	s.client = &http.Client{
		Transport: s.trips,
		Timeout:   c.Timeout,
		// A redirect would carry the credentials to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	client, err := api.NewClient(api.Config{Address: c.URL, Client: s.client})
	if err != nil {
		return nil, fmt.Errorf("source %q: the url cannot be used", c.Name)
	}
	s.api = v1.NewAPI(newShortcut(client, s.client))
	s.reader = promql.NewReader(s, promql.Options{Source: c.Name, SeriesLimit: c.SeriesLimit, Concurrency: c.Concurrency})
	return s, nil
}

// check says what is wrong with a configuration, without quoting what may be a
// secret.
func (c Config) check() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.Name == "":
		return errors.New("it needs a name, by which plans call it")
	case c.URL == "":
		return errors.New("it needs a url, such as http://prometheus:9090")
	case err != nil:
		return errors.New("the url cannot be read; write it as http://host:port/path")
	case u.User != nil:
		return errors.New("the url holds a user name or password; give them as username and passwordFile, so that they are not logged")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("the url has a query or fragment; give a token as bearerFile or under headers")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("the url must begin with http:// or https://")
	case u.Host == "" || u.Hostname() == "":
		return errors.New("the url names no host")
	case c.BearerFile != "" && (c.Username != "" || c.PasswordFile != ""):
		return errors.New("it has both bearerFile and username: a request can carry only one of them")
	case (c.Username == "") != (c.PasswordFile == ""):
		return errors.New("username and passwordFile are given together or not at all")
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("certFile and keyFile are given together or not at all")
	case c.Timeout < 0 || c.SeriesLimit < 0 || c.Concurrency < 0:
		return errors.New("timeout, seriesLimit and concurrency cannot be negative")
	}
	return c.checkHeaders()
}

func (c Config) checkHeaders() error {
	for name, value := range c.Headers {
		switch canonical := textproto.CanonicalMIMEHeaderKey(name); {
		case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r) }) || name == "":
			return fmt.Errorf("%q cannot be the name of a header", name)
		case strings.ContainsAny(value, "\r\n\x00"):
			return fmt.Errorf("the value of header %s has a line break", canonical)
		case canonical == "Host" || canonical == "Content-Length" || canonical == "Content-Type" || canonical == "Transfer-Encoding":
			return fmt.Errorf("header %s cannot be set here", canonical)
		case canonical == "Authorization" && (c.BearerFile != "" || c.Username != ""):
			return errors.New("header Authorization is set beside bearerFile or username: a request can carry only one of them")
		}
	}
	return nil
}

// tls is the configuration of secure connections.
func (c Config) tls() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("the caFile cannot be read: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the caFile %s holds no certificate in PEM form", c.CAFile)
		}
	}
	if c.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("the client certificate cannot be read: %w", err)
			}
			return &cert, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return out, nil
}

// Blocks implements queries.Source.
func (s *Source) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	return s.reader.Blocks(ctx, r, w)
}

// Range implements promql.Ranger.
func (s *Source) Range(ctx context.Context, expr string, r promql.Range) (m model.Matrix, warnings []string, err error) {
	defer s.recovered(&err)
	ctx, seen := observe(ctx)
	past := &plain{}
	ctx = context.WithValue(ctx, plainKey{}, past)
	v, warned, _, err := s.api.QueryRange(ctx, expr, v1.Range{
		Start: time.UnixMilli(r.Start), End: time.UnixMilli(r.End), Step: time.Duration(r.Step) * time.Millisecond,
	}, v1.WithTimeout(s.cfg.Timeout))
	if err != nil {
		return nil, nil, s.fault(seen, err)
	}
	if past.read {
		return past.matrix, nil, nil
	}
	m, ok := v.(model.Matrix)
	if !ok {
		return nil, nil, s.malformed("the answer to a range query is not a list of series")
	}
	if past.partial {
		warnings = append(warnings, partialWarning)
	}
	for _, w := range warned {
		warnings = append(warnings, seen.redact(w))
	}
	return m, warnings, nil
}

// Ping reports whether the server answers queries.
func (s *Source) Ping(ctx context.Context) (err error) {
	defer s.recovered(&err)
	ctx, seen := observe(ctx)
	v, _, _, err := s.api.Query(ctx, "vector(1)", time.Time{}, v1.WithTimeout(s.cfg.Timeout))
	if err != nil {
		return s.fault(seen, err)
	}
	if got, ok := v.(model.Vector); !ok || len(got) != 1 || got[0].Value != 1 {
		return s.malformed("it does not answer vector(1) with 1; is it a Prometheus server?")
	}
	return nil
}

// BytesRead returns how many bytes of answers have been read since the start,
// after decompression.
func (s *Source) BytesRead() uint64 { return s.trips.read.Load() }

// Close closes idle connections. The source may be used again.
func (s *Source) Close() { s.client.CloseIdleConnections() }
