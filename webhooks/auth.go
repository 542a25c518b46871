package webhooks

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"
)

// digests hashes tokens, so that comparing takes the same time for every length.
func digests(tokens []string) [][32]byte {
	out := make([][32]byte, len(tokens))
	for i, t := range tokens {
		out[i] = sha256.Sum256([]byte(t))
	}
	return out
}

// accepts reports whether a token is one of those configured. It looks at all of
// them, however early one fits.
func (s *Server) accepts(token string) bool {
	given := sha256.Sum256([]byte(token))
	fits := 0
	for i := range s.tokens {
		fits |= subtle.ConstantTimeCompare(given[:], s.tokens[i][:])
	}
	return fits == 1
}

// presented reports whether a request's header carries an accepted token: as a
// bearer token, or as the password of Basic (the only thing that Flagger can
// send; it takes it from the URL's user part).
func (s *Server) presented(r *http.Request) bool {
	if _, password, ok := r.BasicAuth(); ok {
		return s.accepts(password)
	}
	scheme, token, ok := strings.Cut(r.Header.Get(echo.HeaderAuthorization), " ")
	return ok && strings.EqualFold(scheme, "bearer") && s.accepts(strings.TrimSpace(token))
}

func unauthorised() *HTTPError {
	return &HTTPError{
		Code: http.StatusUnauthorized, Public: "no accepted token was presented",
		Next: "send it as a bearer token, as the password of Basic, or (Flagger) as metadata.token",
	}
}

// isOpen reports whether a route answers without a token: one that says nothing
// but whether the server is well.
func isOpen(c echo.Context) bool { return c.Path() == "/healthz" || c.Path() == "/readyz" }

// authenticate refuses requests without an accepted token. Flagger's hooks are
// left to their handler, since the token may be in the body.
func (s *Server) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if isOpen(c) {
			return next(c)
		}
		r := c.Request()
		if len(s.tokens) == 0 {
			if err := onlyLoopback(r); err != nil {
				return err
			}
			return next(c)
		}
		if isHook(c) || s.presented(r) {
			return next(c)
		}
		return unauthorised()
	}
}

// isHook reports whether the request has been matched to one of Flagger's hooks,
// whose handler asks for the token itself.
func isHook(c echo.Context) bool {
	return strings.HasPrefix(c.Path(), flaggerPrefix) && c.Path() != flaggerPrefix+"*" && c.Request().Method == http.MethodPost
}

// authorisedHook decides over a Flagger hook: a token in a header or in the body.
func (s *Server) authorisedHook(r *http.Request, body string) bool {
	return len(s.tokens) == 0 || s.presented(r) || (body != "" && s.accepts(body))
}

// onlyLoopback refuses what did not come in on a loopback address, by the
// connection and by the name that was asked for. The name is what a page in a
// browser cannot choose freely: without this, any site that its user visits could
// have its own name resolve to 127.0.0.1 and speak to this server.
func onlyLoopback(r *http.Request) error {
	refusal := &HTTPError{
		Code: http.StatusForbidden, Public: "no token is configured, so only requests on loopback are answered",
		Next: "configure a token or listen on loopback",
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || !loopback(local) {
		return refusal
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return nil
	}
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return nil
	}
	refusal.Public = "no token is configured, so only requests to localhost are answered"
	return refusal
}

// mayListen refuses a listener that strangers could reach while no token is
// configured.
func (s *Server) mayListen(a net.Addr) error {
	if len(s.tokens) > 0 || loopback(a) {
		return nil
	}
	return fmt.Errorf("webhooks: no token is configured and %s is not a loopback address; configure a token or listen on loopback (127.0.0.1)", a)
}

// loopback reports whether only this machine reaches an address.
func loopback(a net.Addr) bool {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
