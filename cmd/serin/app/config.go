package app

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries/cloudwatch"
	"github.com/serin-canary/serin/queries/datadog"
	"github.com/serin-canary/serin/queries/httpjson"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/scrape"
)

// The defaults of a [Config].
const (
	DefaultListen  = "127.0.0.1:8080"
	DefaultPlans   = "plans"
	DefaultJournal = "serin.db"
)

// Config is the process configuration, as serin.yaml holds it.
type Config struct {
	// Listen is the address to listen on. Without tokens it must be loopback.
	Listen string `yaml:"listen"`
	// BaseURL is how people reach the server, for links; empty means none.
	BaseURL string `yaml:"baseURL"`
	// Plans is the folder of the plans.
	Plans string `yaml:"plans"`
	// Journal is what remembers rollouts and verdicts: a SQLite file, the URL of a
	// PostgreSQL database without a password, or file:PATH or env:NAME of where the
	// whole URL is.
	Journal string `yaml:"journal"`
	// Retention is how long closed rollouts are kept, such as 90d; empty is for ever.
	Retention string `yaml:"retention"`
	// Inputs is how long what the looks at closed rollouts rested on is kept, such as
	// 30d; empty is as long as the rollouts. Without it no verdict can be replayed.
	Inputs string `yaml:"inputs"`
	// TokenFiles name files that hold one bearer token each, good for everything.
	TokenFiles []string `yaml:"tokenFiles"`
	// Tokens are callers' credentials, each with what it is good for.
	Tokens []Token `yaml:"tokens"`
	// WebConfig is a file in the form of Prometheus' web configuration; its TLS part
	// makes the server speak HTTPS.
	WebConfig string   `yaml:"webConfig"`
	Callers   Callers  `yaml:"callers"`
	Limits    Limits   `yaml:"limits"`
	Outgoing  Outgoing `yaml:"outgoing"`
	// Callbacks say who may be told how rollouts end.
	Callbacks Callbacks `yaml:"callbacks"`
	// Kayenta says what callers of Kayenta's API may do.
	Kayenta Kayenta `yaml:"kayenta"`
	// Secrets are those that checks may use.
	Secrets Secrets `yaml:"secrets"`
	// Azure lets checks of Azure DevOps be told later how they end.
	Azure Azure `yaml:"azure"`
	// GitHub lets deployment protection rules ask.
	GitHub GitHub `yaml:"github"`
	// AWS lets hooks of CodeDeploy and ECS ask.
	AWS AWS `yaml:"aws"`
	// Datadog lets checks have tests of Datadog Synthetics run.
	Datadog Datadog `yaml:"datadog"`
	// Publish says where dashboards and alert rules go.
	Publish Publish `yaml:"publish"`
	// Notify lists who is told of rollouts, and how.
	Notify  notices  `yaml:"notify"`
	Sources []Source `yaml:"sources"`
	Log     Log      `yaml:"log"`
	Debug   Debug    `yaml:"debug"`
	Trace   Trace    `yaml:"trace"`
}

// Source is a metrics store under the name that plans use. Exactly one kind is set.
type Source struct {
	Name       string             `yaml:"name"`
	Prometheus *prometheus.Config `yaml:"prometheus"`
	Scrape     *Scrape            `yaml:"scrape"`
	Datadog    *datadog.Config    `yaml:"datadog"`
	CloudWatch *cloudwatch.Config `yaml:"cloudwatch"`
	HTTPJSON   *httpjson.Config   `yaml:"http-json"`
}

// Scrape configures the embedded source: Serin scrapes the pages itself.
type Scrape struct {
	Interval  time.Duration   `yaml:"interval"`
	Retention time.Duration   `yaml:"retention"`
	Targets   []scrape.Target `yaml:"targets"`
}

// Log says how the server logs.
type Log struct {
	Level  string `yaml:"level"`  // debug, info (default), warn or error
	Format string `yaml:"format"` // text (default) or json
}

// WithDefaults returns the configuration with its empty fields filled in.
func (c Config) WithDefaults() Config {
	set := func(s *string, d string) {
		if *s == "" {
			*s = d
		}
	}
	set(&c.Listen, DefaultListen)
	set(&c.Plans, DefaultPlans)
	set(&c.Journal, DefaultJournal)
	set(&c.Log.Level, "info")
	set(&c.Log.Format, "text")
	return c
}

