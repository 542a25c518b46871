package faults

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// settle holds the journal against what callers and the receiver were told. Servers
// that do the work run meanwhile.
func settle(t *testing.T, target string, l *ledger, r *receiver) {
	t.Helper()
	began := time.Now()
	j, err := app.OpenJournal(t.Context(), target, journal.Options{Wait: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	q, err := app.WorkOf(t.Context(), j, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 2*patience, "every callback is settled", func() bool {
		left, err := q.List(t.Context(), outbox.Filter{State: outbox.Queued, Kind: "callback"})
		return err == nil && len(left) == 0
	})
	if dead, err := q.List(t.Context(), outbox.Filter{State: outbox.Dead}); err != nil || len(dead) > 0 {
		t.Errorf("got %d dead letters, error %v: %+v", len(dead), err, dead[:min(1, len(dead))])
	}
	settled := time.Since(began)
	owed, verdicts := map[string]bool{}, 0
	for _, id := range l.ids() {
		verdicts += l.hold(t, j, id, owed)
	}
	all := 0
	if err := j.Each(t.Context(), func(string) error { all++; return nil }); err != nil {
		t.Error(err)
	}
	if n := len(l.rollouts); all != n {
		t.Errorf("got %d rollouts in the journal, want the %d that were accepted", all, n)
	}
	heard, more := r.heard()
	for key := range owed {
		if _, ok := heard[key]; !ok {
			t.Errorf("callback %s was never told", key)
		}
	}
	for key, body := range heard {
		if !owed[key] {
			t.Errorf("callback %s was told, and the journal has nothing of the kind: %s", key, body)
		}
	}
	t.Logf("%d rollouts, %d verdicts (%d told to callers), %d callbacks, %d of them more than once by the same ID; "+
		"%d calls had no answer, %d were to come again; callbacks settled after %s",
		all, verdicts, len(l.verdicts), len(owed), more, l.broken.Load(), l.shed.Load(), settled.Round(time.Second))
	recomputed(t, target, verdicts)
}

// hold holds one rollout of the journal against the ledger, adds the callbacks that
// it owes and returns how many verdicts it has.
func (l *ledger) hold(t *testing.T, j *journal.Journal, id string, owed map[string]bool) int {
	t.Helper()
	sum, err := j.Get(t.Context(), id)
	if err != nil {
		t.Errorf("rollout %s (%s) was accepted: %v", id, l.rollouts[id], err)
		return 0
	}
	if l.closed[id] && sum.Closed.IsZero() {
		t.Errorf("rollout %s was closed for its caller, and is live in the journal", id)
	}
	recorded, err := j.VerdictsJSON(t.Context(), id)
	if err != nil {
		t.Error(err)
		return 0
	}
	list, err := j.Verdicts(t.Context(), id)
	if err != nil {
		t.Error(err)
		return 0
	}
	if sum.Rollout.Callback == "" {
		owed = map[string]bool{} // nobody asked for any
	}
	seen := map[string]bool{}
	for i, v := range list {
		if seen[v.ID] || v.Seq != i+1 {
			t.Errorf("rollout %s: look %d has number %d, ID %s", id, i+1, v.Seq, v.ID)
		}
		seen[v.ID] = true
		if told, ok := l.verdicts[v.ID]; ok && !bytes.Equal(told, recorded[i]) {
			t.Errorf("verdict %s was told as\n%s\nand recorded as\n%s", v.ID, told, recorded[i])
		}
		switch {
		case v.Outcome == judge.Rollback:
			owed[id+".rollout.rollback"] = true
		case v.Outcome == judge.Promote && v.Promotion.Yes:
			owed[id+".rollout.promoted"] = true
		}
	}
	for told := range l.verdicts {
		if strings.HasPrefix(told, id+"-") && !seen[told] {
			t.Errorf("verdict %s was told to its caller, and is not in the journal", told)
		}
	}
	if !sum.Closed.IsZero() {
		owed[id+".rollout.closed"] = true
	}
	return len(list)
}

// recomputed has the command verify the journal and replay every verdict of it.
func recomputed(t *testing.T, target string, verdicts int) {
	t.Helper()
	command(t, "journal", "verify", "--journal", target)
	out := command(t, "replay", "--all", "--journal", target)
	var n int
	if _, err := fmt.Sscanf(strings.TrimSpace(out), "%d verdicts are byte for byte as they were recorded", &n); err != nil || n < verdicts {
		t.Errorf("got %q, want at least %d verdicts replayed byte for byte", out, verdicts)
	}
}
