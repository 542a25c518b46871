package datadog

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/queries/store"
)

// Config configures a [Source].
type Config struct {
	Name string `yaml:"-"` // the source's name in plans
	// Site is the organisation's site, such as datadoghq.eu (default datadoghq.com).
	Site string `yaml:"site"`
	// URL is asked in place of a site: a proxy, mostly.
	URL string `yaml:"url"`
	// APIKey and AppKey say where the keys are.
	APIKey store.Secret `yaml:"apiKey"`
	AppKey store.Secret `yaml:"appKey"`
	// Timeout bounds one call (default 30 s).
	Timeout time.Duration `yaml:"timeout"`
	// Reserve is the share of the organisation's calls that is left to others, from 0 to
	// below 1 (default 0.2; negative is none).
	Reserve float64 `yaml:"reserve"`

	// Now is time.Now, but in tests.
	Now func() time.Time `yaml:"-"`
	// Pause is how long a question waits for others to join its call (default 20 ms).
	Pause time.Duration `yaml:"-"`
}

// Sites lists the sites that Datadog has.
func Sites() []string {
	return []string{
		"datadoghq.com", "us3.datadoghq.com", "us5.datadoghq.com", "ap1.datadoghq.com", "ap2.datadoghq.com",
		"uk1.datadoghq.com", "datadoghq.eu", "ddog-gov.com", "us2.ddog-gov.com",
	}
}

// Check returns everything that is wrong, by the field's name. It quotes nothing that
// may be a secret.
func (c Config) Check() map[string]error {
	out := map[string]error{}
	if c.Site != "" && !slices.Contains(Sites(), c.Site) {
		out["site"] = fmt.Errorf("%q is no site of Datadog; there are %s", c.Site, strings.Join(Sites(), ", "))
	}
	if c.URL != "" {
		if err := checkURL(c.URL); err != nil {
			out["url"] = err
		} else if c.Site != "" {
			out["url"] = errors.New("stands beside site; write one of them")
		}
	}
	for name, key := range map[string]store.Secret{"apiKey": c.APIKey, "appKey": c.AppKey} {
		if key == "" {
			out[name] = errors.New("is missing; write where it is, for example env:DD_API_KEY or file:/run/secrets/datadog")
		} else if err := key.Check(); err != nil {
			out[name] = err
		}
	}
	if c.Timeout < 0 {
		out["timeout"] = errors.New("cannot be negative")
	}
	if c.Reserve >= 1 {
		out["reserve"] = errors.New("is a share of the calls below 1, such as 0.2")
	}
	return out
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return errors.New("is no URL; write for example https://datadog-proxy.example.com")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("has a user, query or fragment in it, which would be logged; the keys are given as apiKey and appKey")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Site == "" {
		c.Site = Sites()[0]
	}
	if c.URL == "" {
		c.URL = "https://api." + c.Site
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Reserve == 0 {
		c.Reserve = 0.2
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
