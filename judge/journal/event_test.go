package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// told is a queue that is a table: what is added is there with its event, or not.
type told struct{ refuse error }

func (q *told) Add(ctx context.Context, t outbox.Tx, jobs ...outbox.Job) error {
	for _, j := range jobs {
		var err error
		if t.PG != nil {
			_, err = t.PG.Exec(ctx, `insert into told (what) values ($1)`, j.Key)
		} else {
			_, err = t.SQL.ExecContext(ctx, `insert into told (what) values ($1)`, j.Key)
		}
		if err != nil {
			return err
		}
	}
	return q.refuse
}

func TestWorkFollowsInTheSameTransaction(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		shell := db.shell(t, path)
		q := &told{}
		open(t, path).Close()
		run(t, shell, `create table told (what text)`)
		j, err := journal.Open(t.Context(), path, journal.Options{
			Now: func() time.Time { return start }, Queue: q,
			Follow: func(e journal.Event) []outbox.Job {
				text := fmt.Sprintf("%s %s %s", e.Rollout.Revision, e.Kind, e.At.Format("15:04:05"))
				switch e.Kind {
				case journal.EventLooked:
					text += " " + e.Verdict.Outcome.String()
					if e.Before != nil {
						text += " after " + e.Before.Outcome.String()
					}
				case journal.EventClosed:
					text += " " + e.Why
				case journal.EventOverridden:
					text += " " + string(e.Override.Action)
				case journal.EventAnnounced:
					text += " plan " + e.Rollout.Plan
				}
				return []outbox.Job{{Key: text}}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		id := announce(t, j, "r1").ID
		announce(t, j, "r1") // is there already
		second := look(id, 2)
		second.Verdict.Outcome = judge.Rollback
		commit(t, j, look(id, 1), second)
		if _, err := j.Override(t.Context(), id, judge.Override{By: "ann", Action: judge.OverrideHold, Reason: "x"}); err != nil {
			t.Fatal(err)
		}
		two := announce(t, j, "r2").ID
		for range 2 {
			if err := j.End(t.Context(), two, start.Add(time.Hour), "promoted\x00"); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{
			"r1 announced 05:06:00 plan checkout", "r1 looked 05:07:03 continue", "r1 looked 05:08:03 rollback after continue",
			"r1 overridden 05:06:00 hold", "r1 closed 05:06:00 superseded by revision r2", "r2 announced 05:06:00 plan checkout",
			"r2 closed 06:06:00 promoted�",
		}
		if diff := cmp.Diff(want, toldSoFar(t, db, path)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}

		q.refuse = errors.New("the queue is full")
		_, err = j.Announce(t.Context(), trial("r3"), aPlan())
		if err == nil || !strings.Contains(err.Error(), "queue the work that follows: the queue is full") {
			t.Errorf("got %v, want the queue's refusal", err)
		}
		if all, err := j.List(t.Context(), journal.Filter{}); err != nil || len(all) != 2 {
			t.Errorf("got %d rollouts, error %v; want that r3 was not recorded", len(all), err)
		}
		if got := len(toldSoFar(t, db, path)); got != len(want) {
			t.Errorf("got %d jobs, want %d: none of what was not recorded", got, len(want))
		}
	})
}

func toldSoFar(t *testing.T, db backend, path string) []string {
	t.Helper()
	rows, err := db.shell(t, path).Query(`select what from told`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestWorkNeedsAQueue(t *testing.T) {
	_, err := journal.Open(t.Context(), ":memory:", journal.Options{Follow: func(journal.Event) []outbox.Job { return nil }})
	if err == nil || !strings.Contains(err.Error(), "no queue") {
		t.Errorf("got %v, want a refusal", err)
	}
}
