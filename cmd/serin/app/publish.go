package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	alertplaces "github.com/serin-canary/serin/alerts/publish"
	"github.com/serin-canary/serin/cmd/serin/publishing"
	boardplaces "github.com/serin-canary/serin/dashboards/publish"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/queries"
)

// Publish says where rollouts' dashboards and alert rules go.
type Publish struct {
	// Self selects Serin's own metrics in the store that boards and rules are evaluated
	// on, such as job="serin". Without it rules about the judge itself are left out.
	Self string `yaml:"self"`
	// Runbook is linked from boards and alerts.
	Runbook    string            `yaml:"runbook"`
	Dashboards PublishDashboards `yaml:"dashboards"`
	Rules      PublishRules      `yaml:"rules"`
	// Alertmanagers are told of verdicts that are for people; every replica is listed.
	Alertmanagers []Server `yaml:"alertmanagers"`
	// Instance names this Serin where others publish to the same Grafana, such as eu-prod:
	// their boards of services and of all rollouts are then told apart.
	Instance string `yaml:"instance"`
	// Alone says that no other Serin publishes to these places, so that what belongs to
	// no rollout of this journal may be taken away.
	Alone bool `yaml:"alone"`
}

// PublishDashboards are the places for dashboards.
type PublishDashboards struct {
	Grafana *PublishGrafana `yaml:"grafana"`
	Files   *PublishFiles   `yaml:"files"`
	// Keep is how long the boards of rollouts that are over are kept, such as 30d.
	Keep string `yaml:"keep"`
}

// PublishGrafana is a Grafana.
type PublishGrafana struct {
	Server      `yaml:",inline"`
	Org         string `yaml:"org"`
	Folder      string `yaml:"folder"` // its UID
	FolderTitle string `yaml:"folderTitle"`
	API         string `yaml:"api"`       // legacy (default) or resources
	Namespace   string `yaml:"namespace"` // of resources: default, org-2, stacks-7
}

// PublishFiles is a folder for boards.
type PublishFiles struct {
	Dir       string            `yaml:"dir"`
	Format    string            `yaml:"format"` // json (default), resource, configmap or operator
	Namespace string            `yaml:"namespace"`
	Labels    map[string]string `yaml:"labels"`
}

// PublishRules are the places for rules.
type PublishRules struct {
	Prometheus *PublishPrometheus `yaml:"prometheus"`
	Ruler      *PublishRuler      `yaml:"ruler"`
	Grafana    *PublishManaged    `yaml:"grafana"`
	// Labels are added to every alert.
	Labels map[string]string `yaml:"labels"`
}

// PublishPrometheus is a folder of rule files, and who reads it.
type PublishPrometheus struct {
	Server `yaml:",inline"`
	Dir    string `yaml:"dir"`
}

// PublishRuler is the API of a ruler.
type PublishRuler struct {
	Server `yaml:",inline"`
	Prefix string `yaml:"prefix"` // default prometheus
	Tenant string `yaml:"tenant"` // X-Scope-OrgID
}

// PublishManaged is where rules go that the Grafana of the dashboards evaluates.
type PublishManaged struct {
	Folder string `yaml:"folder"` // its UID
	Source string `yaml:"source"` // the data source's UID
}

// Server is how a server is reached and what proves Serin to it.
type Server struct {
	URL          string `yaml:"url"`
	BearerFile   string `yaml:"bearerFile"`
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"passwordFile"`
	CAFile       string `yaml:"caFile"`
}

var instanceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$`)

func (p Publish) on() bool {
	return p.Dashboards.Grafana != nil || p.Dashboards.Files != nil || p.Rules.Prometheus != nil || p.Rules.Ruler != nil || p.Rules.Grafana != nil || len(p.Alertmanagers) > 0
}

