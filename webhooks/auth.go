package webhooks

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// caller is who sent a request. The zero caller may do nothing.
type caller struct {
	// token is what was presented and accepted; nil where nothing was, or where no
	// token is configured at all.
	token *Token
	// local says that no token is configured and the request came in on loopback:
	// whoever can run programs on this machine may do everything.
	local bool
}

// name returns who it is, for logs and the audit trail.
func (w caller) name() string {
	switch {
	case w.token != nil:
		return w.token.Name
	case w.local:
		return "loopback"
	}
	return "nobody"
}

// known reports whether the caller may be answered at all.
func (w caller) known() bool { return w.local || w.token != nil }

// sees reports whether a caller may know of what is in a namespace.
func (w caller) sees(namespace string) bool {
	return w.local || (w.token != nil && w.token.inside(namespace))
}

// everywhere reports whether a caller may know of every namespace.
func (w caller) everywhere() bool { return w.local || (w.token != nil && w.token.everywhere()) }

// callerKey is where a request's context holds its caller.
const callerKey = "serin.caller"

// refusalKey is where the context of a hook's request holds why what its header presents
// is not accepted: a token that has expired is refused in so many words.
const refusalKey = "serin.refusal"

// callerOf returns who sent a request.
func callerOf(c echo.Context) caller {
	w, _ := c.Get(callerKey).(caller)
	return w
}

// may refuses a caller that lacks a right, or speaks a dialect that is not its own.
func (w caller) may(dialect string, rights ...Right) error {
	if !w.known() {
		return unauthorised()
	}
	if w.local {
		return nil
	}
	if !w.token.speaks(dialect) {
		return w.forbidden("use one that has "+dialect+" among its callers", "is not meant for calls of "+dialect)
	}
	for _, r := range rights {
		if !slices.Contains(w.token.Allow, r) {
			return w.forbidden("use one that allows "+string(r), "does not allow "+string(r))
		}
	}
	return nil
}

// mayIn refuses a caller whose token is not good for one of these namespaces. They
// are those that the caller itself named: a refusal tells nothing of what exists.
func (w caller) mayIn(namespaces ...string) error {
	if !w.known() {
		return unauthorised()
	}
	for _, n := range namespaces {
		switch {
		case w.sees(n):
		case n == "":
			return w.forbidden("name a namespace that it covers", "is limited to namespaces, and none is named")
		default:
			return w.forbidden("use one whose namespaces cover it", "is not meant for namespace "+quoted(n))
		}
	}
	return nil
}

func (w caller) forbidden(next, why string) error {
	return &HTTPError{Code: http.StatusForbidden, Public: "the token " + w.name() + " " + why, Next: next}
}

// needs guards a route of the API by rights. The handler asks for the namespace.
func needs(h echo.HandlerFunc, rights ...Right) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := callerOf(c).may(controllerAPI, rights...); err != nil {
			return err
		}
		return h(c)
	}
}

// needsAll is [needs] of a route that shows every namespace.
func needsAll(h echo.HandlerFunc, rights ...Right) echo.HandlerFunc {
	return needs(func(c echo.Context) error {
		if w := callerOf(c); !w.everywhere() {
			return w.forbidden("use one for every namespace", "is limited to namespaces, and this address shows all of them")
		}
		return h(c)
	}, rights...)
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

// strangersBody bounds the body of a request whose sender is not known yet, in
// bytes: it is read before its token or its signature can be.
const strangersBody = 64 << 10

// authenticate finds out who sent a request and refuses strangers. Flagger's hooks
// are left to their handler, since the token may be in the body.
func (s *Server) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if isOpen(c) {
			return next(c)
		}
		r := c.Request()
		if len(s.tokens()) == 0 {
			if err := onlyLoopback(r); err != nil {
				return err
			}
			return s.admit(c, caller{local: true}, next)
		}
		w, err := s.presented(c)
		switch {
		case err == nil && w.known():
			return s.admit(c, w, next)
		case isHook(c):
			c.Set(refusalKey, err)
			r.Body = http.MaxBytesReader(c.Response().Writer, r.Body, strangersBody)
			return next(c)
		case err == nil && c.Path() == pathGitHub && s.cfg.GitHub != nil:
			return next(c) // its handler asks for the signature
		case err == nil:
			err = unauthorised()
		}
		return s.stranger(c, err)
	}
}

