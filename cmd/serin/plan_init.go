package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/cmd/serin/discover"
	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries/prometheus"
)

// planInitCmd proposes a plan from what a store has of a service.
type planInitCmd struct {
	Prometheus string   `xor:"source" placeholder:"URL" help:"The Prometheus that has the service's metrics."`
	Config     string   `short:"c" xor:"source" placeholder:"FILE" help:"Configuration file that says how it is asked (credentials, headers; see serin serve --help)."`
	Source     string   `default:"prometheus" placeholder:"NAME" help:"With --config: the source's name there."`
	Service    string   `required:"" placeholder:"NAME" help:"The service's name, as its series' labels have it."`
	Namespace  string   `placeholder:"NAME" help:"Its namespace, where several have a service of that name."`
	Preset     []string `placeholder:"NAME" help:"A family of metrics to look for, such as istio or jvm; repeat it for several. Default: all of them."`
	Out        string   `short:"f" placeholder:"FILE" help:"Write the plan to this file, which must not be there yet. Default: standard output."`
}

// Help implements kong.HelpProvider.
func (planInitCmd) Help() string {
	return `Examples:

    serin plan init --prometheus http://localhost:9090 --service checkout
    serin plan init --prometheus http://localhost:9090 --service checkout --namespace shop -f checkout.yaml
    serin plan init --prometheus http://localhost:9090 --service checkout --preset istio --preset kubernetes
    serin plan check checkout.yaml --prometheus http://localhost:9090

Asks the store which of the presets' metrics it has of the service, what tells the baseline from the
canary, and how often is scraped; then proposes a plan, with comments that say why, and shows the first
blocks that it would compare. What was looked for in vain is said. Run it while a canary is there, or it
can only propose the baseline's half. Nothing is written to the store, and what is asked of it is bounded.

The exit code is 1 where no preset has requests of the service.`
}

// Validate implements kong's check of what was parsed.
func (c planInitCmd) Validate(*kong.Context) error {
	if c.Service != "" && c.Prometheus == "" && c.Config == "" {
		return errors.New("there is no store to ask; add --prometheus URL, or --config FILE")
	}
	return nil
}

// Run implements the command.
func (c planInitCmd) Run(ctx context.Context, s *streams) error {
	if c.Out != "" {
		if _, err := os.Stat(c.Out); err == nil {
			return fmt.Errorf("%s is there already; name another file, or remove it", c.Out)
		}
	}
	src, err := c.open()
	if err != nil {
		return err
	}
	defer src.Close()
	at, err := src.Clock(ctx)
	if err != nil {
		return err
	}
	live := screen.NewLive(s.err, 2*time.Second)
	found, err := discover.Find(ctx, src, discover.Options{
		Service: c.Service, Namespace: c.Namespace, At: at, Presets: c.Preset, Progress: live.Update,
	})
	live.Close()
	if err != nil {
		return err
	}
	if err := c.write(s, found.YAML()); err != nil {
		return err
	}
	for _, text := range found.Missing {
		fmt.Fprintln(s.err, "serin: "+text)
	}
	if found.Preset == "" {
		return exitCode(exitFailure)
	}
	return c.firstBlocks(ctx, s, found, src)
}

// open opens the store.
func (c planInitCmd) open() (*prometheus.Source, error) {
	if c.Prometheus != "" {
		return prometheus.New(prometheus.Config{Name: c.Source, URL: c.Prometheus})
	}
	cfg, err := app.Read(c.Config)
	if err != nil {
		return nil, err
	}
	for _, s := range cfg.Sources {
		if s.Name == c.Source && s.Prometheus != nil {
			with := *s.Prometheus
			with.Name = s.Name
			return prometheus.New(with)
		}
	}
	return nil, fmt.Errorf("%s configures no Prometheus called %q; give --source another name", c.Config, c.Source)
}

// write writes the plan to where it was asked for.
func (c planInitCmd) write(s *streams, text string) error {
	if c.Out == "" {
		_, err := fmt.Fprint(s.out, text)
		return err
	}
	if err := os.WriteFile(c.Out, []byte(text), 0o644); err != nil { //nolint:gosec // a plan is no secret
		return fmt.Errorf("the plan cannot be written: %w", err)
	}
	fmt.Fprintf(s.err, "serin: wrote %s; next: serin plan check %s --prometheus URL\n", c.Out, c.Out)
	return nil
}

// firstBlocks shows what the proposed plan would compare.
func (c planInitCmd) firstBlocks(ctx context.Context, s *streams, found discover.Found, src *prometheus.Source) error {
	p, err := plan.Parse("the proposed plan", []byte(found.YAML()))
	if err != nil {
		return fmt.Errorf("the proposed plan needs a hand: %w", err)
	}
	if !found.CanarySeen {
		fmt.Fprintln(s.err, "serin: no canary is there now, so that there are no blocks to show")
		return nil
	}
	_, err = probe(ctx, s.err, p, src)
	return err
}
