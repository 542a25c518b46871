package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/cmd/serin/publishing"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks"
	"github.com/serin-canary/serin/webhooks/aws"
	"github.com/serin-canary/serin/webhooks/notify"
	"github.com/serin-canary/serin/webhooks/reply"
)

// The kinds of work that a server does later, beside callbacks.
const (
	kindLook  = "look"  // at a rollout that nobody asks about
	kindSweep = "sweep" // close a rollout that was forgotten
)

// Callbacks configure how rollouts' ends are told; without a secret they are off.
type Callbacks struct {
	// SecretFiles and SecretEnv name files and environment variables that hold one
	// signing secret each. Every secret signs: list the new one and the old one
	// while receivers change over.
	SecretFiles []string `yaml:"secretFiles"`
	SecretEnv   []string `yaml:"secretEnv"`
	// Hosts may be called: ci.example.com, *.example.com, host:8443, or *.
	Hosts []string `yaml:"hosts"`
	// PlainHTTP allows http beside https.
	PlainHTTP bool `yaml:"plainHTTP"`
	// Bearer lists receivers that want a token beside the signature.
	Bearer []BearerOf `yaml:"bearer"`
}

// BearerOf says where the token of a receiver is: in a file or in an environment
// variable.
type BearerOf struct {
	Host string `yaml:"host"` // as in hosts, but not *
	File string `yaml:"file"`
	Env  string `yaml:"env"`
}

// read returns the token.
func (b BearerOf) read() (webhooks.CallbackBearer, error) {
	if b.Env != "" {
		s, ok := os.LookupEnv(b.Env)
		if !ok {
			return webhooks.CallbackBearer{}, fmt.Errorf("the environment variable %s, which holds the token for callbacks to %s, is not set", b.Env, b.Host)
		}
		return webhooks.CallbackBearer{Host: b.Host, Token: strings.TrimSpace(s)}, nil
	}
	text, err := os.ReadFile(b.File)
	if err != nil {
		return webhooks.CallbackBearer{}, fmt.Errorf("cannot read the token for callbacks to %s: %w", b.Host, err)
	}
	return webhooks.CallbackBearer{Host: b.Host, Token: strings.TrimSpace(string(text))}, nil
}

// on reports whether callbacks are configured.
func (c Callbacks) on() bool { return len(c.SecretFiles)+len(c.SecretEnv) > 0 }

func (c Callbacks) check(fault func(path, format string, args ...any)) {
	if c.on() && len(c.Hosts) == 0 {
		fault("callbacks.hosts", "callbacks have a secret and no host that may be called; list hosts, or \"*\" for every public one")
	}
	for i, h := range c.Hosts {
		if err := webhooks.CheckCallbackHost(h); err != nil {
			fault(fmt.Sprintf("callbacks.hosts[%d]", i), "%s", err)
		}
	}
	for i, b := range c.Bearer {
		path := fmt.Sprintf("callbacks.bearer[%d]", i)
		if err := webhooks.CheckBearerHost(b.Host); err != nil {
			fault(path+".host", "%s", err)
		}
		if (b.File == "") == (b.Env == "") {
			fault(path, "a token is in a file or in an environment variable; write one of file and env")
		}
	}
	if !c.on() && (len(c.Hosts) > 0 || c.PlainHTTP || len(c.Bearer) > 0) {
		fault("callbacks.secretFiles", "callbacks are signed, and there is no secret; name a file (secretFiles) or a variable (secretEnv)")
	}
}

// secrets reads the signing secrets.
func (c Callbacks) secrets() ([]string, error) {
	var out []string
	for _, f := range c.SecretFiles {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("cannot read the callbacks' secret: %w", err)
		}
		out = append(out, strings.TrimSpace(string(b)))
	}
	for _, name := range c.SecretEnv {
		s, ok := os.LookupEnv(name)
		if !ok {
			return nil, fmt.Errorf("the environment variable %s, which holds the callbacks' secret, is not set", name)
		}
		out = append(out, strings.TrimSpace(s))
	}
	return out, nil
}

// later is a server's work that is done later: what follows from events, and the
// handlers that do it.
type later struct {
	queue     *outbox.Queue
	callbacks *webhooks.Callbacks // nil where they are off
	watcher   *watcher
	senders   map[string]reply.Sender
	aws       *aws.Client // nil where it is not configured
	publish   *publishing.Publishing
	notices   *notify.Notices
	tally     *tally
	checks    *longChecks
	self      *selfChecks
	desk      *reply.Desk // once there is a journal
	link      string      // how people reach this server
}

// kinds returns how each kind of work is treated.
func kinds() map[string]outbox.Kind {
	m := map[string]outbox.Kind{
		webhooks.KindCallback: {Timeout: 10 * time.Second, Patience: 24 * time.Hour, Concurrency: 8, First: 5 * time.Second, Longest: 15 * time.Minute},
		kindLook:              {Timeout: 45 * time.Second, Patience: time.Hour, Concurrency: 4, Lapses: true},
		kindSweep:             {Timeout: 15 * time.Second, Patience: 365 * 24 * time.Hour, Concurrency: 1, First: time.Minute},
	}
	maps.Copy(m, reply.Kinds())
	maps.Copy(m, publishing.Kinds())
	maps.Copy(m, notify.Kinds())
	maps.Copy(m, longCheckKinds())
	m[aws.KindStop] = aws.StopKind()
	m[kindTally] = tallyKind()
	m[kindSelfCheck] = selfCheckKind()
	return m
}

