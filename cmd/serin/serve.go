package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/queries/prometheus"
)

// serveCmd runs the server.
type serveCmd struct {
	Config     string   `short:"c" placeholder:"FILE" help:"Configuration file. Without it the flags below suffice."`
	Listen     string   `placeholder:"ADDR" help:"Address to listen on (default ${listen})."`
	Plans      string   `placeholder:"DIR" help:"Folder of the plans (default ./${plans})."`
	Journal    string   `placeholder:"FILE" help:"File that remembers rollouts and verdicts (default ./${journal})."`
	Prometheus string   `placeholder:"URL" help:"A Prometheus to ask; plans call it \"prometheus\"."`
	TokenFile  []string `placeholder:"FILE" help:"File with a bearer token that callers must send. Needed to listen beyond this machine."`
	BaseURL    string   `name:"base-url" placeholder:"URL" help:"How people reach this server, for links."`
	LogLevel   string   `placeholder:"LEVEL" help:"debug, info, warn or error (default info)."`
	LogFormat  string   `placeholder:"FORMAT" help:"text or json (default text)."`
}

// Help implements kong.HelpProvider.
func (serveCmd) Help() string {
	return `Examples:

    serin serve --plans ./plans --prometheus http://localhost:9090
    serin serve --config serin.yaml

serin.yaml, every key optional; flags override it:

    listen: 127.0.0.1:8080
    baseURL: https://serin.example.com
    plans: ./plans
    journal: ./serin.db
    tokenFiles: [/run/secrets/serin-token]
    log: { level: info, format: json }
    sources:
      - name: prometheus
        prometheus:
          url: https://prometheus.example.com
          bearerFile: /run/secrets/prometheus-token
          headers: { X-Scope-OrgID: shop }
      - name: pods
        scrape:
          interval: 15s
          targets:
            - { url: "http://10.0.0.7:8080/metrics", labels: { track: canary, pod: shop-7 } }

A webhook of Flagger points at http://SERIN/flagger/HOOK, where HOOK is its type.
Without a token file the server listens on this machine only.
Once it is up, /readyz says whether every source and the journal can be reached.`
}

// Run implements the command.
func (c serveCmd) Run(ctx context.Context, s *streams) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	level, err := parseLevel(cfg.Log.Level)
	if err != nil {
		return err
	}
	if len(cfg.Sources) == 0 {
		return errors.New("there is no metrics source; name one with --prometheus URL, or under sources in --config FILE")
	}
	a, err := app.New(ctx, app.Options{Config: cfg, Version: version(), Log: newLog(s.err, level, cfg.Log.Format)})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.err, "serin %s answers at %s, judging by %s; journal %s\n",
		version(), a.URL(), strings.Join(a.Plans().Names(), ", "), cfg.Journal)
	return a.Run(ctx)
}

// config reads the file and lets flags win.
func (c serveCmd) config() (app.Config, error) {
	if c.Config != "" {
		return app.Read(c.Config, c.override)
	}
	var cfg app.Config
	c.override(&cfg)
	return cfg.WithDefaults(), nil
}

// override puts the flags that were given into a configuration.
func (c serveCmd) override(cfg *app.Config) {
	set := func(to *string, from string) {
		if from != "" {
			*to = from
		}
	}
	set(&cfg.Listen, c.Listen)
	set(&cfg.Plans, c.Plans)
	set(&cfg.Journal, c.Journal)
	set(&cfg.BaseURL, c.BaseURL)
	set(&cfg.Log.Level, c.LogLevel)
	set(&cfg.Log.Format, c.LogFormat)
	cfg.TokenFiles = append(cfg.TokenFiles, c.TokenFile...)
	if c.Prometheus != "" {
		cfg.Sources = slices.DeleteFunc(cfg.Sources, func(s app.Source) bool { return s.Name == shorthand })
		cfg.Sources = append(cfg.Sources, app.Source{
			Name: shorthand, Prometheus: &prometheus.Config{URL: c.Prometheus},
		})
	}
}

// shorthand is the name of the source that --prometheus makes.
const shorthand = "prometheus"

// fileExists reports whether a file can be read, in words where it cannot.
func fileExists(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no file %s", path)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder; name a plan file in it", path)
	}
	return nil
}
