package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// twoArms is a store in which the canary's share of failed requests is given and
// the baseline's is 1 %. Each arm has two pods; the canary has none before canaryFrom.
type twoArms struct {
	bad        float64
	canaryFrom time.Time
}

func (s twoArms) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	f := queries.Frame{Window: w}
	rate, from, arm := s.bad, s.canaryFrom, "canary"
	if strings.Contains(fmt.Sprint(r), "checkout-primary") {
		rate, from, arm = 0.01, time.Time{}, "primary"
	}
	for pod := range 2 {
		p := queries.Process{Name: fmt.Sprintf("%s-%d", arm, pod)}
		owed := 0.0
		for i := range w.Len() {
			at := w.Start.Add(time.Duration(i) * w.Block)
			if at.Before(from) {
				p.N, p.X = append(p.N, queries.Gap()), append(p.X, queries.Gap())
				continue
			}
			n := float64(400 + (at.Unix()*7+int64(pod)*13)%60) // some unrest, the same each time
			owed = n*rate + float64(at.Unix()%3)/3
			p.N, p.X = append(p.N, n), append(p.X, float64(int(owed)))
		}
		f.Processes = append(f.Processes, p)
	}
	return f, nil
}

const realPlan = `
service: checkout
source: store
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[10s])) / sum(rate(http_requests_total[10s]))
    selector: namespace="{{ .Namespace }}", pod=~"{{ .PodPattern }}"
    required: true
block: 10s
lag: 1s
prePeriod: 10m
warmup: { for: 10s, requests: 20, atMost: 20s }
minDuration: 1m
maxDuration: 30m
minBlocks: 6
minRequests: 300
`

// realWorld is a server with nothing faked but the store and the clock. The
// function it returns stops it and starts another one on the same file.
func realWorld(t *testing.T, store queries.Source) (*world, func()) {
	t.Helper()
	p, err := plan.Parse("checkout.yaml", []byte(realPlan))
	if err != nil {
		t.Fatal(err)
	}
	plans, err := plan.NewSet(p)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: &clock{now: start()}, logs: &lines{}}
	file := filepath.Join(t.TempDir(), "serin.db")
	begin := func() {
		if w.journal, err = journal.Open(t.Context(), file, journal.Options{Now: w.clock.Now}); err != nil {
			t.Fatal(err)
		}
		j := judge.New(judge.Config{Journal: w.journal, Sources: map[string]queries.Source{"store": store}, Engine: "test"})
		if w.server, err = New(Config{Judge: j, Journal: w.journal, Plans: plans, Now: w.clock.Now}); err != nil {
			t.Fatal(err)
		}
	}
	begin()
	t.Cleanup(func() { w.journal.Close() })
	return w, func() {
		if err := w.journal.Close(); err != nil {
			t.Fatal(err)
		}
		begin()
	}
}

// drive plays Flagger's loop over a weighted canary, a minute apart, until it is
// promoted or rolled back, and returns which. The function is called between hooks.
func (w *world) drive(between func()) string {
	w.t.Helper()
	ask := func(hook string) bool {
		between()
		return w.hook(hook, call{}).code == http.StatusOK
	}
	weight := 0
	for range 30 {
		w.clock.add(time.Minute)
		switch {
		case ask("rollback"):
			return "rolled back"
		case weight == 0 && !ask("pre-rollout"), weight > 0 && !ask("rollout"), !ask("confirm-traffic-increase"):
		case weight < 50:
			weight += 25
			between()
			w.want(w.event(fmt.Sprintf("Advance checkout.shop canary weight %d", weight), call{}), 200)
		case ask("confirm-promotion"):
			return "promoted"
		}
	}
	return "neither"
}

// TestARestartChangesNoVerdict plays a rollout on one server, and again with a
// restart before every single call.
func TestARestartChangesNoVerdict(t *testing.T) {
	for name, tt := range map[string]struct {
		bad  float64
		want string
	}{"healthy": {0.01, "promoted"}, "failing": {0.06, "rolled back"}} {
		t.Run(name, func(t *testing.T) {
			store := twoArms{bad: tt.bad, canaryFrom: start().Add(time.Minute)}
			var told [2]string
			for i := range told {
				w, restart := realWorld(t, store)
				if i == 0 {
					restart = func() {}
				}
				if got := w.drive(restart); got != tt.want {
					t.Fatalf("got the canary %s, want it %s; last verdict: %s", got, tt.want, w.only().Last.Reason)
				}
				list, err := w.journal.Verdicts(t.Context(), w.only().Rollout.ID)
				if err != nil {
					t.Fatal(err)
				}
				b, err := json.Marshal(list)
				if err != nil {
					t.Fatal(err)
				}
				told[i] = string(b)
			}
			if told[0] != told[1] {
				t.Errorf("got other verdicts with restarts:\n%s\nwithout:\n%s", told[1], told[0])
			}
		})
	}
}
