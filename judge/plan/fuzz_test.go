package plan

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse ensures that no text panics, that a refusal names its places, and that
// what is accepted can be judged by and pinned.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*/*.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Add([]byte("service: a\npreset: [http, kubernetes]\nblock: 24h\nmetrics: [{name: \"\\u0000\", <<: *a}]"))
	f.Add([]byte("? [a]\n: b\nservice: &x {*x : *x}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("fuzz.yaml", text)
		if err == nil {
			sound(t, p)
			return
		}
		var faults Faults
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("got %T, want faults", err)
		}
		for _, fault := range faults {
			if fault.Line < 1 || fault.Column < 1 || fault.Text == "" {
				t.Errorf("fault without a place or text: %#v", fault)
			}
		}
		if p.Name != "" || p.Checks != nil {
			t.Errorf("got a plan beside faults")
		}
	})
}

// FuzzMargin ensures that what is read as a margin has parts that are not negative.
func FuzzMargin(f *testing.F) {
	for _, s := range []string{"10%", "10% + 0.05pp", "0", "0.1", "1e9%", "%", "+", "5ms+5%", "９%", "0x10%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseMargin(s)
		if err == nil && (!(m.relative >= 0) || m.absolute != nil && !(m.absolute.value >= 0)) {
			t.Errorf("%q: got %+v, want no negative part", s, m)
		}
	})
}

// FuzzSelector ensures that no selector that is accepted leaves both arms with the same
// series, whatever its template does.
func FuzzSelector(f *testing.F) {
	for _, s := range []string{
		`pod=~"{{ .PodPattern }}"`, `a="{{ .Workload }}-{{ .Hash }}"`, `a="{{ index .Labels \"x\" }}"`,
		`a="{{", b="}}"`, `a="{{/* c */}}"`, `a="{{- .Workload -}}"`, `a!="{{ .Workload }}"`, `{{ .Workload }}="a"`,
	} {
		f.Add(s)
	}
	one := Arm{Namespace: "n1", Workload: "w1", PodPattern: "p1", Hash: "h1", Version: "v1", URL: "u1", Labels: map[string]string{"x": "l1"}}
	two := Arm{Namespace: "n2", Workload: "w2", PodPattern: "p2", Hash: "h2", Version: "v2", URL: "u2", Labels: map[string]string{"x": "l2"}}
	f.Fuzz(func(t *testing.T, s string) {
		m := Metric{Name: "m", Selector: s}
		if s == "" {
			return
		}
		a, err := m.Matchers(one)
		b, err2 := m.Matchers(two)
		if err != nil || err2 != nil {
			return
		}
		same := len(a) == len(b)
		for i := range a {
			same = same && a[i] == b[i]
		}
		if same {
			t.Errorf("%q: got the same matchers for both arms: %v", s, a)
		}
	})
}
