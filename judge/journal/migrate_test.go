package journal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// Every schema that was ever released migrates to this one, with what is in it. The
// dumps in testdata were written by the versions that had those schemas; their golden
// file is what this version exports of them.
func TestEveryReleasedSchemaMigrates(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		dumps, err := filepath.Glob("testdata/schema-*." + db.name + ".sql")
		if err != nil || len(dumps) == 0 {
			t.Fatalf("got %d dumps, error %v; want at least schema 1", len(dumps), err)
		}
		for _, dump := range dumps {
			statements, err := os.ReadFile(dump)
			if err != nil {
				t.Fatal(err)
			}
			path := db.empty(t)
			run(t, db.shell(t, path), string(statements))
			j := open(t, path)
			got, err := j.Verify(t.Context(), func(err error) { t.Error(err) })
			if want := (journal.Counted{Plans: 1, Rollouts: 3, Looks: 6}); err != nil || got != want {
				t.Errorf("%s: got %v, error %v; want %v", dump, got, err, want)
			}
			name, _, _ := strings.Cut(dump, ".")
			golden(t, name+".jsonl", exported(t, j))

			live, err := j.List(t.Context(), journal.Filter{Live: true})
			if err != nil || len(live) != 1 {
				t.Fatalf("%s: got %d live rollouts, error %v; want 1", dump, len(live), err)
			}
			id := live[0].Rollout.ID
			if _, err := j.Override(t.Context(), id, judge.Override{By: "ann", Action: judge.OverrideHold, Reason: "new in schema 2"}); err != nil {
				t.Error(err)
			}
			commit(t, j, look(id, 3))
			if rec := load(t, j, id); rec.Looks != 3 || len(rec.Overrides) != 1 {
				t.Errorf("%s: got %d looks and %d overrides, want 3 and 1", dump, rec.Looks, len(rec.Overrides))
			}
		}
	})
}

// A journal that is new has the very schema of one that was migrated.
func TestMigrationsEndInOneSchema(t *testing.T) {
	onEach(t, func(t *testing.T, db backend) {
		statements, err := os.ReadFile("testdata/schema-1." + db.name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		schema := func(path string) string {
			open(t, path)
			rows, err := db.shell(t, path).Query(db.on(
				`select name, coalesce(sql, '') from sqlite_master order by name`,
				`select table_name || '.' || column_name, data_type || ' ' || is_nullable from information_schema.columns
					where table_schema = 'public' union select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1`))
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			var out strings.Builder
			for rows.Next() {
				var name, text string
				if err := rows.Scan(&name, &text); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(&out, name, strings.NewReplacer(`"freeze"      `, `freeze        `).Replace(text))
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			return out.String()
		}
		old := db.empty(t)
		run(t, db.shell(t, old), string(statements))
		if diff := cmp.Diff(schema(db.empty(t)), schema(old)); diff != "" {
			t.Errorf("schema (-new +migrated):\n%s", diff)
		}
	})
}

// golden holds bytes against a file of testdata.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s: run go test ./judge/journal -update and look at the difference (-want +got):\n%s", file, cmp.Diff(string(want), string(got)))
	}
}
