package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks/reply"
)

// KindCallback is the kind of the jobs that [Callbacks] sends.
const KindCallback = "callback"

// CallbackConfig is what [Callbacks] are made of.
type CallbackConfig struct {
	// Secrets sign, each with a signature of its own: the newest, and during a
	// rotation the one before. A secret is whsec_ and 24 to 64 bytes in base64.
	Secrets []string
	// Hosts may be called: ci.example.com, *.example.com, host:8443, host:* for any
	// port, or * for every host. Without a port it is the scheme's own.
	Hosts []string
	// PlainHTTP allows http beside https.
	PlainHTTP bool
	// Bearers are the tokens of receivers that want one, beside the signature. The
	// first whose host fits is sent, over https only.
	Bearers []CallbackBearer
	// Guard refuses addresses that may not be dialled. It is asked about every
	// resolved address.
	Guard func(netip.AddrPort) error
	// BaseURL is how people reach this server; empty leaves links relative.
	BaseURL string
	Now     func() time.Time // default time.Now
	// Client is for tests; default: one that verifies certificates.
	Client *http.Transport
}

// CallbackBearer is a receiver's token.
type CallbackBearer struct {
	Host  string // as in [CallbackConfig.Hosts], but not *
	Token string // sent as Authorization: Bearer
}

// bearer is one with its host read.
type bearer struct {
	hostPattern
	token string
}

// Callbacks tell how rollouts end, to the URLs that their announcements gave. They
// are signed by the Standard Webhooks specification.
type Callbacks struct {
	c       CallbackConfig
	signers reply.Signers
	hosts   []hostPattern
	bearers []bearer
	client  *http.Client
}

// NewCallbacks returns callbacks. It refuses secrets and hosts that are none, and
// secrets without a host and the other way round.
func NewCallbacks(c CallbackConfig) (*Callbacks, error) {
	if len(c.Secrets) == 0 {
		return nil, errors.New("webhooks: callbacks need a secret to sign with")
	}
	if len(c.Hosts) == 0 {
		return nil, errors.New("webhooks: callbacks need hosts that may be called; write \"*\" for every public one")
	}
	if c.Guard == nil {
		return nil, errors.New("webhooks: callbacks need a guard of the addresses that are dialled")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	cb := &Callbacks{c: c}
	for i, text := range c.Secrets {
		s, err := reply.ReadSigner(text)
		if err != nil {
			return nil, fmt.Errorf("webhooks: callback secret %d: it %w", i+1, err)
		}
		cb.signers = append(cb.signers, s)
	}
	for _, text := range c.Hosts {
		p, err := readHost(text)
		if err != nil {
			return nil, fmt.Errorf("webhooks: %w", err)
		}
		cb.hosts = append(cb.hosts, p)
	}
	for _, b := range c.Bearers {
		p, err := readBearer(b)
		if err != nil {
			return nil, fmt.Errorf("webhooks: %w", err)
		}
		cb.bearers = append(cb.bearers, p)
	}
	cb.client = cb.newClient()
	return cb, nil
}

// newClient returns a client that follows no redirect, uses no proxy (which would
// dial in its stead) and dials only what the guard allows.
func (cb *Callbacks) newClient() *http.Client {
	t := cb.c.Client
	if t == nil {
		t = &http.Transport{}
	}
	t.Proxy = nil
	t.DialContext = (&net.Dialer{
		Timeout: 5 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%q is no address: %w", address, err)
			}
			if err := cb.c.Guard(to); err != nil {
				return &forbiddenError{err}
			}
			return nil
		},
	}).DialContext
	t.TLSHandshakeTimeout, t.ResponseHeaderTimeout, t.IdleConnTimeout = 5*time.Second, 10*time.Second, 15*time.Second
	t.MaxResponseHeaderBytes, t.MaxIdleConns = 32<<10, 16
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes idle connections.
func (cb *Callbacks) Close() { cb.client.CloseIdleConnections() }

// forbiddenError is an address that the guard refused.
type forbiddenError struct{ err error }

// Error returns the guard's words.
func (e *forbiddenError) Error() string { return e.err.Error() }

