package gatecheck

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/ddapi"
)

// Config is what a [Runner] is made of.
type Config struct {
	// URL is where Datadog's API is: https://api.datadoghq.com.
	URL string
	// Keys gives the keys. Without it every check is broken, and says so.
	Keys ddapi.Keys
	// Transport sends the requests (default: a new one of net/http's kind).
	Transport http.RoundTripper
	Clock     checks.Clock // its Timeout is 2 min by default
	// Poll is the longest pause between two looks at an evaluation (default 5 s).
	Poll time.Duration
}

// Runner runs checks of kind datadogGate. It may be used by many goroutines.
type Runner struct {
	client client
	cfg    Config
}

var _ checks.Runner = (*Runner)(nil)

// New returns a runner.
func New(c Config) *Runner {
	if c.Transport == nil {
		c.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10}
	}
	if c.Clock.Timeout <= 0 {
		c.Clock.Timeout = 2 * time.Minute
	}
	if c.Poll <= 0 {
		c.Poll = 5 * time.Second
	}
	return &Runner{newClient(strings.TrimRight(c.URL, "/"), c.Transport), c}
}

// Run implements checks.Runner.
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return r.cfg.Clock.Run(ctx, s, func() (checks.Probe, error) {
		if s.DatadogGate == nil {
			return checks.Probe{}, errors.New("it is no check of a gate of Datadog")
		}
		return r.prepare(*s.DatadogGate, t)
	})
}

// prepare fills in what is asked.
func (r *Runner) prepare(g checks.DatadogGate, t checks.Target) (checks.Probe, error) {
	t = t.Veiled()
	keys, err := r.cfg.Keys.Read(t.Veil())
	if err != nil {
		return checks.Probe{}, err
	}
	body, err := question(g, t)
	if err != nil {
		return checks.Probe{}, err
	}
	return checks.Probe{
		Name: fmt.Sprintf("Datadog gate of %s in %s", checks.Inert(body.Service, 60, nil), checks.Inert(body.Env, 40, nil)), Within: g.Within,
		Try: func(ctx context.Context) checks.Attempt { return r.try(ctx, body, keys) },
	}, nil
}

// question fills in an evaluation's attributes.
func question(g checks.DatadogGate, t checks.Target) (attributes, error) {
	if g.Service == "" {
		g.Service = "{{ .Service }}"
	}
	var out attributes
	for _, part := range []struct {
		name, text string
		into       *string
		needed     bool
	}{
		{"service", g.Service, &out.Service, true}, {"env", g.Env, &out.Env, true}, {"version", g.Version, &out.Version, false},
		{"identifier", g.Identifier, &out.Identifier, false},
	} {
		text, err := checks.Fill(part.name, part.text, t)
		if err != nil {
			return out, err
		}
		if *part.into = strings.TrimSpace(text); part.needed && *part.into == "" {
			return out, fmt.Errorf("its %s is empty", part.name)
		}
	}
	monitors, err := checks.FillQuery("monitors", g.Monitors, t)
	if err != nil {
		return out, err
	}
	var rules []rule
	if monitors != "" {
		rules = append(rules, rule{Type: "monitor", Name: "monitors", Options: map[string]any{"query": monitors}})
	}
	if g.Faulty {
		rules = append(rules, rule{Type: "faulty_deployment_detection", Name: "faulty deployment", Options: map[string]any{}})
	}
	if len(rules) > 0 {
		out.Configuration = &configuration{Rules: rules}
	}
	return out, nil
}

// try asks for an evaluation and waits for its status.
func (r *Runner) try(ctx context.Context, body attributes, keys ddapi.Pair) checks.Attempt {
	var id string
	err := r.insist(ctx, false, func() (err error) {
		id, err = r.client.begin(ctx, keys, body)
		return err
	})
	if err != nil {
		return checks.Breaking("could not be evaluated: %s", words(ctx, err))
	}
	for pause := min(r.cfg.Poll, time.Second); ; pause = min(r.cfg.Poll, 2*pause) {
		var e evaluation
		err := r.insist(ctx, true, func() (err error) {
			e, err = r.client.look(ctx, keys, id)
			return err
		})
		if err != nil {
			return checks.Breaking("was asked for, and its status could not be read: %s", words(ctx, err))
		}
		if a, decided := e.attempt(); decided {
			return a
		}
		if !wait(ctx, pause) {
			return checks.Breaking("was not decided in time; give the check a longer within, or run it at the end: when: at-end")
		}
	}
}

// mostTries is how often in a row a question is put that is not answered: over half a minute
// at the usual pauses.
const mostTries = 7

// insist asks again where that may help, until the time is over. An evaluation may not be
// there for a moment after it was asked for: then absent is an answer that may change.
func (r *Runner) insist(ctx context.Context, absent bool, ask func() error) error {
	pause := r.cfg.Clock.WithDefaults().Pause
	for tries := 1; ; tries++ {
		err := ask()
		if err == nil {
			return nil
		}
		after, again := later(err, absent)
		if !again || tries == mostTries || !wait(ctx, max(pause<<tries, after)) {
			return err
		}
	}
}

// wait returns false where the time is over before.
func wait(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false // it would be in vain
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// words are those of an error, or that the time was over.
func words(ctx context.Context, err error) string {
	if ctx.Err() != nil && errors.As(err, new(*ddapi.Unreached)) {
		return "Datadog did not answer in time"
	}
	return checks.Cause(err)
}

// shown is how many rules' reasons a sentence holds.
const shown = 3

// attempt is what an evaluation comes to; false where it is not decided.
func (e evaluation) attempt() (checks.Attempt, bool) {
	var bad []string
	real := 0
	for _, r := range e.Rules {
		if r.DryRun {
			continue
		}
		real++
		if r.Status != "pass" && len(bad) < shown {
			text := r.Name + " is " + r.Status
			if r.Reason != "" {
				text += " (" + r.Reason + ")"
			}
			bad = append(bad, checks.Inert(text, 200, nil))
		}
	}
	switch e.Status {
	case "in_progress":
		return checks.Attempt{}, false
	case "fail":
		text := "fails"
		if len(bad) > 0 {
			text += ": " + strings.Join(bad, "; ")
		}
		return checks.Failing("%s", text), true
	case "pass":
		switch {
		case real == 0:
			return checks.Breaking("passes, and no rule of it counts (%d are dry runs), so that nothing is known; give it a rule, or the check monitors or faulty", len(e.Rules)), true
		case len(bad) > 0:
			return checks.Breaking("says that it passes, and that %s", strings.Join(bad, "; ")), true
		}
		return checks.Attempt{Status: checks.Passed, Said: fmt.Sprintf("passes, by %s", rules(real))}, true
	}
	return checks.Breaking("has the status %s, which is neither pass nor fail", checks.Inert(e.Status, 40, nil)), true
}

func rules(n int) string {
	if n == 1 {
		return "1 rule"
	}
	return fmt.Sprintf("%d rules", n)
}
