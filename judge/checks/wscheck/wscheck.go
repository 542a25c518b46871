// Package wscheck runs checks that are the hello of a WebSocket.
//
// A check passes when the server agrees to the upgrade (and to the subprotocol, where
// one is asked for) and, where a message is wanted, one of its first ten messages is
// what it must be. A message is sent first where the check has one. Then the connection
// is closed as the protocol has it; a server that does not answer the close within a
// second is said to, and nothing more.
//
// A redirect is an answer, and is not followed. The guard is asked with the resolved
// address at the dial, no proxy is used, compression is not offered, and at most 64 KiB
// of a message are read.
package wscheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/serin-canary/serin/judge/checks"
)

var _ checks.Runner = (*Runner)(nil)

const (
	maxMessage  = 64 << 10 // bytes
	maxMessages = 10
	forClosing  = time.Second
)

// Config is what a [Runner] is made of.
type Config = checks.Reach

// Runner runs WebSocket checks. It may be used by many goroutines.
type Runner struct{ cfg Config }

// New returns a runner.
func New(cfg Config) *Runner {
	cfg.Clock = cfg.Clock.WithDefaults()
	return &Runner{cfg}
}

// Run implements checks.Runner.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return r.cfg.Clock.Run(ctx, s, func() (checks.Probe, error) { return r.prepare(s.WebSocket, t) })
}

// probe is a check with its templates rendered.
type probe struct {
	runner      *Runner
	url         *url.URL
	headers     http.Header
	host        string
	hidden      []string
	subprotocol string
	send, text  string
	matches     *regexp.Regexp
	asserts     []*checks.Assertion
}

func (r *Runner) prepare(c *checks.WebSocket, t checks.Target) (checks.Probe, error) {
	if c == nil {
		return checks.Probe{}, errors.New("it is not a WebSocket check")
	}
	p := probe{runner: r, subprotocol: c.Subprotocol}
	text, err := checks.Fill("url", c.URL, t)
	if err != nil {
		return checks.Probe{}, err
	}
	if p.url, err = checks.ReadURL(text, "ws", "wss", "http", "https"); err != nil {
		return checks.Probe{}, err
	}
	headers, err := checks.FillAll("header", c.Headers, t)
	if err != nil {
		return checks.Probe{}, err
	}
	req := http.Request{Header: http.Header{}}
	if err := checks.SetHeaders(&req, headers); err != nil {
		return checks.Probe{}, err
	}
	p.headers, p.host, p.hidden = req.Header, req.Host, checks.SecretsOf(headers)
	if p.send, err = checks.Fill("send", c.Send, t); err != nil {
		return checks.Probe{}, err
	}
	if p.text, err = checks.Fill("text", c.Text, t); err != nil {
		return checks.Probe{}, err
	}
	if c.Matches != "" {
		if p.matches, err = regexp.Compile(c.Matches); err != nil {
			return checks.Probe{}, fmt.Errorf("what it must match is no regular expression: %w", err)
		}
	}
	if p.asserts, err = checks.OfMessage.CompileAll(c.Assert); err != nil {
		return checks.Probe{}, err
	}
	return checks.Probe{Name: "WebSocket " + checks.Path(p.url), Within: c.Within, Try: p.try}, nil
}

func (p probe) try(ctx context.Context) checks.Attempt {
	now := p.runner.cfg.Clock.Now
	began := now()
	var raw atomic.Pointer[net.Conn]
	// What ends the attempt ends a read that waits, whatever the library is at.
	defer context.AfterFunc(ctx, func() { closeRaw(&raw) })()
	ws, refusal := p.open(ctx, &raw)
	if refusal != nil {
		return *refusal
	}
	defer func() { _ = ws.CloseNow() }() // after a close it says that there was one
	if got := ws.Subprotocol(); got != p.subprotocol {
		return checks.Failing("was opened, but the server chose %s, want the subprotocol %q", chosen(got), p.subprotocol)
	}
	if p.send != "" {
		if err := ws.Write(ctx, websocket.MessageText, []byte(p.send)); err != nil {
			return checks.Failing("was opened, but could not be written to: %s", p.ending(err))
		}
	}
	said := "was opened"
	if p.text != "" || p.matches != nil || len(p.asserts) > 0 {
		if a := p.hear(ctx, ws, began); a != nil {
			return *a
		}
		said += " and answered as it must"
	}
	said += " in " + checks.Took(now().Sub(began))
	timer := time.AfterFunc(forClosing, func() { closeRaw(&raw) })
	if err := ws.Close(websocket.StatusNormalClosure, ""); !timer.Stop() || err != nil {
		said += "; it was not closed as the protocol has it"
	}
	return checks.Attempt{Status: checks.Passed, Said: said}
}

