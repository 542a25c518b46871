package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/webhooks"
)

// Options are what an [App] is made of.
type Options struct {
	Config Config
	// Plans are the plans; nil means those in the folder that Config names.
	Plans   *plan.Set
	Version string
	Log     *slog.Logger // default: discard
	// Level is the log's level, where a reload may change it.
	Level *slog.LevelVar

	now func() time.Time // default time.Now; in benchmarks minutes pass faster
}

// App is a server.
type App struct {
	config   Config
	listener net.Listener
	front    *webhooks.Server
	journal  *journal.Journal
	judge    *judge.Judge
	sources  *Sources
	plans    *livePlans
	tokens   []webhooks.Token // as last read
	ownPlans bool             // read from the folder that the configuration names
	debug    *debugServer
	tracing  *tracing
	later    *later
	log      *slog.Logger
	level    *slog.LevelVar

	reloading sync.Mutex // guards config, and one reload from another

	// serving ends when the last request has been answered, beside when nothing is
	// scraped any more. The first error of serving is kept in failed.
	serving, beside       sync.WaitGroup
	stopServing, stopRest context.CancelFunc
	failed                chan error
	stop                  sync.Once
}

// New binds the listener and opens the journal, the plans and the sources. Where
// something fails, what was opened before is closed again.
func New(ctx context.Context, o Options) (*App, error) { return newApp(ctx, o, nil) }

// newApp makes spans with t, where it is given, instead of what is configured.
func newApp(ctx context.Context, o Options, t *tracing) (*App, error) {
	c := o.Config.WithDefaults()
	if fs := c.Check(); len(fs) > 0 {
		return nil, faultsOfFlags(fs)
	}
	a := &App{config: c, tracing: t, log: o.Log, level: o.Level, ownPlans: o.Plans == nil, failed: make(chan error, 3)}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if err := a.open(ctx, o); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *App) open(ctx context.Context, o Options) error {
	c, version := a.config, o.Version
	sec, err := a.secure(c)
	if err != nil {
		return err
	}
	a.tokens = sec.tokens
	plans := o.Plans
	if plans == nil {
		if plans, err = LoadPlans(c.Plans); err != nil {
			return err
		}
	}
	a.plans = newLivePlans(plans)
	if a.sources, err = openShared(c.Sources, c.Limits, a.log); err != nil {
		return err
	}
	if err := errors.Join(a.checkSources(plans), a.checkAWSPlans(plans)); err != nil {
		return err
	}
	if a.tracing == nil {
		if a.tracing, err = newTracing(ctx, c.Trace, version, a.log); err != nil {
			return err
		}
	}
	if a.later, err = newLater(c, a.log); err != nil {
		return err
	}
	if o.now != nil {
		a.later.watcher.now = o.now
	}
	if a.journal, err = OpenJournal(ctx, c.Journal, journal.Options{Log: a.log, Now: o.now, Follow: a.later.follow, Queue: a.later.queue}); err != nil {
		return err
	}
	a.judge = NewJudge(JudgeOptions{Journal: a.journal, Sources: a.sources, Version: version, Log: a.log, Guard: c.Outgoing.ForChecks().Guard, Datadog: c.Datadog, Secrets: c.Secrets, Work: true, trace: a.tracing})
	a.later.checks.runner = a.judge
	if err := a.later.attach(ctx, a.journal, a.tracing.decider(a.judge)); err != nil {
		return err
	}
	a.front, err = webhooks.New(webhooks.Config{
		Judge: a.tracing.decider(a.judge), Journal: a.journal, Plans: a.plans, Ready: a.ready(), Beside: a.besides(), Wrap: a.tracing.handler,
		Tokens: sec.tokens, TLS: sec.tls, Limits: sec.limits, Pressure: c.Limits.pressure(), BaseURL: c.BaseURL, Version: version, Log: a.log, Now: o.now,
		Callbacks: a.later.callbacks, Work: a.later.queue, Publishing: a.later.publish, Drawing: a.later.publish.Files(), SelfChecks: a.later.self, Asker: a.later.desk, Azure: a.later.azure(), GitHub: a.later.github(c.GitHub), AWS: a.frontAWS(), Kayenta: a.kayenta(), Sources: a.sources.ByName(), Collectors: append(a.sources.Collectors(), newWorkMetrics(a.later.queue, a.log), a.later.publish.Collector(), newNoticeMetrics(a.later.notices), a.later.tally.closed, a.later.self),
	})
	if err != nil {
		return err
	}
	if a.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen); err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another address with --listen", c.Listen, err)
	}
	a.debug, err = openDebug(ctx, c.Debug)
	return err
}

// JudgeOptions are what [NewJudge] wires together.
type JudgeOptions struct {
	Journal judge.Journal
	Sources *Sources
	Version string
	Log     *slog.Logger
	// Guard says where checks may go; default: everywhere but where clouds keep
	// credentials.
	Guard func(netip.AddrPort) error
	// Datadog is where checks of kind synthetics are run.
	Datadog Datadog
	// Secrets are those that checks may use.
	Secrets Secrets

	// Work says that a server does the judge's long checks as work of their own.
	Work bool

	trace *tracing
}

