package webhooks

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
)

func TestShadowIsNotRolledBack(t *testing.T) {
	w := newWorld(t)
	w.judge.say(func(v *judge.Verdict) { v.Mode, v.Outcome, v.RollBack.Yes = string(plan.Shadow), judge.Rollback, true })
	dark := map[string]string{"service": "dark"}
	first := w.want(w.check(dark), 200).object(t)
	if err := w.journal.End(t.Context(), w.only().Rollout.ID, w.clock.Now(), "forgotten"); err != nil {
		t.Fatal(err)
	}
	if a := w.want(w.check(dark), 200).object(t); a["rollout"] != first["rollout"] || a["verdict"] != "promote" {
		t.Errorf("got %v, want the same rollout, promoted", a)
	}
}

func TestAzureIsAnsweredInTime(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Timeout = 500 * time.Millisecond })
	w.judge.before = func(ctx context.Context) { <-ctx.Done() }
	if a := w.want(w.check(nil), 200).object(t); a["verdict"] != "continue" || !strings.Contains(fmt.Sprint(a["reason"]), "no look was finished in time") {
		t.Errorf("got %v, want that nothing is known", a)
	}
}
