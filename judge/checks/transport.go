package checks

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// maxHeaderBytes bounds the headers of an answer.
const maxHeaderBytes = 64 << 10

// Transport sends the HTTP requests of a check: each over a connection of its own,
// without a proxy, and with the guard asked at the dial.
func (g Guard) Transport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		DialContext: g.Dialer().DialContext, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeaderBytes,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
}

// ReadURL reads the URL of a check. Its errors do not quote it, since it may hold a
// password.
func ReadURL(text string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("its URL cannot be read; look for spaces, a wrong port and characters that are not escaped")
	}
	if !slices.Contains(schemes, u.Scheme) || u.Hostname() == "" {
		return nil, errors.New("its URL must start with " + strings.Join(schemes, ":// or ") + ":// and a host; is the arm's URL known?")
	}
	return u, nil
}

// Path names a URL in sentences, without its user, its host, its query and its fragment.
func Path(u *url.URL) string {
	p := u.EscapedPath()
	if p == "" {
		p = "/"
	}
	if u.RawQuery != "" {
		p += "?…"
	}
	return clip(oneLine(p), 100)
}

var headerNames = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")

// HeaderName reports whether a text can be the name of a header.
func HeaderName(name string) bool { return headerNames.MatchString(name) }

// SetHeaders puts headers on a request. The name Host sets the host that is asked for.
func SetHeaders(req *http.Request, headers map[string]string) error {
	req.Header.Set("User-Agent", "serin-check")
	for name, value := range headers {
		if !HeaderName(name) || strings.ContainsAny(value, "\r\n\x00") {
			return errors.New("its header " + ExcerptWithout(name, 60, nil) + " cannot be sent; look for spaces in the name and line breaks in the value")
		}
		if strings.EqualFold(name, "Host") {
			req.Host = value
			continue
		}
		req.Header.Set(name, value)
	}
	return nil
}

// noUpgrade is a round tripper for requests that ask for no other protocol.
type noUpgrade struct{ next http.RoundTripper }

// NoUpgrade returns a round tripper that takes an answer which switches to another
// protocol for an error. Nobody asked for that; its body would be the bare connection,
// and no end of the request's time ends a read of it.
func NoUpgrade(next http.RoundTripper) http.RoundTripper { return noUpgrade{next} }

// RoundTrip implements http.RoundTripper.
func (n noUpgrade) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := n.next.RoundTrip(req)
	if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body.Close()
		return nil, errors.New("the answer was 101, which switches to another protocol that nobody asked for")
	}
	return resp, err
}
