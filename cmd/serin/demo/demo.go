package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
)

// The services of the demo. With one scenario there is only the first of the two.
const (
	healthyService = "checkout"
	failingService = "payments"
)

// Options say what to show.
type Options struct {
	// Scenario is what is wrong with the canary; empty means two rollouts side by
	// side, a healthy one and one that fails.
	Scenario Scenario
	// Seed feeds every pseudo-random choice. The same seed gives the same users and
	// fates, though not the same nanoseconds.
	Seed uint64
	// Listen is where the server listens (default: a free loopback port).
	Listen string
	// Files is a folder for the rollouts' dashboards and alert rules, as the server
	// publishes them; empty is one that is removed at the end.
	Files   string
	Version string
	Log     *slog.Logger // default: discard
	// Progress is told once a second how far everything is, from one goroutine.
	// Tell is told each event of a service's driver, from many. Both may be nil.
	Progress func(Update)
	Tell     func(service string, e Event)
	// Stay, where set, is called with the result while the server still answers at url,
	// and the server stops when it returns.
	Stay func(r Result, url string)
}

// Update says how far the demo is.
type Update struct {
	Elapsed time.Duration
	// Expected is how long it will take, roughly.
	Expected time.Duration
	// Stage says what is going on: the pre-period, or the rollouts.
	Stage string
	// URL is where the server answers.
	URL     string
	Stories []Status
}

// Result is how the demo ended.
type Result struct {
	Stories []Story       `json:"stories"`
	Took    time.Duration `json:"took"`
	// Files is where the dashboards are.
	Files string `json:"files,omitempty"`
}

// rolloutTakes is how long a rollout of the demo takes, roughly.
const rolloutTakes = 75 * time.Second

// Run runs the demo. When it returns, everything that it started has stopped and
// its journal is removed. An error means that the demo could not be shown, or not
// to its end; the result then holds what there is.
func Run(ctx context.Context, o Options) (Result, error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "serin-demo-")
	if err != nil {
		return Result{}, fmt.Errorf("the demo needs a temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	res := Result{Files: o.Files}
	if o.Files == "" {
		o.Files = dir
	}
	stories, err := newStories(ctx, o)
	if err != nil {
		return Result{}, err
	}
	defer stopAll(stories)
	server, err := newServer(ctx, o, stories, filepath.Join(dir, "demo.db"))
	if err != nil {
		return Result{}, err
	}
	server.Start()
	err = play(ctx, o, &stage{began: began, stories: stories, server: server})
	if err == nil {
		err = settle(ctx, o, server.Journal())
	}
	res.Took = time.Since(began).Round(time.Second)
	for _, s := range stories {
		r, e := s.result()
		res.Stories = append(res.Stories, r)
		err = errors.Join(err, e)
	}
	if ctx.Err() != nil {
		return res, errors.Join(errors.New("interrupted before the verdict"), server.Stop())
	}
	if err == nil && o.Stay != nil {
		o.Stay(res, server.URL())
	}
	return res, errors.Join(err, server.Stop())
}

// newStories starts the pods of every service that is shown.
func newStories(ctx context.Context, o Options) ([]*story, error) {
	shown := []struct {
		name     string
		scenario Scenario
	}{{healthyService, Healthy}, {failingService, Errors}}
	if o.Scenario != "" {
		shown = shown[:1]
		shown[0].scenario = o.Scenario
	}
	var ss []*story
	for i, s := range shown {
		st, err := newStory(ctx, s.name, s.scenario, o.Seed+uint64(i))
		if err != nil {
			stopAll(ss)
			return nil, err
		}
		ss = append(ss, st)
	}
	return ss, nil
}

func stopAll(ss []*story) {
	for _, s := range ss {
		s.svc.stop()
	}
}

// newServer wires the real server over the pods' metrics pages.
func newServer(ctx context.Context, o Options, ss []*story, file string) (*app.App, error) {
	pods := &app.Scrape{Interval: time.Second, Retention: 15 * time.Minute}
	var plans []plan.Plan
	for _, s := range ss {
		pods.Targets = append(pods.Targets, s.svc.targets()...)
		plans = append(plans, s.plan)
	}
	set, err := plan.NewSet(plans...)
	if err != nil {
		return nil, fmt.Errorf("the demo's plans: %w", err)
	}
	listen := o.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	publish, err := o.publish()
	if err != nil {
		return nil, err
	}
	return app.New(ctx, app.Options{
		Config: app.Config{
			Listen: listen, Journal: file, Publish: publish,
			Sources: []app.Source{{Name: sourceName, Scrape: pods}},
		},
		Plans: set, Version: o.Version, Log: o.Log,
	})
}

// stage is everything that runs.
type stage struct {
	began   time.Time
	stories []*story
	server  *app.App

	mu   sync.Mutex
	name string
}

// play lets the users in, waits for the pre-period, and drives all rollouts.
func play(ctx context.Context, o Options, st *stage) error {
	before := time.Duration(0)
	for _, s := range st.stories {
		before = max(before, preperiod(s.plan))
	}
	ctx, cancel := context.WithCancel(ctx)
	var crowd, watchers, rollouts sync.WaitGroup
	defer func() {
		cancel()
		crowd.Wait()
		watchers.Wait()
	}()
	for _, s := range st.stories {
		crowd.Go(func() { s.users.run(ctx) })
	}
	st.enter("measuring the baseline")
	if o.Progress != nil {
		watchers.Go(func() { st.report(ctx, o.Progress, before+rolloutTakes) })
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(before):
	}

	st.enter("rolling out")
	h := newHooks(st.server.URL())
	for _, s := range st.stories {
		rollouts.Go(func() { s.rollOut(ctx, h, st.server.Journal(), o.Tell) })
	}
	rollouts.Wait()
	return nil
}

func (st *stage) enter(name string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.name = name
}

// report tells once a second how far everything is, beginning at once.
func (st *stage) report(ctx context.Context, tell func(Update), expected time.Duration) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		u := Update{Elapsed: time.Since(st.began), Expected: expected, URL: st.server.URL()}
		st.mu.Lock()
		u.Stage = st.name
		st.mu.Unlock()
		for _, s := range st.stories {
			u.Stories = append(u.Stories, s.now())
		}
		tell(u)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// AsTold reports whether every rollout ended as its scenario is told: a healthy
// canary is promoted, a harmful one is rolled back, a silent one is neither.
func (r Result) AsTold() bool {
	for _, s := range r.Stories {
		if s.Verdict == nil || !s.asTold() {
			return false
		}
	}
	return len(r.Stories) > 0
}

func (s Story) asTold() bool {
	switch s.Scenario {
	case Healthy:
		return s.Verdict.Outcome == judge.Promote && s.Phase == string(succeeded)
	case Silent:
		return s.Verdict.Outcome != judge.Promote && s.Verdict.Outcome != judge.Rollback && s.Phase != string(succeeded)
	}
	return s.Verdict.Outcome == judge.Rollback && s.Phase == string(failed)
}
