package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/queries/prometheus"
)

// serveCmd runs the server.
type serveCmd struct {
	settings
}

// settings are where a server's configuration comes from: flags win over
// environment variables, those over the file, and the file over the defaults.
type settings struct {
	Config     string   `short:"c" env:"SERIN_CONFIG" placeholder:"FILE" help:"Configuration file. Without it the flags below suffice."`
	Listen     string   `env:"SERIN_LISTEN" placeholder:"ADDR" help:"Address to listen on (default ${listen})."`
	Plans      string   `env:"SERIN_PLANS" placeholder:"DIR" help:"Folder of the plans (default ./${plans})."`
	Journal    string   `env:"SERIN_JOURNAL" placeholder:"FILE" help:"What remembers rollouts and verdicts: a SQLite file, a PostgreSQL URL without password, or file:PATH or env:NAME of where the URL is (default ./${journal})."`
	Prometheus string   `env:"SERIN_PROMETHEUS" placeholder:"URL" help:"A Prometheus to ask; plans call it \"prometheus\"."`
	TokenFile  []string `env:"SERIN_TOKEN_FILE" placeholder:"FILE" help:"File with a bearer token that callers must send. Needed to listen beyond this machine."`
	WebConfig  string   `name:"web.config.file" env:"SERIN_WEB_CONFIG" placeholder:"FILE" help:"TLS, in the form of Prometheus' web configuration."`
	BaseURL    string   `name:"base-url" env:"SERIN_BASE_URL" placeholder:"URL" help:"How people reach this server, for links."`
	LogLevel   string   `env:"SERIN_LOG_LEVEL" placeholder:"LEVEL" help:"debug, info, warn or error (default info)."`
	LogFormat  string   `env:"SERIN_LOG_FORMAT" placeholder:"FORMAT" help:"text or json (default text)."`
}

// Help implements kong.HelpProvider.
func (serveCmd) Help() string {
	return `Examples:

    serin serve --plans ./plans --prometheus http://localhost:9090
    serin serve --config serin.yaml

serin.yaml, every key optional; environment variables override it, and flags both:

    listen: 127.0.0.1:8080
    baseURL: https://serin.example.com
    plans: ./plans
    journal: ./serin.db     # or postgres://serin@db/serin, file:/run/secrets/journal-url, env:NAME
    retention: 90d          # how long closed rollouts are kept; default: for ever
    inputs: 30d             # how long what their verdicts rested on is, for replay; default: as long
    tokenFiles: [/run/secrets/serin-token]
    tokens:                 # or one entry for each caller; serin token new prints them
      - { name: flagger, hash: "sha256$...", namespaces: [shop, "team-*"], callers: [flagger], allow: [judge, announce] }
    webConfig: ./web.yaml   # TLS: tls_server_config: { cert_file: …, key_file: …, client_ca_file: … }
    outgoing: { checks: [10.0.0.0/8], callbacks: [10.7.0.0/16] }  # where Serin may be made to call
    log: { level: info, format: json }
    debug: { listen: 127.0.0.1:6060 }                  # profiles; off without it
    trace: { endpoint: "http://otel-collector:4318" }  # OpenTelemetry; off without it
    callbacks: { secretFiles: [/run/secrets/serin-callback], hosts: [ci.example.com] }
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
Once it is up, /readyz says whether every source and the journal can be reached.
A SIGHUP makes it read the plans and the log level again; where something is wrong with
them it goes on with what it has, and the log says what. Check first: serin config check.`
}

// Run implements the command.
func (c serveCmd) Run(ctx context.Context, s *streams) error {
	cfg, err := c.read()
	if err != nil {
		return err
	}
	lowest, err := parseLevel(cfg.Log.Level)
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(lowest)
	if len(cfg.Sources) == 0 {
		return errors.New("there is no metrics source; name one with --prometheus URL, or under sources in --config FILE")
	}
	log := newLog(s.err, level, cfg.Log.Format)
	a, err := app.New(ctx, app.Options{Config: cfg, Version: version(), Log: log, Level: level})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.err, "serin %s answers at %s, judging by %s; journal %s\n",
		version(), a.URL(), strings.Join(a.Plans().Names(), ", "), app.JournalName(cfg.Journal))
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	ctx, stop := context.WithCancel(ctx)
	var reloading sync.WaitGroup
	reloading.Go(func() { c.reload(ctx, hangup, a, log) })
	err = a.Run(ctx)
	stop()
	reloading.Wait()
	return err
}

// reload reads the configuration again at each signal, until ctx ends.
func (c settings) reload(ctx context.Context, hangup <-chan os.Signal, a *app.App, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			cfg, err := c.read()
			if err != nil {
				app.LogReload(log, app.Reloaded{}, err)
				continue
			}
			done, err := a.Reload(cfg)
			app.LogReload(log, done, err)
		}
	}
}

// read reads the file and lets flags win.
func (c settings) read() (app.Config, error) {
	if c.Config != "" {
		return app.Read(c.Config, c.override)
	}
	var cfg app.Config
	c.override(&cfg)
	return cfg.WithDefaults(), nil
}

// override puts the flags that were given into a configuration.
func (c settings) override(cfg *app.Config) {
	set := func(to *string, from string) {
		if from != "" {
			*to = from
		}
	}
	set(&cfg.Listen, c.Listen)
	set(&cfg.Plans, c.Plans)
	set(&cfg.Journal, c.Journal)
	set(&cfg.WebConfig, c.WebConfig)
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
