package journal

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// What the file promises rests on these settings, and a misspelt one is silent.
func TestConnectionsAreSet(t *testing.T) {
	j, err := Open(t.Context(), filepath.Join(t.TempDir(), "serin.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	s := j.store.(*sqliteFile)
	for name, c := range map[string]struct {
		db   *sql.DB
		want string
	}{
		"writer": {s.writer, "journal_mode=wal synchronous=2 foreign_keys=1 busy_timeout=5000 query_only=0"},
		"reader": {s.reader, "journal_mode=wal foreign_keys=1 busy_timeout=5000 query_only=1"},
	} {
		var got []string
		for _, pair := range strings.Fields(c.want) {
			key, _, _ := strings.Cut(pair, "=")
			var value string
			if err := c.db.QueryRow("pragma " + key).Scan(&value); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s=%s", key, value))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: got %s, want %s", name, g, c.want)
		}
	}
	if _, err := s.reader.Exec(`delete from looks`); err == nil {
		t.Error("the reader can write")
	}
	if got := s.writer.Stats().MaxOpenConnections; got != 1 {
		t.Errorf("got %d writer connections, want 1", got)
	}
}