func (p Publish) check(fault func(path, format string, args ...any)) {
	if _, err := queries.ParseSelector(p.Self); err != nil {
		fault("publish.self", "%s; write for example job=\"serin\"", err)
	}
	if p.Instance != "" && !instanceName.MatchString(p.Instance) {
		fault("publish.instance", "%q is no name of an instance; write up to 20 lower-case letters, digits and dashes, for example eu-prod", p.Instance)
	}
	if p.Runbook != "" && !webURL(p.Runbook) {
		fault("publish.runbook", "%q is not a URL; write for example https://wiki.example.com/canary", redact(p.Runbook))
	}
	if _, err := ParseRetention(p.Dashboards.Keep); err != nil {
		fault("publish.dashboards.keep", "%q is no time; write for example 30d", p.Dashboards.Keep)
	}
	if g := p.Dashboards.Grafana; g != nil {
		g.Server.check("publish.dashboards.grafana", true, fault)
		if g.Username != "" && g.PasswordFile != "" && g.BearerFile == "" {
			fault("publish.dashboards.grafana.username", "boards are published by a service account, which has a token; write bearerFile")
		}
		if g.API != "" && g.API != string(boardplaces.APILegacy) && g.API != string(boardplaces.APIResources) {
			fault("publish.dashboards.grafana.api", "%q is no API of Grafana; write legacy or resources", g.API)
		}
	}
	if f := p.Dashboards.Files; f != nil {
		if f.Dir == "" {
			fault("publish.dashboards.files.dir", "name the folder that boards are written into")
		}
		if f.Format != "" && !slices.Contains(boardplaces.Formats(), boardplaces.Format(f.Format)) {
			fault("publish.dashboards.files.format", "%q is no format; write json, resource, configmap or operator", f.Format)
		}
	}
	p.Rules.check(p, fault)
	checkAlertmanagers(p.Alertmanagers, fault)
}

func (r PublishRules) check(p Publish, fault func(path, format string, args ...any)) {
	if x := r.Prometheus; x != nil {
		x.Server.check("publish.rules.prometheus", false, fault)
		if x.Dir == "" {
			fault("publish.rules.prometheus.dir", "name the folder that rule files are written into, and that rule_files of Prometheus has as DIR/*.yml")
		}
	}
	if x := r.Ruler; x != nil {
		x.Server.check("publish.rules.ruler", true, fault)
	}
	if x := r.Grafana; x != nil {
		if x.Folder == "" || x.Source == "" {
			fault("publish.rules.grafana", "rules of Grafana's need the UID of a folder (folder) and of a data source (source)")
		}
		if p.Dashboards.Grafana == nil {
			fault("publish.rules.grafana", "which Grafana is said by publish.dashboards.grafana, which is not there")
		}
	}
	for name := range r.Labels {
		if !model.LegacyValidation.IsValidLabelName(name) {
			fault("publish.rules.labels."+name, "%q cannot be a label's name", name)
		}
	}
}

func (s Server) check(at string, needed bool, fault func(path, format string, args ...any)) {
	switch {
	case s.URL == "" && needed:
		fault(at+".url", "say where it is, for example https://grafana.example.com")
	case s.URL != "" && !webURL(s.URL):
		fault(at+".url", "%q is not a URL; write for example https://grafana.example.com", redact(s.URL))
	case s.URL != "" && credentialed(s.URL):
		fault(at+".url", "the URL has credentials in it, which would be shown; put them into files: bearerFile, or username and passwordFile")
	}
	if s.BearerFile != "" && (s.Username != "" || s.PasswordFile != "") {
		fault(at+".bearerFile", "there are two ways to prove itself; keep bearerFile, or username and passwordFile")
	}
	if (s.Username == "") != (s.PasswordFile == "") {
		fault(at+".username", "a user has a password and a password a user; write username and passwordFile")
	}
}

func credentialed(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.User != nil
}

// publishTimeout bounds one request.
const publishTimeout = 20 * time.Second

