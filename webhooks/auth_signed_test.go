package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// signed is a request as a caller with a key sends it.
type signed struct {
	key      []byte
	id       string
	at       time.Time
	body     string // what is signed
	sent     string // what is sent; default body
	path     string
	prefix   string // default v1,
	stamp    string // default the time
	headerID string // default id
}

func (s signed) send(w *world) answer {
	w.t.Helper()
	stamp := fmt.Sprint(s.at.Unix())
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(s.id + "." + stamp + "." + s.body))
	or := func(a, b string) string {
		if a == "" {
			return b
		}
		return a
	}
	r := httptest.NewRequest("POST", or(s.path, "/v1/rollouts"), strings.NewReader(or(s.sent, s.body)))
	r.Header.Set("webhook-id", or(s.headerID, s.id))
	r.Header.Set("webhook-timestamp", or(s.stamp, stamp))
	r.Header.Set("webhook-signature", "v1,AAAA v2,x "+or(s.prefix, "v1,")+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return w.send(r)
}

func signingToken(name string, key []byte) Token {
	return Token{
		Name: name, Signing: key, Namespaces: []string{"shop"}, Callers: []string{anything},
		Allow: []Right{RightAnnounce, RightJudge, RightRead},
	}
}

func TestSignedRequests(t *testing.T) {
	key, other := []byte("0123456789abcdef01234567"), []byte("another key that is unknown")
	good := signed{key: key, id: "msg_1", at: start(), body: announced1}
	for name, tt := range map[string]struct {
		change func(*signed)
		code   int
	}{
		"right":           {func(*signed) {}, 201},
		"a little late":   {func(s *signed) { s.at = start().Add(-5 * time.Minute) }, 201},
		"clock ahead":     {func(s *signed) { s.at = start().Add(5 * time.Minute) }, 201},
		"late":            {func(s *signed) { s.at = start().Add(-5*time.Minute - time.Second) }, 401},
		"early":           {func(s *signed) { s.at = start().Add(5*time.Minute + time.Second) }, 401},
		"another key":     {func(s *signed) { s.key = other }, 401},
		"another body":    {func(s *signed) { s.sent = in("bank") }, 401},
		"another id":      {func(s *signed) { s.headerID = "msg_2" }, 401},
		"another time":    {func(s *signed) { s.stamp = fmt.Sprint(start().Unix() + 1) }, 401},
		"another scheme":  {func(s *signed) { s.prefix = "v2," }, 401},
		"no id":           {func(s *signed) { s.id = "" }, 401},
		"a long id":       {func(s *signed) { s.id = strings.Repeat("a", 129) }, 401},
		"no time":         {func(s *signed) { s.stamp = "now" }, 401},
		"a large body":    {func(s *signed) { s.body += strings.Repeat(" ", strangersBody) }, 413},
		"other namespace": {func(s *signed) { s.body = in("bank") }, 403},
	} {
		w := newWorld(t, func(c *Config) { c.Tokens = []Token{FullToken("a", "b"), signingToken("pipeline", key)} })
		s := good
		tt.change(&s)
		if a := s.send(w); a.code != tt.code {
			t.Errorf("%s: got %d %s, want %d", name, a.code, a.body, tt.code)
		}
	}
}

func TestASignedRequestCountsOnce(t *testing.T) {
	key := []byte("0123456789abcdef01234567")
	w := newWorld(t, func(c *Config) { c.Tokens = []Token{signingToken("pipeline", key)} })
	s := signed{key: key, id: "msg_1", at: start(), body: announced1}
	w.want(s.send(w), 201)
	if a := w.want(s.send(w), 401); !strings.Contains(a.body, "received before") {
		t.Errorf("got %s, want why", a.body)
	}
	w.clock.add(signedFor) // its time is not over yet
	w.want(s.send(w), 401)
	s.id, s.at = "msg_2", start().Add(signedFor)
	w.want(s.send(w), 200)
	// The memory is bounded, and what it cannot remember it does not let in.
	for i := range maxReplays {
		_ = w.server.replays.take(fmt.Sprint(i), start().Add(time.Hour), w.clock.Now())
	}
	s.id = "msg_3"
	w.want(s.send(w), 503)
	if n := len(w.server.replays.seen); n > maxReplays {
		t.Errorf("got %d remembered, want %d at most", n, maxReplays)
	}
	w.clock.add(2 * time.Hour)
	s.at = w.clock.Now()
	w.want(s.send(w), 200)
	if n := len(w.server.replays.seen); n != 1 {
		t.Errorf("got %d remembered, want what is over forgotten", n)
	}
}

func TestSigningKeys(t *testing.T) {
	for text, ok := range map[string]bool{
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 24)): true, "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)): false,
		"whsec_x": false, base64.StdEncoding.EncodeToString(make([]byte, 32)): false, "": false,
	} {
		if _, err := ParseSigningKey(text); (err == nil) != ok {
			t.Errorf("%q: got %v, want accepted: %v", text, err, ok)
		}
	}
}

func TestCertificatesOfClients(t *testing.T) {
	spiffe, err := url.Parse("spiffe://cluster.local/ns/flagger/sa/flagger")
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{DNSNames: []string{"flagger.example"}, URIs: []*url.URL{spiffe}, Subject: pkix.Name{CommonName: "flagger"}}
	verified := &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}
	for name, tt := range map[string]struct {
		state       *tls.ConnectionState
		certificate string
		code        int
	}{
		"URI":            {verified, spiffe.String(), 200},
		"DNS name":       {verified, "flagger.example", 200},
		"common name":    {verified, "CN=flagger", 200},
		"bare name":      {verified, "flagger", 401},
		"another name":   {verified, "CN=argo", 401},
		"not verified":   {&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}, "CN=flagger", 401},
		"no certificate": {&tls.ConnectionState{}, "CN=flagger", 401},
		"no TLS":         {nil, "CN=flagger", 401},
	} {
		w := newWorld(t, func(c *Config) {
			tk := FullToken("flagger", "x")
			tk.Hash, tk.Certificate = Hash{}, tt.certificate
			c.Tokens = []Token{FullToken("other", "other-token"), tk}
		})
		r := httptest.NewRequest("GET", "/v1/rollouts", nil)
		r.TLS = tt.state
		if a := w.send(r); a.code != tt.code {
			t.Errorf("%s: got %d %s, want %d", name, a.code, a.body, tt.code)
		}
		// A wrong token is not made good by a certificate.
		r = httptest.NewRequest("GET", "/v1/rollouts", nil)
		r.TLS = tt.state
		r.Header.Set("Authorization", "Bearer wrong")
		w.want(w.send(r), 401)
	}
}
