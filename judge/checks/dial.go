package checks

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"text/template"
)

// Guard is asked before each connection with the address that was resolved; its error
// forbids it. Nil allows every address.
type Guard func(netip.AddrPort) error

// Reach is how runners of checks reach what they ask. The zero value is usable.
type Reach struct {
	Clock Clock
	// Guard is asked before each connection, also of a redirect. By default every
	// address is allowed, loopback and private ones too, since plans are the operator's
	// own.
	Guard Guard
	// Roots are the authorities that certificates are verified by (default: the system's).
	Roots *x509.CertPool
}

// Dialer returns a dialler that asks the guard. A refusal is found by [Refusal].
func (g Guard) Dialer() *net.Dialer {
	d := &net.Dialer{}
	if g != nil {
		d.Control = func(_, address string, _ syscall.RawConn) error { return g.ask(address) }
	}
	return d
}

// forbidden is the guard's refusal on its way through the net package.
type forbidden struct{ err error }

// Error says what the guard said.
func (f *forbidden) Error() string { return f.err.Error() }

// Unwrap returns the guard's error.
func (f *forbidden) Unwrap() error { return f.err }

// ask asks the guard. The dialler calls it on a goroutine of its own, where a panic
// would end the process.
func (g Guard) ask(address string) (err error) {
	defer func() {
		if recover() != nil {
			err = &forbidden{errors.New("the address guard failed; this is a defect of the server")}
		}
	}()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return &forbidden{fmt.Errorf("its address cannot be read: %w", err)}
	}
	// An IPv4 address in IPv6 clothes is still that address.
	if err := g(netip.AddrPortFrom(at.Addr().Unmap(), at.Port())); err != nil {
		return &forbidden{err}
	}
	return nil
}

// Refusal returns the guard's refusal where that is what ended a connection, else nil.
func Refusal(err error) error {
	var f *forbidden
	if errors.As(err, &f) {
		return f.err
	}
	return nil
}

// Fill renders a template of a check. A name that the target does not have is an error,
// and so is a secret that cannot be read.
func Fill(name, text string, t Target) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	tmpl, err := template.New(name).Option("missingkey=error").Funcs(t.TemplateFuncs()).Parse(text)
	if err != nil {
		return "", fmt.Errorf("its %s is no template: %w", name, err)
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, t); err != nil {
		if secret := (*secretError)(nil); errors.As(err, &secret) {
			return "", fmt.Errorf("its %s cannot be filled in: %w", name, secret)
		}
		return "", fmt.Errorf("its %s cannot be filled in: %w", name, err)
	}
	return b.String(), nil
}

// HostPort reads the address of a check: host:port, or an http or https URL, of which
// it takes the host and the port. Its errors quote nothing.
func HostPort(text string) (string, error) {
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil {
			return "", errors.New("its address is a URL that cannot be read")
		}
		port := u.Port()
		switch {
		case port != "":
		case u.Scheme == "https":
			port = "443"
		case u.Scheme == "http":
			port = "80"
		}
		text = net.JoinHostPort(u.Hostname(), port)
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || !validPort(port) {
		return "", errors.New("its address is not host:port; write for example db.shop:5432 or {{ .Canary.URL }}")
	}
	return text, nil
}

func validPort(p string) bool {
	n := 0
	for _, r := range p {
		if r < '0' || r > '9' || len(p) > 5 {
			return false
		}
		n = 10*n + int(r-'0')
	}
	return n > 0 && n < 65536
}
