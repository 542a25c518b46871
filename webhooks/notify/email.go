package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/queries/store"
)

// Email sends mail by an SMTP server, once at the end.
type Email struct {
	// Host is the server; Port is 587 by default, 465 with implicit TLS.
	Host string `yaml:"host"`
	Port int    `yaml:"port"`
	// TLS is starttls (default), which is insisted on, or implicit; none is for a server
	// on this machine only.
	TLS string `yaml:"tls"`
	// Username and Password (a reference) prove Serin to the server.
	Username string       `yaml:"username"`
	Password store.Secret `yaml:"password"`
	From     string       `yaml:"from"`
	To       []string     `yaml:"to"`
}

// The ways to TLS.
const (
	mailStartTLS = "starttls"
	mailImplicit = "implicit"
	mailPlain    = "none"
)

func (e *Email) check(at string, fault Fault) {
	if e.Host == "" || strings.ContainsAny(e.Host, " /@:") && net.ParseIP(e.Host) == nil {
		fault(at+".host", "%q is no host; write for example smtp.example.com, and the port as port", e.Host)
	}
	if e.Port < 0 || e.Port > 65535 {
		fault(at+".port", "%d is no port", e.Port)
	}
	switch e.TLS {
	case "", mailStartTLS, mailImplicit:
	case mailPlain:
		if !ownMachine(e.Host) {
			fault(at+".tls", "mail without TLS can be read and changed on its way; none is for a server on this machine only")
		}
	default:
		fault(at+".tls", "%q is none; write starttls (default), implicit or none", e.TLS)
	}
	if (e.Username == "") != (e.Password == "") {
		fault(at+".username", "a user has a password and a password a user; write username and password")
	} else if e.Password != "" {
		if err := e.Password.Check(); err != nil {
			fault(at+".password", "%s", err)
		}
	}
	if _, err := mail.ParseAddress(e.From); err != nil {
		fault(at+".from", "%q is no address; write for example Serin <serin@example.com>", e.From)
	}
	if len(e.To) == 0 {
		fault(at+".to", "nobody is written to; list at least one address")
	}
	for i, a := range e.To {
		if _, err := mail.ParseAddress(a); err != nil {
			fault(fmt.Sprintf("%s.to[%d]", at, i), "%q is no address", a)
		}
	}
}

func (e *Email) open(o opening) (channel, error) {
	m := mailer{Email: *e, o: o}
	if m.Port == 0 {
		m.Port = 587
		if m.TLS == mailImplicit {
			m.Port = 465
		}
	}
	_, err := m.client()
	return m, err
}

type mailer struct {
	Email
	o opening
}

func (m mailer) host() string { return net.JoinHostPort(m.Host, strconv.Itoa(m.Port)) }

// client returns a client with the password as it is now.
func (m mailer) client() (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(m.Port), gomail.WithTimeout(attempt / 2), gomail.WithTLSPolicy(gomail.TLSMandatory),
		gomail.WithTLSConfig(&tls.Config{ServerName: m.Host, MinVersion: tls.VersionTLS12, RootCAs: m.o.c.Roots}),
	}
	switch m.TLS {
	case mailImplicit:
		options = append(options, gomail.WithSSL())
	case mailPlain:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if dial := m.o.c.Dial; dial != nil {
		options = append(options, gomail.WithDialContextFunc(m.dial))
	}
	if m.Username != "" {
		password, err := m.Password.Read()
		if err != nil {
			return nil, err
		}
		// The library knows of TLS that it began itself only: elsewhere it is told PLAIN, which
		// is inside TLS then, or stays on this machine.
		way := gomail.SMTPAuthPlainNoEnc
		if m.TLS != mailImplicit && m.TLS != mailPlain {
			way = gomail.SMTPAuthAutoDiscover
		}
		options = append(options, gomail.WithSMTPAuth(way), gomail.WithUsername(m.Username), gomail.WithPassword(password))
	}
	return gomail.NewClient(m.Host, options...)
}

// dial dials only what may be dialled, and speaks TLS from the start where it is implicit.
func (m mailer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := m.o.c.Dial(ctx, network, address)
	if err != nil || m.TLS != mailImplicit {
		return c, err
	}
	t := tls.Client(c, &tls.Config{ServerName: m.Host, MinVersion: tls.VersionTLS12, RootCAs: m.o.c.Roots})
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return t, nil
}

