package journal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// withoutInputs makes a journal whose first rollout, of three looks and an override,
// has lost its inputs by policy, whose second one was closed too late for that, and
// whose third one is live. It returns their IDs and the export of before.
func withoutInputs(t *testing.T, path string) (j *journal.Journal, ids []string, before []byte) {
	t.Helper()
	j, c := openAt(t, path)
	ids = append(ids, long(t, j, "r1", 2))
	last := look(ids[0], 3)
	last.Verdict.Latched = &judge.Latch{Block: 1, Reason: "worse"}
	last.Problems = map[string]judge.Problem{"cpu": {Text: "gone"}}
	commit(t, j, last)
	for n := range 2 {
		c.t = start.Add(time.Duration(30*n) * 24 * time.Hour)
		ids = append(ids, long(t, j, fmt.Sprint("r", n+2), 2))
	}
	before = exported(t, j)
	compact(t, j)
	c.t = start.Add(40 * 24 * time.Hour)
	done, err := j.RemoveInputs(t.Context(), c.t.Add(-30*24*time.Hour))
	if err != nil || done.Rollouts != 1 || done.Looks != 3 || done.Before == 0 || done.After != 0 {
		t.Fatalf("got %v, error %v; want the three looks at the first rollout", done, err)
	}
	return j, ids, before
}

// Of a rollout whose inputs were removed everything that was told stays, and what
// needs the inputs says on which day they went.
func TestRemoveInputs(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j, ids, before := withoutInputs(t, path)
		was := open(t, ":memory:")
		if _, err := was.Import(t.Context(), bytes.NewReader(before)); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{
			"Load":   func() error { _, err := j.Load(t.Context(), ids[0]); return err }(),
			"Looks":  func() error { _, err := j.Looks(t.Context(), ids[0]); return err }(),
			"Commit": j.Commit(t.Context(), look(ids[0], 4)),
		} {
			wantIs(t, err, journal.ErrClosed)
			if name != "Commit" && (!errors.Is(err, journal.ErrInputsRemoved) || !strings.Contains(err.Error(), "were removed by policy on 2026-04-13")) {
				t.Errorf("%s: got %v, want that the inputs were removed on that day", name, err)
			}
		}
		for _, id := range ids {
			a, errA := was.VerdictsJSON(t.Context(), id)
			b, errB := j.VerdictsJSON(t.Context(), id)
			x, errX := was.Get(t.Context(), id)
			y, errY := j.Get(t.Context(), id)
			if err := errors.Join(errA, errB, errX, errY); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(a, b) + cmp.Diff(x, y); diff != "" {
				t.Errorf("rollout %s (-before +after):\n%s", id, diff)
			}
		}
		for _, id := range ids[1:] {
			load(t, j, id)
		}
		if got := sound(t, j); got.Looks != 7 || got.Removed != 3 || !strings.Contains(got.String(), "7 looks (3 of them without inputs") {
			t.Errorf("got %v, want 7 looks, 3 of them without inputs", got)
		}
		if n := count(t, db.shell(t, path), `select count(*) from archives where rollout_id = $1 and length(inputs) > 0`, ids[0]); n != 0 {
			t.Error("the inputs are still there")
		}
		if again, err := j.RemoveInputs(t.Context(), start.Add(10*24*time.Hour)); err != nil || again != (journal.Compacted{}) {
			t.Errorf("a second time: got %v, error %v; want nothing", again, err)
		}
		if done, err := j.Prune(t.Context(), start.Add(10*24*time.Hour)); err != nil || done.Rollouts != 1 || done.Looks != 3 {
			t.Errorf("got %v, error %v; want that the retention removes the rest of it", done, err)
		}
		sound(t, j)
	})
}

// What remains without inputs is exported and imported, and the policy of both sides
// holds.
func TestRemovedInputsAreExported(t *testing.T) {
	onEach(t, func(t *testing.T, from backend) {
		j, ids, before := withoutInputs(t, from.fresh(t))
		after := exported(t, j)
		for _, to := range backends() {
			there := open(t, to.fresh(t))
			added, err := there.Import(t.Context(), bytes.NewReader(after))
			if err != nil || added.Looks != 7 || added.Removed != 3 {
				t.Errorf("to %s: got %v, error %v; want 7 looks, 3 of them without inputs", to.name, added, err)
			}
			for range 2 {
				sound(t, there)
				if again := exported(t, there); !bytes.Equal(after, again) {
					t.Errorf("to %s: the export of what was imported differs:\n%s", to.name, cmp.Diff(string(after), string(again)))
				}
				if _, err := there.Load(t.Context(), ids[0]); !errors.Is(err, journal.ErrInputsRemoved) {
					t.Errorf("to %s: got %v, want that the inputs were removed", to.name, err)
				}
				compact(t, there)
				if _, err := there.RemoveInputs(t.Context(), start.Add(10*24*time.Hour)); err != nil {
					t.Error(err)
				}
			}
			for name, text := range map[string][]byte{"with": before, "without": after} { // what is there stays
				if added, err := there.Import(t.Context(), bytes.NewReader(text)); err != nil || added != (journal.Counted{}) {
					t.Errorf("the export %s inputs: got %v, error %v; want nothing added", name, added, err)
				}
			}
		}
		full := open(t, from.fresh(t))
		for _, text := range [][]byte{before, after} {
			if _, err := full.Import(t.Context(), bytes.NewReader(text)); err != nil {
				t.Error(err)
			}
		}
		load(t, full, ids[0])
		sound(t, full)

		// One that had seen the first look only learns the others without their inputs.
		early := open(t, from.fresh(t))
		lines := strings.SplitAfter(string(before), "\n")
		end := `{"end":{"plans":1,"rollouts":1,"looks":1,"overrides":0,"audit":0}}` + "\n"
		if _, err := early.Import(t.Context(), strings.NewReader(strings.Join(lines[:4], "")+end)); err != nil {
			t.Fatal(err)
		}
		if added, err := early.Import(t.Context(), bytes.NewReader(after)); err != nil || added.Looks != 6 || added.Removed != 2 {
			t.Errorf("got %v, error %v; want 6 looks, 2 of them without inputs", added, err)
		}
		sound(t, early)
		if _, err := early.Load(t.Context(), ids[0]); !errors.Is(err, journal.ErrInputsRemoved) {
			t.Errorf("got %v, want that the inputs were removed", err)
		}
		compact(t, early)
		if _, err := early.RemoveInputs(t.Context(), start.Add(10*24*time.Hour)); err != nil {
			t.Error(err)
		}
		sound(t, early)
		if got := exported(t, early); !bytes.Equal(after, got) {
			t.Errorf("export (-want +got):\n%s", cmp.Diff(string(after), string(got)))
		}
	})
}

