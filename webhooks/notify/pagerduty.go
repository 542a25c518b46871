package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/queries/store"
)

// DefaultPagerDuty is where events go; accounts in Europe have
// https://events.eu.pagerduty.com/v2/enqueue.
const DefaultPagerDuty = "https://events.pagerduty.com/v2/enqueue"

// The bounds of PagerDuty's events, in characters.
const (
	pagerSummary = 1024
	pagerKey     = 255
)

// PagerDuty opens an alert by the Events API v2, and resolves it.
type PagerDuty struct {
	// RoutingKey is where the integration's key is, of 32 characters.
	RoutingKey store.Secret `yaml:"routingKey"`
	// API is where events go (default [DefaultPagerDuty]).
	API string `yaml:"api"`
	// Severity is critical (default), error, warning or info.
	Severity string `yaml:"severity"`
}

func (p *PagerDuty) check(at string, fault Fault) {
	if err := p.RoutingKey.Check(); err != nil {
		fault(at+".routingKey", "%s", err)
	}
	if p.API != "" {
		if err := checkURL(p.API); err != nil {
			fault(at+".api", "%s", err)
		}
	}
	if p.Severity != "" && !slices.Contains([]string{"critical", "error", "warning", "info"}, p.Severity) {
		fault(at+".severity", "%q is no severity of PagerDuty's; write critical (default), error, warning or info", p.Severity)
	}
}

func (p *PagerDuty) open(o opening) (channel, error) {
	d := pager{*p, caller{o.c.Client, o.c.Now}}
	if d.API == "" {
		d.API = DefaultPagerDuty
	}
	if d.Severity == "" {
		d.Severity = "critical"
	}
	_, err := d.key()
	return d, err
}

type pager struct {
	PagerDuty
	caller
}

func (p pager) host() string { return hostOf(p.API) }

func (p pager) key() (string, error) {
	key, err := p.RoutingKey.Read()
	if err == nil && len(key) != 32 {
		err = fmt.Errorf("the routing key at %s has %d characters; that of an Events API v2 integration has 32", p.RoutingKey, len(key))
	}
	return key, err
}

// probe implements channel.
func (p pager) probe(context.Context) (string, error) {
	_, err := p.key()
	return "has a routing key of the right length; a key cannot be tried without an event", err
}

type pagerEvent struct {
	Key     string      `json:"routing_key"`
	Action  string      `json:"event_action"`
	Dedup   string      `json:"dedup_key"`
	Client  string      `json:"client,omitempty"`
	URL     string      `json:"client_url,omitempty"`
	Links   []pagerLink `json:"links,omitempty"`
	Payload *pagerFacts `json:"payload,omitempty"`
}

type pagerLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

type pagerFacts struct {
	Summary   string            `json:"summary"`
	Source    string            `json:"source"`
	Severity  string            `json:"severity"`
	Timestamp time.Time         `json:"timestamp"`
	Component string            `json:"component,omitempty"`
	Group     string            `json:"group,omitempty"`
	Class     string            `json:"class,omitempty"`
	Details   map[string]string `json:"custom_details,omitempty"`
}

// The states of an alert, as they are noted; "" is that none was opened.
const (
	alertMaybe   = "maybe"   // it is being opened, and may be open
	alertOpen    = "yes"     // it is open
	alertClosing = "closing" // it is being resolved, and may be resolved
	alertClosed  = "no"      // it is resolved
)

// tell implements channel. All events of a rollout have one key, so that one that is sent
// twice is one alert. It is resolved when the rollout is over, or nothing calls for a
// person any more. A rollout that was over before PagerDuty could be told is told all the
// same, once, and resolved at once. A rollback that nobody was heard of any more stays
// open: nobody knows that the canary is away.
func (p pager) tell(ctx context.Context, m *message) error {
	state := m.entry.handle("open")
	told := state != "" && state != alertMaybe
	if m.wanted() && !m.Shadow && (!m.Over || m.lasts() || !told) {
		if state == alertOpen && m.entry.handle("outcome") == m.Outcome {
			return nil // an alert is not written to again for a number
		}
		if err := p.trigger(ctx, m, state == alertOpen); err != nil {
			return err
		}
		if !m.Over || m.lasts() {
			return nil
		}
	} else if state == "" || state == alertClosed {
		return nil
	}
	if m.abandoned() {
		return nil
	}
	return m.change(ctx, func(e *entry) { e.set("open", alertClosing) }, func() error {
		if err := p.send(ctx, pagerEvent{Action: "resolve", Dedup: p.dedup(m)}); err != nil {
			return err
		}
		m.entry.set("open", alertClosed)
		m.updated++
		return nil
	})
}

// trigger opens the alert, or writes to it where it is open.
func (p pager) trigger(ctx context.Context, m *message, again bool) error {
	return m.change(ctx, func(e *entry) { e.set("open", alertMaybe) }, func() error {
		if err := p.send(ctx, p.event(m)); err != nil {
			return err
		}
		m.entry.set("open", alertOpen)
		m.entry.set("outcome", m.Outcome)
		if again {
			m.updated++
		} else {
			m.sent++
		}
		return nil
	})
}

// lasts reports whether an alert of a rollout that is over is for a person to resolve: it
// was asked for of rollouts that ended without a final verdict.
func (m *message) lasts() bool {
	return m.Over && !m.Final && slices.Contains(m.outcomes, closedWord)
}

// forgotten begins the reason of a rollout that was closed since nobody asked any more.
const forgotten = "swept"

// abandoned reports whether a rollout was closed because nobody spoke of it any more,
// while it was to be rolled back.
func (n Notice) abandoned() bool {
	return n.Over && n.Final && n.Outcome == "rollback" && strings.HasPrefix(n.Why, forgotten)
}

func (p pager) dedup(m *message) string { return fit("serin/"+m.Target+"/"+m.ID, pagerKey, asIs) }

func (p pager) event(m *message) pagerEvent {
	summary := m.text(asIs)
	if summary == "" {
		summary = m.Headline + ". " + m.brief()
	}
	facts := map[string]string{"rollout": m.ID, "revision": m.Revision, "outcome": m.Outcome}
	for _, f := range m.Findings {
		facts["finding: "+f.Name] = f.Reason
	}
	if m.Page != "" {
		facts["a person must look"] = m.Page
	}
	e := pagerEvent{Action: "trigger", Dedup: p.dedup(m), Client: "Serin", URL: m.Report, Payload: &pagerFacts{
		Summary: fit(strings.Join(strings.Fields(summary), " "), pagerSummary, asIs), Source: m.Service, Severity: p.Severity, Timestamp: m.At,
		Component: m.Service, Group: m.Namespace, Class: "canary " + m.class(), Details: facts,
	}}
	for _, l := range m.links() {
		e.Links = append(e.Links, pagerLink{l.Value, l.Name})
	}
	return e
}

// class is what an alert is about, for rules of PagerDuty's.
func (n Notice) class() string {
	if n.Page != "" && !n.Final {
		return pageWord
	}
	return n.Outcome
}

func (p pager) send(ctx context.Context, e pagerEvent) error {
	key, err := p.key()
	if err != nil {
		return refused(err)
	}
	e.Key = key
	k, err := jsonCall(p.API, e)
	if err != nil {
		return err
	}
	k.secrets = []string{key}
	a, err := p.do(ctx, k)
	if err != nil {
		return err
	}
	if a.code == http.StatusOK {
		return refused(errors.New(a.host + " answered 200, and an event that was taken is 202; check api"))
	}
	return p.judged(a, key)
}
