package journal_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/serin-canary/serin/judge/journal"
)

// long commits so many looks at a new rollout of a revision, and returns its ID.
func long(t testing.TB, j *journal.Journal, revision string, looks int) string {
	t.Helper()
	id := announce(t, j, revision).ID
	for n := range looks {
		commit(t, j, look(id, n+1))
	}
	return id
}

func compact(t testing.TB, j *journal.Journal) journal.Compacted {
	t.Helper()
	done, err := j.Compact(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// whole is everything that a journal says of some rollouts.
func whole(t *testing.T, j *journal.Journal, ids []string) (all []any) {
	t.Helper()
	for _, id := range ids {
		looks, err := j.Looks(t.Context(), id)
		texts, err2 := j.VerdictsJSON(t.Context(), id)
		summary, err3 := j.Get(t.Context(), id)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		all = append(all, load(t, j, id), looks, texts, summary)
	}
	return append(all, string(exported(t, j)))
}

func sound(t *testing.T, j *journal.Journal) journal.Counted {
	t.Helper()
	got, err := j.Verify(t.Context(), func(err error) { t.Errorf("got the fault %v, want none", err) })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func count(t testing.TB, db *sql.DB, statement string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRow(statement, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Compressing changes nothing that anybody reads, and reading live rollouts does not
// need what was compressed.
func TestCompactChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j, c := openAt(t, path)
		ids := append([]string{long(t, j, "long", 150), announce(t, j, "unseen").ID}, eventful(t, j, c)...)
		live := ids[len(ids)-1]
		before := whole(t, j, ids)
		s := db.shell(t, path)
		const plain = `select count(*) from looks where length("freeze") > 0 and checks || problems || context || verdict <> ''`
		if got := count(t, s, plain); got != 156 {
			t.Fatalf("before: got %d looks as they were committed, want 156", got)
		}
		done := compact(t, j)
		if done.Rollouts != 3 || done.Looks != 154 || done.After <= 0 || done.Before < 4*done.After {
			t.Errorf("got %v, want 154 looks at 3 rollouts, a fourth of the size or less", done)
		}
		if got, parts := count(t, s, plain), count(t, s, `select count(*) from archives`); got != 2 || parts != 5 {
			t.Errorf("got %d looks as they were committed in %d parts, want those two of the live rollout, and 5 parts", got, parts)
		}
		if again := compact(t, j); again != (journal.Compacted{}) {
			t.Errorf("a second time: got %v, want nothing", again)
		}
		if diff := cmp.Diff(before, whole(t, j, ids), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("what is read (-before +after):\n%s", diff)
		}
		if got := sound(t, j); got.Looks != 156 || got.Removed != 0 {
			t.Errorf("got %v, want all 156 looks", got)
		}
		for _, statement := range []string{`drop table archives`, `drop table removals`} {
			run(t, s, statement)
		}
		load(t, j, live)
		commit(t, j, look(live, 3))
		if list, err := j.List(t.Context(), journal.Filter{}); err != nil || len(list) != 5 {
			t.Errorf("got %d rollouts, error %v; want that the list needs no archive", len(list), err)
		}
		if _, err := j.Load(t.Context(), ids[0]); err == nil {
			t.Error("an archived rollout was read without its archive")
		}
	})
}

// What is added to an archived rollout by an import is archived with the next run.
func TestCompactAfterAnImport(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		a, c := openAt(t, db.fresh(t))
		id := long(t, a, "r1", 3)
		early := exported(t, a)
		commit(t, a, look(id, 4), look(id, 5))
		if err := a.End(t.Context(), id, c.t, "done"); err != nil {
			t.Fatal(err)
		}
		late := exported(t, a)
		b := open(t, db.fresh(t))
		if _, err := b.Import(t.Context(), bytes.NewReader(early)); err != nil {
			t.Fatal(err)
		}
		if err := b.End(t.Context(), id, c.t, "done"); err != nil {
			t.Fatal(err)
		}
		compact(t, b)
		if _, err := b.Import(t.Context(), bytes.NewReader(late)); err != nil {
			t.Fatal(err)
		}
		if done := compact(t, b); done.Looks != 3 { // the verdict that was the last one, and two looks
			t.Errorf("got %v, want 3 looks", done)
		}
		if got := exported(t, b); !bytes.Equal(late, got) {
			t.Errorf("export (-want +got):\n%s", cmp.Diff(string(late), string(got)))
		}
		sound(t, b)
	})
}

