package webhooks

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/journal"
)

const (
	// headerIdempotency tells a repetition from a new request: a caller that got no
	// answer sends the same request with the same key again.
	headerIdempotency = "Idempotency-Key"
	kindIdempotency   = "idempotency"
	// keyHolds is for how long a key is known.
	keyHolds = 48 * time.Hour
)

// keyed is what is kept of a key.
type keyed struct {
	// Digest is of the announcement that came with it.
	Digest string `json:"digest"`
	// Rollout is what it opened or found; empty while that is under way.
	Rollout string `json:"rollout,omitempty"`
}

// takeOnce is [Server.take] for a request that may carry a key: the same key leads
// to the same rollout, even where that is over by now.
func (s *Server) takeOnce(ctx context.Context, c echo.Context, a announcement) (journal.Announced, error) {
	key := c.Request().Header.Get(headerIdempotency)
	if key == "" {
		return s.take(ctx, a)
	}
	id, err := s.keyID(c, key)
	if err != nil {
		return journal.Announced{}, err
	}
	digest, err := digestOf(a)
	if err != nil {
		return journal.Announced{}, err
	}
	d, k, err := s.claim(ctx, id, digest)
	switch {
	case err != nil:
		return journal.Announced{}, err
	case k.Digest != digest:
		return journal.Announced{}, &HTTPError{
			Code: http.StatusUnprocessableEntity, Public: "this Idempotency-Key came with another body before",
			Next: "send a new key with a new request; the same key is for repeating the same one",
		}
	case k.Rollout != "":
		sum, err := s.cfg.Journal.Get(ctx, k.Rollout)
		return journal.Announced{Rollout: sum.Rollout}, err
	}
	done, err := s.take(ctx, a)
	if err != nil {
		return done, err
	}
	return done, s.bind(ctx, d, keyed{digest, done.Rollout.ID})
}

// keyID is the document of a key. Two callers may use the same one.
func (s *Server) keyID(c echo.Context, key string) (string, error) {
	if len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }) {
		return "", bad("write up to 255 visible ASCII characters, like a UUID", "%s: not usable", headerIdempotency)
	}
	if s.cfg.Kayenta.Documents == nil {
		return "", bad("leave the header out", "%s: this server keeps no keys", headerIdempotency)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", callerOf(c).name(), key))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:26]), nil
}

func digestOf(a announcement) (string, error) {
	b, err := json.Marshal(a)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), err
}

// claim adds the document of a key, or reads the one that is there.
func (s *Server) claim(ctx context.Context, id, digest string) (journal.Document, keyed, error) {
	k := keyed{Digest: digest}
	body, err := json.Marshal(k)
	if err != nil {
		return journal.Document{}, k, err
	}
	docs := s.cfg.Kayenta.Documents
	if _, err := docs.PruneDocuments(ctx, kindIdempotency, s.now().Add(-keyHolds)); err != nil {
		return journal.Document{}, k, err
	}
	d, err := docs.AddDocument(ctx, journal.Document{Kind: kindIdempotency, ID: id, Body: body})
	if errors.Is(err, journal.ErrExists) {
		if d, err = docs.Document(ctx, kindIdempotency, id); err == nil {
			err = json.Unmarshal(d.Body, &k)
		}
	}
	return d, k, err
}

// bind records which rollout a key led to. Where a repetition was faster, it led to
// the same one.
func (s *Server) bind(ctx context.Context, d journal.Document, k keyed) error {
	body, err := json.Marshal(k)
	if err != nil {
		return err
	}
	d.Body = body
	if _, err = s.cfg.Kayenta.Documents.ReplaceDocument(ctx, d); errors.Is(err, journal.ErrChanged) {
		return nil
	}
	return err
}
