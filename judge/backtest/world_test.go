package backtest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// text is a plan with one metric, and with a check, which no past can be asked.
const text = `
service: shop
source: memory
arms:
  baseline: { labels: { track: stable } }
  canary: { labels: { track: canary }, url: http://127.0.0.1:1 }
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
    required: true
checks:
  - name: home
    http: { get: "{{ .Canary.URL }}/" }
    required: true
warmup: { for: 0s, requests: 0, atMost: 0s }
minDuration: 10m
maxDuration: 1h
`

func parsed(t testing.TB, text string) plan.Plan {
	t.Helper()
	p, err := plan.Parse("shop.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func begin() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// shop is a source whose canary fails more often from a block on.
type shop struct {
	from   int // minutes after the start
	by     float64
	mu     sync.Mutex
	latest time.Time // the end of the last block that was asked for
	asked  int
}

func (s *shop) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if w.End.After(s.latest) {
		s.latest = w.End
	}
	f := queries.Frame{Window: w}
	name, pods := "stable", 9
	if strings.Contains(r.Query.Expr, `track="canary"`) {
		name, pods = "canary", 2
	}
	for i := range pods {
		p := queries.Process{Name: fmt.Sprintf("%s-%d", name, i)}
		for at := w.Start; at.Before(w.End); at = at.Add(w.Block) {
			minute := int(at.Sub(begin()) / time.Minute)
			if name == "canary" && minute < 0 {
				p.N, p.X = append(p.N, queries.Gap()), append(p.X, queries.Gap())
				continue
			}
			luck := rand.New(rand.NewPCG(uint64(minute+10_000), uint64(i)+uint64(len(name)+pods)<<8))
			rate := .005
			if name == "canary" && minute >= s.from {
				rate += s.by
			}
			bad := 0.0
			for range 500 {
				if luck.Float64() < rate {
					bad++
				}
			}
			p.N, p.X = append(p.N, 500), append(p.X, bad)
		}
		f.Processes = append(f.Processes, p)
	}
	return f, nil
}

// Clock is wrong by a year, which a walk through the past must not care about.
func (*shop) Clock(context.Context) (time.Time, error) { return begin().AddDate(-1, 0, 0), nil }

func release(p plan.Plan) rollout.Rollout {
	return rollout.Rollout{
		ID: "r1", Service: "shop", Revision: "v2", Plan: p.Name, Started: begin(), Attempt: 1, Comparison: rollout.Concurrent,
		Baseline: rollout.Arm(p.Arms.Baseline), Canary: rollout.Arm(p.Arms.Canary),
	}
}
