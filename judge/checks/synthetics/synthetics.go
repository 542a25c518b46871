package synthetics

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/ddapi"
)

// Config is what a runner needs.
type Config struct {
	// URL is where Datadog's API is: https://api.datadoghq.com.
	URL string
	// Keys gives the keys. Without it every check is broken, and says so.
	Keys ddapi.Keys
	// Transport sends the requests (default: a new one of net/http's kind).
	Transport http.RoundTripper
	Clock     checks.Clock // its Timeout is 5 min by default
	// Poll is the longest pause between two looks at a batch (default 5 s, as Datadog's
	// own command makes it).
	Poll time.Duration
}

// Runner runs checks of kind synthetics.
type Runner struct {
	client client
	keys   ddapi.Keys
	clock  checks.Clock
	poll   time.Duration
}

// New returns a runner.
func New(c Config) *Runner {
	if c.Transport == nil {
		c.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}
	}
	if c.Clock.Timeout <= 0 {
		c.Clock.Timeout = 5 * time.Minute
	}
	if c.Poll <= 0 {
		c.Poll = 5 * time.Second
	}
	return &Runner{newClient(strings.TrimRight(c.URL, "/"), c.Transport), c.Keys, c.Clock, c.Poll}
}

// Run implements [checks.Runner].
func (r *Runner) Run(ctx context.Context, s checks.Spec, t checks.Target) checks.Result {
	return r.clock.Run(ctx, s, func() (checks.Probe, error) {
		if s.Synthetics == nil || len(s.Synthetics.Tests) == 0 {
			return checks.Probe{}, errors.New("it names no tests")
		}
		return r.prepare(*s.Synthetics, t)
	})
}

// prepare fills in what is sent.
func (r *Runner) prepare(s checks.Synthetics, t checks.Target) (checks.Probe, error) {
	t = t.Veiled()
	keys, err := r.keys.Read(t.Veil())
	if err != nil {
		return checks.Probe{}, err
	}
	tests, err := request(s, t)
	if err != nil {
		return checks.Probe{}, err
	}
	return checks.Probe{
		Name: "Datadog Synthetics " + few(s.Tests), Within: s.Within,
		Try: func(ctx context.Context) checks.Attempt {
			return r.try(with(ctx, keys), tests, s.Tests)
		},
	}, nil
}

// request fills in the overrides of each test.
func request(s checks.Synthetics, t checks.Target) ([]datadogV1.SyntheticsCITest, error) {
	start, err := checks.Fill("startUrl", s.StartURL, t)
	if err != nil {
		return nil, err
	}
	if start != "" {
		if _, err := checks.ReadURL(start, "http", "https"); err != nil {
			return nil, err
		}
	}
	headers, err := filled("headers", s.Headers, t)
	if err != nil {
		return nil, err
	}
	variables, err := filled("variables", s.Variables, t)
	if err != nil {
		return nil, err
	}
	var out []datadogV1.SyntheticsCITest
	for _, id := range s.Tests {
		one := datadogV1.SyntheticsCITest{PublicId: id, Headers: headers, Variables: variables, Locations: s.Locations}
		if start != "" {
			one.StartUrl = &start
		}
		out = append(out, one)
	}
	return out, nil
}

func filled(what string, texts map[string]string, t checks.Target) (map[string]string, error) {
	var out map[string]string
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		v, err := checks.Fill(what+"."+name, texts[name], t)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = v
	}
	return out, nil
}

// try triggers the tests and waits for their results.
func (r *Runner) try(ctx context.Context, body []datadogV1.SyntheticsCITest, tests []string) checks.Attempt {
	began := time.Now()
	var id string
	err := r.insist(ctx, triggers, func() (err error) {
		id, err = r.client.trigger(ctx, body)
		return err
	})
	if err != nil {
		return checks.Breaking("could not be triggered: %s", cause(err))
	}
	running := false
	for pause := min(r.poll, time.Second); ; pause = min(r.poll, 2*pause) { // an API test takes a second
		if !wait(ctx, pause) {
			return late(time.Since(began), id, running, nil)
		}
		var b batch
		err := r.insist(ctx, 0, func() (err error) {
			b, err = r.client.look(ctx, id)
			return err
		})
		switch {
		case err != nil && ctx.Err() != nil:
			return late(time.Since(began), id, running, err)
		case err != nil:
			return checks.Breaking("was triggered, and its results (batch %s) could not be read: %s", shown(id), cause(err))
		case b.Status != inProgress:
			a := b.attempt(tests)
			a.Said += fmt.Sprintf(" (%s, batch %s)", checks.Took(time.Since(began)), shown(id))
			return a
		}
		running = true
	}
}

// late says of a batch that it had not ended when the time was over. One that was seen
// to run failed; one of which nothing was ever heard is broken.
func late(took time.Duration, id string, running bool, err error) checks.Attempt {
	if running {
		return checks.Failing("was still running after %s (batch %s)", checks.Took(took), shown(id))
	}
	text := ""
	if err != nil {
		text = ": " + cause(err)
	}
	return checks.Breaking("was triggered, and nothing was heard of it in %s (batch %s)%s", checks.Took(took), shown(id), text)
}

// triggers is how often it is tried to trigger tests. They may so be run twice, where
// an answer is lost: that costs a run, and changes no result.
const triggers = 3

// insist asks again where the same question may be answered later, so often (0: as
// often as there is time).
func (r *Runner) insist(ctx context.Context, most int, ask func() error) error {
	for i := 1; ; i++ {
		err := ask()
		after, yes := ddapi.Again(err)
		if err == nil || !yes || i == most || !wait(ctx, max(r.poll, after)) {
			return err
		}
	}
}

// wait reports whether the time was not over before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// cause says why in one line, and never where the keys are.
func cause(err error) string {
	var refused *ddapi.Refusal
	if errors.As(err, &refused) {
		return refused.Error()
	}
	return checks.Cause(err)
}
