package adopt

import (
	"net/url"
	"regexp"
	"strings"
)

// userinfo is a user and password in a URL.
var userinfo = regexp.MustCompile(`://[^/\s"'@]*@`)

// withoutUser takes users and passwords out of the URLs in a text.
func withoutUser(s string) string { return userinfo.ReplaceAllString(s, "://") }

// address shows a URL: scheme, host and path. A query may hold a token.
func address(s string) string {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Host == "" {
		before, _, _ := strings.Cut(withoutUser(s), "?")
		return cut(oneLine(before), 120)
	}
	return cut(oneLine((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()), 120)
}

// secretive is a name by which people call what nobody should read.
var secretive = regexp.MustCompile(`(?i)token|passw|secret|credential|api[-_]?key|app[-_]?key|auth|private`)

// plainURL reports whether a URL has nothing in it that could be a credential: no
// user, and no query that is called like one.
func plainURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.User == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") &&
		!secretive.MatchString(u.RawQuery) && u.Fragment == "" && s == oneLine(s)
}

// quoteFlow writes text between quotes, for a mapping on one line.
func quoteFlow(s string) string {
	if q := quote(s); q[0] == '"' || q[0] == '\'' {
		return q
	}
	return `"` + s + `"`
}