// Check returns everything that is wrong with the configuration. Faults carry the
// field's path; [Read] adds where the field is.
func (c Config) Check() plan.Faults {
	var fs plan.Faults
	fault := func(path, format string, args ...any) {
		fs = append(fs, plan.Fault{Path: path, Text: fmt.Sprintf(format, args...)})
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		fault("listen", "%q is not an address; write host:port, for example %s", c.Listen, DefaultListen)
	} else if !Loopback(c.Listen) && !c.closed() {
		fault("listen", "%s can be reached from other machines, and there is no token to ask them for; "+
			"name a token file (tokenFiles, --token-file), or listen on 127.0.0.1", c.Listen)
	}
	if c.BaseURL != "" && !webURL(c.BaseURL) {
		fault("baseURL", "%q is not a URL; write for example https://serin.example.com", c.BaseURL)
	}
	c.Limits.check(fault)
	if _, err := c.Log.level(); err != nil {
		fault("log.level", "%q is not a level; write debug, info, warn or error", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		fault("log.format", "%q is not a format; write text or json", c.Log.Format)
	}
	c.checkJournal(fault)
	c.checkSecurity(fault)
	c.Debug.check(fault)
	c.Trace.check(fault)
	c.Callbacks.check(fault)
	c.Publish.check(fault)
	c.Notify.check(fault)
	c.Kayenta.check(fault)
	c.Azure.check(fault)
	c.GitHub.check(fault)
	c.AWS.check(fault)
	c.Datadog.check(fault)
	c.Secrets.check(fault)
	seen := map[string]bool{}
	for i, s := range c.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		if s.Name != "" && seen[s.Name] {
			fault(at+".name", "another source is called %q already", s.Name)
		}
		seen[s.Name] = true
		s.check(at, fault)
	}
	return fs
}

// Check returns everything that is wrong with a source.
func (s Source) Check() plan.Faults {
	var fs plan.Faults
	s.check("source", func(path, format string, args ...any) {
		fs = append(fs, plan.Fault{Path: path, Text: fmt.Sprintf(format, args...)})
	})
	return fs
}

func (s Source) check(at string, fault func(path, format string, args ...any)) {
	if s.Name == "" {
		fault(at+".name", "a source needs the name that plans use for it")
	}
	switch kinds := s.kinds(); {
	case len(kinds) > 1:
		fault(at, "a source is of one kind, and this one is %s; write as many sources", strings.Join(kinds, " and "))
	case s.Prometheus != nil:
		if s.Prometheus.Name != "" {
			fault(at+".prometheus.name", "the name belongs to the source, one level up")
		}
		for h := range s.Prometheus.Headers {
			if inlineCredential(h) {
				fault(at+".prometheus.headers", "the value of %s is a credential and does not belong here; put it into a file and name that: bearerFile, or username and passwordFile", h)
			}
		}
		if !webURL(s.Prometheus.URL) {
			fault(at+".prometheus.url", "%q is not a URL; write for example http://prometheus:9090", redact(s.Prometheus.URL))
		}
	case s.Scrape != nil:
		if len(s.Scrape.Targets) == 0 {
			fault(at+".scrape.targets", "there is nothing to scrape; list at least one {url: …, labels: {…}}")
		}
		for j, t := range s.Scrape.Targets {
			if !webURL(t.URL) {
				fault(fmt.Sprintf("%s.scrape.targets[%d].url", at, j),
					"%q is not a URL; write for example http://10.0.0.7:8080/metrics", redact(t.URL))
			}
		}
	case len(kinds) == 0:
		fault(at, "a source needs a kind; add prometheus: {url: …} or scrape: {targets: […]}, or %s", strings.Join(foreignKinds(), ", "))
	default:
		s.checkForeign(at, fault)
	}
}

// webURL reports whether s is an absolute HTTP URL.
func webURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// redact hides a password in a URL, and everything that may be one where it
// cannot be read as a URL.
func redact(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "…"
	}
	return u.Redacted()
}

// Loopback reports whether an address host:port can be reached from this machine
// only. A host name other than localhost is taken as reachable.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (l Log) level() (slog.Level, error) {
	var v slog.Level
	err := v.UnmarshalText([]byte(l.Level))
	return v, err
}
