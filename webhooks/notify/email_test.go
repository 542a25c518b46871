package notify_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/notify"
)

// post is a real SMTP server.
type post struct {
	roots *x509.CertPool
	port  int

	mu      sync.Mutex
	letters []letter
	busy    int // so many letters are put off
}

type letter struct {
	from string
	to   []string
	text string
	tls  bool
}

const postPassword = "correct horse battery staple"

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// newPost starts one; way is starttls, implicit or none.
func newPost(t *testing.T, way string) *post {
	t.Helper()
	cert, roots := certificate(t)
	p := &post{roots: roots}
	s := smtp.NewServer(p)
	s.Domain, s.ReadTimeout, s.WriteTimeout = "post.test", time.Minute, time.Minute
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	switch way {
	case "starttls":
		s.TLSConfig = config
	case "implicit":
		l = tls.NewListener(l, config)
	default:
		s.AllowInsecureAuth = true
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return p
}

// NewSession implements smtp.Backend.
func (p *post) NewSession(c *smtp.Conn) (smtp.Session, error) {
	_, secure := c.TLSConnectionState()
	return &session{post: p, letter: letter{tls: secure}}, nil
}

type session struct {
	*post
	letter
	known bool
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "serin" || password != postPassword {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.known {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy > 0 {
		s.busy--
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "greylisted"}
	}
	s.text = string(b)
	s.letters = append(s.letters, s.letter)
	return nil
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

func (p *post) got() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter{}, p.letters...)
}

func (p *post) target(t testing.TB, way string) notify.Target {
	return notify.Target{Name: "mail", Email: &notify.Email{
		Host: "127.0.0.1", Port: p.port, TLS: way, Username: "serin", Password: secret(t, postPassword),
		From: "Serin <serin@example.org>", To: []string{"Ops <ops@example.org>", "ada@example.org"},
	}}
}

// parts returns a letter's leaves by their type.
func parts(t *testing.T, header interface{ Get(string) string }, body io.Reader, into map[string]string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		if header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(body)
		}
		b, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		into[kind] = string(b)
		return
	}
	into[kind] = "" // it is there
	for r := multipart.NewReader(body, params["boundary"]); ; {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		parts(t, part.Header, part, into)
	}
}

// leavesOf returns a letter's leaves by their type.
func leavesOf(t *testing.T, l letter) map[string]string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(l.text))
	if err != nil {
		t.Fatal(err)
	}
	leaves := map[string]string{}
	parts(t, m.Header, m.Body, leaves)
	return leaves
}

func TestMailIsSentByARealServer(t *testing.T) {
	for _, way := range []string{"starttls", "implicit", "none"} {
		t.Run(way, func(t *testing.T) {
			p := newPost(t, way)
			p.busy = 2
			w := newWorld(t, func(c *notify.Config) { c.Roots = p.roots }, p.target(t, way))
			w.announce(nil)
			w.look(judge.Promote, nil)
			w.work()
			w.look(judge.Rollback, nil)
			w.work()
			w.end("rolled back")
			w.work()
			got := p.got()
			if len(got) != 2 {
				t.Fatalf("got %d letters, want the promotion and the rollback: %s", len(got), w.log.String())
			}
			if got[1].from != "serin@example.org" || len(got[1].to) != 2 || got[1].tls != (way != "none") {
				t.Errorf("got it from %s to %v, TLS %v", got[1].from, got[1].to, got[1].tls)
			}
			first, err := mail.ReadMessage(strings.NewReader(got[0].text))
			if err != nil {
				t.Fatal(err)
			}
			m, err := mail.ReadMessage(strings.NewReader(got[1].text))
			if err != nil {
				t.Fatal(err)
			}
			if m.Header.Get("In-Reply-To") != first.Header.Get("Message-Id") || first.Header.Get("Message-Id") == "" {
				t.Errorf("got an answer to %q, want one to %q", m.Header.Get("In-Reply-To"), first.Header.Get("Message-Id"))
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if err != nil || subject != "Roll back: checkout in shop, revision v2" {
				t.Errorf("got the subject %q, %v", subject, err)
			}
			leaves := map[string]string{}
			parts(t, m.Header, m.Body, leaves)
			for kind, want := range map[string]string{"text/plain": "errors 5 % against 0.5 %", "text/html": `src="cid:evidence.png"`, "image/png": "iVBORw0KGgo"} {
				if !strings.Contains(leaves[kind], want) {
					t.Errorf("%s misses %q: %.2000s", kind, want, leaves[kind])
				}
			}
			w.hides(postPassword)
		})
	}
}

// A server without STARTTLS gets no password and no mail.
func TestMailInsistsOnTLS(t *testing.T) {
	p := newPost(t, "none")
	w := newWorld(t, func(c *notify.Config) { c.Roots = p.roots }, p.target(t, "starttls"))
	w.tries = 2
	w.announce(nil)
	w.look(judge.Rollback, nil)
	err := w.try(w.notices)
	if err == nil || len(p.got()) != 0 || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("got %v and %d letters, want a refusal for want of STARTTLS", err, len(p.got()))
	}
}

func TestMailRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*testing.T, *notify.Email)
		want   string
	}{
		"password": {func(t *testing.T, e *notify.Email) { e.Password = secret(t, "wrong-password") }, "does not know Serin"},
		"nobody":   {func(_ *testing.T, e *notify.Email) { e.To = []string{"nobody@example.org"} }, "no such user"},
		"nowhere":  {func(_ *testing.T, e *notify.Email) { e.Port = 1 }, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPost(t, "starttls")
			target := p.target(t, "starttls")
			c.change(t, target.Email)
			w := newWorld(t, func(c *notify.Config) { c.Roots = p.roots }, target)
			w.tries = 2
			w.announce(nil)
			w.look(judge.Rollback, nil)
			err := w.try(w.notices)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wrong-password") || len(p.got()) != 0 {
				t.Errorf("got %v, want %q and no password", err, c.want)
			}
		})
	}
}

// What others named cannot begin a header, nor an element.
func TestMailOfHostileNames(t *testing.T) {
	p := newPost(t, "starttls")
	w := newWorld(t, func(c *notify.Config) { c.Roots = p.roots }, p.target(t, "starttls"))
	w.announce(func(r *rollout.Rollout) {
		r.Revision = "v2\r\nBcc: victim@example.org\r\n\r\n<script>alert(1)</script>" + strings.Repeat("é", 300)
	})
	w.look(judge.Rollback, func(v *judge.Verdict) {
		v.Reason = `"><img src=https://evil.example/x onerror=alert(1)>` + "\u202e\x00"
	})
	w.work()
	got := p.got()
	if len(got) != 1 || len(got[0].to) != 2 {
		t.Fatalf("got %+v, want one letter to two people", got)
	}
	m, err := mail.ReadMessage(strings.NewReader(got[0].text))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Bcc") != "" {
		t.Error("a name became a header")
	}
	leaves := map[string]string{}
	parts(t, m.Header, m.Body, leaves)
	for _, never := range []string{"<script", "<img src=https", "onerror=alert(1)>"} {
		if strings.Contains(leaves["text/html"], never) {
			t.Errorf("the HTML has %q: %s", never, leaves["text/html"])
		}
	}
	if !bytes.Contains([]byte(leaves["text/html"]), []byte("&lt;script&gt;")) {
		t.Error("the name is not there at all")
	}
}