// open dials and asks for the upgrade.
func (p probe) open(ctx context.Context, raw *atomic.Pointer[net.Conn]) (*websocket.Conn, *checks.Attempt) {
	transport := p.runner.cfg.Guard.Transport(p.runner.cfg.Roots)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, at string) (net.Conn, error) {
		conn, err := dial(ctx, network, at)
		if err == nil {
			raw.Store(&conn)
		}
		return conn, err
	}
	options := &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader: p.headers, Host: p.host,
	}
	if p.subprotocol != "" {
		options.Subprotocols = []string{p.subprotocol}
	}
	ws, resp, err := websocket.Dial(ctx, p.url.String(), options)
	if err == nil {
		ws.SetReadLimit(maxMessage)
		return ws, nil
	}
	var a checks.Attempt
	switch {
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		resp.Body.Close()
		a = checks.Failing("was answered %d and not 101: there is no WebSocket here, or it refuses this one", resp.StatusCode)
	case resp != nil:
		closeRaw(raw)
		a = checks.Failing("was answered 101, but not as an upgrade must be: %s", p.ending(err))
	default:
		a = checks.Unreached(bare(err))
	}
	return nil, &a
}

// bare takes the URL out of an error.
func bare(err error) error {
	for {
		var u *url.Error
		if !errors.As(err, &u) {
			return err
		}
		err = u.Err
	}
}

func closeRaw(raw *atomic.Pointer[net.Conn]) {
	if c := raw.Load(); c != nil {
		_ = (*c).Close() // a second close is no news
	}
}

// hear reads messages until one is what it must be; nil then.
func (p probe) hear(ctx context.Context, ws *websocket.Conn, began time.Time) *checks.Attempt {
	wrong := ""
	for n := range maxMessages {
		_, message, err := ws.Read(ctx)
		if err != nil {
			a := checks.Failing("was opened, but said nothing: %s", p.ending(err))
			if n > 0 {
				a = checks.Failing("was opened, but %s; after %d messages: %s", wrong, n, p.ending(err))
			}
			return &a
		}
		if wrong = p.wrong(ctx, string(message), p.runner.cfg.Clock.Now().Sub(began)); wrong == "" {
			return nil
		}
	}
	a := checks.Failing("was opened, but %s; it was the last of %d messages, and no more are read", wrong, maxMessages)
	return &a
}

// wrong says what is wrong with a message, "" where nothing is.
func (p probe) wrong(ctx context.Context, message string, took time.Duration) string {
	said := "said " + checks.ExcerptWithout(message, 80, p.hidden)
	switch {
	case p.text != "" && message != p.text:
		return said + ", want " + checks.ExcerptWithout(p.text, 80, p.hidden)
	case p.matches != nil && !p.matches.MatchString(message):
		return said + ", which does not match"
	}
	of := checks.Answer{Body: message, Latency: took, Hidden: p.hidden}
	v, err := checks.ReadJSON([]byte(message))
	if of.JSON = v; err != nil {
		of.NoJSON = err.Error()
	}
	if bad := checks.Unmet(ctx, p.asserts, of); bad != "" {
		return said + ", and " + bad
	}
	return ""
}

// ending says how a connection ended.
func (p probe) ending(err error) string {
	var closed websocket.CloseError
	switch {
	case errors.As(err, &closed):
		text := fmt.Sprintf("it closed the connection with status %d", closed.Code)
		if closed.Reason != "" {
			text += " " + checks.ExcerptWithout(closed.Reason, 80, p.hidden)
		}
		return text
	case errors.Is(err, websocket.ErrMessageTooBig):
		return "a message is more than 64 KiB, and no more is read"
	case errors.Is(err, net.ErrClosed):
		return "it took longer than it may"
	}
	return checks.Cause(err)
}

func chosen(subprotocol string) string {
	if subprotocol == "" {
		return "none"
	}
	return checks.Excerpt(subprotocol)
}
