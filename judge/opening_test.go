package judge

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/rollout"
)

// TestStart is the table of the gate before a rollout begins: nothing opens it but
// checks that passed.
func TestStart(t *testing.T) {
	about := func(class Class, change ...func(*Finding)) Finding {
		f := Finding{Name: "home", About: AboutCheck, Class: class, Required: true, Holds: true, Stops: true, Reason: "said so"}
		for _, c := range change {
			c(&f)
		}
		return f
	}
	free := func(f *Finding) { f.Stops, f.Holds = false, false }
	waits, no, yes := Start{}, Start{Decided: true}, Start{Decided: true, Yes: true}
	for name, c := range map[string]struct {
		findings []Finding
		failing  int
		want     Start
		counts   int
		says     string
	}{
		"no check":                            {nil, 0, yes, 0, "no required check has failed"},
		"it passed":                           {[]Finding{about(Passed, free)}, 0, yes, 0, "no required check has failed"},
		"a load is not worse":                 {[]Finding{about(NotWorse, free)}, 0, yes, 0, ""},
		"it failed once":                      {[]Finding{about(CheckFailed)}, 0, waits, 1, "check home: said so"},
		"it failed twice":                     {[]Finding{about(CheckFailed)}, 1, no, 2, "check home: said so"},
		"a critical one failed once":          {[]Finding{about(CheckFailed, func(f *Finding) { f.Critical = true })}, 0, no, 1, "check home"},
		"a load is worse, twice":              {[]Finding{about(Worse)}, 1, no, 2, "check home"},
		"it could not be run":                 {[]Finding{about(CheckBroken)}, 1, waits, 0, "check home could not be run: said so"},
		"it fails on both arms":               {[]Finding{about(Environment, func(f *Finding) { f.Critical = true })}, 1, waits, 0, "check home: said so"},
		"it has not been run":                 {[]Finding{about(NoData)}, 0, waits, 0, "check home: said so"},
		"it is not run before the end":        {[]Finding{about(NoData, func(f *Finding) { f.Stops = false })}, 0, yes, 0, ""},
		"a class of a later version":          {[]Finding{about("invented", free)}, 0, waits, 0, "check home"},
		"a load that proves neither side":     {[]Finding{about(Undecided)}, 0, waits, 0, "check home"},
		"the same, beside shared traffic":     {[]Finding{about(Undecided, free)}, 0, yes, 0, ""},
		"it passed and stops all the same":    {[]Finding{about(Passed)}, 0, waits, 0, "check home"},
		"one not required failed":             {[]Finding{about(CheckFailed, func(f *Finding) { f.Required = false })}, 0, yes, 0, ""},
		"a metric is worse":                   {[]Finding{about(Worse, func(f *Finding) { f.About = AboutMetric })}, 0, yes, 0, ""},
		"one waits and another failed":        {[]Finding{about(NoData), about(CheckFailed)}, 1, no, 2, "said so"},
		"the first that is waited for speaks": {[]Finding{about(CheckBroken), about(NoData)}, 0, waits, 0, "could not be run"},
	} {
		t.Run(name, func(t *testing.T) {
			failing := c.failing
			got := Verdict{Findings: c.findings}.Start(&failing)
			if got.Decided != c.want.Decided || got.Yes != c.want.Yes || failing != c.counts || !strings.Contains(got.Reason, c.says) {
				t.Errorf("got %+v after %d failing looks, want %+v after %d, saying %q", got, failing, c.want, c.counts, c.says)
			}
		})
	}
}

// TestLoadsHoldWhatTheyAreBefore: beside shared traffic a load that has proven nothing
// holds promotion, and traffic where the plan says that it comes before it.
func TestLoadsHoldWhatTheyAreBefore(t *testing.T) {
	for when, want := range map[checks.When]bool{checks.BeforeTraffic: true, checks.EachLook: false, checks.AtEnd: false} {
		in := loadLook()
		in.Record.Rollout.Comparison = rollout.Concurrent
		in.Record.Plan.Checks[0].When = when
		v := Evaluate(in)
		f := finding(v, "load")
		if !f.Holds || f.Stops != want || v.Opening().Open == want {
			t.Errorf("%s: got %+v and %+v, want it to hold promotion, and to stop traffic: %t", when, f, v.Opening(), want)
		}
	}
}
