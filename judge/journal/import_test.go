package journal

import (
	"bytes"
	"context"
	"os"
	"testing"
)

// Whatever an import is, it is refused or read, and what reaches the database is a
// rollout whose digests hold.
func FuzzImport(f *testing.F) {
	seed, err := os.ReadFile("testdata/schema-1.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:len(seed)/2])
	f.Add(bytes.ReplaceAll(seed, []byte(`"seq":1`), []byte(`"seq":2`)))
	f.Add([]byte(`{"format":{"name":"serin journal","version":1}}` + "\n" + `{"rollout":{"id":"","data":"{}"}}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := importer{lines: newLineReader(bytes.NewReader(b)), plans: map[string]string{}}
		saved := 0
		in.save = func(context.Context, func(tx) error) error { saved++; return nil } // no database: it is many times slower
		if err := in.lines.begin(); err != nil {
			return
		}
		for {
			l, err := in.lines.next()
			if err != nil {
				break
			}
			now := in.now
			before := saved
			if err := in.take(t.Context(), l); err != nil {
				break
			}
			if now != in.now && now != nil && saved > before {
				if err := now.check(); err != nil {
					t.Errorf("what does not hold was recorded: %v", err)
				}
			}
		}
		if bytes.Equal(b, seed) && saved != 3 {
			t.Errorf("got %d rollouts of a sound export, want 3", saved)
		}
	})
}
