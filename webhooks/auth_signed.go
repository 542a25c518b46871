package webhooks

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// The headers of a signed request, as Standard Webhooks has them. What is signed is
// ID.TIMESTAMP.BODY, with HMAC-SHA256; the signature is written v1,BASE64, and
// several may be given, separated by blanks.
const (
	headerSigned    = "Webhook-Id"
	headerStamp     = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
	signatureScheme = "v1"
)

const (
	// signedFor is how far a signed request's time may be from ours, either way.
	signedFor = 5 * time.Minute
	// maxReplays bounds the signed requests that are remembered, so that none counts
	// twice. They are forgotten when their time is over.
	maxReplays = 20_000
	// maxSignatures bounds how many signatures one request may offer.
	maxSignatures = 8
)

// signedID is what a signed request may be called.
var signedID = regexp.MustCompile(`^[0-9A-Za-z._-]{1,128}$`)

func badSignature(public string) error {
	return &HTTPError{
		Code: http.StatusUnauthorized, Public: public,
		Next: "sign ID.TIMESTAMP.BODY anew by HMAC-SHA256 and send webhook-id, webhook-timestamp and webhook-signature",
	}
}

// bySignature returns the caller whose key signed the request. The body is read
// here, and put back for the handler.
func (s *Server) bySignature(c echo.Context) (caller, error) {
	r := c.Request()
	id, stamp := r.Header.Get(headerSigned), r.Header.Get(headerStamp)
	if !signedID.MatchString(id) {
		return caller{}, badSignature("the signed request has no usable webhook-id")
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return caller{}, badSignature("the signed request has no usable webhook-timestamp, which is in seconds since 1970")
	}
	at, now := time.Unix(seconds, 0), s.now()
	if at.Before(now.Add(-signedFor)) || at.After(now.Add(signedFor)) {
		return caller{}, badSignature("the signed request's time is more than 5 minutes from this server's")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, r.Body, strangersBody))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return caller{}, &HTTPError{Code: http.StatusRequestEntityTooLarge, Public: "the body of a signed request may have 64 KiB", Next: "send less", Err: err}
	case err != nil:
		return caller{}, &HTTPError{Code: http.StatusBadRequest, Public: "the body could not be read", Next: "send it again", Err: err}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	t := s.tokens().bySignature(signedText(id, stamp, body), strings.Fields(r.Header.Get(headerSignature)), now)
	w, err := s.inTime(t)
	if err != nil || !w.known() {
		return w, err
	}
	return w, s.replays.take(t.Name+" "+id, at.Add(signedFor), now)
}

func signedText(id, stamp string, body []byte) []byte {
	return append([]byte(id+"."+stamp+"."), body...)
}

// bySignature finds the token whose key made one of the signatures, or nil. Every
// key is tried against every signature.
func (ts tokens) bySignature(text []byte, signatures []string, now time.Time) *Token {
	var given [][]byte
	for _, sig := range signatures[:min(len(signatures), maxSignatures)] {
		scheme, value, _ := strings.Cut(sig, ",")
		if b, err := base64.StdEncoding.DecodeString(value); err == nil && scheme == signatureScheme {
			given = append(given, b)
		}
	}
	var found *Token
	for i := range ts {
		if ts[i].Signing == nil {
			continue
		}
		mac := hmac.New(sha256.New, ts[i].Signing)
		mac.Write(text)
		sum := mac.Sum(nil)
		fits := 0
		for _, g := range given {
			fits |= subtle.ConstantTimeCompare(g, sum)
		}
		if fits == 1 && (found == nil || ts[i].active(now)) {
			found = &ts[i]
		}
	}
	return found
}

// ParseSigningKey reads a key as Standard Webhooks writes it: whsec_ and base64.
func ParseSigningKey(text string) ([]byte, error) {
	rest, ok := strings.CutPrefix(text, "whsec_")
	key, err := base64.StdEncoding.DecodeString(rest)
	if !ok || err != nil || len(key) < minSigning {
		return nil, errors.New("not a signing key: whsec_ and the base64 of at least 24 random bytes; serin token new --signing makes one")
	}
	return key, nil
}

// replays remembers signed requests until their time is over. It is this process's
// own memory: where several replicas answer, one request can count once at each.
type replays struct {
	mu   sync.Mutex
	seen map[string]time.Time // until when
	next time.Time            // when to forget again
}

// take accepts a signed request once. Only requests whose signature is right come
// here, so strangers cannot fill it; a caller that does is told to wait.
func (r *replays) take(id string, until, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]time.Time{}
	}
	if _, again := r.seen[id]; again {
		return badSignature("this signed request has been received before")
	}
	if len(r.seen) >= maxReplays || now.After(r.next) {
		for k, u := range r.seen {
			if now.After(u) {
				delete(r.seen, k)
			}
		}
		r.next = now.Add(signedFor)
	}
	if len(r.seen) >= maxReplays {
		return &HTTPError{
			Code: http.StatusServiceUnavailable, Public: "too many signed requests within five minutes to tell a new one from an old one",
			Next: "send fewer, or use a bearer token over TLS", RetryAfter: time.Minute,
		}
	}
	r.seen[id] = until
	return nil
}
