package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

const (
	// behind is by how much a proof is dated back, since GitHub refuses one from its
	// own future, and ahead how long it is good: ten minutes are the most.
	behind = time.Minute
	ahead  = 9 * time.Minute
	// spare is how long before its end an installation's token is used no more.
	spare = 2 * time.Minute
)

// proof is what the App signs to prove itself: a JWT.
func (s *Sender) proof() (string, error) {
	pem, err := s.c.Key()
	if err != nil {
		return "", fmt.Errorf("the App's private key cannot be read: %w", err)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(pem)
	if err != nil {
		// The cause may hold parts of what was read.
		return "", errors.New("the App's private key is not an RSA key in PEM; download one at the App's settings")
	}
	now := s.c.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer: s.c.App, IssuedAt: jwt.NewNumericDate(now.Add(-behind)), ExpiresAt: jwt.NewNumericDate(now.Add(ahead)),
	}).SignedString(key)
	if err != nil {
		return "", errors.New("the App's private key cannot sign; download one at the App's settings")
	}
	return token, nil
}

// tokens are those of installations, by installation and repository.
type tokens struct {
	mu   sync.Mutex
	good map[string]granted
}

// granted is an installation's token.
type granted struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires_at"`
}

func (t *tokens) get(key string, now time.Time) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.good[key]
	return g.Token, ok && now.Before(g.Expires.Add(-spare))
}

func (t *tokens) put(key string, g granted, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.good == nil {
		t.good = map[string]granted{}
	}
	for k, old := range t.good {
		if !now.Before(old.Expires) {
			delete(t.good, k)
		}
	}
	t.good[key] = g
}

func (t *tokens) drop(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.good, key)
}

// wanted is what an installation's token is asked for: less than the App may do.
type wanted struct {
	Repositories []string          `json:"repositories"`
	Permissions  map[string]string `json:"permissions"`
}

func (a address) key() string {
	return strconv.FormatInt(a.Installation, 10) + " " + strings.ToLower(a.Repository)
}

// token returns a token for an installation and one of its repositories.
func (s *Sender) token(ctx context.Context, a address) (string, error) {
	if t, ok := s.tokens.get(a.key(), s.c.Now()); ok {
		return t, nil
	}
	proof, err := s.proof()
	if err != nil {
		return "", &outbox.LaterError{Err: err, After: unwelcome}
	}
	_, repository, _ := strings.Cut(a.Repository, "/")
	var g granted
	err = s.post(ctx, request{
		url: s.api.JoinPath("app", "installations", strconv.FormatInt(a.Installation, 10), "access_tokens").String(), bearer: proof, into: &g,
		body: wanted{Repositories: []string{repository}, Permissions: map[string]string{"actions": "read", "deployments": "write"}},
	})
	if err != nil {
		return "", fmt.Errorf("no token for installation %d: %w", a.Installation, err)
	}
	if g.Token == "" || strings.ContainsAny(g.Token, " \r\n") {
		return "", fmt.Errorf("no token for installation %d: %s answered without one", a.Installation, s.api.Host)
	}
	s.tokens.put(a.key(), g, s.c.Now())
	return g.Token, nil
}

// read decodes an answer's body, bounded.
func read(a *http.Response, into any) error {
	if err := json.NewDecoder(http.MaxBytesReader(nil, a.Body, 1<<20)).Decode(into); err != nil {
		return fmt.Errorf("%s answered what cannot be read", a.Request.URL.Host) // the cause may quote a token
	}
	return nil
}
