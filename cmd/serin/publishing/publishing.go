package publishing

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	alertplaces "github.com/serin-canary/serin/alerts/publish"
	boardplaces "github.com/serin-canary/serin/dashboards/publish"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// The kinds of work.
const (
	kindBoard     = "dashboard"         // draw and publish a rollout's board
	kindBoardGone = "dashboard-removal" // take it away
	kindMarks     = "annotations"       // of steps and verdicts
	kindRules     = "rules"             // write and publish a rollout's rules
	kindMend      = "rules-again"       // publish them once more, where somebody deleted them
	kindRulesGone = "rules-removal"     // bury them, and take them away
	kindTidy      = "tidy"              // take away what was left behind
	kindStanding  = "standing"          // the boards of services and of all rollouts
)

// Journal is what publishing needs of the durable record.
type Journal interface {
	Get(ctx context.Context, id string) (journal.Summary, error)
	Plan(ctx context.Context, id string) (plan.Plan, error)
	List(ctx context.Context, f journal.Filter) ([]journal.Summary, error)
}

// Annotator writes marks on the time axis.
type Annotator interface {
	Annotate(ctx context.Context, m boardplaces.Mark) error
	RemoveMarks(ctx context.Context, tag string) error
}

// BoardPlace is a place for boards under a name.
type BoardPlace struct {
	Name string
	// Target is the host that it is at, by which failures are counted; empty for files.
	Target string
	// Page is the URL of a board without its UID, for links; empty where it is not known.
	Page  string
	Place boardplaces.Publisher
	// Marks writes annotations; nil where the place has none.
	Marks Annotator
}

// RulePlace is a place for rules under a name.
type RulePlace struct {
	Name, Target string
	Place        alertplaces.Publisher
}

// Config is what a [Publishing] is made of.
type Config struct {
	Boards []BoardPlace
	Rules  []RulePlace
	// Alertmanagers are told of verdicts that are for people: every replica.
	Alertmanagers []AlertPlace
	// BaseURL is how people reach the server; Runbook is linked from boards and alerts.
	BaseURL, Runbook string
	// Self selects Serin's own metrics where boards and rules are evaluated; nil where
	// they are not there.
	Self []queries.Matcher
	// Labels are added to every alert.
	Labels map[string]string
	// Keep is how long boards of rollouts that are over are kept where their plan does
	// not say (default 30 days).
	Keep time.Duration
	// Instance tells this server's standing boards from those of another on the same
	// Grafana; empty where there is none.
	Instance string
	// Alone says that no other server publishes to these places: what belongs to no
	// rollout that is known here is taken away.
	Alone bool
	Add   func(ctx context.Context, jobs ...outbox.Job) error
	// Work is what was added and how it stands; nil says nothing of failures.
	Work Work
	Now  func() time.Time // default time.Now
	Log  *slog.Logger
}

// Publishing keeps boards and rules as the rollouts are.
type Publishing struct {
	c        Config
	journal  Journal
	failures *prometheus.CounterVec
}

// New returns a publishing; it has no journal yet.
func New(c Config) *Publishing {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Keep <= 0 {
		c.Keep = 30 * 24 * time.Hour
	}
	return &Publishing{c: c, failures: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "serin_publish_failures_total", Help: "Failed attempts to publish, by what and where.",
	}, []string{"kind", "target"})}
}

// Attach gives it the journal.
func (p *Publishing) Attach(j Journal) { p.journal = j }

// Collector shows failures on /metrics.
func (p *Publishing) Collector() prometheus.Collector { return p.failures }

// On reports whether there is any place.
func (p *Publishing) On() bool { return len(p.c.Boards)+len(p.c.Rules)+len(p.c.Alertmanagers) > 0 }

// Kinds says how each kind of work is treated.
func Kinds() map[string]outbox.Kind {
	usual := outbox.Kind{Timeout: 30 * time.Second, Patience: 6 * time.Hour, Concurrency: 2, First: 2 * time.Second, Longest: 5 * time.Minute}
	passing := usual
	passing.Patience, passing.Lapses = time.Hour, true
	mend := passing
	mend.Patience = tidyEvery // then there is the next
	gone := usual
	gone.Patience = 7 * 24 * time.Hour
	rules := usual
	rules.Patience = 90 * 24 * time.Hour // they are wanted while the rollout lives, and no longer
	return map[string]outbox.Kind{
		kindBoard: passing, kindMarks: passing, kindStanding: passing, kindTidy: passing,
		kindRules: rules, kindMend: mend, kindBoardGone: gone, kindRulesGone: gone, kindVerdictAlert: verdictKind(),
	}
}

