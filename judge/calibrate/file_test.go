package calibrate_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/judge/lab"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// errorsOnly is a small fleet and its plan of one metric.
func errorsOnly(t testing.TB, runs int) (*lab.Fleet, plan.Plan) {
	f, p := fleet(t, twenty(t, lab.Moderate), runs)
	p.Metrics = p.Metrics[:1]
	return f, p
}

// counting counts the windows that are asked for, and ends a context after some.
type counting struct {
	*lab.Fleet
	mu    sync.Mutex
	asked int
	stop  int
	end   context.CancelFunc
}

func (c *counting) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	c.mu.Lock()
	c.asked++
	if c.asked == c.stop {
		c.end()
	}
	c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return queries.Frame{}, err
	}
	return c.Fleet.Blocks(ctx, r, w)
}

// sameReport compares reports but for what is not written.
func sameReport(a, b calibrate.Report) string {
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(calibrate.Report{}))
}

// TestAnInterruptedCalibrationGoesOn ends a calibration while it reads, while it judges,
// and in the middle of a line, as a kill would, and compares what comes out in the end.
func TestAnInterruptedCalibrationGoesOn(t *testing.T) {
	t.Parallel()
	const runs, draws = 4, 16
	f, p := errorsOnly(t, runs)
	span, except := timesOf(f, runs)
	qs, err := calibrate.Questions(p, baselineArm())
	if err != nil {
		t.Fatal(err)
	}
	whole := calibrate.MemoryFile(span, except)
	want := study(t, whole, fetched(t, whole, f, p), calibrate.Config{Plan: p, Draws: draws, Seed: 9})

	name := filepath.Join(t.TempDir(), "state")
	open := func() *calibrate.File {
		file, err := calibrate.OpenFile(name, calibrate.Header{Source: "lab", Span: span, Except: except})
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	ctx, cancel := context.WithCancel(t.Context())
	src := &counting{Fleet: f, stop: 3, end: cancel}
	file := open()
	if err := calibrate.Fetch(ctx, file, qs, calibrate.Fetching{Source: src, Chunk: 60 * 60e9}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got error %v of reading that was ended, want it said", err)
	}
	shut(t, file)

	file = open()
	src.stop = 0
	if err := calibrate.Fetch(t.Context(), file, qs, calibrate.Fetching{Source: src, Chunk: 60 * 60e9}); err != nil {
		t.Fatal(err)
	}
	if windows := 3 * runs; src.asked > windows {
		t.Errorf("asked %d times, want each of %d windows once", src.asked, windows)
	}
	h, err := file.History(qs)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	c := calibrate.Config{Plan: p, Baseline: baselineArm(), Engine: "test", Draws: draws, Seed: 9, Paths: -1, Workers: 1,
		Tell: func(done, _ int) {
			if done == 5 {
				cancel()
			}
		}}
	if _, err := calibrate.Study(ctx, file, h, c); !errors.Is(err, context.Canceled) {
		t.Fatalf("got error %v of judging that was ended, want it said", err)
	}
	shut(t, file)
	cut(t, name, 7)
	torn(t, name)

	file = open()
	if h, err = file.History(qs); err != nil {
		t.Fatal(err)
	}
	judged := 0
	c.Tell = func(int, int) { judged++ }
	got, err := calibrate.Study(t.Context(), file, h, c)
	if err != nil {
		t.Fatal(err)
	}
	if judged > draws-4 {
		t.Errorf("judged %d draws again, want those before to stay", judged)
	}
	if diff := sameReport(want, got); diff != "" {
		t.Errorf("the report differs from that of a calibration that was not interrupted (-want +got):\n%s", diff)
	}
	shut(t, file)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := calibrate.ReadFile(bytes.NewReader(text)); err != nil {
		t.Errorf("the file is not whole in the end: %v", err)
	}
}

// torn adds the beginning of a long line to a file.
func torn(t testing.TB, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		_, err = f.WriteString(strings.Repeat("x", 50_000))
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func shut(t testing.TB, f *calibrate.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// cut takes bytes from the end of a file, as a kill in the middle of a write would.
func cut(t testing.TB, name string, bytes int64) {
	t.Helper()
	s, err := os.Stat(name)
	if err == nil {
		err = os.Truncate(name, s.Size()-bytes)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestADamagedFileIsRefused(t *testing.T) {
	t.Parallel()
	f, p := errorsOnly(t, 1)
	span, _ := timesOf(f, 1)
	name := filepath.Join(t.TempDir(), "state")
	file, err := calibrate.OpenFile(name, calibrate.Header{Source: "lab", Span: span})
	if err != nil {
		t.Fatal(err)
	}
	h := fetched(t, file, f, p)
	study(t, file, h, calibrate.Config{Plan: p, Draws: 2, Seed: 1})
	shut(t, file)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{
		"a byte in the middle": bytes.Replace(text, []byte(`"chunk"`), []byte(`"chunX"`), 1),
		"another version":      []byte("x" + string(text)),
	} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := calibrate.OpenFile(name, calibrate.Header{Source: "lab", Span: span}); !errors.Is(err, calibrate.ErrDamaged) {
			t.Errorf("%s: got error %v, want that the file is damaged", what, err)
		}
	}
	if torn, err := calibrate.ReadFile(bytes.NewReader(text[:len(text)-3])); err != nil {
		t.Errorf("a history whose last line a kill cut off: got error %v, want it read", err)
	} else if _, err := torn.History(questions(t, p)); err != nil {
		t.Errorf("a history whose last draw was cut off: got error %v, want all answers there", err)
	}
	if _, err := calibrate.ReadFile(strings.NewReader("")); err == nil {
		t.Error("got no error of an empty history")
	}
	back, err := calibrate.ReadFile(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := bytes.Cut(text, []byte(`{"draw"`)); true {
		torn, err := calibrate.ReadFile(bytes.NewReader(first[:len(first)-20]))
		if err == nil {
			_, err = torn.History(questions(t, p))
		}
		if err == nil || !strings.Contains(err.Error(), "has nothing between") {
			t.Errorf("a history whose last answer was cut off: got error %v, want it said what is missing", err)
		}
	}
	other := p
	other.Metrics = append(other.Metrics[:1:1], func() plan.Metric { _, all := fleet(t, twenty(t, lab.Moderate), 1); return all.Metrics[1] }())
	qs, err := calibrate.Questions(other, baselineArm())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := back.History(qs); err == nil || !strings.Contains(err.Error(), "metric latency") {
		t.Errorf("got error %v, want the metric named that the history has nothing of", err)
	}
}

func questions(t testing.TB, p plan.Plan) []calibrate.Question {
	t.Helper()
	qs, err := calibrate.Questions(p, baselineArm())
	if err != nil {
		t.Fatal(err)
	}
	return qs
}

// flaky fails the first time of each window, and answers in part the second.
type flaky struct {
	*lab.Fleet
	asked int
}

func (f *flaky) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	f.asked++
	if f.asked%3 == 1 {
		return queries.Frame{}, &queries.Error{Fault: queries.Throttled, Text: "too many questions"}
	}
	fr, err := f.Fleet.Blocks(ctx, r, w)
	if f.asked%3 == 2 {
		fr.Notes = []queries.Note{{Code: queries.NotePartial, Text: "a shard is away"}}
	}
	return fr, err
}

func TestAFailingSourceIsAskedAgain(t *testing.T) {
	t.Parallel()
	f, p := errorsOnly(t, 1)
	span, _ := timesOf(f, 1)
	qs, err := calibrate.Questions(p, baselineArm())
	if err != nil {
		t.Fatal(err)
	}
	file := calibrate.MemoryFile(span, nil)
	src := &flaky{Fleet: f}
	if err := calibrate.Fetch(t.Context(), file, qs, calibrate.Fetching{Source: src, Chunk: 60 * 60e9, Pause: 1}); err != nil {
		t.Fatal(err)
	}
	if src.asked != 6 {
		t.Errorf("asked %d times, want two windows three times each", src.asked)
	}
	err = calibrate.Fetch(t.Context(), calibrate.MemoryFile(span, nil), qs, calibrate.Fetching{Source: &flaky{Fleet: f}, Tries: 2, Pause: 1})
	if err == nil || !strings.Contains(err.Error(), "a shard is away") {
		t.Errorf("got error %v, want that the answer is incomplete", err)
	}
	err = calibrate.Fetch(t.Context(), calibrate.MemoryFile(span, nil), qs, calibrate.Fetching{Source: f, Most: 1000})
	if err == nil || !strings.Contains(err.Error(), "fewer days") {
		t.Errorf("got error %v, want the bound on numbers", err)
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add([]byte("x"))
	f.Add([]byte("00000000 {}\n"))
	f.Add([]byte("a1b2c3d4 {\"format\":{\"name\":\"serin history\",\"version\":1}}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := calibrate.ReadFile(bytes.NewReader(b))
		if (file == nil) == (err == nil) {
			t.Errorf("got %v and error %v", file, err)
		}
	})
}
