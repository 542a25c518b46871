package power

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is written into testdata")

// written has every way in which a forecast can end.
func written() Forecast {
	v := func(x float64) *float64 { return &x }
	found := func(ratio, value *float64) Regression { return Regression{ratio, value} }
	return Forecast{
		Plan: "checkout", Service: Service{RPS: 120, Share: .05, Baseline: 19, Canary: 1}, Chance: .8, Paths: 60, Deadline: "1h",
		Promote: Waiting{Median: v(34), Share: .73}, Notes: []string{"a note"},
		Metrics: []Metric{
			{
				Name: "errors", Kind: "errors", Baseline: .002, Measured: true, Required: true, Provable: true, PodsNeeded: 1,
				Found: []Smallest{{"10m", Regression{}}, {"1h", found(v(2.51), v(.00502))}},
				Floor: found(v(1.3), v(.0026)), Promote: &Waiting{v(10), v(12), 1},
			},
			{
				Name: "latency", Kind: "latency", Unit: "s", Baseline: .0826, Measured: true, Required: true, PodsNeeded: 4,
				Found: []Smallest{{"10m", found(v(1.37), v(.113))}, {"1h", found(v(1.2), v(.099))}},
				Floor: found(v(1.17), v(.0966)), Promote: &Waiting{},
			},
			{Name: "requests", Kind: "rate", Note: "a request rate never rolls back"},
			{
				Name: "queue", Kind: "gauge", Measured: true, Found: []Smallest{{"10m", found(nil, v(3))}, {"1h", found(nil, v(2.5))}},
				Floor: found(nil, v(1)), Required: true, Promote: &Waiting{v(30), nil, .6},
			},
			{
				Name: "memory", Kind: "gauge", Measured: true, Found: []Smallest{{"10m", found(nil, v(3))}, {"1h", found(nil, v(2.5))}},
				Floor: found(nil, v(1)), Required: true, Provable: true, PodsNeeded: 2, Promote: &Waiting{nil, nil, .36},
			},
		},
	}
}

func TestFormats(t *testing.T) {
	f := written()
	for format, name := range map[string]string{"text": "forecast.txt", "markdown": "forecast.md", "json": "forecast.json"} {
		var out bytes.Buffer
		if err := Write(&out, format, f); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.Bytes())
	}
	var lines bytes.Buffer
	for _, m := range f.Metrics {
		lines.WriteString(m.Line(f.Chance) + "\n")
	}
	golden(t, "lines.txt", lines.Bytes())
	if err := Write(&bytes.Buffer{}, "xml", f); err == nil {
		t.Error("xml: got no error")
	}
	var out bytes.Buffer
	if err := Write(&out, "json", f); err != nil {
		t.Fatal(err)
	}
	var back Forecast
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, back); diff != "" {
		t.Errorf("read back (-written):\n%s", diff)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-golden +got):\n%s", file, diff)
	}
}
