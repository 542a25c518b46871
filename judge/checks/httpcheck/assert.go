package httpcheck

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/serin-canary/serin/judge/checks"
)

// assert returns a sentence for each assertion that does not hold.
func (p probe) assert(ctx context.Context, a answer) []string {
	if len(p.asserts) == 0 {
		return nil
	}
	const most = 5
	of, bad, more := p.answer(a), []string(nil), 0
	for _, one := range p.asserts {
		switch s := one.Check(ctx, of); {
		case s == "":
		case len(bad) < most:
			bad = append(bad, s)
		default:
			more++
		}
	}
	if more > 0 {
		bad = append(bad, fmt.Sprintf("and %d more do not hold", more))
	}
	return bad
}

// answer is what assertions may speak of.
func (p probe) answer(a answer) checks.Answer {
	out := checks.Answer{
		Status: a.status, Proto: a.proto, Headers: map[string]string{}, Body: string(a.body), Latency: a.took, Hidden: p.secrets(),
		TLS: checks.SeenTLS(a.tls, a.at),
	}
	for name, values := range a.headers {
		out.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	if a.tooLarge {
		out.Cut = "the body is more than 1 MiB, and no more is read"
		return out
	}
	v, err := checks.ReadJSON(a.body)
	if out.JSON = v; err != nil {
		out.NoJSON = err.Error()
	}
	return out
}

// secrets are the credentials that were sent, which a server may echo.
func (p probe) secrets() []string {
	var out []string
	for name, value := range p.headers {
		if secretHeader.MatchString(name) {
			out = append(out, value)
			if _, bare, ok := strings.Cut(value, " "); ok {
				out = append(out, bare)
			}
		}
	}
	fields, err := url.ParseQuery(p.body)
	if err != nil {
		return out
	}
	for name, values := range fields {
		if secretHeader.MatchString(name) {
			out = append(out, values...)
		}
	}
	return out
}

var secretHeader = regexp.MustCompile(`(?i)auth|cookie|token|secret|key|passw|session|signature|credential`)