// Handlers do the work.
func (p *Publishing) Handlers() map[string]outbox.Handler {
	all := map[string]outbox.Handler{
		kindBoard: p.board, kindBoardGone: p.boardGone, kindMarks: p.marks, kindStanding: p.standing,
		kindRules: p.rules, kindMend: p.rules, kindRulesGone: p.rulesGone, kindTidy: p.tidy, kindVerdictAlert: p.verdictAlert,
	}
	out := map[string]outbox.Handler{}
	for kind, h := range all {
		out[kind] = func(ctx context.Context, j outbox.Job) error { return p.noted(kind, j, h(ctx, j)) }
	}
	return out
}

// noted counts how an attempt ended, and says it in the outbox's words.
func (p *Publishing) noted(kind string, j outbox.Job, err error) error {
	if err == nil || errors.Is(err, outbox.ErrMoot) {
		return err
	}
	p.failures.WithLabelValues(kind, place(j)).Inc()
	return inOutbox(err)
}

// mending is how long a place that refused something is left alone: somebody must mend
// its configuration or Serin's first, and nobody tells Serin when that is done.
const mending = 2 * time.Minute

// inOutbox says a place's failure in the outbox's words.
func inOutbox(err error) error {
	var b *boardplaces.Error
	var a *alertplaces.Error
	permanent, after := false, time.Duration(0)
	switch {
	case errors.As(err, &b):
		permanent, after = b.Permanent, b.After
	case errors.As(err, &a):
		permanent, after = a.Permanent, a.After
	}
	switch {
	case permanent:
		return &outbox.LaterError{Err: err, After: mending, Refused: true}
	case after > 0:
		return &outbox.LaterError{Err: err, After: after}
	}
	return err
}

// body is what a job carries.
type body struct {
	Place string `json:"place,omitempty"`
	Round int    `json:"round,omitempty"` // of a removal that waits
	Late  bool   `json:"late,omitempty"`  // a removal of what was written after another one
	// Namespace and Service are whose standing board it is; empty is all rollouts'.
	Namespace string `json:"namespace,omitempty"`
	Service   string `json:"service,omitempty"`
}

func place(j outbox.Job) string {
	var b body
	_ = json.Unmarshal(j.Body, &b)
	return b.Place
}

func (b body) json() json.RawMessage {
	text, err := json.Marshal(b)
	if err != nil {
		return nil // texts and a number: it cannot happen
	}
	return text
}

// lastWord is how long it is tried to freeze the board of a rollout that is over.
const lastWord = 7 * 24 * time.Hour

// boardPace is how often a board is brought up to date where nothing but time passed.
const boardPace = time.Minute

// Follow returns the work that follows from an event. It is pure.
func (p *Publishing) Follow(e journal.Event) []outbox.Job {
	all := slices.Concat(p.shown(e), p.verdictJobs(e))
	if e.Kind == journal.EventLooked {
		all = append(all, p.clockJobs(e)...)
	}
	return all
}

// shown is what boards and rules must follow of an event.
func (p *Publishing) shown(e journal.Event) []outbox.Job {
	switch e.Kind {
	case journal.EventAnnounced:
		return slices.Concat(p.boardJobs(e.Rollout, "announced", time.Time{}), p.ruleJobs(e.Rollout, ""), p.standingJobs(e.Rollout.Namespace, e.Rollout.Service))
	case journal.EventLooked:
		if e.Before == nil || e.Before.Outcome != e.Verdict.Outcome || e.Before.Page != e.Verdict.Page {
			return append(p.boardJobs(e.Rollout, "look."+strconv.Itoa(e.Verdict.Seq), time.Time{}), p.markJobs(e.Rollout, "look."+strconv.Itoa(e.Verdict.Seq))...)
		}
		return p.soon(e)
	case journal.EventOverridden, journal.EventAlerted:
		return p.soon(e)
	case journal.EventClosed:
		last := slices.Concat(p.boardJobs(e.Rollout, "closed", time.Time{}), p.markJobs(e.Rollout, "closed"))
		for i := range last {
			last[i].Deadline = e.At.Add(lastWord) // no later look makes up for it
		}
		return append(last, p.burials(e.Rollout.ID)...)
	}
	return nil
}

