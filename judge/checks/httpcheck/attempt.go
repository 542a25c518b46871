package httpcheck

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/serin-canary/serin/judge/checks"
)

const (
	maxBody      = 1 << 20
	maxRedirects = 3
)

// outcome is what one attempt came to. said continues a sentence that starts with
// the probe's name.
type outcome struct {
	status checks.Status
	said   string
}

func failed(format string, args ...any) outcome {
	return outcome{checks.Failed, fmt.Sprintf(format, args...)}
}

func broken(format string, args ...any) outcome {
	return outcome{checks.Broken, fmt.Sprintf(format, args...)}
}

// answer is what came back.
type answer struct {
	status    int
	body      []byte
	tooLarge  bool
	elsewhere string        // host of a redirect that was not followed
	took      time.Duration // to the last byte
	proto     string
	headers   http.Header
	tls       *tls.ConnectionState
	at        time.Time // of the last byte
}

// attempt sends the request once.
func (r *Runner) attempt(ctx context.Context, p probe) outcome {
	limit := p.within
	if limit <= 0 {
		limit = r.cfg.Timeout
	}
	bound, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(bound, p.method, p.url.String(), strings.NewReader(p.body))
	if err != nil {
		return broken("could not be sent: its method is not one of HTTP's")
	}
	req.Header.Set("User-Agent", "serin-check")
	for key, value := range p.headers {
		if strings.EqualFold(key, "Host") {
			req.Host = value
			continue
		}
		req.Header.Set(key, value)
	}
	a, err := r.send(req, p)
	switch {
	case err == nil:
		return p.read(bound, a)
	case ctx.Err() != nil:
		return broken("was given up by the caller before it was answered")
	case bound.Err() != nil:
		return failed("%s within %s", unanswered(a), duration(limit))
	}
	if no := refusal(err); no != nil {
		return broken("was not sent: %s", line(no.Error()))
	}
	if a.status != 0 {
		return failed("answered %d, and its body broke off: %s", a.status, cause(err))
	}
	return failed("was not answered: %s", cause(err))
}

func unanswered(a answer) string {
	if a.status == 0 {
		return "was not answered"
	}
	return fmt.Sprintf("answered %d, but its body did not end", a.status)
}

// send sends a request and reads its answer to the end. With an error, the status
// says how far it came.
func (r *Runner) send(req *http.Request, p probe) (answer, error) {
	client := http.Client{Transport: r.transport, CheckRedirect: p.redirect}
	began := r.cfg.Now()
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, proto: resp.Proto, headers: resp.Header, tls: resp.TLS}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return a, err
	}
	if len(a.body) > maxBody {
		a.body, a.tooLarge = nil, true
	}
	a.at = r.cfg.Now()
	a.took = a.at.Sub(began)
	if to, err := resp.Location(); err == nil && a.status/100 == 3 && !strings.EqualFold(to.Hostname(), p.url.Hostname()) {
		a.elsewhere = to.Hostname()
	}
	return a, nil
}

// redirect says whether a redirect is followed. One that is not is the answer.
func (p probe) redirect(next *http.Request, via []*http.Request) error {
	hops := maxRedirects
	if p.hops != nil {
		hops = *p.hops
	}
	switch from := via[len(via)-1].URL; {
	case slices.Contains(p.status, next.Response.StatusCode),
		!strings.EqualFold(next.URL.Hostname(), p.url.Hostname()),
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
func (p probe) read(ctx context.Context, a answer) outcome {
	said := fmt.Sprintf("answered %d in %s", a.status, duration(a.took))
	if !slices.Contains(p.status, a.status) {
		if a.elsewhere != "" {
			return failed("%s with a redirect to another host (%s), which is not followed, want %s", said, shorten(line(a.elsewhere), 80), statuses(p.status))
		}
		return failed("%s, want %s", said, statuses(p.status))
	}
	if a.tooLarge && (p.hasJSON || p.within > 0) {
		return failed("%s with more than 1 MiB, and no more is read", said)
	}
	if p.within > 0 && a.took > p.within {
		return failed("%s, want at most %s", said, duration(p.within))
	}
	if bad := p.assert(ctx, a); len(bad) > 0 {
		return failed("%s, but %s", said, strings.Join(bad, "; "))
	}
	if !p.hasJSON {
		return outcome{checks.Passed, said}
	}
	got, err := readJSON(a.body)
	if err != nil {
		return failed("%s, but its body is no JSON: %s", said, shorten(line(err.Error()), 120))
	}
	if d := difference("$", p.json, got, false); d != "" {
		return failed("%s, but %s", said, d)
	}
	return outcome{checks.Passed, said + " with the JSON that is wanted"}
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

// cause returns why a request failed, without its URL.
func cause(err error) string {
	for {
		var u *url.Error
		if !errors.As(err, &u) {
			return shorten(line(err.Error()), 200)
		}
		err = u.Err
	}
}

// duration writes a time as people say it: under 0.1 ms, 0.4 ms, 12 ms, 1.25 s.
func duration(d time.Duration) string {
	switch {
	case d < 100*time.Microsecond:
		return "under 0.1 ms"
	case d < time.Millisecond:
		return trim(strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64)) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	}
	return trim(strconv.FormatFloat(d.Seconds(), 'f', 2, 64)) + " s"
}

func trim(s string) string { return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") }

// line makes one printable line of a text.
func line(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
}

// shorten cuts a text to a number of characters.
func shorten(s string, max int) string {
	if r := []rune(s); len(r) > max {
		return string(r[:max-1]) + "…"
	}
	return s
}