// client returns a client for the server. It follows no redirect: a login page is no
// answer.
func (s Server) client() (*http.Client, error) {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: time.Minute, MaxIdleConns: 8, ForceAttemptHTTP2: true}
	if s.CAFile != "" {
		text, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("cannot read the certificate authority: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificate in it", s.CAFile)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Transport: checks.NoUpgrade(t), Timeout: publishTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// token reads the bearer token, at each request, so that one that was exchanged counts
// at once.
func (s Server) token() (string, error) {
	if s.BearerFile == "" {
		return "", nil
	}
	return readSecret(s.BearerFile)
}

// authorize adds what proves Serin to a request.
func (s Server) authorize(r *http.Request) error {
	switch {
	case s.BearerFile != "":
		token, err := s.token()
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
	case s.Username != "":
		password, err := readSecret(s.PasswordFile)
		if err != nil {
			return err
		}
		r.SetBasicAuth(s.Username, password)
	}
	return nil
}

func (s Server) host() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// at returns the server as rules are published to it.
func (s Server) at(headers map[string]string) (alertplaces.Server, error) {
	c, err := s.client()
	return alertplaces.Server{URL: s.URL, Authorize: s.authorize, Headers: headers, Client: c}, err
}

// openPublishing opens what is configured; without any place it does nothing.
func openPublishing(c Config, l *later, log *slog.Logger) (*publishing.Publishing, error) {
	p := c.Publish
	out := publishing.Config{BaseURL: strings.TrimRight(c.BaseURL, "/"), Runbook: p.Runbook, Labels: p.Rules.Labels, Instance: p.Instance, Alone: p.Alone, Add: l.queue.Enqueue, Work: l.queue, Now: func() time.Time { return l.watcher.now() }, Log: log}
	var errs [5]error
	out.Alertmanagers, errs[4] = openAlertmanagers(p.Alertmanagers)
	out.Keep, errs[0] = ParseRetention(p.Dashboards.Keep)
	if p.Self != "" {
		out.Self, errs[1] = queries.ParseSelector(p.Self)
	}
	out.Boards, errs[2] = p.Dashboards.open()
	out.Rules, errs[3] = p.Rules.open(p)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	return publishing.New(out), nil
}

func (d PublishDashboards) open() ([]publishing.BoardPlace, error) {
	var out []publishing.BoardPlace
	if g := d.Grafana; g != nil {
		client, err := g.client()
		if err != nil {
			return nil, err
		}
		place, err := boardplaces.New(boardplaces.Config{
			URL: g.URL, Token: g.token, Org: g.Org, Folder: g.Folder, FolderTitle: g.FolderTitle, API: boardplaces.API(g.API), Namespace: g.Namespace, Client: client,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, publishing.BoardPlace{Name: "grafana", Target: g.host(), Page: strings.TrimRight(g.URL, "/") + "/d/", Place: place, Marks: place})
	}
	if f := d.Files; f != nil {
		out = append(out, publishing.BoardPlace{Name: "dashboard files", Place: boardplaces.Files{
			Dir: f.Dir, Format: boardplaces.Format(f.Format), Options: boardplaces.ManifestOptions{Namespace: f.Namespace, Labels: f.Labels},
		}})
	}
	return out, nil
}

func (r PublishRules) open(p Publish) ([]publishing.RulePlace, error) {
	var out []publishing.RulePlace
	if x := r.Prometheus; x != nil {
		s, err := x.at(nil)
		if err != nil {
			return nil, err
		}
		place, err := alertplaces.NewPrometheus(x.Dir, s)
		if err != nil {
			return nil, err
		}
		out = append(out, publishing.RulePlace{Name: "prometheus rules", Target: x.host(), Place: place})
	}
	if x := r.Ruler; x != nil {
		headers := map[string]string{}
		if x.Tenant != "" {
			headers["X-Scope-OrgID"] = x.Tenant
		}
		prefix := x.Prefix
		if prefix == "" {
			prefix = "prometheus"
		}
		s, err := x.at(headers)
		if err != nil {
			return nil, err
		}
		place, err := alertplaces.NewRuler(s, prefix)
		if err != nil {
			return nil, err
		}
		out = append(out, publishing.RulePlace{Name: "ruler", Target: x.host(), Place: place})
	}
	if x := r.Grafana; x != nil && p.Dashboards.Grafana != nil {
		headers := map[string]string{"X-Disable-Provenance": "true"} // so that people may silence and look
		if org := p.Dashboards.Grafana.Org; org != "" {
			headers["X-Grafana-Org-Id"] = org
		}
		s, err := p.Dashboards.Grafana.at(headers)
		if err != nil {
			return nil, err
		}
		place, err := alertplaces.NewGrafana(s, x.Folder, x.Source)
		if err != nil {
			return nil, err
		}
		out = append(out, publishing.RulePlace{Name: "grafana rules", Target: p.Dashboards.Grafana.host(), Place: place})
	}
	return out, nil
}
