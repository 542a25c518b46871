package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/pgtest"
)

// lead is how many blocks before the new ones a question covers: by them a process
// is known.
const lead = 9

// questions counts what replicas ask of their source.
type questions struct {
	mu     sync.Mutex
	all    int
	blocks map[string]int // by expression: new blocks that were asked for
}

func (q *questions) add(_ string, form url.Values) {
	number := func(name string) int {
		v, _ := strconv.Atoi(form.Get(name)) // what is no number gives no blocks, and is missed below
		return v
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all++
	if n := (number("end")-number("start"))/number("step") - lead; n < 50 { // the pre-period has 60
		q.blocks[form.Get("query")] += n
	}
}

func (q *questions) state() (all int, blocks map[string]int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	blocks = map[string]int{}
	for expr, n := range q.blocks {
		blocks[expr] = n
	}
	return q.all, blocks
}

// replicas starts servers on one database.
func (w *world) replicas(database string, n int) (servers []*server) {
	for i := range n {
		servers = append(servers, serve(w.t, w.config(fmt.Sprintf("serin-%d.yaml", i), database, "")))
	}
	return servers
}

// TestReplicasFreezeEachBlockOnce asks three replicas in turn, and then all at once.
// What one of them froze no other asks for again, and all of them say the same.
func TestReplicasFreezeEachBlockOnce(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	w := newWorld(t)
	database := pgtest.Start(t, pgtest.Config{}).NewDatabase(t)
	servers := w.replicas(database, 3)
	l := newLedger(t)
	c := l.caller(t, servers...)
	j, err := app.OpenJournal(t.Context(), database, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()

	t.Run("in turn", func(t *testing.T) {
		asked := &questions{blocks: map[string]int{}}
		w.store.watch(asked.add)
		id, err := c.announce(announcement{revision: "turns", plan: "checkout", canary: "good"})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 8 {
			eventually(t, patience, "another block has closed", func() bool {
				v, err := c.judge(id, false)
				return err != nil || v.Progress.Blocks > n
			})
		}
		blocks := frozenOnce(t, j, id)
		all, by := asked.state()
		for expr, n := range by {
			if n != blocks {
				t.Errorf("%s: got %d blocks asked for, want the %d that were frozen, each once", expr, n, blocks)
			}
		}
		if arms := strings.Join(slices.Sorted(maps.Keys(by)), " "); !strings.Contains(arms, `"good"`) || !strings.Contains(arms, `"good-primary"`) {
			t.Errorf("got %v asked, want both arms", by)
		}
		told(t, servers, id)
		t.Logf("%d looks by 3 replicas, %d blocks, %d questions", len(l.verdicts), blocks, all)
	})
	t.Run("at once", func(t *testing.T) {
		asked := &questions{blocks: map[string]int{}}
		w.store.watch(asked.add)
		const rollouts, looks = 12, 40
		var wg sync.WaitGroup
		ids := make([]string, rollouts)
		for i := range rollouts {
			if ids[i], err = c.announce(announcement{revision: fmt.Sprint("crowd-", i), plan: "checkout", canary: "bad"}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range rollouts * 2 { // two callers for each
			wg.Go(func() {
				// At least so many, and until a block of the rollout has closed.
				for n, blocks := 0, 0; n < looks || blocks == 0 && n < 100*looks; n++ {
					v, err := c.judge(ids[i%rollouts], false)
					if err != nil {
						t.Error(err)
						return
					}
					blocks = v.Progress.Blocks
				}
			})
		}
		wg.Wait()
		blocks := 0
		for _, id := range ids {
			blocks += frozenOnce(t, j, id)
			told(t, servers, id)
		}
		sameEvidence(t, j, ids)
		all, by := asked.state()
		most := 0
		for _, n := range by {
			most = max(most, n)
		}
		if 2*most > blocks {
			t.Errorf("got %d blocks asked for by one expression, want less than half of the %d of %d rollouts: equal questions are asked once", most, blocks, rollouts)
		}
		t.Logf("%d calls or more, %d blocks of %d rollouts, at most %d asked for by one expression, %d questions", rollouts*2*looks, blocks, rollouts, most, all)
	})
	recomputed(t, database, len(l.verdicts))
}

// frozenOnce returns how many blocks of a rollout are frozen, each by one look.
func frozenOnce(t *testing.T, j *journal.Journal, id string) int {
	t.Helper()
	rec, err := j.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	looks, err := j.Looks(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var next time.Time
	n := 0
	for _, l := range looks {
		w := l.Freeze.Metrics["errors"].Canary.Window
		if w.Len() == 0 {
			continue
		}
		if !next.IsZero() && !w.Start.Equal(next) {
			t.Errorf("rollout %s: look %d froze from %s, want from %s", id, l.Verdict.Seq, w.Start, next)
		}
		next = w.End
		n += w.Len()
	}
	if whole := rec.Frozen.Metrics["errors"].Canary.Window.Len(); n == 0 || n != whole {
		t.Errorf("rollout %s: got %d blocks frozen by %d looks, want the %d of the record, and some", id, n, len(looks), whole)
	}
	return n
}

// told compares what every replica says of a rollout's verdicts.
func told(t *testing.T, servers []*server, id string) {
	t.Helper()
	_, first := get(t, "http://"+servers[0].addr+"/v1/rollouts/"+id+"/verdicts")
	for _, s := range servers[1:] {
		if _, again := get(t, "http://"+s.addr+"/v1/rollouts/"+id+"/verdicts"); again != first {
			t.Errorf("rollout %s: %s tells other verdicts than %s", id, s.addr, servers[0].addr)
		}
	}
}

// sameEvidence compares what was frozen of rollouts with the same arms, block by
// block, whichever replica froze it.
func sameEvidence(t *testing.T, j *journal.Journal, ids []string) {
	t.Helper()
	seen := map[string]string{}
	for _, id := range ids {
		rec, err := j.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		m := rec.Frozen.Metrics["errors"]
		for i := range m.Canary.Window.Len() {
			at := m.Canary.Window.Start.Add(time.Duration(i) * m.Canary.Window.Block).String()
			var cells []float64
			for _, p := range slices.Concat(m.Canary.Processes, m.Baseline.Processes) {
				cells = append(cells, p.N[i], p.X[i])
			}
			text := fmt.Sprint(cells)
			if was, ok := seen[at]; ok && was != text {
				t.Errorf("block %s: frozen as %s and as %s", at, was, text)
			}
			seen[at] = text
		}
	}
}

// TestReplicasWithDifferentPlans has a replica with another version of the plan. A
// rollout is judged by the version that was pinned where it was announced, whoever
// is asked.
func TestReplicasWithDifferentPlans(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	w := newWorld(t)
	database := pgtest.Start(t, pgtest.Config{}).NewDatabase(t)
	w.plan("newer", "checkout", "mode: shadow\n")
	servers := []*server{
		serve(t, w.config("old.yaml", database, "")),
		serve(t, w.config("new.yaml", database, "plans: "+filepath.Join(w.dir, "newer")+"\n")),
	}
	l := newLedger(t)
	digests := map[string]string{}
	for i, mode := range []string{"enforce", "shadow"} {
		id, err := l.caller(t, servers[i]).announce(announcement{revision: mode, plan: "checkout", canary: "bad", ago: 2 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []*server{servers[1-i], servers[i], servers[1-i]} {
			v, err := l.caller(t, s).judge(id, false)
			if err != nil {
				t.Fatal(err)
			}
			if v.Mode != mode || v.Outcome != judge.Rollback || v.RollBack.Yes != (mode == "enforce") {
				t.Errorf("announced with %s: %s said %s in mode %s, roll back %v", mode, s.addr, v.Outcome, v.Mode, v.RollBack)
			}
			if d := v.Rollout.PlanDigest; digests[id] != "" && digests[id] != d {
				t.Errorf("got plan %s, and before %s", d, digests[id])
			}
			digests[id] = v.Rollout.PlanDigest
		}
		// A second announcement of the same revision finds the first, plan included.
		again, err := l.caller(t, servers[1-i]).announce(announcement{revision: mode, plan: "checkout", canary: "bad"})
		if err != nil || again != id {
			t.Errorf("announced again at the other replica: got %s, %v; want %s", again, err, id)
		}
		told(t, servers, id)
	}
	if b, err := json.Marshal(digests); err != nil || len(digests) != 2 {
		t.Errorf("got %s, %v; want two rollouts", b, err)
	}
	recomputed(t, database, len(l.verdicts))
}
