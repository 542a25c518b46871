package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v3"
)

// openTLS reads a file in the form of Prometheus' web configuration, and returns a
// TLS configuration that follows the file, the certificate, the key and the clients'
// authority when they change. Where what they changed to is wrong, what was right
// before stays. It returns nil where no file is named.
func openTLS(path string, log *slog.Logger) (*tls.Config, error) {
	if path == "" {
		return nil, nil
	}
	w := &webTLS{path: path, log: log, now: time.Now}
	var err error
	for range 2 { // once for the names of the files, so that no change between goes unseen
		w.stamp = w.stamps()
		if w.current, w.files, err = loadTLS(path); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	outer := w.current.Clone()
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return w.latest(), nil }
	return outer, nil
}

// loadTLS reads the file once, and returns which other files it names.
func loadTLS(path string) (*tls.Config, []string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the web configuration: %w", err)
	}
	c := web.Config{TLSConfig: web.TLSConfig{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13}, HTTPConfig: web.HTTPConfig{HTTP2: true}}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		// The library's sentence may quote a key that was written into the file.
		return nil, nil, fmt.Errorf("it is not a web configuration: %s", withoutQuotes(err.Error()))
	}
	if err := checkWeb(c); err != nil {
		return nil, nil, err
	}
	c.TLSConfig.SetDirectory(filepath.Dir(path))
	cfg, err := web.ConfigToTLSConfig(&c.TLSConfig)
	if err != nil {
		return nil, nil, fmt.Errorf("its TLS cannot be used: %w", err)
	}
	// The library would read both files at each handshake.
	cert, err := cfg.GetCertificate(nil)
	if err != nil {
		return nil, nil, fmt.Errorf("its certificate cannot be used: %w", err)
	}
	if cert.Leaf == nil {
		if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
			return nil, nil, fmt.Errorf("its certificate cannot be used: %w", err)
		}
	}
	cfg.GetCertificate, cfg.Certificates = nil, []tls.Certificate{*cert}
	cfg.NextProtos = []string{"http/1.1"}
	if c.HTTPConfig.HTTP2 {
		cfg.NextProtos = []string{"h2", "http/1.1"}
	}
	return cfg, []string{c.TLSConfig.TLSCertPath, c.TLSConfig.TLSKeyPath, c.TLSConfig.ClientCAs}, nil
}

// checkWeb refuses what Serin has another place for, or no use: what is written and
// ignored would be taken for a protection.
func checkWeb(c web.Config) error {
	var errs []error
	if !c.TLSConfig.IsEnabled() {
		errs = append(errs, errors.New("it has no tls_server_config; name cert_file and key_file"))
	}
	if c.TLSConfig.TLSKey != "" || c.TLSConfig.TLSCert != "" {
		errs = append(errs, errors.New("cert and key are written into it; name files instead (cert_file, key_file), which can be exchanged while the server runs"))
	}
	if c.TLSConfig.MinVersion < tls.VersionTLS12 {
		errs = append(errs, errors.New("min_version is below TLS12, which nobody should speak any more; write TLS12 or TLS13"))
	}
	if len(c.Users) > 0 {
		errs = append(errs, errors.New("basic_auth_users is not used here: bcrypt is work that strangers could ask for; make a token (serin token new) and send it as the password of Basic"))
	}
	if c.RateLimiterConfig.Interval != 0 || c.RateLimiterConfig.Burst != 0 {
		errs = append(errs, errors.New("rate_limit is not used here: write callers: {rate: …} into Serin's own configuration"))
	}
	if len(c.HTTPConfig.Header) > 0 {
		errs = append(errs, errors.New("http_server_config.headers is not used here: Serin sets its own security headers"))
	}
	return errors.Join(errs...)
}

// withoutQuotes cuts what a YAML fault quotes.
func withoutQuotes(text string) string {
	if before, _, found := strings.Cut(text, "`"); found {
		return before + "…"
	}
	return text
}

// webTLS is the TLS configuration as the files have it now.
type webTLS struct {
	path string
	log  *slog.Logger
	now  func() time.Time

	mu      sync.Mutex
	current *tls.Config
	files   []string
	stamp   string
	looked  time.Time
}

// lookAgain is how often the files are looked at, at most.
const lookAgain = time.Second

// latest returns the configuration for one handshake.
func (w *webTLS) latest() *tls.Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := w.now(); now.Sub(w.looked) >= lookAgain || now.Before(w.looked) {
		w.looked = now
		w.look()
	}
	return w.current
}

// look reads the files again where one has changed. A pair that is half exchanged
// is read again at the next look, since its other half will change too.
func (w *webTLS) look() {
	stamp := w.stamps()
	if stamp == w.stamp {
		return
	}
	w.stamp = stamp
	next, files, err := loadTLS(w.path)
	if err != nil {
		w.log.Error("the TLS files changed and cannot be used; the ones before stay in force", "file", w.path, "error", err.Error())
		return
	}
	if !slices.Equal(w.files, files) {
		w.stamp = "" // other files from now on: look once more
	}
	w.current, w.files = next, files
	w.log.Info("TLS files read again", "file", w.path, "expires", next.Certificates[0].Leaf.NotAfter)
}

// stamps tells one state of the files from another.
func (w *webTLS) stamps() string {
	var b strings.Builder
	for _, f := range append([]string{w.path}, w.files...) {
		if f == "" {
			continue
		}
		if info, err := os.Stat(f); err == nil {
			fmt.Fprintf(&b, "%s %d %d;", f, info.Size(), info.ModTime().UnixNano())
		} else {
			fmt.Fprintf(&b, "%s away;", f)
		}
	}
	return b.String()
}