// Without inputs the chain of digests cannot be computed; the seal finds what was
// changed since, in the journal and in its export.
func TestWhatRemainsIsVerified(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j, ids, _ := withoutInputs(t, path)
		s := db.shell(t, path)
		run(t, s, `create table were as select * from looks`)
		run(t, s, `create table gone as select * from removals`)
		there := open(t, ":memory:") // stays empty
		forged := `{"id":"` + ids[0] + `-3","seq":3,"rollout":{"id":"` + ids[0] + `"}}`
		sum := sha256.Sum256([]byte(forged))
		for name, c := range map[string]struct{ statement, want string }{
			"a digest of inputs":         {`update looks set inputs_digest = 'x' where seq = 1`, "their seal is"},
			"a verdict with its digest":  {`update looks set verdict = '` + forged + `', verdict_digest = '` + hex.EncodeToString(sum[:]) + `' where seq = 3`, "their seal is"},
			"a verdict":                  {`update looks set verdict = '{}' where seq = 3`, "look 3: its verdict's digest"},
			"a time":                     {`update looks set at = at + 1 where seq = 2`, "their seal is"},
			"a latch":                    {`update looks set latch = '' where seq = 3`, "their seal is"},
			"a promotion":                {`update looks set promotes = 1 where seq = 1`, "their seal is"},
			"a missing look":             {`delete from looks where seq = 2`, "look 2: it is missing"},
			"the last look":              {`delete from looks where seq = 3`, "their seal is"},
			"the seal":                   {`update removals set seal = 'x'`, "their seal is"},
			"the record of the removal":  {`delete from removals`, "look 1: its inputs are missing"},
			"a record of fewer removals": {`update removals set looks = 2`, "look 3: its inputs are missing"},
		} {
			run(t, s, strings.Replace(c.statement, " where ", " where rollout_id = '"+ids[0]+"' and ", 1))
			var faults []string
			if _, err := j.Verify(t.Context(), func(err error) { faults = append(faults, err.Error()) }); err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(faults, "\n"); !strings.Contains(all, c.want) || !strings.Contains(all, ids[0]) {
				t.Errorf("%s: verify found\n%s\nwant %q of rollout %s", name, all, c.want, ids[0])
			}
			if _, err := there.Import(t.Context(), bytes.NewReader(exported(t, j))); !errors.Is(err, journal.ErrDamaged) {
				t.Errorf("%s: its export is imported with %v, want that it is refused", name, err)
			}
			for _, statement := range []string{`delete from looks`, `insert into looks select * from were`, `delete from removals`, `insert into removals select * from gone`} {
				run(t, s, statement)
			}
		}
		sound(t, j)
		text := string(exported(t, j))
		at := strings.Index(text, `"closed":17`)
		live := text[:at] + `"closed":null` + text[at+strings.IndexByte(text[at:], ','):]
		if _, err := open(t, ":memory:").Import(t.Context(), strings.NewReader(live)); err == nil || !strings.Contains(err.Error(), "and it is live") {
			t.Errorf("got %v, want that a live rollout without inputs is refused", err)
		}
	})
}

// A rollout that is damaged keeps its inputs, and so does one that was not archived.
func TestRemoveInputsSparesDamage(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j, c := openAt(t, path)
		ids := []string{long(t, j, "r1", 2), long(t, j, "r2", 2)}
		announce(t, j, "r3")
		c.t = start.Add(100 * 24 * time.Hour)
		if done, err := j.RemoveInputs(t.Context(), c.t); err != nil || done != (journal.Compacted{}) {
			t.Errorf("before they are archived: got %v, error %v; want nothing", done, err)
		}
		compact(t, j)
		run(t, db.shell(t, path), `update looks set promotes = 1 where rollout_id = $1 and seq = 1`, ids[0])
		done, err := j.RemoveInputs(t.Context(), c.t)
		if !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), ids[0]) || done.Rollouts != 1 {
			t.Errorf("got %v, error %v; want that only the sound one loses its inputs", done, err)
		}
		run(t, db.shell(t, path), `update looks set promotes = 0`)
		load(t, j, ids[0])
	})
}
