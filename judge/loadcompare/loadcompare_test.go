package loadcompare

import (
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// service draws the samples of one arm: lognormal latencies about a median, failures,
// and bursts in which everything takes three times as long and fails more often.
type service struct {
	median, sigma float64 // seconds, of the logarithm
	errors        float64
	bursts        float64 // fraction of the time; one lasts 20 requests on average
}

func (s service) samples(seed uint64, n int) []checks.LoadSample {
	r := rand.New(rand.NewPCG(seed, 11))
	out, burst := make([]checks.LoadSample, n), false
	const leave = 1. / 20
	for i := range out {
		if u := r.Float64(); burst {
			burst = u >= leave
		} else {
			burst = u < leave*s.bursts/(1-s.bursts)
		}
		seconds, p := s.median*math.Exp(s.sigma*r.NormFloat64()), s.errors
		if burst {
			seconds, p = 3*seconds, min(5*p, 1)
		}
		out[i] = checks.LoadSample{Latency: time.Duration(seconds * float64(time.Second)), Status: 200}
		if r.Float64() < p {
			out[i].Status = 503
		}
	}
	return out
}

func loadOf(seed uint64, n int, canary, baseline service) checks.LoadRun {
	return checks.LoadRun{Rate: 50, Canary: canary.samples(2*seed, n), Baseline: baseline.samples(2*seed+1, n)}
}

func usual() service { return service{median: .02, sigma: .4, errors: .002} }

func TestCompare(t *testing.T) {
	with := func(change func(*service)) service { s := usual(); change(&s); return s }
	change := func(run checks.LoadRun, f func(c, b *checks.LoadSample)) checks.LoadRun {
		for i := range run.Canary {
			f(&run.Canary[i], &run.Baseline[i])
		}
		return run
	}
	equal := func() checks.LoadRun { return loadOf(1, 1500, usual(), usual()) }
	slower := func(f float64) checks.LoadRun {
		return loadOf(1, 1500, with(func(s *service) { s.median *= f }), usual())
	}
	tail := with(func(s *service) { s.sigma = .9 })
	broken := with(func(s *service) { s.errors = .8 })
	for name, tt := range map[string]struct {
		run   checks.LoadRun
		rules Rules
		class Class
		says  string
	}{
		"equal":                     {equal(), Rules{}, NotWorse, "proven not worse than 50 % slower"},
		"equal, exact":              {equal(), Rules{Exact: true}, NotWorse, "1500"},
		"1.5 times slower":          {slower(1.5), Rules{}, Worse, "proven worse than 10 % slower"},
		"1.5 times slower, allowed": {slower(1.5), Rules{Slower: .6, SlowerMargin: 2}, NotWorse, "200 % slower"},
		"20 % slower, narrow":       {slower(1.2), Rules{Slower: .15, SlowerMargin: .25}, Undecided, "undecided"},
		"faster":                    {slower(.7), Rules{}, NotWorse, ""},
		"longer tail alone":         {loadOf(1, 1500, tail, usual()), Rules{}, Worse, "latency"},
		"3 % errors":                {loadOf(1, 1500, with(func(s *service) { s.errors = .03 }), usual()), Rules{}, Worse, "canary requests failed"},
		"both broken":               {loadOf(1, 1500, broken, broken), Rules{}, Environment, "not of the canary"},
		"baseline alone is broken":  {loadOf(1, 1500, usual(), broken), Rules{}, Environment, ""},
		"too few":                   {loadOf(1, 50, usual(), usual()), Rules{}, TooFew, "100 to each"},
		"nothing":                   {checks.LoadRun{}, Rules{}, NoData, "0 requests"},
		"timeouts":                  {change(equal(), func(c, _ *checks.LoadSample) { *c = checks.LoadSample{Failure: checks.LoadTimedOut} }), Rules{}, Worse, "1500 of 1500"},
		"no free connection":        {change(equal(), func(c, _ *checks.LoadSample) { *c = checks.LoadSample{Failure: checks.LoadUnsent} }), Rules{}, Worse, "1500 of 1500"},
		"neither answers":           {change(equal(), func(c, b *checks.LoadSample) { c.Failure = checks.LoadNoAnswer; b.Failure = checks.LoadNoAnswer }), Rules{}, Environment, ""},
		"the load missed most":      {change(equal(), func(c, b *checks.LoadSample) { *c = checks.LoadSample{Failure: checks.LoadMissed}; *b = *c }), Rules{}, CannotJudge, "did not keep 50 requests"},
		"the load was late": {change(equal(), func(c, b *checks.LoadSample) {
			c.Late, b.Late = time.Second, time.Second
			c.Latency += time.Second
			b.Latency += time.Second
		}), Rules{}, CannotJudge, "more than 100 ms late"},
		"forbidden": {change(equal(), func(c, _ *checks.LoadSample) { c.Failure = checks.LoadForbidden }), Rules{}, CannotJudge, "1500 requests to the canary"},
		"cancelled": {func() checks.LoadRun { r := equal(); r.Ended = "the caller gave up"; return r }(), Rules{}, Undecided, "proves nothing good"},
		"constant and equal": {change(equal(), func(c, b *checks.LoadSample) {
			c.Latency, b.Latency, c.Status, b.Status = time.Second, time.Second, 200, 200
		}), Rules{}, NotWorse, ""},
		"constant and slower": {change(equal(), func(c, b *checks.LoadSample) {
			c.Latency, b.Latency, c.Status, b.Status = 1500*time.Millisecond, time.Second, 200, 200
		}), Rules{}, Worse, "1.5×"},
		"rules out of range": {equal(), Rules{Alpha: 7, Beta: math.NaN(), Slower: math.Inf(1), SlowerMargin: -1, Errors: Amount{Relative: math.NaN()}}, NotWorse, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Compare(tt.run, tt.rules)
			if got.Class != tt.class || !strings.Contains(got.Reason, tt.says) || got.Reason == "" {
				t.Errorf("got %q (%s), want %q and %q", got.Class, got.Reason, tt.class, tt.says)
			}
			if math.IsNaN(got.Evidence) || math.IsInf(got.Evidence, 1) {
				t.Errorf("got evidence %g", got.Evidence)
			}
		})
	}
}

