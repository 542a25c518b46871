package webhooks

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

// signer reads a secret. The error does not quote it.
func signer(text string) (*standardwebhooks.Webhook, error) {
	const form = `it must be "whsec_" and 24 to 64 random bytes in base64; make one with: echo whsec_$(head -c 32 /dev/urandom | base64)`
	rest, ok := strings.CutPrefix(text, "whsec_")
	if !ok {
		return nil, errors.New(form)
	}
	key, err := base64.StdEncoding.DecodeString(rest)
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New(form)
	}
	return standardwebhooks.NewWebhookRaw(key)
}

// request signs and writes a callback. The ID is the job's key, so that it is the
// same whenever it is sent again; the time is this attempt's.
func (cb *Callbacks) request(ctx context.Context, key string, b callbackBody) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL, bytes.NewReader(b.Payload))
	if err != nil {
		return nil, fmt.Errorf("the callback's URL cannot be used: %w", outbox.ErrPermanent)
	}
	now := cb.c.Now()
	signatures := make([]string, len(cb.signers))
	for i, s := range cb.signers {
		if signatures[i], err = s.Sign(key, now, b.Payload); err != nil {
			return nil, fmt.Errorf("the callback could not be signed: %w", err)
		}
	}
	if token := cb.tokenFor(r.URL); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "serin")
	r.Header.Set(standardwebhooks.HeaderWebhookID, key)
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
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

// unreachable says why there was no answer. The client's own text has the whole
// URL; ours has the host.
func (cb *Callbacks) unreachable(r *http.Request, err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	var f *forbiddenError
	if errors.As(err, &f) {
		return fmt.Errorf("%s may not be called: %w: %w", r.URL.Host, f, outbox.ErrPermanent)
	}
	return fmt.Errorf("%s gave no answer: %w", r.URL.Host, err)
}

// longestWait bounds what a receiver may ask for with Retry-After.
const longestWait = time.Hour

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
		if after := retryAfter(a.Header.Get("Retry-After"), now); after > 0 {
			return &outbox.LaterError{Err: err, After: after}
		}
	}
	return err
}

// retryAfter reads the header: seconds, or a date. What cannot be read is 0.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestWait)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), longestWait)
	}
	return 0
}
