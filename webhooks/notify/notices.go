package notify

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
)

// The kinds of work.
const (
	kindNotice = "notice"        // something happened that people are told of
	kindUpdate = "notice-update" // time passed: a message is brought up to date
)

const (
	// patience is how long a notice is tried, and how long after its end a rollout is
	// still spoken of.
	patience = 6 * time.Hour
	// pace is how often a message is brought up to date where nothing but time passed.
	pace = 5 * time.Minute
	// attempt bounds one attempt; lease is when another one may take it for dead.
	attempt = 20 * time.Second
	lease   = attempt + 5*time.Second
)

// Rollouts is what notices read of the durable record.
type Rollouts interface {
	Get(ctx context.Context, id string) (journal.Summary, error)
	Load(ctx context.Context, id string) (judge.Record, error)
	Plan(ctx context.Context, id string) (plan.Plan, error)
}

// Config is what [Notices] are made of.
type Config struct {
	Targets []Target
	// BaseURL is how people reach the server; empty leaves links to reports out.
	BaseURL string
	// Board returns the address of a rollout's dashboard, or ""; nil knows none.
	Board func(rolloutID string) string
	// Client is for HTTP: it dials only what it may, and follows no redirect. Dial is for
	// SMTP, likewise.
	Client *http.Client
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	// Roots are the certificate authorities of mail servers; nil is the machine's.
	Roots *x509.CertPool
	Now   func() time.Time // default time.Now
	Log   *slog.Logger     // default: discard
}

// opening is what a target's kind is opened with.
type opening struct {
	c      Config
	target string
}

// Notices tell targets of rollouts. They may be used by many goroutines, once attached.
type Notices struct {
	c        Config
	targets  []*place
	rollouts Rollouts
	ledger   ledger
	locks    locks
	tally    tally
}

// place is a target that is open.
type place struct {
	Target
	tongue
	channel channel
	text    *template.Template // nil: the usual text
	rest    rest
}

// channel brings one rollout's message at one target up to date. Its errors are the
// outbox's, and without credentials.
type channel interface {
	tell(ctx context.Context, m *message) error
	// host is what failures are counted by.
	host() string
	// probe asks the service whether it would take messages, without sending one. It
	// returns in words what was tried.
	probe(ctx context.Context) (string, error)
}

// New opens targets. The configuration must have passed [Check].
func New(c Config) (*Notices, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Client == nil {
		return nil, errors.New("notify: there is no client")
	}
	n := &Notices{c: c}
	n.ledger.now = c.Now
	for _, t := range c.Targets {
		p, err := open(c, t)
		if err != nil {
			return nil, fmt.Errorf("notify: %s: %w", t.Name, err)
		}
		n.targets = append(n.targets, p)
	}
	return n, nil
}

func open(c Config, t Target) (*place, error) {
	kinds := t.tongues()
	if len(kinds) != 1 {
		return nil, errors.New("a target is of one kind")
	}
	p := &place{Target: t, tongue: kinds[0]}
	if len(p.Outcomes) == 0 {
		p.Outcomes = p.usual
	}
	var err error
	if t.Template != "" {
		if p.text, err = readTemplate(t.Template); err != nil {
			return nil, err
		}
	}
	p.channel, err = p.open(opening{c: c, target: t.Name})
	return p, err
}

// Attach gives the journal.
func (n *Notices) Attach(r Rollouts, p Papers) { n.rollouts, n.ledger.papers = r, p }

// Kinds says how each kind of work is treated.
func Kinds() map[string]outbox.Kind {
	usual := outbox.Kind{Timeout: attempt, Patience: patience, Concurrency: 4, First: 2 * time.Second, Longest: 5 * time.Minute}
	update := usual
	update.Patience, update.Lapses = 3*pace, true
	return map[string]outbox.Kind{kindNotice: usual, kindUpdate: update}
}

// Handlers do the work.
func (n *Notices) Handlers() map[string]outbox.Handler {
	return map[string]outbox.Handler{kindNotice: n.tell, kindUpdate: n.tell}
}

// body is what a job carries.
type body struct {
	Target string `json:"target"`
}

// Follow returns the notices that follow from an event. It is pure.
func (n *Notices) Follow(e journal.Event) []outbox.Job {
	var out []outbox.Job
	for _, p := range n.targets {
		if !p.fits(e.Rollout) {
			continue
		}
		kind, why, at := p.due(e)
		if kind == "" {
			continue
		}
		text, err := json.Marshal(body{p.Name})
		if err != nil {
			continue // a name: it cannot happen
		}
		out = append(out, outbox.Job{
			Kind: kind, Key: strings.Join([]string{e.Rollout.ID, kind, p.Name, why}, "."), Rollout: e.Rollout.ID, Target: p.channel.host(), Body: text, NotBefore: at,
		})
	}
	return out
}

