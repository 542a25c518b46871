package judge

import (
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

func at(block int) time.Time { return testStart.Add(time.Duration(block) * time.Minute) }

// behaviour is one row of DESIGN §4: a world, what is special about its input, and
// what callers must be told.
type behaviour struct {
	name    string
	closed  int
	world   func(*world)
	input   func(*Input)
	outcome Outcome
	advance, promotion,
	rollBack bool
	finding string // a finding that must be there
	class   Class
	says    string // a part of the reason of that finding, or of the verdict
}

func TestBehaviour(t *testing.T) {
	rows := append(append(trafficRows(), deadlineRows()...), policyRows()...)
	for _, b := range append(rows, faultRows()...) {
		t.Run(b.name, func(t *testing.T) {
			w := newWorld(7)
			if b.world != nil {
				b.world(&w)
			}
			in := w.input(b.closed)
			if b.input != nil {
				b.input(&in)
			}
			v := Evaluate(in)
			if v.Outcome != b.outcome {
				t.Errorf("outcome: got %v (%s), want %v", v.Outcome, v.Reason, b.outcome)
			}
			for name, pair := range map[string]struct {
				got  Answer
				want bool
			}{"advance": {v.Advance, b.advance}, "promotion": {v.Promotion, b.promotion}, "rollBack": {v.RollBack, b.rollBack}} {
				if pair.got.Yes != pair.want {
					t.Errorf("%s: got %v (%s), want %v", name, pair.got.Yes, pair.got.Reason, pair.want)
				}
				if pair.got.Reason == "" {
					t.Errorf("%s: no reason", name)
				}
			}
			words := v.Reason
			if b.finding != "" {
				f := finding(v, b.finding)
				if f.Class != b.class {
					t.Errorf("finding %s: got class %q (%s), want %q", b.finding, f.Class, f.Reason, b.class)
				}
				words = f.Reason
			}
			if !strings.Contains(words, b.says) {
				t.Errorf("got %q, want it to say %q", words, b.says)
			}
		})
	}
}

func silentFrom(from int) func(*world) {
	return func(w *world) {
		w.rate = func(s side, t int) float64 {
			if s == canary && t >= from {
				return 0
			}
			return 1
		}
	}
}

func weights(percent ...float64) func(*Input) {
	return func(in *Input) {
		for i, p := range percent {
			in.Record.Rollout.Weights = append(in.Record.Rollout.Weights, rollout.WeightAt{At: at(i * 5), Percent: p})
		}
	}
}

func trafficRows() []behaviour {
	return []behaviour{
		{name: "nothing has closed yet", closed: 0, advance: true, says: "not decided yet"},
		{name: "no traffic, weight unknown: go on", closed: 5, world: silentFrom(0), advance: true},
		{name: "weight 0 is not silent", closed: 10, world: silentFrom(0), input: weights(0), advance: true},
		{name: "declared weight and no request: silent", closed: 10, world: silentFrom(0), input: weights(15),
			finding: "traffic", class: Silent, says: "no request for 10 blocks"},
		{name: "silent after traffic", closed: 20, world: silentFrom(15), finding: "traffic", class: Silent, says: "5 blocks"},
		{name: "silent by policy: rollback", closed: 20, world: silentFrom(15), outcome: Rollback, rollBack: true,
			input: func(in *Input) { in.Record.Plan.NoData = plan.Rollback }, finding: "traffic", class: Silent},
		{name: "warming up: gates hold", closed: 2, says: "not decided yet"},
		{name: "judging, undecided: traffic may increase", closed: 8, advance: true},
		{name: "one stale block holds traffic", closed: 9, world: silentFrom(8), says: "no fresh evidence"},
		{name: "when-proven holds traffic until then", closed: 8,
			input: func(in *Input) { in.Record.Plan.Advance = plan.WhenProven }},
		{name: "share of requests is not the declared weight", closed: 30, input: weights(40), advance: true,
			finding: "sample ratio", class: SampleRatio, says: "where its declared weight makes"},
		{name: "share agrees with the weight", closed: 30, input: weights(15), outcome: Promote, advance: true, promotion: true},
		{name: "too few requests", closed: 30, world: func(w *world) { w.rps = [2]float64{0.15, 0.85} }, advance: true,
			finding: "reach", class: Warning, says: "the plan allows 60 min"},
	}
}

func deadlineRows() []behaviour {
	thin := func(w *world) { w.rps = [2]float64{0.3, 1.7} }
	policy := func(a plan.Action) func(*Input) {
		return func(in *Input) {
			in.Record.Plan.AtDeadline = a
			in.Record.Plan.MinRequests = 10
		}
	}
	return []behaviour{
		{name: "deadline, hold", closed: 70, world: thin, input: policy(plan.Hold), outcome: Inconclusive, says: "the deadline of 60 min came first"},
		{name: "deadline, rollback", closed: 70, world: thin, input: policy(plan.Rollback), outcome: Rollback, rollBack: true, says: "not proven"},
		{name: "deadline, promote: the conditional rule holds", closed: 70, world: thin, input: policy(plan.Promote),
			outcome: Inconclusive, advance: true, promotion: true, says: "came first"},
		{name: "deadline, promote: refused while a point estimate is beyond its margin", closed: 70,
			world: func(w *world) { thin(w); w.slow = canaryOnly(1.7, 1) }, outcome: Inconclusive,
			input: func(in *Input) {
				policy(plan.Promote)(in)
				in.Record.Plan.Metrics[1].Weight = 0 // required, but it may not roll back
			}},
		{name: "held too long becomes rollback", closed: 310, world: func(w *world) { w.rps = [2]float64{0.02, 1.7} }, input: policy(plan.Hold), outcome: Rollback, rollBack: true, says: "held for 4 h"},
	}
}

func policyRows() []behaviour {
	bad := func(w *world) { w.errors = canaryOnly(0.03, 0.002) }
	return []behaviour{
		{name: "shadow never blocks a bad canary", closed: 20, world: bad, outcome: Rollback, advance: true, promotion: true,
			input: func(in *Input) { in.Record.Plan.Mode = plan.Shadow }},
		{name: "irreversible: held, not rolled back", closed: 20, world: bad, outcome: Rollback,
			input: func(in *Input) { in.Record.Plan.Reversible = false }},
		{name: "proven, but not at the highest weight for long", closed: 27, advance: true, outcome: Promote,
			input: func(in *Input) { in.Record.Rollout.FinalStep = at(25) }},
		{name: "proven, and long enough at the highest weight", closed: 32, advance: true, outcome: Promote, promotion: true,
			input: func(in *Input) { in.Record.Rollout.FinalStep = at(25) }},
		{name: "overlap holds promotion", closed: 30, advance: true, finding: "overlap with payments", class: Overlap, says: "is being rolled out too",
			input: func(in *Input) {
				in.Record.Others = []rollout.Rollout{{Service: "payments", Revision: "r2", Started: testStart}}
			}},
		{name: "a second attempt quotes the first", closed: 8, advance: true, finding: "earlier attempt", class: Warning, says: "evidence of 40:1",
			input: func(in *Input) {
				in.Record.Rollout.Attempt = 2
				in.Record.Earlier = []Earlier{{ID: "x", At: testStart, Outcome: Rollback, Reason: "errors"}}
			}},
		{name: "a recorded latch stays", closed: 30, outcome: Rollback, rollBack: true, says: "proven earlier",
			input: func(in *Input) {
				in.Record.Latch = &Latch{Block: 3, End: at(4), Reason: "proven earlier", Metrics: []string{"errors"}, Proven: true}
			}},
		{name: "before-after never promotes", closed: 30, advance: true, says: "not concurrent",
			input: func(in *Input) { in.Record.Rollout.Comparison = rollout.BeforeAfter }},
		{name: "before-after rolls back", closed: 30, world: func(w *world) { w.errors = canaryOnly(0.05, 0.002) }, outcome: Rollback, rollBack: true,
			input: func(in *Input) { in.Record.Rollout.Comparison = rollout.BeforeAfter }},
		{name: "checks only: passed", closed: 5, outcome: Promote, advance: true, promotion: true, input: checksOnly(checks.Passed)},
		{name: "checks only: failed", closed: 5, input: checksOnly(checks.Failed), finding: "home", class: CheckFailed},
		{name: "checks only: broken is no pass", closed: 5, input: checksOnly(checks.Broken), finding: "home", class: CheckBroken},
		{name: "checks only: both arms failing is no pass", closed: 5, input: checksOnly(checks.Environment), finding: "home", class: Environment},
		{name: "checks only: both arms failing, past the deadline", closed: 200, outcome: Inconclusive, input: checksOnly(checks.Environment), finding: "home", class: Environment},
		{name: "checks only: no status is no pass", closed: 5, input: checksOnly(""), finding: "home", class: CheckBroken},
	}
}

func checksOnly(s checks.Status) func(*Input) {
	return func(in *Input) {
		in.Record.Rollout.Comparison = rollout.ChecksOnly
		withCheck(checks.Spec{Name: "home", Required: true}, s)(in)
	}
}

func noted(code queries.NoteCode, text string) func(*Input) {
	return func(in *Input) { in.Notes = []queries.Note{{Code: code, Text: text}} }
}

func withCheck(spec checks.Spec, now checks.Status) func(*Input) {
	return func(in *Input) {
		in.Record.Plan.Checks = []checks.Spec{spec}
		in.Checks = []checks.Result{{Name: spec.Name, Status: now, Reason: "GET /health answered"}}
	}
}

func faultRows() []behaviour {
	reading := func(name string, change func(*FrozenMetric)) func(*Input) {
		return func(in *Input) {
			f := in.Record.Frozen.Metrics[name]
			change(&f)
			in.Record.Frozen.Metrics[name] = f
		}
	}
	above := func(v float64) *float64 { return &v }
	return []behaviour{
		{name: "a failed query stops and holds", closed: 30, finding: "latency", class: QueryFailed, says: "connection refused",
			input: func(in *Input) {
				in.Problems = map[string]Problem{"latency": {Fault: queries.Unavailable, Text: "connection refused"}}
			}},
		{name: "a partial answer stops and holds", closed: 30, finding: "partial data", class: Warning, says: "one store gateway",
			input: noted(queries.NotePartial, "one store gateway did not answer")},
		{name: "a target that is down holds", closed: 30, advance: true, finding: "target down", class: Warning, says: "refused",
			input: noted(queries.NoteTargetDown, "canary-00: connection refused")},
		{name: "lost blocks are said to be lost", closed: 30, outcome: Promote, advance: true, promotion: true,
			finding: "lost blocks", class: Warning, says: "2 blocks", input: reading("errors", func(f *FrozenMetric) {
				f.Canary.Notes = []queries.Note{{Code: queries.NoteLost, Text: "2 blocks were lost"}}
			})},
		{name: "identical arms", closed: 30, finding: "errors", class: SameSeries, says: "the very same series",
			input: reading("errors", func(f *FrozenMetric) { f.Baseline = f.Canary })},
		{name: "a numerator that never was", closed: 30, world: func(w *world) { w.errors = canaryOnly(0, 0) }, finding: "errors", class: NeverSeen,
			input: reading("errors", func(f *FrozenMetric) {
				n := []queries.Note{{Code: queries.NoteNeverSeen, Text: "no series of that name"}}
				f.Canary.Notes, f.Baseline.Notes = n, n
			})},
		{name: "gaps are no zeros", closed: 30, world: func(w *world) { w.gap = func(s side, _ int) bool { return s == baseline } },
			input: func(in *Input) {}, finding: "errors", class: NoData, says: "the baseline has no sample"},
		{name: "both degraded", closed: 20, finding: "errors of both arms", class: Both, says: "the baseline's own errors",
			world: func(w *world) {
				w.errors = func(_ side, t int) float64 {
					if t >= 16 {
						return 0.05
					}
					return 0.002
				}
			}},
		{name: "both degraded right after a step, and the plan says so: rollback", closed: 20, outcome: Rollback, rollBack: true,
			finding: "errors of both arms", class: Both, says: "onShared: rollback",
			world: func(w *world) {
				w.errors = func(_ side, t int) float64 {
					if t >= 16 {
						return 0.05
					}
					return 0.002
				}
			},
			input: func(in *Input) {
				in.Record.Plan.OnShared = plan.Rollback
				in.Record.Rollout.Weights = []rollout.WeightAt{{At: at(0), Percent: 15}, {At: at(15), Percent: 16}}
			}},
		{name: "half of the canary's pods are not ready", closed: 8, outcome: Rollback, rollBack: true, finding: "ready", class: LimitHit, says: "33.3 %",
			input: func(in *Input) {
				in.Record.Plan.Limits = []plan.Limit{{Name: "ready", Below: above(0.5), Blocks: 3, Fraction: true}}
				in.Record.Frozen.Metrics["limit:ready"] = FrozenMetric{Canary: queries.Frame{
					Window:    queries.Window{Start: testStart, End: at(8), Block: time.Minute},
					Processes: []queries.Process{{V: queries.Column{3, 3, 1, 3, 1, 1, 1, 1}}},
				}}
			}},
		{name: "an old baseline", closed: 30, outcome: Promote, advance: true, promotion: true, finding: "age of the baseline", class: OldBaseline,
			says: "216 h", input: func(in *Input) {
				age := func(v float64) queries.Frame {
					return queries.Frame{Window: queries.Window{Start: testStart, End: at(1), Block: time.Minute}, Processes: []queries.Process{{V: queries.Column{v}}}}
				}
				in.Record.Frozen.Metrics["age"] = FrozenMetric{Canary: age(600), Baseline: age(9 * 86400)}
			}},
		{name: "a rate limit crossed by the canary", closed: 6, outcome: Rollback, rollBack: true, finding: "storm", class: LimitHit, says: "surely above the limit",
			world: func(w *world) { w.errors = canaryOnly(0.4, 0.002) },
			input: func(in *Input) {
				in.Record.Plan.Metrics[0].Weight, in.Record.Plan.Metrics[1].Weight = 0, 0
				in.Record.Plan.Limits = []plan.Limit{{Name: "storm", Metric: "errors", Above: above(0.2), Blocks: 2}}
			}},
		{name: "a rate limit crossed by both: the environment", closed: 20, finding: "storm", class: Environment,
			world: func(w *world) { w.errors = canaryOnly(0.3, 0.3) },
			input: func(in *Input) {
				in.Record.Plan.Limits = []plan.Limit{{Name: "storm", Metric: "errors", Above: above(0.2), Blocks: 2}}
			}},
		{name: "two restarts of one pod", closed: 8, outcome: Rollback, rollBack: true, finding: "crash loop", class: LimitHit, says: "canary-01",
			input: func(in *Input) {
				in.Record.Plan.Limits = []plan.Limit{{Name: "crash loop", Above: above(1), Blocks: 1, Each: true, Growth: true}}
				in.Record.Frozen.Metrics["limit:crash loop"] = FrozenMetric{Canary: queries.Frame{
					Window:    queries.Window{Start: testStart, End: at(8), Block: time.Minute},
					Processes: []queries.Process{{Name: "canary-01", V: queries.Column{4, 4, 4, 5, 5, 6, 6, 6}}},
				}}
			}},
		{name: "a critical check fails", closed: 8, outcome: Rollback, rollBack: true, finding: "home", class: CheckFailed,
			input: withCheck(checks.Spec{Name: "home", Critical: true}, checks.Failed)},
		{name: "a required check fails once: held", closed: 8, finding: "home", class: CheckFailed,
			input: withCheck(checks.Spec{Name: "home", Required: true}, checks.Failed)},
		{name: "a required check fails twice: a limit", closed: 8, outcome: Rollback, rollBack: true, finding: "home", class: CheckFailed,
			input: func(in *Input) {
				withCheck(checks.Spec{Name: "home", Required: true}, checks.Failed)(in)
				in.Record.Checks = in.Checks
			}},
		{name: "a critical check fails on both arms: held", closed: 8, finding: "home", class: Environment, says: "GET /health answered",
			input: withCheck(checks.Spec{Name: "home", Critical: true, Required: true}, checks.Environment)},
		{name: "it fails on both arms twice: held", closed: 8, finding: "home", class: Environment,
			input: func(in *Input) {
				withCheck(checks.Spec{Name: "home", Critical: true, Required: true}, checks.Environment)(in)
				in.Record.Checks = in.Checks
			}},
		{name: "it fails on both arms, and failed on the canary before: held", closed: 8, finding: "home", class: Environment,
			input: func(in *Input) {
				withCheck(checks.Spec{Name: "home", Required: true}, checks.Failed)(in)
				in.Record.Checks, in.Checks = in.Checks, nil
				in.Checks = []checks.Result{{Name: "home", Status: checks.Environment}}
			}},
		{name: "a check that is run before traffic has not been run: held", closed: 8, finding: "home", class: NoData,
			input: func(in *Input) {
				in.Record.Plan.Checks = []checks.Spec{{Name: "home", When: checks.BeforeTraffic, Required: true}}
			}},
		{name: "a check that is run at the end has not been run: traffic may grow", closed: 8, advance: true, finding: "home", class: NoData,
			input: func(in *Input) {
				in.Record.Plan.Checks = []checks.Spec{{Name: "home", When: checks.AtEnd, Required: true}}
			}},
	}
}
