package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/serin-canary/serin/alerts"
	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/judge/journal"
)

// BoardFolder and RuleFolder are below [Options.Files].
const (
	BoardFolder = "dashboards"
	RuleFolder  = "rules"
)

// publish has the server publish into files, as it would with publish: in its
// configuration.
func (o Options) publish() (app.Publish, error) {
	boards, rules := filepath.Join(o.Files, BoardFolder), filepath.Join(o.Files, RuleFolder)
	for _, dir := range []string{boards, rules} {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a Grafana or a Prometheus may read them
			return app.Publish{}, fmt.Errorf("the demo's dashboards and rules need a folder: %w", err)
		}
	}
	return app.Publish{
		Self:       `job="serin"`,
		Dashboards: app.PublishDashboards{Files: &app.PublishFiles{Dir: boards}},
		Rules:      app.PublishRules{Prometheus: &app.PublishPrometheus{Dir: rules}},
	}, nil
}

// settleTime bounds how long the demo waits for its files, after everything.
const settleTime = 20 * time.Second

// settle closes what is still live, such as a canary that nobody could judge, and waits
// until the dashboards are frozen and the rules are gone. Files that are late change no
// result.
func settle(ctx context.Context, o Options, j *journal.Journal) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	all, err := j.List(ctx, journal.Filter{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("the demo's rollouts cannot be listed: %w", err)
	}
	for _, s := range all {
		if err := j.End(ctx, s.Rollout.ID, time.Time{}, "the demo is over"); err != nil {
			return fmt.Errorf("the demo's rollout cannot be closed: %w", err)
		}
	}
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for !o.settled(all) {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
	return nil
}

// settled reports whether the files are those of rollouts that are over.
func (o Options) settled(all []journal.Summary) bool {
	for _, s := range all {
		id := s.Rollout.ID
		if _, err := os.Stat(filepath.Join(o.Files, RuleFolder, alerts.NameOf(id)+".yml")); err == nil {
			return false
		}
		text, err := os.ReadFile(filepath.Join(o.Files, BoardFolder, dashboards.UID(id)+".json"))
		if err != nil || !frozen(text) {
			return false
		}
	}
	return true
}

// frozen reports whether a board is not refreshed any more.
func frozen(text []byte) bool {
	var b struct {
		Refresh *string `json:"refresh"`
	}
	return json.Unmarshal(text, &b) == nil && (b.Refresh == nil || *b.Refresh == "")
}
