// Package webhooks is HTTP in: one file for each controller's dialect, the REST
// API, health and metrics.
//
// A dialect only translates: it reads a request into a rollout, asks the judge,
// and says the verdict's answer in its controller's tongue. It decides nothing.
// Handlers return errors; one place turns them into answers (errors.go).
//
// The web framework stays inside this package.
package webhooks

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/report"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/webhooks/pages"
)

// Decider is what the handlers need of the judge.
type Decider interface {
	Decide(ctx context.Context, r rollout.Rollout, now time.Time) (judge.Verdict, error)
}

// Pinger is something whose reachability /readyz reports.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Plans is what the handlers need of the plans; [*plan.Set] is one.
type Plans interface {
	// Find returns the plan of a name or, with an empty name, of a service. Its
	// error is a [*plan.UnknownError].
	Find(name, namespace, service string) (plan.Plan, error)
	// Names returns the plans' names, sorted.
	Names() []string
}

// Publishing is what reports need of dashboards and alert rules.
type Publishing interface {
	// Unpublished returns what of a rollout is not where it should be.
	Unpublished(ctx context.Context, rollout string) ([]report.Unpublished, error)
}

// Config is what a [Server] is made of.
type Config struct {
	Judge   Decider
	Journal Journal
	Plans   Plans
	Ready   map[string]Pinger // by name: "journal", "source prometheus"
	Beside  map[string]Pinger // shown by /readyz too, but no verdict needs them
	Tokens  []Token           // accepted credentials; none: the listener must be loopback
	BaseURL string            // how people reach this server, for links; may be empty
	Version string
	// TLS, where set, makes the server speak HTTPS. Certificates of clients count only
	// where it verifies them.
	TLS *tls.Config
	// Limits bound what callers may ask for.
	Limits Limits
	// Pressure bounds how long they wait, and how much is under way for them.
	Pressure Pressure
	// Sources are the metrics stores by name, for the weights that Flagger's own metrics
	// tell; a store that is not there tells none.
	Sources map[string]queries.Source
	// Wrap, where set, is put around the handler (traces).
	Wrap func(http.Handler) http.Handler
	// Callbacks are what announcements may ask for; nil refuses them.
	Callbacks *Callbacks
	// Kayenta is what the API of Kayenta needs.
	Kayenta Kayenta
	// Azure reads checks of Azure DevOps in callback mode; nil refuses them.
	Azure AzureCallback
	// GitHub is what deployment protection rules need; nil where there are none.
	GitHub *GitHub
	// AWS is what hooks of CodeDeploy and ECS need; nil refuses them.
	AWS *AWS
	// Work is what is done later; nil where nothing is.
	Work Work
	// Publishing is told of in a rollout's report; nil where nothing is published.
	Publishing Publishing
	// Drawing gives dashboards and alert rules to whoever reads a report; nil: none.
	Drawing Drawing
	// SelfChecks are shown on the pages of services; nil where there are none.
	SelfChecks SelfChecks
	// Asker takes the questions of callers that are told later; nil refuses them.
	Asker Asker
	// Collectors are shown on /metrics beside the server's own (a source's state).
	Collectors []prometheus.Collector
	Now        func() time.Time // default time.Now
	Log        *slog.Logger     // default: discard

	// Timeout bounds the work on one request (default 60 s). A verdict may wait
	// for queries that long.
	Timeout time.Duration
	// Drain is how long requests in flight may take to finish when the server
	// stops (default 25 s).
	Drain time.Duration
}

// Server answers callers. It is safe for concurrent use and remembers nothing of
// a rollout.
type Server struct {
	cfg      Config
	keys     atomic.Pointer[tokens]
	rates    *rates
	replays  *replays
	crowd    *crowd
	refusals *refusals
	looks    *looks
	runs     *kayentaRuns
	watches  watches
	handler  http.Handler
	pages    *pages.Pages
	assets   fs.FS
	streams  streams
	pulse    pulse
	metrics  *metrics
	ready    *readiness

	after    func(time.Duration) <-chan time.Time // time.After, but in tests
	stopping chan struct{}                        // closed when the server begins to stop
	stop     sync.Once
}

// New returns a server. It refuses a configuration that lacks the judge, the
// journal or the plans, and tokens that could be guessed by being absent.
func New(c Config) (*Server, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Timeout == 0 {
		c.Timeout = 60 * time.Second
	}
	if c.Drain == 0 {
		c.Drain = 25 * time.Second
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	c.Limits = c.Limits.withDefaults()
	c.Pressure = c.Pressure.withDefaults()
	s := &Server{cfg: c, after: time.After, stopping: make(chan struct{})}
	s.rates, s.replays, s.crowd = newRates(c.Limits), &replays{}, newCrowd(c.Limits.Connections)
	s.looks = newLooks(c.Judge, c.Pressure.Looks)
	s.cfg.Collectors = slices.Concat(c.Collectors, s.crowd.collectors(), s.looks.collectors())
	s.refusals, s.runs = newRefusals(), newKayentaRuns()
	s.keys.Store(tokenList(c.Tokens))
	s.ready = newReadiness(c.Ready, c.Beside, c.Now)
	var err error
	if s.metrics, err = newMetrics(s); err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	if s.pages, err = pages.New(); err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	if s.assets, err = pages.Assets(); err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	s.handler = s.routes()
	if c.Wrap != nil {
		s.handler = c.Wrap(s.handler)
	}
	return s, nil
}

// Handler returns the HTTP handler. Where no token is configured it answers only
// requests that came in on a loopback address.
func (s *Server) Handler() http.Handler { return s.handler }

// check reports everything that is wrong with a configuration.
func (c Config) check() error {
	var faults []error
	if c.Judge == nil {
		faults = append(faults, errors.New("no judge; set Config.Judge"))
	}
	if c.Journal == nil {
		faults = append(faults, errors.New("no journal; set Config.Journal"))
	}
	if c.Plans == nil {
		faults = append(faults, errors.New("no plans; set Config.Plans"))
	}
	faults = append(faults, checkTokens(c.Tokens)...)
	if l := c.Limits; l.Rate < 0 || l.Burst < 0 || l.Strangers < 0 || l.StrangersBurst < 0 || l.Connections < 0 {
		faults = append(faults, errors.New("a negative limit; leave it zero for the default"))
	}
	for name, p := range c.Ready {
		if p == nil {
			faults = append(faults, fmt.Errorf("nothing to ask for readiness %q; remove it or give it a Pinger", name))
		}
	}
	if err := checkBaseURL(c.BaseURL); err != nil {
		faults = append(faults, err)
	}
	if err := c.Pressure.check(); err != nil {
		faults = append(faults, err)
	}
	if c.Timeout < 0 || c.Drain < 0 {
		faults = append(faults, errors.New("a negative timeout; leave it zero for the default"))
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("webhooks: %w", errors.Join(faults...))
}

func checkBaseURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return errors.New("the base URL is not one; write it like https://serin.example.org")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("the base URL must have no user, query or fragment: it appears in every answer")
	}
	return nil
}

// link returns the address of a rollout's page, relative where no base URL is
// configured.
func (s *Server) link(id string) string { return s.cfg.BaseURL + "/v1/rollouts/" + id }

func (s *Server) now() time.Time { return s.cfg.Now() }