// newLater makes the queue and what it needs before there is a journal.
func newLater(c Config, log *slog.Logger) (*later, error) {
	q, err := outbox.New(outbox.Options{Kinds: kinds(), Log: log})
	if err != nil {
		return nil, err
	}
	l := &later{queue: q, tally: newTally(), watcher: &watcher{now: time.Now, log: log}, link: c.BaseURL}
	l.watcher.add = q.Enqueue
	l.checks = newLongChecks(log)
	l.self = newSelfChecks(func() time.Time { return l.watcher.now() }, log)
	if l.senders, err = openSenders(c, log); err != nil {
		return nil, err
	}
	if err := l.openAWS(c); err != nil {
		return nil, err
	}
	if l.publish, err = openPublishing(c, l, log); err != nil {
		return nil, err
	}
	if l.notices, err = openNotices(c, func() time.Time { return l.watcher.now() }, log); err != nil {
		return nil, err
	}
	if !c.Callbacks.on() {
		return l, nil
	}
	secrets, err := c.Callbacks.secrets()
	if err != nil {
		return nil, err
	}
	var bearers []webhooks.CallbackBearer
	for _, b := range c.Callbacks.Bearer {
		token, err := b.read()
		if err != nil {
			return nil, err
		}
		bearers = append(bearers, token)
	}
	l.callbacks, err = webhooks.NewCallbacks(webhooks.CallbackConfig{
		Secrets: secrets, Bearers: bearers, Hosts: c.Callbacks.Hosts, PlainHTTP: c.Callbacks.PlainHTTP,
		Guard: c.Outgoing.ForCallbacks().Guard, BaseURL: c.BaseURL,
	})
	return l, err
}

// callbacks tries the secrets of callbacks, for serin doctor.
func (x *examination) callbacks() {
	if !x.c.Callbacks.on() {
		return
	}
	if _, err := newLater(x.c, slog.New(slog.DiscardHandler)); err != nil {
		x.add(Diagnosis{"callbacks", Ill, oneLine(err), "mend callbacks in the configuration, or the secret that it names"})
		return
	}
	x.add(Diagnosis{Part: "callbacks", Health: Well, Text: "may be sent to " + strings.Join(x.c.Callbacks.Hosts, ", ")})
}

// follow returns the work that follows from an event, for [journal.Options].
func (l *later) follow(e journal.Event) []outbox.Job {
	jobs := slices.Concat(follow(e), l.tally.follow(e), l.self.follow(e), l.publish.Follow(e), l.notices.Follow(e))
	jobs = append(jobs, followLongChecks(e)...)
	if l.aws != nil {
		jobs = append(jobs, aws.Follow(e)...)
	}
	if l.callbacks != nil {
		jobs = append(jobs, l.callbacks.Follow(e)...)
	}
	return jobs
}

// attach gives the work its journal and its judge.
func (l *later) attach(ctx context.Context, j *journal.Journal, d webhooks.Decider) error {
	l.watcher.journal, l.watcher.judge = j, d
	l.publish.Attach(j)
	l.notices.Attach(j, j)
	l.checks.journal = j
	l.tally.journal = j
	l.self.record, l.self.papers = j, j
	l.desk = reply.New(reply.Config{
		Journal: j, Judge: d, Queue: l.queue, Senders: l.senders, BaseURL: l.link, Now: l.watcher.now, Log: l.watcher.log,
	})
	return l.queue.Attach(ctx, j.DB())
}

// run does the work until ctx ends.
func (l *later) run(ctx context.Context) error {
	handlers := map[string]outbox.Handler{kindLook: l.watcher.look, kindSweep: l.watcher.sweep, kindTally: l.tally.count, kindSelfCheck: l.self.check}
	maps.Copy(handlers, l.desk.Handlers())
	maps.Copy(handlers, l.publish.Handlers())
	maps.Copy(handlers, l.notices.Handlers())
	maps.Copy(handlers, l.checks.handlers())
	if l.aws != nil {
		handlers[aws.KindStop] = l.aws.Stop
	}
	if l.callbacks != nil {
		handlers[webhooks.KindCallback] = l.callbacks.Send
		defer l.callbacks.Close()
	}
	l.tally.live(ctx, l.watcher.journal, l.watcher.log)
	if err := l.watcher.adopt(ctx); err != nil && ctx.Err() == nil {
		l.watcher.log.Error("rollouts that an older version announced may not be swept", "error", err)
	}
	if err := l.publish.Begin(ctx); err != nil && ctx.Err() == nil {
		l.watcher.log.Error("the board of all rollouts may be missing", "error", err)
	}
	return l.queue.Run(ctx, handlers)
}

// IsDatabaseURL reports whether a journal is a PostgreSQL database, and no file.
func IsDatabaseURL(target string) bool {
	return strings.HasPrefix(target, "postgres://") || strings.HasPrefix(target, "postgresql://")
}

// WorkOf returns the work of a journal, to look at it and to change it; nothing is
// done here.
func WorkOf(ctx context.Context, j *journal.Journal, log *slog.Logger) (*outbox.Queue, error) {
	q, err := outbox.New(outbox.Options{Kinds: kinds(), Log: log})
	if err != nil {
		return nil, err
	}
	if err := q.Attach(ctx, j.DB()); err != nil {
		return nil, err
	}
	return q, nil
}
