package app

import (
	"errors"
	"os"
	"strings"

	"github.com/serin-canary/serin/judge/checks/ddapi"
	"github.com/serin-canary/serin/judge/checks/synthetics"
	"github.com/serin-canary/serin/queries/store"
)

// Datadog says where checks of kind synthetics find Datadog, and with which keys they
// ask it. A source of metrics has settings of its own.
type Datadog struct {
	// Site is the organisation's site (default datadoghq.com).
	Site string `yaml:"site"`
	// URL is asked in place of a site: a proxy, mostly.
	URL string `yaml:"url"`
	// APIKey and AppKey say where the keys are: file:PATH or env:NAME.
	APIKey store.Secret `yaml:"apiKey"`
	AppKey store.Secret `yaml:"appKey"`
}

// DatadogOfEnvironment is what Datadog's own tools read: DD_SITE, DD_API_KEY and
// DD_APP_KEY. Without the keys nothing is configured.
func DatadogOfEnvironment() Datadog {
	d := Datadog{Site: os.Getenv("DD_SITE"), APIKey: "env:DD_API_KEY", AppKey: "env:DD_APP_KEY"} //nolint:gosec // names of variables, no secrets
	if os.Getenv("DD_API_KEY") == "" && os.Getenv("DD_APP_KEY") == "" {
		return Datadog{}
	}
	return d
}

// on reports whether anything is configured.
func (d Datadog) on() bool { return d != Datadog{} }

func (d Datadog) check(fault func(path, format string, args ...any)) {
	if !d.on() {
		return
	}
	if d.Site != "" && (strings.ContainsAny(d.Site, "/:@?# ") || !strings.Contains(d.Site, ".")) {
		fault("datadog.site", "%q is no site of Datadog; write for example datadoghq.eu", redact(d.Site))
	}
	switch {
	case d.URL != "" && !webURL(d.URL):
		fault("datadog.url", "%q is not a URL; write for example https://datadog-proxy.example.com", redact(d.URL))
	case d.URL != "" && d.Site != "":
		fault("datadog.url", "stands beside site; write one of them")
	}
	for _, k := range []struct {
		path string
		key  store.Secret
	}{{"datadog.apiKey", d.APIKey}, {"datadog.appKey", d.AppKey}} {
		if k.key == "" {
			fault(k.path, "is missing; write where it is, for example env:DD_API_KEY or file:/run/secrets/datadog")
		} else if k.key.Check() != nil {
			fault(k.path, "is not where a key is; write file:PATH or env:NAME, and never the key itself")
		}
	}
}

// keys reads both keys; nil where there are none.
func (d Datadog) keys() ddapi.Keys {
	if !d.on() {
		return nil
	}
	return func() (api, app string, err error) {
		api, errAPI := d.APIKey.Read()
		app, errApp := d.AppKey.Read()
		return api, app, errors.Join(errAPI, errApp)
	}
}

func (d Datadog) address() string {
	switch {
	case d.URL != "":
		return d.URL
	case d.Site != "":
		return "https://api." + d.Site
	}
	return "https://api.datadoghq.com"
}

// Synthetics returns what has tests run by Datadog.
func (d Datadog) Synthetics() *synthetics.Runner {
	return synthetics.New(synthetics.Config{URL: d.address(), Keys: d.keys()})
}
