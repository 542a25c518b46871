package plan

import (
	"regexp"

	"github.com/serin-canary/serin/judge/checks"
)

type datadogGateFile struct {
	Env        *string       `yaml:"env" jsonschema:"required" jsonschema_description:"The environment, as Datadog knows it; a template."`
	Service    *string       `yaml:"service" jsonschema_description:"The service, as Datadog knows it; a template. Default: the rollout's."`
	Version    *string       `yaml:"version" jsonschema_description:"The version on trial, as Datadog knows it; a template."`
	Identifier *string       `yaml:"identifier" jsonschema_description:"One of several gates that are configured in Datadog; a template."`
	Monitors   *string       `yaml:"monitors" jsonschema_description:"A search for monitors, none of which may alert or lack data; a template."`
	Faulty     *bool         `yaml:"faulty" jsonschema_description:"Datadog's detection of faulty deployments. Default: false."`
	Within     *durationText `yaml:"within" jsonschema_description:"Longest time until the gate's status. Default: 2m."`
}

// monitorTerm is one term of a search for monitors; a bare * would gate on all of them.
var monitorTerm = regexp.MustCompile(`[A-Za-z0-9{]`)

// datadogGate builds a check that Datadog evaluates.
func (b *builder) datadogGate(f datadogGateFile, path string) *checks.DatadogGate {
	out := &checks.DatadogGate{
		Service: value(f.Service, ""), Env: value(f.Env, ""), Version: value(f.Version, ""), Identifier: value(f.Identifier, ""),
		Monitors: value(f.Monitors, ""), Faulty: value(f.Faulty, false), Within: b.within(f.Within, path),
	}
	b.given(f.Env, path+".env", "prod")
	for _, t := range []struct {
		key  string
		text *string
	}{{"env", f.Env}, {"service", f.Service}, {"version", f.Version}, {"identifier", f.Identifier}, {"monitors", f.Monitors}} {
		if t.text != nil {
			b.template(path+"."+t.key, *t.text)
		}
	}
	if f.Monitors != nil && !monitorTerm.MatchString(*f.Monitors) {
		b.at(path+".monitors", "finds every monitor or none; write a search such as service:checkout env:prod")
	}
	if f.Identifier != nil && (f.Monitors != nil || out.Faulty) {
		b.at(path+".identifier", "names a gate that is configured in Datadog, and the check has rules of its own: keep identifier, or monitors and faulty")
	}
	return out
}
