package scrape

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// redirects is how many redirects a scrape follows.
const redirects = 5

// newClient returns a client for metrics pages. Pods are asked directly, never through
// the environment's proxy.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:    10 * time.Second,
			MaxIdleConns:           1_000,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        5 * time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			switch first := via[0].URL; {
			case len(via) > redirects:
				return fmt.Errorf("it redirects more than %d times", redirects)
			case next.URL.Scheme != first.Scheme || next.URL.Host != first.Host:
				// Elsewhere is another process, whose numbers would be taken for this target's.
				return errors.New("it redirects to another address; name that address as the target")
			}
			return nil
		},
	}
}

// fetch asks a target for its page. The error is in plain words and without the URL.
func (s *Source) fetch(ctx context.Context, at *site, sizeHint int) (page, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url, nil)
	if err != nil {
		return page{}, errors.New("its address is not a URL")
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "serin-scrape")
	req.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", strconv.FormatFloat(s.config.Timeout.Seconds(), 'f', -1, 64))
	res, err := s.client.Do(req) // It unpacks gzip, which it asks for itself.
	if err != nil {
		return page{}, s.plainly(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return page{}, fmt.Errorf("it answered %d %s", res.StatusCode, http.StatusText(res.StatusCode))
	}
	body, err := readUpTo(res.Body, s.config.MaxBody, sizeHint)
	if err != nil {
		return page{}, s.plainly(err)
	}
	return page{body: body, contentType: res.Header.Get("Content-Type")}, nil
}

// readUpTo reads a body of at most limit bytes. The hint is the size that is expected.
func readUpTo(r io.Reader, limit int64, hint int) ([]byte, error) {
	body := make([]byte, 0, min(int64(hint)+512, limit+1))
	r = io.LimitReader(r, limit+1)
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if int64(len(body)) > limit {
			return nil, fmt.Errorf("its page is larger than %d bytes", limit)
		}
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// plainly turns a client's error into one without the URL, whose query may hold a secret.
func (s *Source) plainly(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("it did not answer within %v", s.config.Timeout)
	}
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it broke off in the middle of its page")
	}
	return err
}
