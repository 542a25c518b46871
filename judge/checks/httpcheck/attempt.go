package httpcheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

const (
	maxBody      = 1 << 20
	maxRedirects = 3
	maxExcerpt   = 120 // characters
)

// Answer is what came back to a [Request].
type Answer struct {
	Status  int
	Headers http.Header
	// Body is empty where it is longer than 1 MiB.
	Body     []byte
	TooLarge bool
	Took     time.Duration // to the last byte

	elsewhere string // host of a redirect that was not followed
	proto     string
	tls       *tls.ConnectionState
	at        time.Time // of the last byte
}

// Send sends the request once, with the cookies of a jar where there is one, and
// compares the answer with what is wanted. The caller bounds it by [Request.Limit].
func (q *Request) Send(ctx context.Context, jar http.CookieJar) (Answer, checks.Attempt) {
	req, err := http.NewRequestWithContext(ctx, q.method, q.url.String(), strings.NewReader(q.body))
	if err != nil {
		return Answer{}, checks.Breaking("could not be sent: its method is not one of HTTP's")
	}
	req.Header.Set("User-Agent", "serin-check")
	for key, value := range q.headers {
		if strings.EqualFold(key, "Host") {
			req.Host = value
			continue
		}
		req.Header.Set(key, value)
	}
	a, err := q.exchange(req, jar)
	switch {
	case err == nil:
		return a, q.read(ctx, a)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return a, checks.Failing("%s within %s", unanswered(a), checks.Took(q.Limit()))
	case ctx.Err() != nil:
		return a, checks.Breaking("was given up by the caller before it was answered")
	}
	if no := checks.Refusal(err); no != nil {
		return a, checks.Breaking("was not sent: %s", checks.Line(no.Error(), 300))
	}
	if a.Status != 0 {
		return a, checks.Failing("answered %d, and its body broke off: %s", a.Status, checks.Cause(err))
	}
	return a, checks.Failing("was not answered: %s", checks.Cause(err))
}

func unanswered(a Answer) string {
	if a.Status == 0 {
		return "was not answered"
	}
	return fmt.Sprintf("answered %d, but its body did not end", a.Status)
}

// exchange sends a request and reads its answer to the end. With an error, the status
// says how far it came.
func (q *Request) exchange(req *http.Request, jar http.CookieJar) (Answer, error) {
	now := q.runner.cfg.Clock.Now
	client := http.Client{Transport: checks.NoUpgrade(q.runner.transport), CheckRedirect: q.redirect, Jar: jar}
	began := now()
	resp, err := client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	a := Answer{Status: resp.StatusCode, proto: resp.Proto, Headers: resp.Header, tls: resp.TLS}
	a.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return a, err
	}
	if len(a.Body) > maxBody {
		a.Body, a.TooLarge = nil, true
	}
	a.at = now()
	a.Took = a.at.Sub(began)
	if to, err := resp.Location(); err == nil && a.Status/100 == 3 && !strings.EqualFold(to.Hostname(), q.url.Hostname()) {
		a.elsewhere = to.Hostname()
	}
	return a, nil
}

// redirect says whether a redirect is followed. One that is not is the answer.
func (q *Request) redirect(next *http.Request, via []*http.Request) error {
	hops := maxRedirects
	if q.hops != nil {
		hops = *q.hops
	}
	switch from := via[len(via)-1].URL; {
	case slices.Contains(q.status, next.Response.StatusCode),
		!strings.EqualFold(next.URL.Hostname(), q.url.Hostname()),
		from.Scheme == "https" && next.URL.Scheme != "https":
		return http.ErrUseLastResponse
	case hops == 0:
		return http.ErrUseLastResponse
	case len(via) > hops:
		return fmt.Errorf("it was redirected more than %d times", hops)
	}
	return nil
}

// read compares an answer with what is wanted.
func (q *Request) read(ctx context.Context, a Answer) checks.Attempt {
	said := fmt.Sprintf("answered %d in %s", a.Status, checks.Took(a.Took))
	if !slices.Contains(q.status, a.Status) {
		if a.elsewhere != "" {
			return checks.Failing("%s with a redirect to another host (%s), which is not followed, want %s", said, checks.Line(a.elsewhere, 80), statuses(q.status))
		}
		return checks.Failing("%s, want %s%s", said, statuses(q.status), q.says(a))
	}
	if a.TooLarge && (q.hasJSON || q.within > 0) {
		return checks.Failing("%s with more than 1 MiB, and no more is read", said)
	}
	if q.within > 0 && a.Took > q.within {
		return checks.Failing("%s, want at most %s", said, checks.Took(q.within))
	}
	if bad := checks.Unmet(ctx, q.asserts, q.answer(a)); bad != "" {
		return checks.Failing("%s, but %s", said, bad)
	}
	if !q.hasJSON {
		return checks.Attempt{Status: checks.Passed, Said: said}
	}
	got, err := readJSON(a.Body)
	if err != nil {
		return checks.Failing("%s, but its body is no JSON: %s", said, checks.Line(err.Error(), 120))
	}
	if d := (comparison{q.hidden}).difference("$", q.json, got, false); d != "" {
		return checks.Failing("%s, but %s", said, d)
	}
	return checks.Attempt{Status: checks.Passed, Said: said + " with the JSON that is wanted"}
}

// says quotes the beginning of a body, where there is something to read in it.
func (q *Request) says(a Answer) string {
	if text := q.Excerpt(string(a.Body)); text != `""` {
		return "; it says " + text
	}
	return ""
}

// Excerpt writes the beginning of a text in quotes, without credentials.
func (q *Request) Excerpt(text string) string {
	return checks.ExcerptWithout(q.veil.Hide(text[:min(len(text), 4<<10)]), maxExcerpt, q.hidden)
}

// answer is what assertions may speak of.
func (q *Request) answer(a Answer) checks.Answer {
	out := checks.Answer{
		Status: a.Status, Proto: a.proto, Headers: map[string]string{}, Body: string(a.Body), Latency: a.Took, Hidden: q.hidden,
		TLS: checks.SeenTLS(a.tls, a.at),
	}
	for name, values := range a.Headers {
		out.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	if a.TooLarge {
		out.Cut = "the body is more than 1 MiB, and no more is read"
		return out
	}
	v, err := checks.ReadJSON(a.Body)
	if out.JSON = v; err != nil {
		out.NoJSON = err.Error()
	}
	return out
}

// statuses lists the statuses that pass.
func statuses(s []int) string {
	words := make([]string, len(s))
	for i, v := range s {
		words[i] = strconv.Itoa(v)
	}
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