// TestFalseRollbacks measures how often equal arms are called worse, and how often a
// canary that is exactly at its margin is called good. 500 runs a row; 5000 with
// SERIN_E2E.
func TestFalseRollbacks(t *testing.T) {
	runs := 500
	if os.Getenv("SERIN_E2E") != "" {
		runs = 5000
	}
	burst := usual()
	burst.bursts = .1
	atTolerance, atMargin := usual(), usual()
	atTolerance.median *= 1.1
	atMargin.median *= 1.5
	// Without errors, and with a tolerance next to the margin, nothing but the latencies'
	// own evidence stands between such a canary and a proof.
	atMargin.errors = 0
	faultless := usual()
	faultless.errors = 0
	for _, tt := range []struct {
		name   string
		canary service
		base   service
		rules  Rules
		worse  float64 // bound of the share called worse
		good   float64 // bound of the share called good; 1 where that is right
	}{
		{"equal arms, independent requests, exact", usual(), usual(), Rules{Exact: true}, .05, 1},
		{"equal arms, independent requests", usual(), usual(), Rules{}, .05, 1},
		{"equal arms with bursts", burst, burst, Rules{}, .05, 1},
		{"at the tolerance, exact", atTolerance, usual(), Rules{Exact: true}, .05, 1},
		{"at the tolerance", atTolerance, usual(), Rules{}, .05, 1},
		{"at the margin", atMargin, faultless, Rules{Slower: .499, SlowerMargin: .5}, .05, .05},
		{"equal arms without errors", faultless, faultless, Rules{}, .05, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			worse, good := 0, 0
			for seed := range runs {
				switch Compare(loadOf(uint64(seed)+1000, 600, tt.canary, tt.base), tt.rules).Class {
				case Worse:
					worse++
				case NotWorse:
					good++
				}
			}
			w, g := float64(worse)/float64(runs), float64(good)/float64(runs)
			t.Logf("of %d loads of 600 requests an arm: worse %.2f %%, not worse %.2f %%", runs, 100*w, 100*g)
			slack := 3 * math.Sqrt(.05*.95/float64(runs))
			if w > tt.worse+slack || g > tt.good+slack {
				t.Errorf("got worse %.4f and not worse %.4f, want at most %g and %g", w, g, tt.worse, tt.good)
			}
		})
	}
}

// TestProvenGood measures how often equal arms are proven good by one load, by how far
// their latencies spread (the sigma of the lognormal). 20 loads a row with SERIN_E2E, else
// fewer of large ones.
func TestProvenGood(t *testing.T) {
	for _, tt := range []struct {
		n      int
		margin float64
		least  [3]float64 // share proven good at each sigma
	}{
		{1200, .5, [3]float64{.8, .3, 0}}, // a plan's defaults, at 20 a second for a minute
		{6000, .5, [3]float64{.8, .7, .3}},
		{6000, .2, [3]float64{.3, 0, 0}},
		{48_000, .2, [3]float64{.8, .8, .6}},
	} {
		loads := 20
		if tt.n > 2000 && os.Getenv("SERIN_E2E") == "" {
			loads = max(2, 48_000/tt.n)
		}
		for i, sigma := range []float64{.4, .7, 1} {
			good, s := 0, service{median: .05, sigma: sigma, errors: .001}
			for seed := range uint64(loads) {
				if Compare(loadOf(seed+500, tt.n, s, s), Rules{SlowerMargin: tt.margin}).Class == NotWorse {
					good++
				}
			}
			t.Logf("%d requests, margin %g %%, sigma %g: %d of %d proven good", tt.n, 100*tt.margin, sigma, good, loads)
			if float64(good) < tt.least[i]*float64(loads) {
				t.Errorf("%d requests, margin %g, sigma %g: got %d of %d proven good, want a share of %g", tt.n, tt.margin, sigma, good, loads, tt.least[i])
			}
		}
	}
}

// TestPower measures what is found at which size.
func TestPower(t *testing.T) {
	const runs = 100
	for _, tt := range []struct {
		name   string
		change func(*service)
		n      int
		want   float64
	}{
		{"1.5 times slower, 300 requests", func(s *service) { s.median *= 1.5 }, 300, .4},
		{"1.5 times slower, 600 requests", func(s *service) { s.median *= 1.5 }, 600, .95},
		{"5 % errors, 600 requests", func(s *service) { s.errors = .05 }, 600, .95},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, bad := 0, usual()
			tt.change(&bad)
			for seed := range uint64(runs) {
				if Compare(loadOf(seed+1, tt.n, bad, usual()), Rules{}).Class == Worse {
					found++
				}
			}
			t.Logf("found in %d of %d", found, runs)
			if float64(found) < tt.want*runs {
				t.Errorf("found in %d of %d, want %g", found, runs, tt.want)
			}
		})
	}
}

func BenchmarkCompare(b *testing.B) {
	run := loadOf(1, 60_000, usual(), usual())
	b.ReportAllocs()
	for b.Loop() {
		Compare(run, Rules{})
	}
}
