package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/pgtest"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/share"
)

// counted is a store that counts how often each block was answered.
type counted struct {
	twoArms
	mu     sync.Mutex
	asked  int
	blocks map[string]int
}

func (c *counted) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	c.mu.Lock()
	c.asked++
	for at := w.Start; at.Before(w.End); at = at.Add(w.Block) {
		c.blocks[fmt.Sprint(r.Query.Expr, at.Unix())]++
	}
	c.mu.Unlock()
	return c.twoArms.Blocks(ctx, r, w)
}

// TestReplicasAgree has two judges on one journal, each asked by eight callers at
// once, look after look. Every verdict about the same blocks is the same, every
// block is frozen once, and the store is asked for a block at most once by each
// replica: those who came too late take what was frozen.
func TestReplicasAgree(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		// One process, so one handle.
		j := openJournal(t, filepath.Join(t.TempDir(), "serin.db"))
		replicasAgree(t, [2]*journal.Journal{j, j})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		database := pgtest.Start(t, pgtest.Config{}).NewDatabase(t)
		replicasAgree(t, [2]*journal.Journal{openJournal(t, database), openJournal(t, database)})
	})
}

func openJournal(t *testing.T, target string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), target, journal.Options{Now: start})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func replicasAgree(t *testing.T, js [2]*journal.Journal) {
	p, err := plan.Parse("checkout.yaml", []byte(realPlan))
	if err != nil {
		t.Fatal(err)
	}
	store := &counted{twoArms: twoArms{bad: 0.06, canaryFrom: start()}, blocks: map[string]int{}}
	var replicas [2]*looks
	for i := range replicas {
		queue := share.New(store, share.Config{Name: "store"})
		replicas[i] = newLooks(judge.New(judge.Config{Journal: js[i], Sources: map[string]queries.Source{"store": queue}, Engine: "test"}), 100)
	}
	opened, err := js[0].Announce(t.Context(), rollout.Rollout{
		Controller: "api", Service: "checkout", Namespace: "shop", Revision: "1",
		Canary: rollout.Arm{Namespace: "shop", Workload: "checkout", PodPattern: "checkout"}, Baseline: rollout.Arm{Namespace: "shop", Workload: "checkout-primary", PodPattern: "checkout-primary"},
	}, p)
	if err != nil {
		t.Fatal(err)
	}
	const steps, callers = 12, 8
	for step := 1; step <= steps; step++ {
		now := start().Add(time.Duration(step)*20*time.Second + 2*time.Second)
		told := make(chan judge.Verdict, 2*callers)
		var wg sync.WaitGroup
		for i := range 2 * callers {
			wg.Go(func() {
				v, err := replicas[i%2].decide(t.Context(), opened.Rollout, false, now)
				if err != nil {
					t.Error(err)
				}
				told <- v
			})
		}
		wg.Wait()
		close(told)
		same := map[string]bool{}
		for v := range told {
			v.Seq, v.ID = 0, ""
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			same[string(b)] = true
		}
		if len(same) != 1 {
			t.Fatalf("step %d: got %d different verdicts about the same blocks, want 1: %v", step, len(same), same)
		}
	}
	rec, err := js[1].Load(t.Context(), opened.Rollout.ID)
	if err != nil {
		t.Fatal(err)
	}
	if n := rec.Frozen.Metrics["errors"].Canary.Window.Len(); n != 2*steps {
		t.Errorf("got %d blocks frozen, want %d, each once", n, 2*steps)
	}
	if rec.Latch == nil {
		t.Error("got no rollback of a canary that fails six times as often")
	}
	for block, n := range store.blocks {
		if n > 2 {
			t.Errorf("got block %s asked for %d times by 2 replicas, want at most once by each", block, n)
		}
	}
	// Both arms at each step, and the pre-period once.
	if least, most := 2*steps+1, 2*(2*steps+1); store.asked < least || store.asked > most {
		t.Errorf("got %d questions for %d callers, want %d to %d", store.asked, 2*callers*steps, least, most)
	}
	t.Logf("%d calls of 2 replicas: %d looks, %d questions", 2*callers*steps, rec.Looks, store.asked)
}