// tell implements channel.
func (m mailer) tell(ctx context.Context, what *message) error {
	return what.onceEach(ctx, func(rank int) error {
		letter, err := m.letter(ctx, what, rank)
		if err != nil {
			return fmt.Errorf("the mail could not be written: %w: %w", err, outbox.ErrPermanent)
		}
		return m.send(ctx, letter)
	})
}

// send hands a letter to the server. Once it has the whole letter, it may have taken it,
// whatever came of the connection.
func (m mailer) send(ctx context.Context, letter *gomail.Msg) error {
	c, err := m.client()
	if err != nil {
		return refused(err)
	}
	s, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return m.said("cannot be reached, or does not know Serin", err)
	}
	defer func() { _ = c.CloseWithSMTPClient(s) }() // the letter is there, or not
	err = c.SendWithSMTPClient(s, letter)
	var refusal *gomail.SendError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal) && refusal.ErrorCode() >= 500:
		return refused(m.said("refused the mail", err))
	case errors.As(err, &refusal) && refusal.ErrorCode() >= 400:
		return m.said("does not take the mail now", err)
	}
	return unsureError{m.said("did not finish", err)}
}

// said writes a failure without the password.
func (m mailer) said(what string, err error) error {
	password, _ := m.Password.Read() // without one there is none to hide
	text := fmt.Errorf("%s %s: %s", m.host(), what, store.Redact(err.Error(), password))
	if errors.Is(err, outbox.ErrPermanent) {
		return fmt.Errorf("%w: %w", text, outbox.ErrPermanent)
	}
	return text
}

// letter writes the mail: text, the same as HTML, and the picture of what failed in it.
// Its ID is the same whenever it is sent again, and what is graver answers what was told
// before.
func (m mailer) letter(ctx context.Context, n *message, rank int) (*gomail.Msg, error) {
	l := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := errors.Join(l.From(m.From), l.To(m.To...)); err != nil {
		return nil, err
	}
	l.Subject(fit(oneLine(n.Headline), 180, asIs))
	l.SetDateWithValue(m.o.c.Now())
	l.SetMessageIDWithValue(m.id(n, rank))
	before := n.entry.Rank
	if before == 0 && n.entry.Paged {
		before = rankPage
	}
	if before != 0 {
		l.SetGenHeader(gomail.HeaderInReplyTo, "<"+m.id(n, before)+">")
		l.SetGenHeader(gomail.HeaderReferences, "<"+m.id(n, before)+">")
	}
	l.SetGenHeader("Auto-Submitted", "auto-generated")
	l.SetGenHeader("X-Serin-Rollout", n.ID)
	var p Picture
	if n.Outcome != judge.Promote.String() {
		var err error
		if p, err = n.draw(ctx); err != nil {
			n.log.Warn("a mail goes without its picture", "target", n.Target, "rollout", n.ID, "error", err)
		}
	}
	l.SetBodyString(gomail.TypeTextPlain, mailText(n))
	html, err := mailHTML(n, p)
	if err != nil {
		return nil, err
	}
	l.AddAlternativeString(gomail.TypeTextHTML, html)
	if len(p.PNG) > 0 {
		err = l.EmbedReader(pictureName, bytes.NewReader(p.PNG), gomail.WithFileContentID(pictureName), gomail.WithFileContentType("image/png"))
	}
	return l, err
}

// pictureName is what the HTML calls the picture.
const pictureName = "evidence.png"

// id is a letter's Message-ID, without its brackets.
func (m mailer) id(n *message, rank int) string {
	sum := sha256.Sum256([]byte(n.ID + "\n" + n.Target + "\n" + strconv.Itoa(rank)))
	host := "serin.invalid"
	if a, err := mail.ParseAddress(m.From); err == nil {
		_, host, _ = strings.Cut(a.Address, "@")
	}
	return hex.EncodeToString(sum[:16]) + "@" + host
}

// oneLine leaves nothing in a text that could begin another header.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == ' ' || r == 0x2028 || r == 0x2029 }), " ")
}

// probe implements channel: it greets the server and proves itself, and sends nothing.
func (m mailer) probe(ctx context.Context) (string, error) {
	c, err := m.client()
	if err != nil {
		return "", err
	}
	s, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return "", m.said("cannot be reached, or does not know Serin", err)
	}
	if err := c.CloseWithSMTPClient(s); err != nil {
		return "", m.said("did not say goodbye", err)
	}
	return "the server greets, and takes the credentials", nil
}
