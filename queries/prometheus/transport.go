package prometheus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func newTransport(c Config, security *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        security,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  c.Timeout,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           c.Concurrency,
		MaxIdleConnsPerHost:    c.Concurrency,
		MaxResponseHeaderBytes: 1 << 20,
	}
}

// errSecret is why a request could not be given its credentials.
type errSecret struct{ err error }

func (e *errSecret) Error() string { return e.err.Error() }

// roundTripper gives each request its credentials and bounds each answer.
type roundTripper struct {
	cfg  Config
	next http.RoundTripper
	read atomic.Uint64 // bytes of answers
}

// CloseIdleConnections lets http.Client reach the transport below.
func (t *roundTripper) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip implements http.RoundTripper.
func (t *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	seen, ok := req.Context().Value(outcomeKey{}).(*outcome)
	if !ok {
		seen = &outcome{}
	}
	req = req.Clone(req.Context()) // a round tripper may not change its request
	req.Header.Set("User-Agent", "serin")
	for name, value := range t.cfg.Headers {
		req.Header.Set(name, value)
		seen.hide(value)
	}
	switch {
	case t.cfg.BearerFile != "":
		token, err := secret("bearerFile", t.cfg.BearerFile)
		if err != nil {
			return nil, err
		}
		seen.hide(token)
		req.Header.Set("Authorization", "Bearer "+token)
	case t.cfg.Username != "":
		password, err := secret("passwordFile", t.cfg.PasswordFile)
		if err != nil {
			return nil, err
		}
		req.SetBasicAuth(t.cfg.Username, password)
		seen.hide(password)
		seen.hide(strings.TrimPrefix(req.Header.Get("Authorization"), "Basic "))
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // its body would be the connection, which no deadline ends
		resp.Body.Close()
		return nil, errors.New("it answered 101, and nobody asked for another protocol")
	}
	seen.answered(resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"), time.Now()))
	resp.Body = &meter{ReadCloser: resp.Body, limits: t.cfg.Limits, total: &t.read}
	return resp, nil
}

// secret reads a file that holds a secret.
func secret(what, path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", &errSecret{fmt.Errorf("the %s cannot be read: %w", what, err)}
	}
	s := strings.TrimSpace(string(b))
	if s == "" {
		return "", &errSecret{fmt.Errorf("the %s %s is empty", what, path)}
	}
	if strings.ContainsAny(s, "\r\n\x00") {
		return "", &errSecret{fmt.Errorf("the %s %s has more than one line", what, path)}
	}
	return s, nil
}

// retryAfter reads the header Retry-After: seconds, or a date. What is neither asks
// for nothing.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return time.Duration(max(0, min(n, 3600))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, min(at.Sub(now), time.Hour))
	}
	return 0
}

// outcome is what a request's round trips came to: the last status, and the
// secrets that were sent and must not be repeated.
type outcome struct {
	mu      sync.Mutex
	status  int
	pause   time.Duration // that the last answer asked for
	secrets []string
}

type outcomeKey struct{}

// observe returns a context whose requests report to the outcome.
func observe(ctx context.Context) (context.Context, *outcome) {
	o := &outcome{}
	return context.WithValue(ctx, outcomeKey{}, o), o
}

func (o *outcome) answered(status int, pause time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.status, o.pause = status, pause
}

// asked is how long the last answer asked to be left alone, where it is one that
// means it.
func (o *outcome) asked() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.status == http.StatusTooManyRequests || o.status == http.StatusServiceUnavailable {
		return o.pause
	}
	return 0
}

func (o *outcome) last() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.status
}

// hide remembers a secret. What is shorter than a secret can be is not one, and
// would blot out half of every text.
func (o *outcome) hide(secret string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(secret) >= 4 {
		o.secrets = append(o.secrets, secret)
	}
}

// redact returns a text on one line, cut to a bearable length, without secrets.
func (o *outcome) redact(text string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	text = regexp.MustCompile(`//[^/@\s]*@`).ReplaceAllString(text, "//***@")
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 300 {
		text = string(r[:300]) + "…"
	}
	return text
}