// Unwrap returns the guard's error.
func (e *forbiddenError) Unwrap() error { return e.err }

// hostPattern is a host, or all hosts below a domain, on one port or on any.
type hostPattern struct{ host, port string }

// CheckCallbackHost says what is wrong with an entry of [CallbackConfig.Hosts].
func CheckCallbackHost(text string) error {
	_, err := readHost(text)
	return err
}

func readHost(text string) (hostPattern, error) {
	p := hostPattern{host: strings.ToLower(text)}
	if host, port, err := net.SplitHostPort(p.host); err == nil {
		p = hostPattern{host, port}
	}
	p.host = strings.TrimSuffix(strings.Trim(p.host, "[]"), ".")
	name := strings.TrimPrefix(p.host, "*.")
	_, portless := strconv.ParseUint(p.port, 10, 16)
	if p.port != "" && p.port != "*" && portless != nil {
		p.host = ""
	}
	if p.host == "" || strings.ContainsAny(p.host, "/@?#") || (p.host != "*" && strings.Contains(name, "*")) {
		return p, fmt.Errorf("%q is no host; write ci.example.com, *.example.com, ci.example.com:8443, or * for every public host", text)
	}
	return p, nil
}

// fits reports whether a URL's host and port are meant.
func (p hostPattern) fits(u *url.URL) bool {
	port := u.Port()
	switch {
	case p.port == "*":
	case p.port != "" && port != p.port:
		return false
	case p.port == "" && port != "" && port != map[string]string{"https": "443", "http": "80"}[u.Scheme]:
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	below, wild := strings.CutPrefix(p.host, "*.")
	return p.host == "*" || host == p.host || wild && strings.HasSuffix(host, "."+below)
}

// Check refuses a URL that callbacks may not be sent to. Nothing is asked of the
// network: where a name leads is found out, and guarded, at each dial.
func (cb *Callbacks) Check(text string) error {
	const field = "callback_url"
	const next = "write it like https://ci.example.com/serin"
	u, err := url.Parse(text)
	if err != nil || len(text) > 2048 || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return bad(next, field+": not an https URL")
	}
	switch {
	case u.User != nil:
		return bad(next, field+": a URL here may not carry credentials, since it is recorded and shown; callbacks are signed instead")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return bad("tell callbacks apart by the path", field+": a URL here may have no query and no fragment, since it is recorded and shown")
	case u.Scheme == "http" && !cb.c.PlainHTTP:
		return bad(next, field+": plain http is not allowed here")
	case u.Scheme == "http" && cb.tokenFor(u) != "":
		return bad(next, field+": this host is sent a token, which plain http would show to others")
	}
	allowed := false
	for _, p := range cb.hosts {
		allowed = allowed || p.fits(u)
	}
	if !allowed {
		return bad("ask the operator to list the host under callbacks.hosts", field+": %s is not among the hosts that may be called", quoted(u.Host))
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		if err := cb.c.Guard(netip.AddrPortFrom(ip, 443)); err != nil {
			return bad("name a host that may be called", field+": %s", err)
		}
	}
	return nil
}

// callbackBody is the body of a callback's job.
type callbackBody struct {
	URL     string          `json:"url"`
	Payload json.RawMessage `json:"payload"`
}

// Send sends one callback; it is the outbox's handler of [KindCallback].
//
// 2xx is done and 410 is for good; 429 and 503 say when to come again. Everything
// else, a redirect included, is tried again.
func (cb *Callbacks) Send(ctx context.Context, j outbox.Job) error {
	var b callbackBody
	if err := json.Unmarshal(j.Body, &b); err != nil {
		return fmt.Errorf("the job's body cannot be read: %w: %w", err, outbox.ErrPermanent)
	}
	// The configuration may have changed since the rollout was announced.
	if err := cb.Check(b.URL); err != nil {
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	}
	r, err := cb.request(ctx, j.Key, b)
	if err != nil {
		return err
	}
	answer, err := cb.client.Do(r)
	if err != nil {
		return cb.unreachable(r, err)
	}
	defer answer.Body.Close()
	reply.Drain(answer)
	return judgeAnswer(answer, cb.c.Now())
}
