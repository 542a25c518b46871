package plan

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge/checks"
)

func (b *builder) webSocket(f webSocketFile, path string) *checks.WebSocket {
	out := &checks.WebSocket{
		URL: value(f.URL, ""), Headers: f.Headers, Subprotocol: value(f.Subprotocol, ""), Send: value(f.Send, ""),
		Text: value(f.Text, ""), Matches: value(f.Matches, ""), Within: b.within(f.Within, path),
	}
	b.urlOf(f.URL, path+".url", "{{ .Canary.URL }}/ws", "ws", "wss", "http", "https")
	b.headers(f.Headers, path+".headers")
	if f.Subprotocol != nil && !checks.HeaderName(out.Subprotocol) {
		b.at(path+".subprotocol", "%q is no name of a subprotocol", out.Subprotocol)
	}
	b.optional(f.Send, path+".send")
	b.optional(f.Text, path+".text")
	b.expression(f.Matches, path+".matches")
	out.Assert = b.assertsOf(checks.OfMessage, f.Assert, path+".assert")
	return out
}

// urlOf checks that a URL is given and that its template gives one of the schemes.
func (b *builder) urlOf(text *string, path, example string, schemes ...string) {
	b.given(text, path, example)
	if text == nil {
		return
	}
	out, ok := b.template(path, *text)
	if !ok {
		return
	}
	u, err := url.Parse(strings.TrimSpace(out))
	switch {
	case err != nil:
		b.at(path, "is not a URL; write for example %s", example)
	case !slices.Contains(schemes, u.Scheme) || u.Host == "":
		b.at(path, "begins with none of %s:// and a host; write for example %s", strings.Join(schemes, "://, "), example)
	case u.User != nil:
		b.at(path, "has a user or password in it, which would be shown wherever the plan is; send them as a header")
	}
}

// headers checks the names and values of headers.
func (b *builder) headers(texts map[string]string, path string) {
	for name, text := range texts {
		if !checks.HeaderName(name) {
			b.at(path+"."+name, "%q is no name of a header", name)
		}
		if strings.ContainsAny(text, "\r\n") {
			b.at(path+"."+name, "has a line break in it, which no header may have; write it on one line")
		}
		b.template(path+"."+name, text)
	}
}

// expression checks a regular expression that may be left out.
func (b *builder) expression(text *string, path string) {
	if text == nil {
		return
	}
	if _, err := regexp.Compile(*text); err != nil {
		b.at(path, "is no regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
}
