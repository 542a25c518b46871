package main

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// exitText returns the exit code of a command that failed.
func exitText(err error) string {
	var ee *exec.ExitError
	if errors.As(err, &ee) {
		return strconv.Itoa(ee.ExitCode())
	}
	return err.Error()
}

func TestExitCodesFollowOutcomes(t *testing.T) {
	for o, want := range map[judge.Outcome]exitCode{
		judge.Promote: 0, judge.Rollback: 3, judge.Continue: 4, judge.Inconclusive: 4, judge.Outcome(9): 4,
	} {
		if got := codeOf(o); got != want {
			t.Errorf("codeOf(%v): got %d, want %d", o, got, want)
		}
		if got := codeOfVerdict("enforce", o); got != want {
			t.Errorf("codeOfVerdict(enforce, %v): got %d, want %d", o, got, want)
		}
		if got := codeOfVerdict("shadow", o); got != 0 {
			t.Errorf("codeOfVerdict(shadow, %v): got %d, want 0: shadow mode never blocks", o, got)
		}
	}
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text string
		want time.Time
		err  string
	}{
		{"30m", now.Add(-30 * time.Minute), ""},
		{"0s", now, ""},
		{"2026-05-01T11:00:00Z", now.Add(-time.Hour), ""},
		{"-5m", time.Time{}, "lies in the future"},
		{"2026-05-01T13:00:00Z", time.Time{}, "lies in the future"},
		{"yesterday", time.Time{}, "2026-05-01T11:30:00Z"},
	} {
		got, err := parseSince(c.text, now)
		switch {
		case c.err == "" && (err != nil || !got.Equal(c.want)):
			t.Errorf("%s: got %s, %v, want %s", c.text, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: got %v, want an error with %q", c.text, err, c.err)
		}
	}
}

func TestScrapeTargets(t *testing.T) {
	r := rollout.Rollout{Canary: rollout.Arm{Labels: map[string]string{"arm": "canary"}}}
	ts, err := scrapeTargets([]string{"baseline=http://a/metrics", "canary=http://b/metrics?x=1"}, r)
	if err != nil || len(ts) != 2 || ts[1].URL != "http://b/metrics?x=1" || ts[1].Labels["arm"] != "canary" {
		t.Errorf("got %v, %v, want a target of each arm", ts, err)
	}
	for text, want := range map[string]string{
		"http://a/metrics":          "does not say whose page",
		"primary=http://a/metrics":  "write baseline=URL or canary=URL",
		"baseline=http://a/metrics": "no page of the canary",
	} {
		if _, err := scrapeTargets([]string{text}, r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
}

// TestPlanCheckSaysWhatIsPromised ensures that whoever changes the promise reads it before
// a rollout does.
func TestPlanCheckSaysWhatIsPromised(t *testing.T) {
	p := plan.Plan{
		Name: "search", Service: "search", Alpha: 0.05, Block: plan.Duration(time.Minute), MaxDuration: plan.Duration(time.Hour),
		Metrics: []plan.Metric{{Name: "errors", Weight: 1}},
	}
	for _, mode := range []plan.Looks{plan.Anytime, plan.Horizon} {
		p.Sequential.Mode = mode
		var out strings.Builder
		if err := writePlan(&out, p); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Contains(out.String(), "evidence of 7.7:1 is taken as enough"), mode == plan.Horizon; got != want {
			t.Errorf("%s: the promise is shown: %v, want %v\n%s", mode, got, want, out.String())
		}
	}
}
