package main

import (
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/queries/prometheus"
)

// runner returns what runs the checks: where they may go, and whom they may ask. The
// plan's source has a name.
func (c checkRunCmd) runner(source string) (checks.Runner, error) {
	o := app.CheckOptions{Outgoing: app.Outgoing{Checks: c.Allow}, Datadog: app.DatadogOfEnvironment(), Exec: c.AllowExec}
	var sources []app.Source
	if c.Prometheus != "" {
		sources = []app.Source{{Name: source, Prometheus: &prometheus.Config{URL: c.Prometheus}}}
	}
	if c.Config != "" {
		cfg, err := app.Read(c.Config)
		if err != nil {
			return nil, err
		}
		o.Outgoing, o.Secrets, sources = cfg.Outgoing, cfg.Secrets, cfg.Sources
		if cfg.Datadog != (app.Datadog{}) {
			o.Datadog = cfg.Datadog
		}
	}
	for _, s := range sources {
		if fs := s.Check(); len(fs) > 0 {
			return nil, errors.New(fs[0].Text)
		}
	}
	given, err := app.ReadSecrets(c.Secret)
	if err != nil {
		return nil, err
	}
	o.Secrets = append(given, o.Secrets...) // a command line's wins
	if o.Sources, err = app.OpenSources(sources, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
		return nil, err
	}
	r, err := app.Checks(o)
	if err != nil && c.Config == "" {
		err = errors.New(strings.ReplaceAll(err.Error(), "outgoing.checks", "--allow"))
	}
	return r, err
}
