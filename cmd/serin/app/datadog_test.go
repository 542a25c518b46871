package app

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
)

func TestDatadogIsReadStrictly(t *testing.T) {
	for text, want := range map[string]string{
		`{ apiKey: env:DD_API_KEY, appKey: file:/run/secrets/app }`:                 "",
		`{ site: datadoghq.eu, apiKey: env:A, appKey: env:B }`:                      "",
		`{ site: "http://datadog", apiKey: env:A, appKey: env:B }`:                  `is no site of Datadog`,
		`{ site: datadoghq.eu, url: "http://proxy", apiKey: env:A, appKey: env:B }`: "datadog.url: stands beside site",
		`{ url: "ftp://proxy", apiKey: env:A, appKey: env:B }`:                      "datadog.url: \"ftp://proxy\" is not a URL",
		`{ site: datadoghq.eu }`:                                                    "datadog.apiKey: is missing; write where it is",
		`{ apiKey: hunter2hunter2, appKey: env:B }`:                                 "datadog.apiKey: is not where a key is; write file:PATH or env:NAME",
	} {
		_, err := Parse("serin.yaml", []byte("datadog: "+text+"\nsources: [{ name: p, prometheus: { url: \"http://p\" } }]\n"))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestDatadogOfEnvironment(t *testing.T) {
	t.Setenv("DD_API_KEY", "")
	t.Setenv("DD_APP_KEY", "")
	t.Setenv("DD_SITE", "datadoghq.eu")
	if d := DatadogOfEnvironment(); d.on() || d.keys() != nil {
		t.Errorf("got %+v without keys", d)
	}
	spec := checks.Spec{Name: "s", Synthetics: &checks.Synthetics{Tests: []string{"abc-def-ghi"}}}
	if r := runners(Guard, Datadog{}).Run(t.Context(), spec, checks.Target{}); r.Status != checks.Broken || !strings.Contains(r.Reason, "DD_API_KEY and DD_APP_KEY") {
		t.Errorf("got %s: %s, want the next step", r.Status, r.Reason)
	}
	gate := checks.Spec{Name: "g", DatadogGate: &checks.DatadogGate{Env: "prod"}}
	if r := runners(Guard, Datadog{}).Run(t.Context(), gate, checks.Target{Service: "a"}); r.Status != checks.Broken || !strings.Contains(r.Reason, "DD_API_KEY and DD_APP_KEY") {
		t.Errorf("got %s: %s, want the next step", r.Status, r.Reason)
	}
	t.Setenv("DD_API_KEY", "a")
	d := DatadogOfEnvironment()
	if d.address() != "https://api.datadoghq.eu" {
		t.Errorf("got %s", d.address())
	}
	if _, _, err := d.keys()(); err == nil || !strings.Contains(err.Error(), "env:DD_APP_KEY is empty") {
		t.Errorf("got %v, want what is missing", err)
	}
	t.Setenv("DD_APP_KEY", "b")
	if api, app, err := d.keys()(); api != "a" || app != "b" || err != nil {
		t.Errorf("got %s, %s, %v", api, app, err)
	}
}
