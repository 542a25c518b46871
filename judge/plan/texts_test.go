package plan

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func TestParseMargin(t *testing.T) {
	for _, c := range []struct {
		text     string
		relative float64
		absolute float64
		unit     string
	}{
		{"10%", 0.1, 0, ""},
		{"29%", 0.29, 0, ""},
		{"0.05pp", 0, 0.05, "pp"},
		{"10% + 0.05pp", 0.1, 0.05, "pp"},
		{" 0.05 pp+10 % ", 0.1, 0.05, "pp"},
		{"10%+5ms", 0.1, 5, "ms"},
		{"10% + 2 jobs", 0.1, 2, "jobs"},
		{"0", 0, 0, ""},
		{"0%", 0, 0, ""},
		{".5%", 0.005, 0, ""},
	} {
		m, err := parseMargin(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		abs, unit := 0.0, ""
		if m.absolute != nil {
			abs, unit = m.absolute.value, m.absolute.unit
		}
		if m.relative != c.relative || abs != c.absolute || unit != c.unit {
			t.Errorf("%q: got %g + %g%s, want %g + %g%s", c.text, m.relative, abs, unit, c.relative, c.absolute, c.unit)
		}
	}
	for text, want := range map[string]string{
		"0.1":            "write 10% (relative) or 10pp",
		"20":             "write 20% (relative) or 20pp",
		"":               "not a margin",
		"10% +":          "not a margin",
		"10% 5ms":        "not a margin",
		"10,5%":          "not a margin",
		"-1%":            "not a margin",
		"1e3%":           "not a margin",
		"10%%":           "not a margin",
		"10% + 5%":       "two relative parts",
		"1pp + 1pp":      "two absolute parts",
		"10% - 1pp":      "not a margin",
		"NaN%":           "not a margin",
		"Inf%":           "not a margin",
		"0.1 + 10%":      "has no unit",
		"10% + 0.1":      "has no unit",
		"10 percent + 0": "has no unit",
	} {
		if _, err := parseMargin(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestMarginOfKind(t *testing.T) {
	for _, c := range []struct {
		text string
		kind Kind
		unit string
		want Margin
		err  string
	}{
		{"10% + 0.05pp", Errors, "", Margin{0.1, 0.0005}, ""},
		{"0.5pp", Proportion, "", Margin{0, 0.005}, ""},
		{"10% + 5ms", Gauge, "s", Margin{0.1, 0.005}, ""},
		{"10% + 1s", Gauge, "ms", Margin{0.1, 1000}, ""},
		{"10% + 64MiB", Gauge, "bytes", Margin{0.1, 64 << 20}, ""},
		{"10% + 3 jobs", Gauge, "jobs", Margin{0.1, 3}, ""},
		{"10% + 2pp", Gauge, "percent", Margin{0.1, 2}, ""},
		{"10% + 2pp", Gauge, "ratio", Margin{0.1, 0.02}, ""},
		{"10% + 3 jobs", Gauge, "", Margin{}, "give it one with unit:"},
		{"10% + 3 jobs", Gauge, "s", Margin{}, "the query's unit is s"},
		{"10% + 5ms", Latency, "s", Margin{}, "relative margin"},
		{"1pp", Latency, "s", Margin{}, "percentage points"},
		{"20% + 5s", Rate, "", Margin{}, "relative margin"},
		{"5ms", Errors, "", Margin{}, "percentage points"},
	} {
		m, err := parseMargin(c.text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.of(c.kind, c.unit)
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s of %s in %s: got %v, want an error with %q", c.text, c.kind, c.unit, err, c.err)
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("%s of %s in %s: got %+v, %v, want %+v", c.text, c.kind, c.unit, got, err, c.want)
		}
	}
}

func TestQuantityIn(t *testing.T) {
	for _, c := range []struct {
		text, unit string
		want       float64
	}{
		{"25%", "ratio", 0.25}, {"25%", "percent", 25}, {"25 percent", "fraction", 0.25},
		{"1500ms", "s", 1.5}, {"1.5s", "ms", 1500}, {"2m", "s", 120}, {"1h", "minutes", 60}, {"3µs", "us", 3},
		{"2", "", 2}, {"2", "restarts", 2}, {"2 restarts", "restarts", 2},
		{"1GiB", "bytes", 1 << 30}, {"1GB", "B", 1e9},
	} {
		q, err := parseQuantity(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got, err := q.in(c.unit); err != nil || got != c.want {
			t.Errorf("%s in %s: got %g, %v, want %g", c.text, c.unit, got, err, c.want)
		}
	}
	for _, c := range []struct{ text, unit, want string }{
		{"0.2", "ratio", "write 20% or 0.2%"},
		{"300", "s", "write for example 300s"},
		{"300", "ms", "write for example 300ms"},
		{"64", "bytes", "write for example 64B"},
		{"5ms", "bytes", "the query's unit is bytes"},
		{"5 jobs", "", "give it one with unit:"},
	} {
		q, err := parseQuantity(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := q.in(c.unit); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s in %q: got %g, %v, want an error with %q", c.text, c.unit, got, err, c.want)
		}
	}
}

func scalar(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Content[0]
}

func TestDurationText(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "0s": 0, "1.5m": 90 * time.Second} {
		var got durationText
		if err := got.parse(scalar(t, text)); err != nil || time.Duration(got) != want {
			t.Errorf("%s: got %s, %v, want %s", text, time.Duration(got), err, want)
		}
	}
	for text, want := range map[string]string{
		"60": "write 60s, 60m or 60h", "1.5": "no unit", "2d": "write 48h", "soon": "not a duration", "-5m": "negative", "d": "not a duration",
		"9999999999h": "not a duration",
	} {
		var got durationText
		if err := got.parse(scalar(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestProbabilityText(t *testing.T) {
	for text, want := range map[string]float64{"0.05": 0.05, "5%": 0.05, "0.5": 0.5, "50%": 0.5, "0.1%": 0.001} {
		var got probabilityText
		if err := got.parse(scalar(t, text)); err != nil || float64(got) != want {
			t.Errorf("%s: got %g, %v, want %g", text, float64(got), err, want)
		}
	}
	for _, text := range []string{"0", "0.51", "51%", "5", "-0.05", "high", "5pp", ".nan", ".inf", "1e-2"} {
		var got probabilityText
		if err := got.parse(scalar(t, text)); err == nil {
			t.Errorf("%s: got %g, want an error", text, float64(got))
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Minute: "1h30m", 30 * time.Second: "30s", 10 * time.Minute: "10m",
		20 * time.Hour: "20h", 3630 * time.Second: "1h0m30s", 0: "0s", 500 * time.Millisecond: "500ms",
	} {
		if got := short(d); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"tolerance", "margin", "of"}
	for word, want := range map[string]string{
		"tolerence": "; did you mean tolerance?", "toleranec": "; did you mean tolerance?", "Margin": "; did you mean margin?",
		"o": "; did you mean of?", "weight": "; known here: tolerance, margin, of",
	} {
		if got := didYouMean(word, known); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
	if got := editDistance("ab", "ba"); got != 1 {
		t.Errorf("got distance %d of two letters that changed places, want 1", got)
	}
}
