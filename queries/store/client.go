package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/serin-canary/serin/queries"
)

// Guard refuses an address that may not be dialled. Nil allows every address.
type Guard func(to netip.AddrPort) error

// NewClient returns an HTTP client that follows no redirect, which would carry the
// credentials to wherever it points, and bounds how long each step may take. With a
// guard, each resolved address is asked for at the dial, and no proxy dials instead.
func NewClient(timeout time.Duration, guard Guard) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: timeout, IdleConnTimeout: 90 * time.Second,
		MaxIdleConns: 16, MaxIdleConnsPerHost: 16, MaxResponseHeaderBytes: 1 << 20,
	}
	if guard != nil {
		t.Proxy = nil
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%q is no address", address)
			}
			return guard(to)
		}
	}
	t.DialContext = dialer.DialContext
	return &http.Client{
		Transport: bounded{t}, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// MaxAnswer bounds an answer, in bytes after decompression.
const MaxAnswer = 32 << 20

// ErrTooLarge is the cause of an error about an answer that is longer than MaxAnswer.
var ErrTooLarge = errors.New("the answer is longer than 32 MiB")

// bounded ends answers that are longer than MaxAnswer.
type bounded struct{ next *http.Transport }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // what follows has no end, and no deadline
		_ = resp.Body.Close()
		resp.Body = http.NoBody
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: MaxAnswer}
	return resp, nil
}

// CloseIdleConnections lets http.Client reach the transport below.
func (b bounded) CloseIdleConnections() { b.next.CloseIdleConnections() }

type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// ReadAnswer reads an answer's body; the caller closes it.
func ReadAnswer(r *http.Response) ([]byte, error) { return io.ReadAll(r.Body) }

// Unreached turns an error of the network into one that a source returns.
func Unreached(source string, timeout time.Duration, err error, secrets ...string) error {
	out := &queries.Error{Fault: queries.Unavailable, Source: source}
	var timer net.Error
	switch {
	case errors.Is(err, ErrTooLarge):
		out.Fault, out.Text = queries.Rejected, ErrTooLarge.Error()+"; ask for fewer series"
	case errors.Is(err, context.Canceled):
		out.Text, out.Err = "the question was given up before it was answered", context.Canceled
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timer) && timer.Timeout():
		out.Text, out.Err = fmt.Sprintf("it did not answer in time (its timeout is %v)", timeout), context.DeadlineExceeded
	default:
		out.Text = "it cannot be reached: " + Redact(innermost(err), secrets...)
	}
	return out
}

// Joined turns the error of a question that was asked together with others into one
// that a source returns: the store's own stays; where only the asker's time was up, it
// says so; anything else is an answer that cannot be read.
func Joined(ctx context.Context, source string, timeout time.Duration, err error) error {
	var known *queries.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return Unreached(source, timeout, err)
	}
	return &queries.Error{Fault: queries.Malformed, Source: source, Text: Redact(err.Error())}
}

// innermost is an error without the URL that http.Client writes around it.
func innermost(err error) string {
	var around *url.Error
	if errors.As(err, &around) {
		err = around.Err
	}
	return err.Error()
}

// Answered turns a status that is no success into an error that a source returns; it
// is nil for 2xx. What the store says about it is quoted.
func Answered(source string, r *http.Response, said string, secrets ...string) *queries.Error {
	out := &queries.Error{Source: source}
	said = Redact(said, secrets...)
	if said == "" {
		said = "no word of why"
	}
	switch c := r.StatusCode; {
	case c >= 200 && c < 300:
		return nil
	case c == http.StatusTooManyRequests:
		out.Fault, out.Text = queries.Throttled, "it asks to be asked less often (429): "+said
		out.RetryAfter = RetryAfter(r.Header)
	case c == http.StatusUnauthorized || c == http.StatusForbidden:
		out.Fault, out.Text = queries.Rejected, fmt.Sprintf("it refuses these credentials (%d): %s; check the keys and what they may read", c, said)
	case c == http.StatusRequestTimeout || c >= 500:
		out.Fault, out.Text = queries.Unavailable, fmt.Sprintf("it answered with status %d: %s", c, said)
		if c == http.StatusServiceUnavailable {
			out.RetryAfter = RetryAfter(r.Header)
		}
	case c >= 300 && c < 400:
		out.Fault, out.Text = queries.Rejected, fmt.Sprintf("it redirects (%d), which is not followed with credentials; write the final URL", c)
	default:
		out.Fault, out.Text = queries.Rejected, fmt.Sprintf("it refuses the question (%d): %s", c, said)
	}
	return out
}

// RetryAfter reads for how long a store asks to be left alone: Retry-After in seconds
// or as a date, or Datadog's X-RateLimit-Reset in seconds; at most an hour.
func RetryAfter(h http.Header) time.Duration {
	for _, name := range []string{"Retry-After", "X-RateLimit-Reset"} {
		text := strings.TrimSpace(h.Get(name))
		if n, err := strconv.ParseFloat(text, 64); err == nil && n > 0 {
			return time.Duration(min(n, 3600) * float64(time.Second))
		}
		if at, err := http.ParseTime(text); err == nil {
			return max(0, min(time.Until(at), time.Hour))
		}
	}
	return 0
}