func TestDamagedArchivesAreNamed(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		j := open(t, path)
		id := long(t, j, "r1", 70)
		announce(t, j, "r2")
		compact(t, j)
		s := db.shell(t, path)
		run(t, s, `create table kept as select * from archives`)
		run(t, s, `create table were as select * from looks`)
		there := open(t, ":memory:") // stays empty
		blob := func(hex string) string { return db.on(`x'`+hex+`'`, `'\x`+hex+`'`) }
		for name, c := range map[string]struct {
			statement, want string
			verdicts        bool // of which it is the fault
		}{
			"inputs that are none":     {`update archives set inputs = ` + blob("5a0100") + ` where part = 2`, "look 65", false},
			"a newer form":             {`update archives set inputs = ` + blob("5a0200") + ` where part = 1`, "use the newer binary", false},
			"another rollout's":        {`update archives set inputs = (select k.inputs from kept k where k.part = 2) where part = 1`, "look 1: its inputs are missing", false},
			"no inputs":                {`update archives set inputs = ` + blob("") + ` where part = 2`, "look 65: its inputs are missing", false},
			"no archive":               {`delete from archives where part = 1`, "look 1: its inputs are missing", false},
			"inputs in part":           {`update looks set checks = '[]' where seq = 9`, "look 9: a part of its inputs is missing", false},
			"a digest":                 {`update looks set inputs_digest = 'x' where seq = 9`, "look 9", false},
			"verdicts that are none":   {`update archives set verdicts = ` + blob("5a0100") + ` where part = 2`, "look 65", true},
			"no verdicts":              {`update archives set verdicts = ` + blob("") + ` where part = 1`, "look 1: its verdict's digest", true},
			"the verdicts' digest":     {`update looks set verdict_digest = 'x' where seq = 9`, "look 9", true},
			"the other half of a part": {`update archives set verdicts = inputs where part = 1`, "look 1", true},
		} {
			run(t, s, c.statement)
			err := func() error { _, err := j.Load(t.Context(), id); return err }()
			if c.verdicts {
				_, err = j.VerdictsJSON(t.Context(), id)
			}
			var faults []string
			if _, err := j.Verify(t.Context(), func(err error) { faults = append(faults, err.Error()) }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), id) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want that rollout %s is damaged, with %q", name, err, id, c.want)
			}
			if all := strings.Join(faults, "\n"); !strings.Contains(all, c.want) {
				t.Errorf("%s: verify found\n%s\nwant %q", name, all, c.want)
			}
			if _, err := there.Import(t.Context(), bytes.NewReader(exported(t, j))); !errors.Is(err, journal.ErrDamaged) {
				t.Errorf("%s: its export is imported with %v, want that it is refused", name, err)
			}
			run(t, s, `delete from archives`)
			run(t, s, `insert into archives select * from kept`)
			run(t, s, `delete from looks`)
			run(t, s, `insert into looks select * from were`)
		}
		sound(t, j)
	})
}

// A rollout that cannot be read is told and left alone; the others have their turn.
func TestCompactGoesOnBehindDamage(t *testing.T) {
	path := file(t)
	j := open(t, path)
	ids := []string{long(t, j, "r1", 2), long(t, j, "r2", 2)}
	announce(t, j, "r3")
	s := backends()[0].shell(t, path)
	run(t, s, `update looks set seq = 1.5 where rollout_id = $1 and seq = 1`, ids[0])
	done, err := j.Compact(t.Context())
	if !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), ids[0]) || done.Looks != 2 {
		t.Errorf("got %v, error %v; want the looks at the sound rollout, and the fault of %s", done, err, ids[0])
	}
}

// filled makes a journal of so many rollouts of two looks that are over, and returns
// its export.
func filled(t *testing.T, path string, rollouts int) []byte {
	t.Helper()
	from := open(t, ":memory:")
	for n := range rollouts {
		long(t, from, fmt.Sprint("r", n), 2)
	}
	announce(t, from, "live")
	text := exported(t, from)
	j, err := journal.Open(t.Context(), path, journal.Options{})
	if err == nil {
		_, err = j.Import(t.Context(), bytes.NewReader(text))
	}
	if err = errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
	return text
}

// A compaction that is killed or cancelled between any two of its transactions has
// lost nothing, and the next one goes on.
func TestACompactionThatIsCutOffLosesNothing(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it fills journals to be cut off in the middle of; set SERIN_E2E=1 to run it")
	}
	const rollouts = 120
	onEach(t, func(t *testing.T, db backend) {
		path := db.fresh(t)
		want := filled(t, path, rollouts)
		s := db.shell(t, path)
		parts := func() int { return count(t, s, `select count(*) from archives`) }
		intact := func() {
			t.Helper()
			j, err := journal.Open(t.Context(), path, journal.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			sound(t, j)
			if got := exported(t, j); !bytes.Equal(want, got) {
				t.Fatal("the export is another one than before")
			}
		}
		cut := 0
		for range 2 { // by kill -9
			from := parts()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), childPath+"="+path, childDoes+"=compact")
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			awaitUnless(t, ended, func() bool { return parts() >= from+5 })
			_ = cmd.Process.Kill() // unless it has ended
			<-ended
			if n := parts(); n > 0 && n < rollouts {
				cut++
			}
			intact()
		}
		for range 2 { // by its context
			j, err := journal.Open(t.Context(), path, journal.Options{})
			if err != nil {
				t.Fatal(err)
			}
			from := parts()
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { _, err := j.Compact(ctx); ended <- err }()
			awaitUnless(t, ended, func() bool { return parts() >= from+3 })
			cancel()
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that it was cancelled", err)
			}
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			intact()
		}
		if cut == 0 {
			t.Error("no compaction was cut off in its middle, so that this test shows nothing")
		}
		j := open(t, path)
		compact(t, j)
		if got := parts(); got != rollouts {
			t.Errorf("got %d parts in the end, want one for each of %d rollouts", got, rollouts)
		}
		intact()
	})
}

// awaitUnless waits for a condition, or for an end, which stays to be read.
func awaitUnless(t *testing.T, ended chan error, reached func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !reached(); {
		if len(ended) > 0 {
			return
		}
		if time.Now().After(limit) {
			t.Fatal("a minute passed, and nothing was compressed")
		}
		<-time.After(time.Millisecond) // the other one needs the processor
	}
}
