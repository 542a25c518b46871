package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
	"github.com/serin-canary/serin/queries/share"
)

const latePlan = `service: shop
block: 1m
lag: 30s
prePeriod: 12m
arms:
  baseline: { labels: { arm: stable } }
  canary: { labels: { arm: canary } }
metrics:
  - name: errors
    query: sum(rate(requests_total{code="500"}[1m])) / sum(rate(requests_total[1m]))
`

// lateShop is a rollout in a real server that takes samples out of order. Its pods have
// two requests a second and one failure in five seconds more, so that each block counts
// 132 requests, of which 12 failed.
type lateShop struct {
	t       *testing.T
	url     string
	start   time.Time
	journal *journal.Journal
	judge   *judge.Judge
	rollout rollout.Rollout
}

// send writes a pod's samples of (from, to], at 5, 20, 35 and 50 seconds of each minute.
func (s *lateShop) send(pod string, from, to time.Duration) {
	s.t.Helper()
	begin := s.start.Add(-time.Hour)
	arm := "canary"
	if strings.HasPrefix(pod, "stable") {
		arm = "stable"
	}
	var out []promtest.Sent
	for code, rate := range map[string]float64{"200": 2, "500": 0.2} {
		one := promtest.Sent{Labels: map[string]string{"__name__": "requests_total", "job": "shop", "instance": pod + ":80", "pod": pod, "arm": arm, "code": code}}
		for at := s.start.Add(from).Truncate(time.Minute); !at.After(s.start.Add(to)); at = at.Add(15 * time.Second) {
			if at := at.Add(5 * time.Second); at.After(s.start.Add(from)) && !at.After(s.start.Add(to)) {
				one.Samples = append(one.Samples, promtest.Point{At: at, Value: rate * at.Sub(begin).Seconds()})
			}
		}
		out = append(out, one)
	}
	promtest.Write(s.t, s.url, out...)
}

