package judge

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

// spacedSource is the simulated source with a scrape interval of its own.
type spacedSource struct {
	*fakeSource
	mu    sync.Mutex
	apart time.Duration
	err   error
	asked []string
}

func (s *spacedSource) ScrapeInterval(_ context.Context, selector string, _ time.Time, _ time.Duration) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, selector)
	return s.apart, s.err
}

// TestSparseSamplesAreSaid holds that a rollout whose samples are far apart says so in
// every verdict from the first on, asks for it once, and decides as it would have.
func TestSparseSamplesAreSaid(t *testing.T) {
	for _, c := range []struct {
		name  string
		apart time.Duration
		err   error
		want  string
	}{
		{"often enough", 30 * time.Second, nil, ""},
		{"not known", 0, nil, ""},
		{"cannot be asked", time.Hour, errors.New("away"), ""},
		{"now and then one in a block", 45 * time.Second, nil,
			"samples of errors are 45s apart, and a block of 1m0s is shorter than two of them, so that a scrape that fails is a block that is missing, and neighbouring blocks take turns in what they count; a block of 2m0s would do"},
		{"less than one in a block", 2 * time.Minute, nil,
			"samples of errors are 2m0s apart, and a block of 1m0s is shorter than two of them, so that blocks are missing; a block of 5m0s would do"},
	} {
		plain, _, _ := newTestJudge(newWorld(21))
		j, m, s := newTestJudge(newWorld(21))
		spaced := &spacedSource{fakeSource: s, apart: c.apart, err: c.err}
		j.cfg.Sources = map[string]queries.Source{"prometheus": spaced}
		for n := 1; n < 20; n += 6 {
			want, got := lookAt(t, plain, n), lookAt(t, j, n)
			f := finding(got, "sparse samples")
			if c.want == "" {
				if f.Reason != "" {
					t.Errorf("%s: look %d: got %q, want nothing of it", c.name, n, f.Reason)
				}
			} else if !strings.Contains(f.Reason, c.want) || f.Class != Warning || f.Holds || f.Stops || f.Next == "" {
				t.Errorf("%s: look %d: got %+v, want a warning that holds nothing, with %q", c.name, n, f, c.want)
			}
			if got.Outcome != want.Outcome || got.Advance.Yes != want.Advance.Yes || got.Promotion.Yes != want.Promotion.Yes || got.Evidence != want.Evidence {
				t.Errorf("%s: look %d: got %s, want what is decided without it, %s", c.name, n, got.Outcome, want.Outcome)
			}
		}
		if len(spaced.asked) == 0 || len(spaced.asked) > len(m.rec.Plan.Metrics) {
			t.Errorf("%s: asked %q, want each selector once", c.name, spaced.asked)
		}
		again, err := Replay(m.rec.Plan, m.looks, j.cfg.Engine)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range again {
			a, errA := json.Marshal(v)
			b, errB := json.Marshal(m.looks[i].Verdict)
			if errA != nil || errB != nil || string(a) != string(b) {
				t.Errorf("%s: look %d replays otherwise", c.name, i+1)
			}
		}
	}
}
