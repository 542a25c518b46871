package webhooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks/reply"
)

// request signs and writes a callback. The ID is the job's key, so that it is the
// same whenever it is sent again; the time is this attempt's.
func (cb *Callbacks) request(ctx context.Context, key string, b callbackBody) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL, bytes.NewReader(b.Payload))
	if err != nil {
		return nil, fmt.Errorf("the callback's URL cannot be used: %w", outbox.ErrPermanent)
	}
	if err := cb.signers.Sign(r.Header, key, cb.c.Now(), b.Payload); err != nil {
		return nil, fmt.Errorf("the callback could not be signed: %w", err)
	}
	if token := cb.tokenFor(r.URL); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "serin")
	return r, nil
}

// readBearer reads a receiver's token. The error does not quote it.
func readBearer(b CallbackBearer) (bearer, error) {
	if err := CheckBearerHost(b.Host); err != nil {
		return bearer{}, err
	}
	p, err := readHost(b.Host)
	if b.Token == "" || strings.ContainsFunc(b.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return bearer{}, fmt.Errorf("the token for %s is empty, or has a character that no header may have; write it alone into its file", b.Host)
	}
	return bearer{p, b.Token}, err
}

// CheckBearerHost says what is wrong with the host of a token.
func CheckBearerHost(text string) error {
	p, err := readHost(text)
	if err == nil && p.host == "*" {
		err = errors.New("a token cannot be for every host; name the one that wants it")
	}
	return err
}

// tokenFor returns the token that a receiver wants, or "".
func (cb *Callbacks) tokenFor(u *url.URL) string {
	for _, b := range cb.bearers {
		if b.fits(u) {
			return b.token
		}
	}
	return ""
}

// unreachable says why there was no answer, and gives up where the guard forbids it.
func (cb *Callbacks) unreachable(r *http.Request, err error) error {
	var f *forbiddenError
	if errors.As(err, &f) {
		return fmt.Errorf("%s may not be called: %w: %w", r.URL.Host, f, outbox.ErrPermanent)
	}
	return reply.Unreachable(r, err)
}

// judgeAnswer says what an answer means.
func judgeAnswer(a *http.Response, now time.Time) error {
	host := a.Request.URL.Host
	switch {
	case a.StatusCode >= 200 && a.StatusCode < 300:
		return nil
	case a.StatusCode == http.StatusGone:
		return fmt.Errorf("%s answered 410 Gone: %w", host, outbox.ErrPermanent)
	case a.StatusCode >= 300 && a.StatusCode < 400:
		return fmt.Errorf("%s answered %d, and redirects are not followed; announce the URL that it leads to", host, a.StatusCode)
	}
	err := fmt.Errorf("%s answered %d %s", host, a.StatusCode, http.StatusText(a.StatusCode))
	if a.StatusCode == http.StatusTooManyRequests || a.StatusCode == http.StatusServiceUnavailable {
		if after := reply.RetryAfter(a.Header, now); after > 0 {
			return &outbox.LaterError{Err: err, After: after}
		}
	}
	return err
}
