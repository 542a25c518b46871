package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/queries/store"
	"github.com/serin-canary/serin/webhooks/reply"
)

// mending is how long a service that refused something is left alone with it: somebody
// must mend a credential or a name first, and nobody tells Serin when that is done.
const mending = 2 * time.Minute

// mostAnswer bounds an answer, in bytes.
const mostAnswer = 1 << 20

// call is a request of a service.
type call struct {
	method, url string
	header      http.Header
	body        []byte
	// secrets must not be in what is said about it.
	secrets []string
}

// answer is what came back.
type answer struct {
	code   int
	header http.Header
	body   []byte
	host   string
}

// caller makes calls.
type caller struct {
	client *http.Client
	now    func() time.Time
}

// do makes a call. An error says that there is no answer.
func (c caller) do(ctx context.Context, k call) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, k.method, k.url, bytes.NewReader(k.body))
	if err != nil {
		return answer{}, fmt.Errorf("the address cannot be used: %w", outbox.ErrPermanent)
	}
	for name, values := range k.header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", "serin")
	resp, err := c.client.Do(r)
	if err != nil {
		err = unreached(r, err, k.secrets)
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return answer{}, unsureError{fmt.Errorf("%s did not finish its answer", r.URL.Host)}
	}
	return answer{resp.StatusCode, resp.Header, text, r.URL.Host}, nil
}

// unreached says why there was no answer. Where the connection was never made, nothing
// was sent; else nobody knows.
func unreached(r *http.Request, err error, secrets []string) error {
	said := fmt.Errorf("%s", store.Redact(reply.Unreachable(r, err).Error(), secrets...))
	if errors.Is(err, outbox.ErrPermanent) {
		return fmt.Errorf("%w: %w", said, outbox.ErrPermanent)
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return said
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return said
	}
	return unsureError{said}
}

// limitedError is a service's wish to be left alone.
type limitedError struct {
	error
	after time.Duration
}

// Unwrap returns the cause.
func (e *limitedError) Unwrap() error { return e.error }

// limited is a failure that says when to come again, for everything that goes there.
func limited(err error, after time.Duration) error {
	after = min(max(after, time.Second), time.Hour)
	return &outbox.LaterError{Err: &limitedError{err, after}, After: after}
}

// refused is a failure that somebody must mend: it is tried again, slowly.
func refused(err error) error { return &outbox.LaterError{Err: err, After: mending, Refused: true} }

// judged says what a status means; nil is success.
//
// 429 and 503 say when to come again. What a person can mend (401, 403, 404, 410, a
// redirect) is tried again slowly; what the service calls malformed never. After any
// other answer nobody knows what was done.
func (c caller) judged(a answer, secrets ...string) error {
	if a.code >= 200 && a.code < 300 {
		return nil
	}
	err := fmt.Errorf("%s answered %d %s", a.host, a.code, http.StatusText(a.code))
	if said := saidBy(a, secrets); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	after := reply.RetryAfter(a.header, c.now())
	switch a.code {
	case http.StatusTooManyRequests:
		return limited(err, max(after, 10*time.Second))
	case http.StatusServiceUnavailable:
		if after > 0 {
			return limited(err, after)
		}
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone, http.StatusMethodNotAllowed:
		return refused(err)
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType:
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	}
	if a.code < 500 {
		return refused(err)
	}
	return unsureError{err}
}

// saidBy is a service's own word about a refusal, where it is short and no page.
func saidBy(a answer, secrets []string) string {
	text := strings.TrimSpace(string(a.body))
	if strings.HasPrefix(text, "<") || len(text) > 4<<10 {
		return ""
	}
	return store.Redact(text, secrets...)
}

// jsonCall is a POST of JSON.
func jsonCall(address string, body any) (call, error) {
	text, err := encode(body)
	return call{method: http.MethodPost, url: address, body: text, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}, err
}

// encode writes JSON without escaping HTML, which doubles a text's length.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// checkURL says what is wrong with the address of a service: it is https, or http to this
// machine. It does not quote what may be a credential.
func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		return errors.New("this is no address; write for example https://hooks.example.com/serin")
	}
	if u.User != nil {
		return errors.New("the address has a user or a password in it, which would be shown; credentials are named by reference")
	}
	if u.Scheme == "https" || u.Scheme == "http" && ownMachine(u.Hostname()) {
		return nil
	}
	return errors.New("this is no https address; plain http is for this machine only")
}

func ownMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// secretURL reads an address that is a credential itself, and checks it.
func secretURL(s store.Secret) (string, error) {
	text, err := s.Read()
	if err != nil {
		return "", refused(err)
	}
	if err := checkURL(text); err != nil {
		return "", refused(fmt.Errorf("what %s holds: %w", s, err))
	}
	return text, nil
}

// hostOf is an address's host, which may be shown.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// fit cuts a text so that it has at most so many characters once it is escaped.
func fit(text string, most int, escape func(string) string) string {
	whole := escape(text)
	if length(whole) <= most {
		return whole
	}
	r := []rune(text)
	low, high := 0, len(r) // the longest that fits
	for low < high {
		mid := (low + high + 1) / 2
		if length(escape(string(r[:mid])+"…")) <= most {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return escape(strings.TrimRight(string(r[:low]), " ") + "…")
}

// length counts a text's characters as UTF-16 does, which no service counts more than.
func length(text string) int {
	n := 0
	for _, r := range text {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// asIs escapes nothing.
func asIs(text string) string { return text }
