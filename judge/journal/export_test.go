package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// eventful fills a journal with one of everything: two closed rollouts and a live one.
func eventful(t testing.TB, j *journal.Journal, c *clock) []string {
	t.Helper()
	var ids []string
	for n := range 3 {
		c.t = c.t.Add(time.Minute)
		id := announce(t, j, fmt.Sprint("r<", n, ">")).ID
		ids = append(ids, id)
		if err := j.Declare(t.Context(), id, rollout.WeightAt{Percent: 10}); err != nil {
			t.Fatal(err)
		}
		l := look(id, 2)
		l.Checks = []checks.Result{{Name: "home", Status: checks.Failed, Reason: "é \x01"}}
		l.Problems = map[string]judge.Problem{"cpu": {Text: "gone"}}
		l.Verdict.Latched = &judge.Latch{Block: 1, Reason: "worse"}
		l.Verdict.Promotion.Yes = true
		commit(t, j, look(id, 1), l)
		if _, err := j.Override(t.Context(), id, judge.Override{By: "ann", Action: judge.OverrideHold, Reason: "a sale"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []journal.Document{
		{Kind: "kayenta config", ID: "b", Name: "é<&>", Owner: "shop", Body: json.RawMessage(`{"b": 1,  "a": "<é>"}`)},
		{Kind: "kayenta execution", ID: "a", State: "running", Body: json.RawMessage(`{}`)},
	} {
		if _, err := j.AddDocument(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Audit(t.Context(), journal.Entry{Who: "ann", What: "override", Rollout: ids[0], Detail: json.RawMessage(`{"a":1}`)}); err != nil {
		t.Fatal(err)
	}
	return ids
}

func exported(t testing.TB, j *journal.Journal) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := j.Export(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func documentsOf(t *testing.T, j *journal.Journal, f journal.DocumentFilter) []journal.Document {
	t.Helper()
	list, err := j.Documents(t.Context(), f)
	if err != nil || len(list) == 0 {
		t.Fatalf("got %d documents, error %v; want some", len(list), err)
	}
	return list
}

// An export of either database is read by both, and gives the same export again.
func TestExportAndImport(t *testing.T) {
	onEach(t, func(t *testing.T, from backend) {
		j, c := openAt(t, from.fresh(t))
		ids := eventful(t, j, c)
		text := exported(t, j)
		if again := exported(t, j); !bytes.Equal(text, again) {
			t.Error("two exports of the same record differ")
		}
		for _, to := range backends() {
			t.Run("to "+to.name, func(t *testing.T) {
				there := open(t, to.fresh(t))
				added, err := there.Import(t.Context(), bytes.NewReader(text))
				if want := (journal.Counted{Plans: 1, Rollouts: 3, Looks: 6, Overrides: 3, Audit: 1, Documents: 2}); err != nil || added != want {
					t.Fatalf("got %v, error %v; want %v", added, err, want)
				}
				if again := exported(t, there); !bytes.Equal(text, again) {
					t.Errorf("the export of what was imported differs (-from +to):\n%s", cmp.Diff(string(text), string(again)))
				}
				if added, err = there.Import(t.Context(), bytes.NewReader(text)); err != nil || added != (journal.Counted{}) {
					t.Errorf("a second time: got %v, error %v; want nothing added", added, err)
				}
				for _, kind := range []string{"kayenta config", "kayenta execution"} {
					of := journal.DocumentFilter{Kind: kind}
					if diff := cmp.Diff(documentsOf(t, j, of), documentsOf(t, there, of)); diff != "" {
						t.Errorf("%s (-from +to):\n%s", kind, diff)
					}
				}
				for _, id := range ids {
					if diff := cmp.Diff(load(t, j, id), load(t, there, id), cmpopts.EquateNaNs()); diff != "" {
						t.Errorf("rollout %s (-from +to):\n%s", id, diff)
					}
				}
				commit(t, there, look(ids[2], 3)) // the live one goes on
			})
		}
	})
}

// Exports of before there were documents can still be read.
func TestImportOfVersion1(t *testing.T) {
	text, err := os.ReadFile("testdata/schema-1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	old := bytes.Replace(text, []byte(`"version":2`), []byte(`"version":1`), 1)
	j := open(t, ":memory:")
	if _, err := j.Import(t.Context(), bytes.NewReader(old)); err != nil || bytes.Equal(old, text) {
		t.Fatalf("got %v, want no error of an export of version 1", err)
	}
	if again := exported(t, j); !bytes.Equal(text, again) {
		t.Errorf("the export of what was imported differs (-want +got):\n%s", cmp.Diff(string(text), string(again)))
	}
}

// An import goes on where the journal ends, and a rollout is never mixed.
func TestImportIntoAJournalThatHasSome(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		a, c := openAt(t, db.fresh(t))
		ids := eventful(t, a, c)
		early := exported(t, a)
		commit(t, a, look(ids[2], 3))
		if err := a.End(t.Context(), ids[2], start.Add(time.Hour), "promoted"); err != nil {
			t.Fatal(err)
		}
		late := exported(t, a)

		b := open(t, db.fresh(t))
		for _, text := range [][]byte{early, late, early} {
			if _, err := b.Import(t.Context(), bytes.NewReader(text)); err != nil {
				t.Fatal(err)
			}
		}
		if again := exported(t, b); !bytes.Equal(late, again) {
			t.Errorf("got another record than the newest (-want +got):\n%s", cmp.Diff(string(late), string(again)))
		}

		other, _ := openAt(t, db.fresh(t))
		if _, err := other.Import(t.Context(), bytes.NewReader(early)); err != nil {
			t.Fatal(err)
		}
		l := look(ids[2], 3)
		l.Verdict.Reason = "something else"
		commit(t, other, l)
		_, err := other.Import(t.Context(), bytes.NewReader(late))
		wantIs(t, err, journal.ErrConflict)
		if err == nil || !strings.Contains(err.Error(), "look 3 of rollout "+ids[2]) {
			t.Errorf("got %v, want a conflict about look 3 of rollout %s", err, ids[2])
		}

		live := open(t, db.fresh(t))
		announce(t, live, "mine")
		if _, err := live.Import(t.Context(), bytes.NewReader(early)); !errors.Is(err, journal.ErrConflict) || !strings.Contains(err.Error(), "end one of them first") {
			t.Errorf("got %v, want a conflict of two live rollouts", err)
		}
	})
}

func TestImportRefusesDamage(t *testing.T) {
	j, c := openAt(t, ":memory:")
	ids := eventful(t, j, c)
	text := string(exported(t, j))
	lines := strings.SplitAfter(text, "\n")
	for name, c := range map[string]struct {
		text, want string
	}{
		"nothing":             {"", "it is empty"},
		"something else":      {"{\"hello\":1}\n", "no export of a journal"},
		"a newer version":     {strings.Replace(text, `"version":2`, `"version":3`, 1), "use the newer binary"},
		"a part":              {strings.Join(lines[:len(lines)-2], ""), "part of an export"},
		"half a line":         {text[:len(text)-20], "line"},
		"a lost line":         {strings.Join(append(append([]string{}, lines[:4]...), lines[5:]...), ""), "look 1: it is missing"},
		"a lost audit entry":  {strings.Join(append(append([]string{}, lines[:len(lines)-3]...), lines[len(lines)-2:]...), ""), "it counts"},
		"a freeze":            {strings.Replace(text, `"freeze":"U`, `"freeze":"V`, 1), "its digest is"},
		"a verdict":           {strings.Replace(text, "nothing", "everything", 1), "its verdict's digest is"},
		"a plan":              {strings.Replace(text, `\"alpha\":0.05`, `\"alpha\":0.5`, 1), "the digest of its plan"},
		"a look elsewhere":    {strings.Replace(text, `{"look":{"rollout":"`+ids[1], `{"look":{"rollout":"`+ids[0], 1), "stands apart"},
		"an invented promise": {strings.Replace(text, `"promotes":true,`, ``, 1), "its digest is"},
		"a lost document":     {strings.Join(append(append([]string{}, lines[:len(lines)-4]...), lines[len(lines)-3:]...), ""), "it counts"},
		"half a document":     {strings.Replace(text, `"kind":"kayenta execution"`, `"kind":""`, 1), "one of the two is missing"},
		"an unborn document":  {strings.Replace(text, `"revision":1`, `"revision":0`, 1), "without a revision"},
		"an odd line":         {strings.Join(append(append([]string{}, lines[:4]...), "{}\n"), ""), "line 5: it says nothing"},
	} {
		there := open(t, ":memory:")
		_, err := there.Import(t.Context(), strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
		if _, err := there.Verify(t.Context(), func(err error) { t.Errorf("%s: what was imported is damaged: %v", name, err) }); err != nil {
			t.Error(err)
		}
	}
}

func TestVerifyListsEveryFault(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j, c := openAt(t, path)
		ids := eventful(t, j, c)
		verify := func() (faults []string) {
			t.Helper()
			got, err := j.Verify(t.Context(), func(err error) {
				wantIs(t, err, journal.ErrDamaged)
				faults = append(faults, err.Error())
			})
			if err != nil || got.Rollouts != 3 || got.Audit != 1 {
				t.Errorf("got %v, error %v; want all three rollouts and the audit entry", got, err)
			}
			return faults
		}
		if faults := verify(); len(faults) > 0 {
			t.Errorf("a sound journal has faults: %v", faults)
		}
		commit(t, j, look(ids[2], 3), look(ids[2], 4))
		s := db.shell(t, path)
		run(t, s, `update looks set verdict = '{' where rollout_id = $1 and seq = 1`, ids[0])
		run(t, s, `update looks set checks = 'x' where rollout_id = $1 and seq = 2`, ids[0])
		run(t, s, `update rollouts set data = '{' where id = $1`, ids[1])
		run(t, s, `delete from looks where rollout_id = $1 and seq = 2`, ids[2])
		run(t, s, `update overrides set data = '{}' where rollout_id = $1`, ids[2])
		got := verify()
		want := []string{ids[0] + ", look 2", ids[0] + ", look 1", ids[1], ids[2] + ": override 1", ids[2] + ", look 2: it is missing"}
		if len(got) != len(want) {
			t.Errorf("got %d faults, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
		}
		for i := range min(len(got), len(want)) {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("fault %d: got %s, want one with %q", i, got[i], want[i])
			}
		}
	})
}

func TestPrune(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		j, c := openAt(t, db.fresh(t))
		p := aPlan()
		var ids []string
		for n := range 25 {
			c.t = start.Add(time.Duration(n) * time.Hour)
			if n == 20 {
				p.Alpha = 0.01 // another plan
			}
			a, err := j.Announce(t.Context(), trial(fmt.Sprint(n)), p)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, a.Rollout.ID)
			commit(t, j, look(a.Rollout.ID, 1))
		}
		c.t = start.Add(100 * time.Hour)
		if _, err := j.Prune(t.Context(), c.t.Add(-time.Hour)); err == nil || !strings.Contains(err.Error(), "earlier attempts") {
			t.Errorf("got %v, want that what still counts is not removed", err)
		}
		// Rollout n was closed at n + 1 hours: those before 22 hours are 0 to 20.
		got, err := j.Prune(t.Context(), start.Add(22*time.Hour))
		if want := (journal.Counted{Plans: 1, Rollouts: 21, Looks: 21}); err != nil || got != want {
			t.Errorf("got %v, error %v; want %v", got, err, want)
		}
		_, err = j.Get(t.Context(), ids[20])
		wantIs(t, err, journal.ErrNotFound)
		if got, err = j.Prune(t.Context(), c.t.Add(-30*time.Hour)); err != nil || got.Rollouts != 3 {
			t.Errorf("got %v, error %v; want all but the live one", got, err)
		}
		if got := load(t, j, ids[24]); got.Looks != 1 {
			t.Errorf("got %d looks of the live rollout, want 1", got.Looks)
		}
		if _, err := j.Verify(t.Context(), func(err error) { t.Error(err) }); err != nil {
			t.Error(err)
		}
	})
}
