// Package github tells deployment protection rules of GitHub how they end: a
// deployment that waits at an environment is approved or rejected by a GitHub App, with
// a comment that says why.
//
// The App proves itself by a token that it signs (RS256), and gets another one for the
// installation, good for an hour and for one repository. Both are kept in memory only.
package github

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/serin-canary/serin/webhooks/reply"
)

// Name is what questions call this sender.
const Name = "github"

// DefaultAPI is where GitHub's API is.
const DefaultAPI = "https://api.github.com"

// Config is what a [Sender] is made of.
type Config struct {
	// API is where the API is (default [DefaultAPI]); on an own server like
	// https://github.example.com/api/v3. Nothing else is ever called.
	API string
	// App is the App's client ID, or its number.
	App string
	// Key returns the App's private key, in PEM. It is asked whenever a token is signed.
	Key func() ([]byte, error)
	// Client dials only where it may, and verifies certificates.
	Client *http.Client
	Now    func() time.Time // default time.Now
	// BaseURL is how people reach this server, for links in reports on progress; empty
	// leaves them out.
	BaseURL string
}

// Sender answers deployment protection rules. It is safe for concurrent use.
type Sender struct {
	c      Config
	api    *url.URL
	tokens tokens
}

// appID is what an App may be called: Iv23liABCDEF, or 12345.
var appID = regexp.MustCompile(`^[0-9A-Za-z._-]{1,64}$`)

// New returns a sender. It reads the key once, so that one that is none is found at
// the start.
func New(c Config) (*Sender, error) {
	if c.API == "" {
		c.API = DefaultAPI
	}
	if err := errors.Join(CheckAPI(c.API), CheckApp(c.App)); err != nil {
		return nil, fmt.Errorf("github: %w", err)
	}
	if c.Client == nil || c.Key == nil {
		return nil, errors.New("github: no client, or no key of the App")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	u, err := url.Parse(strings.TrimRight(c.API, "/"))
	if err != nil {
		return nil, errors.New("github: the API's address cannot be read") // refused above
	}
	client := *c.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Client, c.BaseURL = &client, strings.TrimRight(c.BaseURL, "/")
	s := &Sender{c: c, api: u}
	if _, err := s.proof(); err != nil {
		return nil, fmt.Errorf("github: %w", err)
	}
	return s, nil
}

// CheckAPI says what is wrong with an address of the API.
func CheckAPI(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(u.EscapedPath(), "%") {
		return fmt.Errorf("this is no address of GitHub's API; write %s, or https://github.example.com/api/v3", DefaultAPI)
	}
	return nil
}

// CheckApp says what is wrong with the name of an App.
func CheckApp(text string) error {
	if !appID.MatchString(text) {
		return fmt.Errorf("%.80q is no App; write its client ID, like Iv23liABCDEF, or its number", text)
	}
	return nil
}

// CheckRepository says what is wrong with the name of a repository.
func CheckRepository(text string) error {
	if !repositoryName.MatchString(text) {
		return fmt.Errorf("%.150q is no repository; write OWNER/NAME", text)
	}
	return nil
}

// address is where an answer goes, as a question holds it.
type address struct {
	Installation int64  `json:"installation"`
	Repository   string `json:"repository"` // OWNER/NAME
	Callback     string `json:"callback"`
	Environment  string `json:"environment"`
}

var (
	// A part that is all dots would be a step in a path.
	repositoryName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z-]{0,99}/[0-9A-Za-z._-]{0,99}[0-9A-Za-z_-]$`)
	runPath        = regexp.MustCompile(`^/repos/([^/]+/[^/]+)/actions/runs/[0-9]{1,20}/deployment_protection_rule$`)
)

// maxEnvironment bounds the name of an environment, in bytes.
const maxEnvironment = 1024

// To checks the address that an event names for its answer. It must be the one of a
// run of the event's own repository on the configured API: what is sent there proves
// who the App is. Nothing is asked of the network.
func (s *Sender) To(installation int64, repository, callback, environment string) (json.RawMessage, error) {
	a := address{Installation: installation, Repository: repository, Callback: callback, Environment: environment}
	if err := s.check(a); err != nil {
		return nil, err
	}
	return json.Marshal(a)
}

// check refuses an address that nothing may be sent to.
func (s *Sender) check(a address) error {
	u, err := url.Parse(a.Callback)
	switch {
	case err != nil || u.Host == "" || len(a.Callback) > 1024:
		return errors.New("deployment_callback_url is no address")
	case u.Scheme != s.api.Scheme || !sameHost(u, s.api):
		return fmt.Errorf("deployment_callback_url is at %.100q, and answers go to %s only", u.Host, s.api.Host)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(u.EscapedPath(), "%"):
		return errors.New("deployment_callback_url has a user, a query, a fragment or an escaped path, which that of a run has not")
	}
	below, ok := strings.CutPrefix(u.Path, s.api.Path)
	run := runPath.FindStringSubmatch(below)
	switch {
	case !ok || run == nil:
		return errors.New("deployment_callback_url is not the address of a run's deployment protection rule")
	case CheckRepository(a.Repository) != nil:
		return CheckRepository(a.Repository)
	case !strings.EqualFold(run[1], a.Repository):
		return fmt.Errorf("deployment_callback_url belongs to another repository than %s", a.Repository)
	case a.Installation <= 0:
		return errors.New("installation: no number of one")
	case a.Environment == "" || len(a.Environment) > maxEnvironment:
		return errors.New("environment: missing, or longer than any")
	}
	return nil
}

// sameHost reports whether two https URLs are of one host and port.
func sameHost(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		if p := u.Port(); p != "" {
			return p
		}
		return "443"
	}
	return strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

// Target implements [reply.Sender]: the host of the API.
func (s *Sender) Target(reply.Question) string { return s.api.Host }

var (
	_ reply.Sender   = (*Sender)(nil)
	_ reply.Reporter = (*Sender)(nil)
)