// NewJudge returns a judge with every kind of check that this build can run.
func NewJudge(o JudgeOptions) *judge.Judge {
	sources := o.Sources.ByName()
	for name, s := range sources {
		sources[name] = o.trace.source(name, s)
	}
	return judge.New(judge.Config{
		Journal: o.Journal, Sources: sources,
		Checks: checks.WithSecrets(o.Secrets.Give, o.Sources.asked(runners(o.guard(), o.Datadog))),
		Engine: o.Version, Log: o.Log, Work: o.Work,
	})
}

// LoadPlans reads the plans of a folder; a folder without any is an error.
func LoadPlans(dir string) (*plan.Set, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no folder %s with plans; make it, or name another one with --plans", dir)
	case err != nil:
		return nil, fmt.Errorf("cannot read the plans: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file; --plans names a folder, for example %s", dir, filepath.Dir(dir))
	}
	set, err := plan.LoadSet(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	if len(set.Names()) == 0 {
		return nil, fmt.Errorf("there is no plan (*.yaml) in %s; write one, then check it with serin plan check", dir)
	}
	if err := refuseCommands(set); err != nil {
		return nil, err
	}
	return set, nil
}

// checkSources makes sure that every plan's source is configured, so that a typo
// is found at the start and not by the first rollout.
func (a *App) checkSources(plans *plan.Set) error {
	var wrong []string
	for _, n := range plans.Names() {
		p, err := plans.Find(n, "", "")
		if err != nil {
			return err
		}
		if a.sources.Store(p.Source) == nil {
			wrong = append(wrong, fmt.Sprintf("plan %s asks source %q, which is not configured", n, p.Source))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	names := "none"
	if ns := a.sources.Names(); len(ns) > 0 {
		names = strings.Join(ns, ", ")
	}
	return fmt.Errorf("%s\nconfigured sources: %s; add it to sources in the configuration, or use --prometheus URL",
		strings.Join(wrong, "\n"), names)
}

// besides lists what /readyz shows and does not depend on.
func (a *App) besides() map[string]webhooks.Pinger {
	if !a.later.publish.On() {
		return nil
	}
	return map[string]webhooks.Pinger{"publishing": a.later.publish}
}

// ready lists what /readyz asks.
func (a *App) ready() map[string]webhooks.Pinger {
	m := map[string]webhooks.Pinger{"journal": a.journal}
	for _, n := range a.sources.Names() {
		m["source "+n] = a.sources.Store(n)
	}
	return m
}

// Addr returns the address that the server listens on.
func (a *App) Addr() string { return a.listener.Addr().String() }

// URL returns the address as a URL of this machine.
func (a *App) URL() string {
	if a.config.WebConfig != "" {
		return "https://" + a.Addr()
	}
	return "http://" + a.Addr()
}

// Journal returns the journal, which is open from New to Stop.
func (a *App) Journal() *journal.Journal { return a.journal }

// Plans returns the plans that new rollouts are judged by.
func (a *App) Plans() *plan.Set { return a.plans.set.Load() }

// Start serves, and scrapes what there is to scrape, until Stop.
func (a *App) Start() {
	serve, stopServing := context.WithCancel(context.Background()) // both are ended by Stop
	rest, stopRest := context.WithCancel(context.Background())
	a.stopServing, a.stopRest = stopServing, stopRest
	a.sources.Run(rest, a.beside.Go)
	a.beside.Go(func() { a.upkeep(rest) })
	if a.debug != nil {
		a.beside.Go(func() {
			if err := a.debug.serve(); err != nil {
				a.failed <- err
			}
		})
	}
	a.beside.Go(func() {
		if err := a.later.run(rest); err != nil {
			a.failed <- err
		}
	})
	a.serving.Go(func() {
		if err := a.front.Serve(serve, a.listener); err != nil {
			a.failed <- err
		}
	})
}

// Stop refuses new requests, finishes those under way, for which it waits 25 s at
// most, and closes everything. Later calls do nothing.
func (a *App) Stop() error {
	var err error
	a.stop.Do(func() {
		if a.stopServing != nil {
			a.stopServing()
			a.serving.Wait()
			a.stopRest() // what is under way may still ask the sources
			err = errors.Join(a.debug.close(), a.tracing.stop())
			a.beside.Wait()
		}
		select {
		case failed := <-a.failed:
			err = errors.Join(failed, err)
		default:
		}
		err = errors.Join(err, a.close())
	})
	return err
}

// Run starts the server, waits until ctx ends or serving fails, and stops it.
func (a *App) Run(ctx context.Context) error {
	a.Start()
	var err error
	select {
	case <-ctx.Done():
	case err = <-a.failed:
	}
	return errors.Join(err, a.Stop())
}

// close closes what open opened.
func (a *App) close() error {
	var cs []io.Closer
	if a.listener != nil {
		cs = append(cs, a.listener)
	}
	if a.journal != nil {
		cs = append(cs, a.journal)
	}
	errs := []error{a.debug.close()}
	for _, c := range cs {
		errs = append(errs, ignoreClosed(c.Close()))
	}
	return errors.Join(errs...)
}

// faultsOfFlags writes faults of a configuration that did not come from a file.
func faultsOfFlags(fs plan.Faults) error {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Path + ": " + f.Text
	}
	slices.Sort(lines)
	return errors.New(strings.Join(lines, "\n"))
}
