package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/judge/plan"
)

// TestAStateFileIsOfOneTime goes on with a state file by other commands than the one that
// began it.
func TestAStateFileIsOfOneTime(t *testing.T) {
	p := plan.Plan{Name: "checkout", Source: "prometheus", Block: plan.Duration(time.Minute)}
	const end = "2026-03-10T12:00:00Z"
	first := pastFlags{Prometheus: "http://somebody:secret@staging:9090/", Days: 14, To: end}
	for name, c := range map[string]struct {
		edit func(*pastFlags)
		want string // of the error; "" is none
	}{
		"the same":         {func(*pastFlags) {}, ""},
		"the same address": {func(f *pastFlags) { f.Prometheus = "http://staging:9090?token=x" }, ""},
		"another source":   {func(f *pastFlags) { f.Prometheus = "http://prod:9090" }, "another source (prometheus http://staging:9090, and now prometheus http://prod:9090)"},
		"more days":        {func(f *pastFlags) { f.Days = 30 }, "is of 14 days, and --days says 30"},
		"another end":      {func(f *pastFlags) { f.To = "2026-03-11T12:00:00Z" }, "ends at " + end + ", and --to says 2026-03-11T12:00:00Z"},
		"now, much later":  {func(f *pastFlags) { f.To = "" }, "--to " + end + " goes on with it"},
		"an exception":     {func(f *pastFlags) { f.Except = []string{"2026-03-09T12:00:00Z/2026-03-09T13:00:00Z"} }, "other exceptions"},
	} {
		t.Run(name, func(t *testing.T) {
			state := filepath.Join(t.TempDir(), "state")
			f, err := first.openState(state, p)
			if err == nil {
				err = f.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			if text, err := os.ReadFile(state); err != nil || strings.Contains(string(text), "secret") {
				t.Errorf("the file says %q (%v), want no credentials", text, err)
			}
			again := first
			c.edit(&again)
			f, err = again.openState(state, p)
			if err == nil {
				err = f.Close()
			}
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "name another file with --state")) {
				t.Errorf("got error %v, want %q and the next step", err, c.want)
			}
		})
	}
}

// TestAnInterruptedCommandGoesOnLater repeats a command whose time ended when it began.
func TestAnInterruptedCommandGoesOnLater(t *testing.T) {
	p := plan.Plan{Name: "checkout", Source: "prometheus", Block: plan.Duration(time.Minute)}
	c := pastFlags{Prometheus: "http://prod:9090", Days: 14}
	for ago, goesOn := range map[time.Duration]bool{20 * time.Hour: true, 30 * time.Hour: false} {
		state := filepath.Join(t.TempDir(), "state")
		end := time.Now().UTC().Add(-ago).Truncate(time.Minute)
		f, err := calibrate.OpenFile(state, calibrate.Header{Source: "prometheus http://prod:9090", Span: calibrate.Span{From: end.AddDate(0, 0, -14), To: end}})
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err = c.openState(state, p)
		if (err == nil) != goesOn {
			t.Errorf("after %v: got error %v, want it to go on: %v", ago, err, goesOn)
		}
		if err == nil && (!f.Resumed() || !f.Span().To.Equal(end)) {
			t.Errorf("after %v: got a file of %v, want the one that was begun", ago, f.Span())
		}
		if err == nil {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestAddressesTellSourcesApart reads sources from a configuration.
func TestAddressesTellSourcesApart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serin.yaml")
	const text = "sources:\n" +
		"  - { name: a, prometheus: { url: \"http://mimir/prometheus\", headers: { x-scope-orgid: team-a } } }\n" +
		"  - { name: b, prometheus: { url: \"http://mimir/prometheus\" } }\n" +
		"  - { name: c, cloudwatch: { region: eu-west-1 } }\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "prometheus http://mimir/prometheus tenant team-a", "b": "prometheus http://mimir/prometheus", "c": "cloudwatch eu-west-1"} {
		if got, err := (pastFlags{Config: file}).address(plan.Plan{Source: name}); err != nil || got != want {
			t.Errorf("source %s: got %q (%v), want %q", name, got, err, want)
		}
	}
}

// TestPlansOfOtherArmsAreNotCompared refuses plans whose draws would not be the same.
func TestPlansOfOtherArmsAreNotCompared(t *testing.T) {
	of := func(name, service, track string) plan.Plan {
		p := plan.Plan{Name: name, Service: service}
		if track != "" {
			p.Arms.Baseline.Labels = map[string]string{"track": track}
		}
		return p
	}
	a := of("a", "shop", "stable")
	for name, c := range map[string]struct {
		b    plan.Plan
		want string
	}{
		"the same":        {of("b", "shop", "stable"), ""},
		"another service": {of("b", "cart", "stable"), "plan a is of service shop and plan b of cart"},
		"other arms":      {of("b", "shop", "primary"), "name different series as the baseline's"},
		"no arms":         {of("b", "shop", ""), "plan b does not say which series are the baseline's"},
	} {
		if _, err := (pastFlags{}).sharedArm([]plan.Plan{a, c.b}); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", name, err, c.want)
		}
	}
	flags := pastFlags{BaselineLabel: []label{{name: "track", value: "stable"}}}
	if _, err := flags.sharedArm([]plan.Plan{a, of("b", "shop", "")}); err != nil {
		t.Errorf("the arms are named by a flag, and got error %v", err)
	}
}