// look decides at a time after the start and returns what is frozen of the canary and of
// the baseline then.
func (s *lateShop) look(after time.Duration) judge.FrozenMetric {
	s.t.Helper()
	if _, err := s.judge.Decide(s.t.Context(), rollout.Rollout{ID: s.rollout.ID}, s.start.Add(after)); err != nil {
		s.t.Fatal(err)
	}
	rec, err := s.journal.Load(s.t.Context(), s.rollout.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return rec.Frozen.Metrics["errors"]
}

func newLateShop(t *testing.T, text string) (*lateShop, *prometheus.Source) {
	t.Helper()
	s := &lateShop{t: t, start: promtest.Epoch(), url: promtest.Start(t, promtest.Config{
		More: "storage:\n  tsdb:\n    out_of_order_time_window: 30m\n", Flags: []string{promtest.ReceiveWrites},
	})}
	p := mustPlan(t, text)
	src, err := prometheus.New(prometheus.Config{Name: "prometheus", URL: s.url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.Close)
	if s.journal, err = journal.Open(t.Context(), ":memory:", journal.Options{Now: func() time.Time { return s.start }}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.journal.Close() })
	a, err := s.journal.Announce(t.Context(), rollout.Rollout{
		Service: "shop", Revision: "2", Controller: "cli", Plan: p.Name, Started: s.start,
		Baseline: rollout.Arm(p.Arms.Baseline), Canary: rollout.Arm(p.Arms.Canary),
	}, p)
	if err != nil {
		t.Fatal(err)
	}
	s.rollout = a.Rollout
	s.judge = judge.New(judge.Config{Journal: s.journal, Sources: map[string]queries.Source{"prometheus": share.New(src, share.Config{Name: "prometheus"})}, Engine: "v1"})
	return s, src
}

// pods are the requests of a frame's processes, a gap written as "_".
func pods(f queries.Frame) map[string]string {
	out := map[string]string{}
	for _, p := range f.Processes {
		var words []string
		for _, n := range p.N {
			if queries.IsGap(n) {
				words = append(words, "_")
				continue
			}
			words = append(words, fmt.Sprint(n))
		}
		out[p.Name] = strings.Join(words, " ")
	}
	return out
}

// TestLateSamples has an agent of a real server fall behind. What was frozen without its
// samples stays as it was; a block that is not frozen yet has them; nothing is counted
// twice, and nothing that did not happen.
func TestLateSamples(t *testing.T) {
	t.Parallel()
	s, src := newLateShop(t, latePlan)
	for _, pod := range []string{"stable-1", "stable-2", "canary-1"} {
		s.send(pod, -15*time.Minute, 5*time.Minute)
	}
	s.send("canary-2", -5*time.Minute, 3*time.Minute) // its agent is cut off for two blocks
	s.send("canary-2", 5*time.Minute, 6*time.Minute)
	s.send("canary-1", 5*time.Minute, 6*time.Minute)
	s.send("stable-2", 5*time.Minute, 6*time.Minute)
	s.send("stable-1", 5*time.Minute, 5*time.Minute+40*time.Second) // the last sample of a block is late

	first := s.look(6*time.Minute + 31*time.Second)
	wantPods(t, "canary at 6:31", first.Canary, map[string]string{"canary-1": "132 132 132 132 132 132", "canary-2": "132 132 132 _ _ _"})
	wantPods(t, "baseline at 6:31", first.Baseline, map[string]string{"stable-1": "132 132 132 132 132 99", "stable-2": "132 132 132 132 132 132"})

	// It comes back and sends what it has kept, behind what is there already.
	s.send("canary-2", 3*time.Minute, 5*time.Minute)
	s.send("stable-1", 5*time.Minute+40*time.Second, 6*time.Minute)
	for _, pod := range []string{"stable-1", "stable-2", "canary-1", "canary-2"} {
		s.send(pod, 6*time.Minute, 7*time.Minute)
	}
	for _, pod := range []string{"stable-1", "stable-2", "canary-2"} {
		s.send(pod, 7*time.Minute, 8*time.Minute)
	}
	if got := s.look(8*time.Minute + 10*time.Second).Canary.Window.Len(); got != 7 {
		t.Errorf("at 8:10 %d blocks are frozen, want 7: the eighth waits for its lag", got)
	}
	s.send("canary-1", 7*time.Minute, 8*time.Minute) // late, but within the lag
	second := s.look(8*time.Minute + 31*time.Second)
	wantPods(t, "canary at 8:31", second.Canary, map[string]string{"canary-1": "132 132 132 132 132 132 132 132", "canary-2": "132 132 132 _ _ _ 132 132"})
	wantPods(t, "baseline at 8:31", second.Baseline, map[string]string{"stable-1": "132 132 132 132 132 99 132 132", "stable-2": "132 132 132 132 132 132 132 132"})
	equal := cmpopts.EquateNaNs()
	if d := cmp.Diff(first.Canary.Processes, second.Canary.Slice(0, 6).Processes, equal); d != "" {
		t.Errorf("late samples changed what was frozen (-before +after):\n%s", d)
	}

	// The server has them all now, so that they were late and not lost.
	p := mustPlan(t, latePlan)
	r, err := p.Metrics[0].Scoped(p.Arms.Canary)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := src.Blocks(t.Context(), r, second.Canary.Window)
	if err != nil {
		t.Fatal(err)
	}
	wantPods(t, "asked anew", whole, map[string]string{"canary-1": "132 132 132 132 132 132 132 132", "canary-2": "132 132 132 132 132 132 132 132"})
	s.replays(p)
}

// replays holds that the verdicts come out again without the server's late samples.
func (s *lateShop) replays(p plan.Plan) {
	s.t.Helper()
	looks, err := s.journal.Looks(s.t.Context(), s.rollout.ID)
	if err != nil || len(looks) != 3 {
		s.t.Fatalf("got %d looks, %v, want 3", len(looks), err)
	}
	again, err := judge.Replay(p, looks, "v1")
	if err != nil {
		s.t.Fatal(err)
	}
	for i, v := range again {
		got, err := json.Marshal(v)
		if err != nil {
			s.t.Fatal(err)
		}
		want, err := json.Marshal(looks[i].Verdict)
		if err != nil {
			s.t.Fatal(err)
		}
		if string(got) != string(want) {
			s.t.Errorf("look %d replays as\n%s\nwant\n%s", i+1, got, want)
		}
	}
}

// TestSamplesThatTheServerRefusesAreLate: what is older than the server's window for
// samples out of order never gets in, so that no lag can wait for it.
func TestSamplesThatTheServerRefusesAreLate(t *testing.T) {
	t.Parallel()
	s, _ := newLateShop(t, latePlan)
	s.send("canary-1", 0, 2*time.Minute)
	status, said := promtest.TryWrite(t, s.url, promtest.Sent{
		Labels:  map[string]string{"__name__": "requests_total", "pod": "canary-1"},
		Samples: []promtest.Point{{At: s.start.Add(-2 * time.Hour), Value: 1}},
	})
	if status/100 == 2 || !strings.Contains(said, "too old sample") {
		t.Errorf("got %d %q, want it refused as too old", status, said)
	}
}

// TestSparseSamplesAreAFinding has a rollout judged in blocks that are shorter than two
// samples are apart, and in such as hold four of them.
func TestSparseSamplesAreAFinding(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		latePlan: "",
		strings.Replace(latePlan, "block: 1m", "block: 20s", 1): "samples of errors are 15s apart, and a block of 20s is shorter than two of them",
	} {
		s, _ := newLateShop(t, text)
		for _, pod := range []string{"stable-1", "canary-1"} {
			s.send(pod, -15*time.Minute, 5*time.Minute)
		}
		s.look(4*time.Minute + 31*time.Second)
		s.look(5*time.Minute + 31*time.Second)
		vs, err := s.journal.Verdicts(t.Context(), s.rollout.ID)
		if err != nil || len(vs) != 2 {
			t.Fatalf("got %d verdicts, %v, want 2", len(vs), err)
		}
		for _, v := range vs {
			got := ""
			for _, f := range v.Findings {
				if f.Name == "sparse samples" {
					got = f.Reason
				}
			}
			if !strings.HasPrefix(got, want) || (got == "") != (want == "") {
				t.Errorf("look %d: got the finding %q, want %q", v.Seq, got, want)
			}
		}
	}
}

func wantPods(t *testing.T, what string, f queries.Frame, want map[string]string) {
	t.Helper()
	if d := cmp.Diff(want, pods(f)); d != "" {
		t.Errorf("%s: requests by pod (-want +got):\n%s", what, d)
	}
}

func mustPlan(t *testing.T, text string) plan.Plan {
	t.Helper()
	p, err := plan.Parse("plan.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