// due says which kind of work follows from an event at a target, under which name, and
// when; "" is none.
func (p *place) due(e journal.Event) (kind, why string, at time.Time) {
	switch e.Kind {
	case journal.EventAnnounced:
		if p.live && slices.Contains(p.Outcomes, judge.Continue.String()) {
			return kindNotice, "announced", at
		}
	case journal.EventClosed:
		return kindNotice, closedWord, at
	case journal.EventLooked:
		if turned(e.Before, e.Verdict) {
			return kindNotice, "look." + strconv.Itoa(e.Verdict.Seq), at
		}
		if p.live && p.tongue.name != "pagerduty" {
			at = e.At.Truncate(pace).Add(pace)
			return kindUpdate, strconv.FormatInt(at.Unix(), 10), at
		}
	case journal.EventOverridden, journal.EventAlerted, journal.EventChecked:
	}
	return "", "", at
}

// turned reports whether a verdict says something else than the one before it.
func turned(was, is *judge.Verdict) bool {
	return was == nil || was.Outcome != is.Outcome || was.Page != is.Page || was.Promotion.Yes != is.Promotion.Yes || was.Proven != is.Proven
}

// tell is the handler of both kinds.
func (n *Notices) tell(ctx context.Context, j outbox.Job) error {
	p, err := n.place(j)
	if err != nil {
		return err
	}
	if wait := p.rest.left(n.c.Now()); wait > 0 {
		return &outbox.LaterError{Err: fmt.Errorf("%s asked to be left alone for a while", p.channel.host()), After: wait, Refused: true}
	}
	defer n.locks.take(j.Rollout + "." + p.Name)()
	s, err := n.rollouts.Get(ctx, j.Rollout)
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return fmt.Errorf("the rollout is not recorded any more: %w", outbox.ErrMoot)
	case err != nil:
		return err
	}
	if late := n.c.Now().Sub(s.Closed); !s.Closed.IsZero() && late > patience {
		n.tally.count(p.Name, dropped)
		n.c.Log.Warn("a notice is dropped: the rollout is long over", "target", p.Name, "rollout", j.Rollout, "closed", s.Closed)
		return fmt.Errorf("the rollout has been over for %s, and nobody wants to be told now: %w", late.Round(time.Minute), outbox.ErrMoot)
	}
	m, err := n.message(ctx, p, s)
	if err != nil {
		return err
	}
	err = p.channel.tell(ctx, m)
	p.rest.note(n.c.Now(), err)
	n.counted(p, m, err)
	return err
}

// counted counts what an attempt came to.
func (n *Notices) counted(p *place, m *message, err error) {
	n.tally.add(p.Name, sent, m.sent)
	n.tally.add(p.Name, updated, m.updated)
	if err != nil && !errors.Is(err, outbox.ErrMoot) && !errors.Is(err, errBusy) && !errors.Is(err, errSoon) {
		n.tally.count(p.Name, failed)
	}
	if m.Over && err == nil {
		if err := n.ledger.tidy(context.Background()); err != nil {
			n.c.Log.Error("what was noted of old notices could not be forgotten", "error", err)
		}
	}
}

func (n *Notices) place(j outbox.Job) (*place, error) {
	var b body
	if err := json.Unmarshal(j.Body, &b); err != nil {
		return nil, fmt.Errorf("the work cannot be read: %w: %w", err, outbox.ErrPermanent)
	}
	i := slices.IndexFunc(n.targets, func(p *place) bool { return p.Name == b.Target })
	if i < 0 {
		return nil, fmt.Errorf("the target %q is not configured any more: %w", b.Target, outbox.ErrMoot)
	}
	return n.targets[i], nil
}

// Probed is what [Notices.Probe] found out about a target.
type Probed struct {
	Target, Kind, Text string
	Err                error
}

// Probe asks every target's service whether it would take messages. Nothing is sent.
func (n *Notices) Probe(ctx context.Context) []Probed {
	out := make([]Probed, len(n.targets))
	var all sync.WaitGroup
	for i, p := range n.targets {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, attempt/3)
			defer cancel()
			text, err := p.channel.probe(ctx)
			out[i] = Probed{Target: p.Name, Kind: p.tongue.name, Text: text, Err: err}
		})
	}
	all.Wait()
	return out
}
