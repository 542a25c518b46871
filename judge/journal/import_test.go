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
	// Small ones: the fuzzer shrinks what it finds byte by byte, and does nothing else
	// for a minute where that has the size of the whole dump.
	first := bytes.SplitAfter(seed, []byte("\n"))[:4]
	end := []byte(`{"end":{"plans":1,"rollouts":1,"looks":1,"overrides":0,"audit":0}}` + "\n")
	small := append(bytes.Join(first, nil), end...)
	f.Add(small)
	f.Add(small[:len(small)-len(end)/2])
	f.Add(bytes.Join([][]byte{first[0], first[2], end}, nil))
	f.Add(bytes.ReplaceAll(small, []byte(`"seq":1`), []byte(`"seq":2`)))
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
		if bytes.Equal(b, small) && saved != 1 {
			t.Errorf("got %d rollouts of a sound export, want 1", saved)
		}
	})
}