// admit lets a known caller in, unless it asks too often.
func (s *Server) admit(c echo.Context, w caller, next echo.HandlerFunc) error {
	c.Set(callerKey, w)
	withAsked(c, w)
	vouch(c.Request())
	if err := s.rates.caller(c, w, s.now()); err != nil {
		return err
	}
	return next(c)
}

// stranger refuses a request that proves no caller; one that keeps trying is told
// to wait.
func (s *Server) stranger(c echo.Context, err error) error {
	if slow := s.rates.stranger(c, s.now()); slow != nil {
		return slow
	}
	return err
}

// presented returns the caller that a request's header, signature or connection
// proves. It is the zero caller where they prove nothing. A wrong token is not made
// good by a certificate.
func (s *Server) presented(c echo.Context) (caller, error) {
	r := c.Request()
	if _, password, ok := r.BasicAuth(); ok {
		return s.bySecret(password)
	}
	if h := r.Header.Get(echo.HeaderAuthorization); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "bearer") {
			return caller{}, nil
		}
		return s.bySecret(strings.TrimSpace(token))
	}
	if r.Header.Get(headerSignature) != "" {
		return s.bySignature(c)
	}
	return s.byCertificate(r)
}

// bySecret returns the caller that a token belongs to. A token that is known and
// may not be used now is refused in so many words: whoever presents it had it.
func (s *Server) bySecret(secret string) (caller, error) {
	if secret == "" {
		return caller{}, nil
	}
	return s.inTime(s.tokens().bySecret(secret, s.now()))
}

// inTime refuses a token that is not good yet, or no more.
func (s *Server) inTime(t *Token) (caller, error) {
	switch now := s.now(); {
	case t == nil:
		return caller{}, nil
	case now.Before(t.NotBefore):
		return caller{}, &HTTPError{Code: http.StatusUnauthorized, Public: "the token " + t.Name + " cannot be used yet", Next: "use the one before it until then"}
	case !t.active(now):
		return caller{}, &HTTPError{Code: http.StatusUnauthorized, Public: "the token " + t.Name + " has expired", Next: "use the one that replaced it; serin token new makes one"}
	}
	return caller{token: t}, nil
}

// byCertificate returns the caller whose certificate the connection was made with.
// Only what the TLS configuration's certificate authority has signed counts.
func (s *Server) byCertificate(r *http.Request) (caller, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return caller{}, nil
	}
	leaf := r.TLS.VerifiedChains[0][0]
	names := slices.Concat(leaf.DNSNames, leaf.EmailAddresses)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	for _, u := range leaf.URIs {
		names = append(names, u.String())
	}
	if leaf.Subject.CommonName != "" {
		names = append(names, "CN="+leaf.Subject.CommonName)
	}
	var late *Token
	ts := s.tokens()
	for i := range ts {
		switch {
		case ts[i].Certificate == "" || !slices.Contains(names, ts[i].Certificate):
		case ts[i].active(s.now()):
			return caller{token: &ts[i]}, nil
		default:
			late = &ts[i]
		}
	}
	return s.inTime(late)
}

// isHook reports whether the request has been matched to one of Flagger's hooks,
// whose handler asks for the token itself.
func isHook(c echo.Context) bool {
	return strings.HasPrefix(c.Path(), flaggerPrefix) && c.Path() != flaggerPrefix+"*" && c.Request().Method == http.MethodPost
}

// authoriseHook finds out who sent a Flagger hook, where its header did not say:
// by the token in the body.
func (s *Server) authoriseHook(c echo.Context, token string) error {
	if callerOf(c).known() {
		return nil
	}
	w, err := s.bySecret(token)
	if err == nil && !w.known() {
		if err, _ = c.Get(refusalKey).(error); err == nil {
			err = unauthorised()
		}
	}
	if err != nil {
		return s.stranger(c, err)
	}
	c.Set(callerKey, w)
	withAsked(c, w)
	vouch(c.Request())
	return nil
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
	if len(s.tokens()) > 0 || loopback(a) {
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
