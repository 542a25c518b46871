// Package azure tells checks of Azure DevOps how they end: a check in callback mode
// is acknowledged at once, and completed later by an event that is posted to the
// plan of its run.
//
// What posting takes is in the check's own headers, a token of the run among them. That
// token opens more of the pipeline than the check, so it is sealed before it is
// written down anywhere, opened only for a request to a host that the configuration
// names, and part of no error.
package azure

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/serin-canary/serin/webhooks/reply"
)

// Name is what questions call this sender.
const Name = "azure"

// DefaultAPIVersion is the version of the API that events are posted by.
const DefaultAPIVersion = "7.1"

// Config is what a [Sender] is made of.
type Config struct {
	// Hosts may be posted to: dev.azure.com, *.visualstudio.com, tfs.example.com:8443.
	// Without a port it is 443.
	Hosts []string
	// Keys seal the runs' tokens: the first one seals, every one opens.
	Keys []Key
	// APIVersion is the API's version (default [DefaultAPIVersion]).
	APIVersion string
	// Client dials only where it may, and verifies certificates.
	Client *http.Client
	Now    func() time.Time // default time.Now
}

// Sender posts answers to Azure DevOps. It is safe for concurrent use.
type Sender struct {
	c     Config
	hosts []hostPattern
	ring  keyring
}

// apiVersion is what a version of the API looks like: 7.1, or 7.1-preview.1.
var apiVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+(-preview(\.[0-9]+)?)?$`)

// New returns a sender. It refuses to be without a host, a key or a client.
func New(c Config) (*Sender, error) {
	if c.Client == nil {
		return nil, errors.New("azure: no client to post with")
	}
	if len(c.Hosts) == 0 {
		return nil, errors.New("azure: no host that may be posted to")
	}
	if c.APIVersion == "" {
		c.APIVersion = DefaultAPIVersion
	}
	if err := CheckAPIVersion(c.APIVersion); err != nil {
		return nil, fmt.Errorf("azure: %w", err)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Sender{c: c}
	client := *c.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.c.Client = &client
	for _, text := range c.Hosts {
		p, err := readHost(text)
		if err != nil {
			return nil, fmt.Errorf("azure: %w", err)
		}
		s.hosts = append(s.hosts, p)
	}
	var err error
	s.ring, err = newKeyring(c.Keys)
	return s, err
}

// CheckAPIVersion says what is wrong with a version of the API.
func CheckAPIVersion(text string) error {
	if !apiVersion.MatchString(text) {
		return fmt.Errorf("%q is no version of the API; write for example %s", text, DefaultAPIVersion)
	}
	return nil
}

// address is where an event goes, as a question holds it.
type address struct {
	PlanURL string `json:"planUrl"`
	Project string `json:"project"`
	Hub     string `json:"hub"`
	Plan    string `json:"plan"`
	Job     string `json:"job"`
	Task    string `json:"task"`
	Token   sealed `json:"token"`
}

// The headers that a check sends by default.
const (
	headerPlanURL = "PlanUrl"
	headerProject = "ProjectId"
	headerHub     = "HubName"
	headerPlan    = "PlanId"
	headerJob     = "JobId"
	headerTask    = "TaskInstanceId"
	headerToken   = "AuthToken"
)

var (
	guid    = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	hubName = regexp.MustCompile(`^[0-9A-Za-z]{1,40}$`)
	// collection is the path of an organisation or of a collection.
	collection = regexp.MustCompile(`^(/([0-9A-Za-z._~-]|%20)+)*/?$`)
	bearer     = regexp.MustCompile(`^[0-9A-Za-z._~+/=-]{16,}$`)
)

// Ask reads the headers of a check in callback mode. It returns the question's ID,
// the same for every repetition, and what [Sender.Send] needs to answer it, in which
// the token is sealed. Its errors are for whoever set the check up, and repeat no
// header's value but the host of PlanUrl. Nothing is asked of the network.
func (s *Sender) Ask(h http.Header) (id string, to json.RawMessage, err error) {
	a := address{
		PlanURL: h.Get(headerPlanURL), Project: h.Get(headerProject), Hub: h.Get(headerHub),
		Plan: h.Get(headerPlan), Job: h.Get(headerJob), Task: h.Get(headerTask),
	}
	if err := a.check(); err != nil {
		return "", nil, err
	}
	if err := s.allowed(a.PlanURL); err != nil {
		return "", nil, err
	}
	token := h.Get(headerToken)
	if !bearer.MatchString(token) || len(token) > maxToken {
		return "", nil, missing(headerToken, "$(system.AccessToken)")
	}
	id = strings.ToLower(path.Join(Name, a.Plan, a.Job, a.Task))
	if a.Token, err = s.ring.seal(id, token); err != nil {
		return "", nil, err
	}
	to, err = json.Marshal(a)
	return id, to, err
}

// check reports the first header that is missing or cannot be meant.
func (a address) check() error {
	for _, f := range [...]struct {
		header, value, variable string
		form                    *regexp.Regexp
	}{
		{headerProject, a.Project, "$(system.TeamProjectId)", guid},
		{headerHub, a.Hub, "$(system.HostType)", hubName},
		{headerPlan, a.Plan, "$(system.PlanId)", guid},
		{headerJob, a.Job, "$(system.JobId)", guid},
		{headerTask, a.Task, "$(system.TaskInstanceId)", guid},
	} {
		if !f.form.MatchString(f.value) {
			return missing(f.header, f.variable)
		}
	}
	return nil
}

// maxToken bounds a run's token, in bytes; theirs are JWTs of about one and a half
// thousand.
const maxToken = 8 << 10

func missing(header, variable string) error {
	return fmt.Errorf("the header %s is missing or cannot be meant; give the check its default headers, in which it is %s", header, variable)
}

// allowed refuses a PlanUrl that nothing may be posted to.
func (s *Sender) allowed(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || text == "" || len(text) > 1024 || u.Hostname() == "" || u.Opaque != "":
		return missing(headerPlanURL, "$(system.CollectionUri)")
	case u.Scheme != "https":
		return errors.New("PlanUrl is no https URL, and the run's token is not sent over anything else")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("PlanUrl has a user, a query or a fragment, which the address of a collection has not")
	case !collection.MatchString(u.EscapedPath()) || strings.Contains(u.Path, ".."):
		return errors.New("PlanUrl has a path that no collection has")
	}
	for _, p := range s.hosts {
		if p.fits(u) {
			return nil
		}
	}
	return fmt.Errorf("PlanUrl names the host %.100q, which is not among those that may be posted to; an operator of Serin lists it under azure.hosts", u.Host)
}

// events is the address that an event is posted to.
func (s *Sender) events(a address) string {
	return strings.TrimSuffix(a.PlanURL, "/") + "/" + a.Project + "/_apis/distributedtask/hubs/" + a.Hub + "/plans/" + a.Plan +
		"/events?api-version=" + s.c.APIVersion
}

// Target implements [reply.Sender]: the host.
func (s *Sender) Target(q reply.Question) string {
	var a address
	if json.Unmarshal(q.To, &a) != nil {
		return Name
	}
	u, err := url.Parse(a.PlanURL)
	if err != nil {
		return Name
	}
	return u.Host
}

var _ reply.Sender = (*Sender)(nil)
