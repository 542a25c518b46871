package load

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/serin-canary/serin/judge/checks"
)

// errForbidden is the guard's refusal on its way through net/http. What the guard said
// is not kept: it would be said of thousands of requests.
var errForbidden = errors.New("the guard refused the address")

// errTooLarge ends the reading of a body.
var errTooLarge = errors.New("the answer is too large")

// newTransport dials for one arm, and only where the guard lets it.
func newTransport(guard func(netip.AddrPort) error, l Load) *http.Transport {
	dialer := &net.Dialer{
		Timeout: l.Timeout,
		Control: func(_, address string, _ syscall.RawConn) error { return ask(guard, address) },
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    l.Timeout,
		MaxIdleConnsPerHost:    l.Connections,
		MaxConnsPerHost:        l.Connections,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
	}
}

// ask asks the guard about a resolved address. The dialler calls it on a
// goroutine of its own, where a panic would end the process.
func ask(guard func(netip.AddrPort) error, address string) (err error) {
	defer func() {
		if recover() != nil {
			err = errForbidden
		}
	}()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errForbidden
	}
	// An IPv4 address in IPv6 clothes is still that address.
	if err := guard(netip.AddrPortFrom(at.Addr().Unmap(), at.Port())); err != nil {
		return errForbidden
	}
	return nil
}

// sender is an http.RoundTripper.
type sender func(*http.Request) (*http.Response, error)

// RoundTrip sends one request.
func (s sender) RoundTrip(req *http.Request) (*http.Response, error) { return s(req) }

// sender sends requests, until ctx ends, and writes down how they ended.
func (a *arm) sender(ctx context.Context) sender {
	return func(req *http.Request) (*http.Response, error) {
		k, ok := slot(req.URL.Fragment, len(a.samples))
		if !ok {
			return nil, errors.New("a request without a number; this is a defect of the load")
		}
		s := &a.samples[k]
		own, cancel := context.WithTimeout(req.Context(), a.load.Timeout)
		stop := context.AfterFunc(ctx, cancel)
		end := func() { stop(); cancel() }
		fail := func(err error) { s.Failure = failure(ctx, err) }
		resp, err := checks.NoUpgrade(a.dial).RoundTrip(req.WithContext(own))
		if err != nil {
			end()
			fail(err)
			return nil, err
		}
		s.Status = resp.StatusCode
		resp.Body = &body{ReadCloser: resp.Body, left: MaxAnswer, end: end, fail: fail}
		return resp, nil
	}
}

// failure puts an error into one of few kinds.
func failure(ctx context.Context, err error) checks.LoadFailure {
	var timeout net.Error
	switch {
	case ctx.Err() != nil:
		return checks.LoadCancelled
	case errors.Is(err, errForbidden):
		return checks.LoadForbidden
	case errors.Is(err, errTooLarge):
		return checks.LoadTooLarge
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return checks.LoadTimedOut
	}
	return checks.LoadNoAnswer
}

// body reads an answer to its end or its cap.
type body struct {
	io.ReadCloser
	left int64
	end  func()
	fail func(error)
}

// Read reads on, and records why it cannot.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		err = errTooLarge
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.fail(err)
	}
	return n, err
}

// Close ends the request.
func (b *body) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

func number(k int) string { return strconv.Itoa(k) }

// slot reads a request's number.
func slot(fragment string, n int) (int, bool) {
	k, err := strconv.Atoi(fragment)
	return k, err == nil && k >= 0 && k < n
}
