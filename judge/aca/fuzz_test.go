package aca

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
)

// decodeFloats reads numbers of a byte: small ones tie often. Every ninth byte above a
// mark opens eight raw ones, so that any float can occur.
func decodeFloats(data []byte) []float64 {
	var out []float64
	for len(data) > 0 {
		if data[0] == 255 && len(data) > 8 {
			out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(data[1:])))
			data = data[9:]
			continue
		}
		out = append(out, float64(int8(data[0]))/8)
		data = data[1:]
	}
	return out
}

func raw(v float64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{255}, math.Float64bits(v))
}

// FuzzJudge: no input panics; the score is within 0 and 100 where the weights are;
// the answer is the same twice, and is JSON.
func FuzzJudge(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{4, 5, 6}, byte(0), []byte(`{}`))
	f.Add([]byte{1}, []byte{2}, byte(50), []byte(`{"critical":true}`))
	f.Add([]byte{}, []byte{0, 0}, byte(100), []byte(`{"mustHaveData":true,"direction":"increase"}`))
	f.Add(raw(math.Inf(1)), append(raw(math.Inf(-1)), 1), byte(1), []byte(`{"effectSize":{"measure":"cles"}}`))
	f.Add(append(raw(math.Inf(1)), raw(math.Inf(1))...), append(raw(math.Inf(1)), 1), byte(1), []byte(`{"outliers":{"strategy":"remove"}}`))
	f.Add(raw(math.NaN()), append(raw(1e308), raw(-1e308)...), byte(9), []byte(`{"nanStrategy":"replace"}`))
	f.Add(append(raw(1e308), raw(1e308)...), append(raw(-1e308), raw(-1e308)...), byte(9), []byte(`{"outliers":{"strategy":"remove","outlierFactor":0.1}}`))
	f.Add([]byte{0, 128}, raw(5e-324), byte(9), []byte(`{"muted":true}`))
	f.Fuzz(func(t *testing.T, control, experiment []byte, weight byte, settings []byte) {
		s, err := ParseSettings(settings)
		if err != nil {
			return
		}
		x, y := decodeFloats(experiment[:min(len(experiment), 400)]), decodeFloats(control[:min(len(control), 400)])
		r := Request{
			Config: Config{
				Metrics:    []MetricConfig{{Name: "m", Groups: []string{"g", "h"}, Canary: s}, {Name: "n", Groups: []string{"i"}}},
				Classifier: ClassifierConfig{GroupWeights: map[string]float64{"g": float64(weight % 101)}},
			},
			Thresholds: Thresholds{Pass: 95, Marginal: 75},
			Pairs:      []Pair{{Name: "m", Control: y, Experiment: x}, {Name: "n", Control: x, Experiment: y}},
		}
		got, err := Judge{}.Judge(r)
		if err != nil {
			if s.Outliers.Factor == nil {
				t.Fatalf("a sound config was refused: %v", err)
			}
			return
		}
		if !(got.Score.Score >= 0 && got.Score.Score <= 100) {
			t.Fatalf("score: got %v, want 0 to 100", got.Score.Score)
		}
		for _, one := range got.Results {
			if !slices.Contains([]Label{Pass, High, Low, Nodata, NodataFail, Error}, one.Classification) {
				t.Fatalf("label: got %q", one.Classification)
			}
			if one.Critical && (!s.Critical || one.Classification == Pass) {
				t.Fatalf("critical: got %+v", one)
			}
		}
		first, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Judge{}.Judge(r)
		if err != nil {
			t.Fatal(err)
		}
		if second, _ := json.Marshal(again); string(first) != string(second) {
			t.Fatalf("the second answer differs:\n%s\n%s", first, second)
		}
	})
}

// FuzzSettings: what is read once is read again the same, and never panics.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"direction":"increase"}`, `{"critical":"x"}`, `{"effectSize":{"allowedIncrease":1e999}}`, `{"outliers":{"outlierFactor":-0}}`, `[1]`, `{"effectSize":null}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSettings(data)
		if err != nil {
			if !reflect.DeepEqual(s, Settings{}) {
				t.Fatalf("an error with settings: %+v", s)
			}
			return
		}
		e := s.EffectSize
		for _, v := range []*float64{s.Outliers.Factor, e.AllowedIncrease, e.AllowedDecrease, e.CriticalIncrease, e.CriticalDecrease} {
			if v != nil && !finite(*v) {
				t.Fatalf("%s: got a limit of %v", data, *v)
			}
		}
	})
}

// FuzzNumber: a number that is read is written so that it reads the same.
func FuzzNumber(f *testing.F) {
	for _, seed := range []string{`1`, `"NaN"`, `-0`, `1e-400`, `0x1p3`, `1_0`, `"Infinity"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var n, m Number
		if json.Unmarshal(data, &n) != nil {
			return
		}
		text, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &m); err != nil || !near(float64(m), float64(n), 0) {
			t.Fatalf("%s became %s: %v", data, text, err)
		}
	})
}