// soon brings a board up to date with everything that comes within a minute.
func (p *Publishing) soon(e journal.Event) []outbox.Job {
	end := e.At.Truncate(boardPace).Add(boardPace)
	key := strconv.FormatInt(end.Unix(), 10)
	jobs := p.boardJobs(e.Rollout, key, end)
	if n := len(e.Rollout.Weights); n > 0 {
		jobs = append(jobs, p.markJobs(e.Rollout, "weights."+strconv.Itoa(n))...)
	}
	return jobs
}

func (p *Publishing) boardJobs(r rollout.Rollout, why string, at time.Time) []outbox.Job {
	var out []outbox.Job
	for _, b := range p.c.Boards {
		out = append(out, outbox.Job{
			Kind: kindBoard, Key: strings.Join([]string{r.ID, kindBoard, b.Name, why}, "."), Rollout: r.ID, Target: b.Target,
			Body: body{Place: b.Name}.json(), NotBefore: at,
		})
	}
	return out
}

func (p *Publishing) markJobs(r rollout.Rollout, why string) []outbox.Job {
	var out []outbox.Job
	for _, b := range p.c.Boards {
		if b.Marks != nil {
			out = append(out, outbox.Job{
				Kind: kindMarks, Key: strings.Join([]string{r.ID, kindMarks, b.Name, why}, "."), Rollout: r.ID, Target: b.Target, Body: body{Place: b.Name}.json(),
			})
		}
	}
	return out
}

func (p *Publishing) ruleJobs(r rollout.Rollout, why string) []outbox.Job {
	var out []outbox.Job
	for _, w := range p.c.Rules {
		out = append(out, outbox.Job{
			Kind: kindRules, Key: strings.Join([]string{r.ID, kindRules, w.Name}, ".") + why, Rollout: r.ID, Target: w.Target, Body: body{Place: w.Name}.json(),
		})
	}
	return out
}

// waited is how long after its start a canary's first requests are late: rules that were
// written before count the plan's time from the start.
const waited = 5 * time.Minute

// clockJobs write the rules anew where the plan's time has begun, and late.
func (p *Publishing) clockJobs(e journal.Event) []outbox.Job {
	from := e.Verdict.Progress.From
	if from.Sub(e.Rollout.Started) <= waited || e.Before != nil && !e.Before.Progress.From.IsZero() {
		return nil
	}
	return p.ruleJobs(e.Rollout, ".clock")
}

// burials take a rollout's rules away, at each place by itself.
func (p *Publishing) burials(id string) []outbox.Job {
	var out []outbox.Job
	for _, w := range p.c.Rules {
		out = append(out, burial(id, w, body{}, time.Time{}))
	}
	return out
}

func burial(id string, w RulePlace, b body, at time.Time) outbox.Job {
	b.Place = w.Name
	key := []string{id, kindRulesGone, w.Name, strconv.Itoa(b.Round)}
	if b.Late {
		key = append(key, "late")
	}
	return outbox.Job{Kind: kindRulesGone, Key: strings.Join(key, "."), Rollout: id, Target: w.Target, Body: b.json(), NotBefore: at}
}

// standingJobs draw the board of a service; empty names mean that of all rollouts. They
// are drawn once a day, in case somebody took them away.
func (p *Publishing) standingJobs(namespace, service string) []outbox.Job {
	day := strconv.FormatInt(p.c.Now().Unix()/(24*3600), 10)
	var out []outbox.Job
	for _, b := range p.c.Boards {
		out = append(out, outbox.Job{
			Kind: kindStanding, Key: strings.Join([]string{kindStanding, b.Name, namespace + "/" + service, day}, "."), Target: b.Target,
			Body: body{Place: b.Name, Namespace: namespace, Service: service}.json(),
		})
	}
	return out
}
