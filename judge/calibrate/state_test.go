package calibrate

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

func twoDays() Span { return Span{begun(), begun().Add(48 * time.Hour)} }

func opened(t testing.TB, name, source string) *File {
	t.Helper()
	f, err := OpenFile(name, Header{Source: source, Span: twoDays()})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func closed(t testing.TB, f *File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAStateFileIsOfOneSource asks two sources the same with one file.
func TestAStateFileIsOfOneSource(t *testing.T) {
	name := filepath.Join(t.TempDir(), "checkout.calibrate")
	f := opened(t, name, "prometheus http://staging")
	if f.Resumed() {
		t.Error("a new file says that it was begun before")
	}
	closed(t, f)
	_, err := OpenFile(name, Header{Source: "prometheus http://prod", Span: twoDays()})
	if err == nil || !strings.Contains(err.Error(), "http://staging") || !strings.Contains(err.Error(), "--state") {
		t.Errorf("got error %v, want the other source and the next step named", err)
	}
	f = opened(t, name, "prometheus http://staging")
	if !f.Resumed() {
		t.Error("a file that goes on says that it is new")
	}
	closed(t, f)

	old := filepath.Join(t.TempDir(), "old") // from before sources were noted
	closed(t, opened(t, old, ""))
	if _, err := OpenFile(old, Header{Source: "prometheus http://prod", Span: twoDays()}); err == nil || !strings.Contains(err.Error(), "--history") {
		t.Errorf("got error %v of a file without a source, want --history named", err)
	}
}

// TestAForeignFileIsLeftAsItIs names files that are no state files.
func TestAForeignFileIsLeftAsItIs(t *testing.T) {
	for _, text := range []string{"the only copy, in one line", "two\nlines\n", "two\nlines", `{"a":1}`} {
		name := filepath.Join(t.TempDir(), "notes")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenFile(name, Header{Span: twoDays()}); err == nil || !strings.Contains(err.Error(), "--state") {
			t.Errorf("%q: got error %v, want it refused, with the next step", text, err)
		}
		if b, err := os.ReadFile(name); err != nil || string(b) != text {
			t.Errorf("%q: the file is now %q (%v)", text, b, err)
		}
	}
}

// TestAnotherChunkGoesOn reads on in windows of another length: what is there is not asked
// again, and the gaps between are.
func TestAnotherChunkGoesOn(t *testing.T) {
	_, _, qs := shortPlan(t, errorRatio)
	for _, first := range []time.Duration{6 * time.Hour, 5 * time.Hour} {
		for _, chunk := range []time.Duration{12 * time.Hour, 4 * time.Hour, 3 * time.Hour, 6 * time.Hour} {
			name := filepath.Join(t.TempDir(), "state")
			f := opened(t, name, "m")
			answered := &pods{requests: 100, part: always(.01)}
			for _, w := range windows(twoDays(), time.Minute, first)[1:3] { // the first was lost
				fr, err := answered.Blocks(t.Context(), qs[0].Reading, w)
				if err == nil {
					err = f.Add(qs[0], fr)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			closed(t, f)
			f = opened(t, name, "m")
			src := &pods{requests: 100, part: always(.01)}
			h := readWith(t, f, qs, Fetching{Source: src, Chunk: chunk})
			if fr := h.frames[qs[0].Key]; fr.Window.Len() != 48*60 {
				t.Errorf("%v, then %v: the history has %d blocks", first, chunk, fr.Window.Len())
			}
			if most := int((48*time.Hour-2*first)/chunk) + 2; src.asked > most {
				t.Errorf("%v, then %v: asked %d times, want at most %d", first, chunk, src.asked, most)
			}
			closed(t, f)
		}
	}
}

// TestWindowsThatOverlapAreMended reads a file in which windows of two lengths overlap, as
// they did when windows were asked for whole.
func TestWindowsThatOverlapAreMended(t *testing.T) {
	_, _, qs := shortPlan(t, errorRatio)
	f := MemoryFile(twoDays(), nil)
	src := &pods{requests: 100, part: always(.01)}
	all := slices.Concat(windows(twoDays(), time.Minute, 6*time.Hour)[:1], windows(twoDays(), time.Minute, 12*time.Hour))
	for _, w := range all {
		fr, err := src.Blocks(t.Context(), qs[0].Reading, w)
		if err == nil {
			err = f.Add(qs[0], fr)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if fr := readWith(t, f, qs, Fetching{Source: src}).frames[qs[0].Key]; fr.Window.Len() != 48*60 || src.asked != len(all)+1 {
		t.Errorf("got %d blocks after %d questions more, want all after one", fr.Window.Len(), src.asked-len(all))
	}
}

func readWith(t testing.TB, f *File, qs []Question, c Fetching) *History {
	t.Helper()
	if err := Fetch(t.Context(), f, qs, c); err != nil {
		t.Fatal(err)
	}
	h, err := f.History(qs)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// wide is a source whose durations have seven bounds.
type wide struct{ pods }

func (s wide) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	f, err := s.pods.Blocks(ctx, r, w)
	if r.Kind != queries.Histogram {
		return f, err
	}
	f.Bounds = []float64{1, 2, 3, 4, 5, 6, 7}
	for i, p := range f.Processes {
		f.Processes[i].X, f.Processes[i].Over = nil, make(queries.Column, 7*len(p.N))
	}
	return f, err
}

// TestALargeMetricDoesNotStandForSmallOnes reads a metric of eight columns before one of
// two: together they are below the bound.
func TestALargeMetricDoesNotStandForSmallOnes(t *testing.T) {
	_, _, qs := shortPlan(t, durations+errorRatio)
	span := Span{begun(), begun().Add(24 * time.Hour)}
	src := wide{pods{requests: 100, part: always(.01)}}
	blocks := 24 * 60 * 8
	if err := Fetch(t.Context(), MemoryFile(span, nil), qs, Fetching{Source: src, Most: blocks * 11}); err != nil {
		t.Errorf("got error %v of a history that is small enough", err)
	}
	err := Fetch(t.Context(), MemoryFile(span, nil), qs, Fetching{Source: src, Most: blocks * 9})
	if err == nil || !strings.Contains(err.Error(), "by metric errors") {
		t.Errorf("got error %v, want the second metric to be too much", err)
	}
	err = Fetch(t.Context(), MemoryFile(span, nil), qs, Fetching{Source: src, Most: blocks * 7})
	if err == nil || !strings.Contains(err.Error(), "by metric latency") {
		t.Errorf("got error %v, want the first metric to be too much", err)
	}
}
