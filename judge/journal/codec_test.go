package journal

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/queries"
)

// codecFields is what the codec writes of each type. A field that is added to one
// of them must be written too, or it would be forgotten at the next look.
var codecFields = map[reflect.Type]string{
	reflect.TypeFor[judge.Frozen]():       "Metrics",
	reflect.TypeFor[judge.FrozenMetric](): "Prior Canary Baseline Week",
	reflect.TypeFor[queries.Frame]():      "Window Bounds Processes Notes",
	reflect.TypeFor[queries.Window]():     "Start End Block",
	reflect.TypeFor[queries.Process]():    "Name N X Sum Over V",
	reflect.TypeFor[queries.Note]():       "Code Text",
}

func TestEveryFieldOfAFreezeIsWritten(t *testing.T) {
	for typ, want := range codecFields {
		var got []string
		for i := range typ.NumField() {
			got = append(got, typ.Field(i).Name)
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s has the fields %s, and the codec writes %s: extend codec.go and its version", typ, g, want)
		}
	}
}

// frames draws frames of one window and bounds.
func frames(w queries.Window, bounds []float64) *rapid.Generator[queries.Frame] {
	number := rapid.OneOf(
		rapid.Map(rapid.IntRange(0, 1e6), func(n int) float64 { return float64(n) }),
		rapid.Float64Range(0, 1e300),
		rapid.Just(math.NaN()), rapid.Just(math.Copysign(0, -1)), rapid.Just(float64(1<<53)), rapid.Just(float64(1<<53-1)),
	)
	return rapid.Custom(func(t *rapid.T) queries.Frame {
		f := queries.Frame{Window: w, Bounds: slices.Clone(bounds)}
		column := func(n int) queries.Column {
			if rapid.IntRange(0, 3).Draw(t, "nil") == 0 {
				return nil
			}
			return rapid.SliceOfN(number, n, n).Draw(t, "column")
		}
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"", "a", "b", "pod-7"}), 0, 3, rapid.ID[string]).Draw(t, "names")
		slices.Sort(names)
		for _, name := range names {
			n := w.Len()
			f.Processes = append(f.Processes, queries.Process{Name: name,
				N: column(n), X: column(n), Sum: column(n), Over: column(n * len(bounds)), V: column(n)})
		}
		for range rapid.IntRange(0, 2).Draw(t, "notes") {
			f.Notes = append(f.Notes, queries.Note{Code: queries.NotePartial, Text: rapid.SampledFrom([]string{"one", "two"}).Draw(t, "note")})
		}
		f.Notes = queries.SortNotes(f.Notes)
		return f
	})
}

func window(from, blocks int) queries.Window {
	epoch := time.Unix(1_800_000_000, 0).UTC()
	return queries.Window{Start: epoch.Add(time.Duration(from) * time.Minute), End: epoch.Add(time.Duration(from+blocks) * time.Minute), Block: time.Minute}
}

var sameBits = []cmp.Option{
	cmp.Comparer(func(a, b float64) bool { return a == b && math.Signbit(a) == math.Signbit(b) || a != a && b != b }),
}

func TestFreezeReadsBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := judge.Frozen{Metrics: map[string]judge.FrozenMetric{}}
		for _, name := range []string{"errors", "latency"} {
			w := window(rapid.IntRange(0, 3).Draw(t, "from"), rapid.IntRange(0, 3).Draw(t, "blocks"))
			m := judge.FrozenMetric{Canary: frames(w, []float64{0.1, 0.25}).Draw(t, "canary"), Week: frames(w, nil).Draw(t, "week")}
			if rapid.Bool().Draw(t, "prior") {
				m.Prior = &judge.Prior{Blocks: 4, Rate: 0.1, Bounds: []float64{1}}
			}
			f.Metrics[name] = m
		}
		b, err := encodeFreeze(f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeFreeze(b, newArena())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f, got, sameBits...); diff != "" {
			t.Fatalf("read back differs (-want +got):\n%s", diff)
		}
		want, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := json.Marshal(got); !bytes.Equal(again, want) {
			t.Fatalf("as JSON: got %s, want %s", again, want)
		}
	})
}

func TestFreezeRefusesWhatItCannotRecord(t *testing.T) {
	inf := math.Inf(1)
	for name, c := range map[string]struct {
		metric judge.FrozenMetric
		want   string
	}{
		"an infinity": {judge.FrozenMetric{Canary: queries.Frame{Window: window(0, 1), Processes: []queries.Process{{V: queries.Column{inf}}}}},
			"infinite"},
		"a column of the wrong length": {judge.FrozenMetric{Baseline: queries.Frame{Window: window(0, 2), Processes: []queries.Process{{N: queries.Column{1}}}}},
			"metric m, baseline: queries: process \"\": column n has 1 values, want 2"},
		"a prior that JSON cannot write": {judge.FrozenMetric{Prior: &judge.Prior{Rate: inf}}, "metric m: prior"},
	} {
		_, err := encodeFreeze(judge.Frozen{Metrics: map[string]judge.FrozenMetric{"m": c.metric}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func FuzzDecodeFreeze(f *testing.F) {
	good, err := encodeFreeze(judge.Frozen{Metrics: map[string]judge.FrozenMetric{"m": {
		Prior:  &judge.Prior{Blocks: 3},
		Canary: queries.Frame{Window: window(0, 1), Processes: []queries.Process{{Name: "p", N: queries.Column{7}, V: queries.Column{0.5}}}},
	}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add([]byte("S\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Add([]byte("S\x02"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeFreeze(b, newArena())
		if err != nil {
			return
		}
		again, err := encodeFreeze(got)
		if err != nil {
			return // it was never written by this codec
		}
		if second, err := decodeFreeze(again, newArena()); err != nil {
			t.Errorf("what was read is written and cannot be read again: %v", err)
		} else if diff := cmp.Diff(got, second, append(sameBits, cmpopts.EquateEmpty())...); diff != "" {
			t.Errorf("got another freeze:\n%s", diff)
		}
	})
}

// A record that is loaded is the one that the judge had in its hands.
func TestUnionIsAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, want, from := union{}, judge.Frozen{}, 0
		for i := range rapid.IntRange(1, 5).Draw(t, "looks") {
			blocks := rapid.IntRange(0, 3).Draw(t, "blocks")
			next := judge.FrozenMetric{}
			for _, f := range framesOf(&next) {
				if rapid.IntRange(0, 9).Draw(t, "away") > 0 {
					bounds := rapid.SampledFrom([][]float64{{0.1, 0.25}, {0.1, 0.25}, {0.1, 0.25}, {0.1, 0.25}, {0.1, 0.25}, nil, {0.1}}).Draw(t, "bounds")
					*f = frames(window(from, blocks), bounds).Draw(t, "frame")
				}
			}
			if rapid.Bool().Draw(t, "prior") {
				next.Prior = &judge.Prior{Blocks: i}
			}
			from += blocks
			freeze := judge.Frozen{Metrics: map[string]judge.FrozenMetric{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "name"): next}}
			appended, appendErr := want.Append(freeze)
			err := u.add(freeze)
			if (err == nil) != (appendErr == nil) {
				t.Fatalf("look %d: got error %v, Append gives %v", i, err, appendErr)
			}
			if err != nil {
				return
			}
			want = appended
		}
		if diff := cmp.Diff(want, u.frozen(), append(sameBits, cmpopts.EquateEmpty())...); diff != "" {
			t.Fatalf("union differs from Append (-append +union):\n%s", diff)
		}
	})
}
