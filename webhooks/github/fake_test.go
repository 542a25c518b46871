package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/serin-canary/serin/webhooks/github"
	"github.com/serin-canary/serin/webhooks/reply"
)

// newKey is an App's private key. It is a short one, which is made quickly.
func newKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func pemOf(k *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
}

// fake is GitHub, as far as the contract tells: it believes an App that signs with
// its key, hands out tokens of installations, and takes reviews with such a token.
type fake struct {
	*httptest.Server
	t   *testing.T
	key *rsa.PrivateKey
	now func() time.Time

	mu      sync.Mutex
	issued  int
	asked   []string // bodies of requests for tokens
	reviews []map[string]any
	status  int // of the next answers to reviews; 0 for success
	token   int // of the next answers to requests for tokens
	header  http.Header
	message string
}

func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func newFake(t *testing.T) *fake {
	f := &fake{t: t, key: newKey(t), now: start, header: http.Header{}, message: "Resource not accessible by integration"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v3/app/installations/{id}/access_tokens", f.installation)
	mux.HandleFunc("POST /api/v3/repos/shop/checkout/actions/runs/{run}/deployment_protection_rule", f.review)
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("got %s %s, which nobody asked for", r.Method, r.URL)
	})
	f.Server = httptest.NewTLSServer(mux)
	t.Cleanup(f.Close)
	return f
}

// installation believes a JWT as GitHub does: signed by the App's key with RS256, not
// from the future, and good for ten minutes at most.
func (f *fake) installation(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), &claims, func(*jwt.Token) (any, error) { return &f.key.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(f.now), jwt.WithIssuedAt(), jwt.WithExpirationRequired(), jwt.WithIssuer("Iv23li"))
	switch {
	case f.token != 0:
		f.refuse(w, f.token)
		return
	case err != nil || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > 10*time.Minute || claims.IssuedAt.After(f.now().Add(-30*time.Second)) || r.PathValue("id") != "42":
		f.t.Logf("no such App: %v %+v", err, claims)
		f.refuse(w, 401)
		return
	}
	body, _ := io.ReadAll(r.Body)
	f.asked = append(f.asked, string(body))
	f.issued++
	w.WriteHeader(201)
	fmt.Fprintf(w, `{"token":"ghs_secret%d","expires_at":%q,"permissions":{"deployments":"write"}}`, f.issued, f.now().Add(time.Hour).Format(time.RFC3339))
}

func (f *fake) review(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.status != 0 {
		f.refuse(w, f.status)
		return
	}
	if r.Header.Get("Authorization") != fmt.Sprintf("Bearer ghs_secret%d", f.issued) || f.issued == 0 {
		f.refuse(w, 401)
		return
	}
	var review map[string]any
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		f.t.Error(err)
	}
	f.reviews = append(f.reviews, review)
	w.WriteHeader(204)
}

func (f *fake) refuse(w http.ResponseWriter, status int) {
	for k, v := range f.header {
		w.Header()[k] = v
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"message": f.message})
}

func (f *fake) config() github.Config {
	return github.Config{
		API: f.URL + "/api/v3/", App: "Iv23li", Client: f.Client(), Now: f.now, BaseURL: "https://serin.example.org/",
		Key: func() ([]byte, error) { return pemOf(f.key), nil },
	}
}

func (f *fake) sender(t *testing.T) *github.Sender {
	t.Helper()
	s, err := github.New(f.config())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (f *fake) question(t *testing.T, s *github.Sender) reply.Question {
	t.Helper()
	to, err := s.To(42, "shop/checkout", f.URL+"/api/v3/repos/shop/checkout/actions/runs/7/deployment_protection_rule", "prod")
	if err != nil {
		t.Fatal(err)
	}
	return reply.Question{ID: "github/shop/checkout/runs/7/deployments/9", Sender: github.Name, Rollout: "abcdefgh", To: to}
}
