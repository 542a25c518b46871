package presets

import (
	"slices"
	"strings"
	"testing"

	"github.com/serin-canary/serin/queries"
)

func TestFamilies(t *testing.T) {
	got := Names()
	if !slices.IsSorted(got) {
		t.Errorf("got %v, want them sorted", got)
	}
	for _, want := range []string{"http", "istio", "kubernetes"} {
		if !slices.Contains(got, want) {
			t.Errorf("got %v, want %s among them", got, want)
		}
	}
}

// TestRowsReadAsTheyClaim ensures that each row's query is understood as its author
// says: a counter that is taken for a gauge would be judged by its averages.
func TestRowsReadAsTheyClaim(t *testing.T) {
	for _, name := range Names() {
		p, err := Get(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, m := range p.Metrics {
			reads(t, name+"/"+m.Name, m.Query, m.Reads)
		}
		for _, l := range p.Limits {
			if l.Query != "" {
				reads(t, name+"/"+l.Name, l.Query, l.Reads)
			}
		}
	}
}

func reads(t *testing.T, row, query string, want queries.Kind) {
	t.Helper()
	got, err := queries.Understand(queries.Query{Lang: queries.PromQL, Expr: query})
	if err != nil {
		t.Errorf("%s: %v", row, err)
		return
	}
	if got.Kind != want {
		t.Errorf("%s: got a %s (%s), want a %s", row, got.Kind, got.Why, want)
	}
}

// TestSelectorsParse ensures that each family's selector is one, and speaks of the arm.
func TestSelectorsParse(t *testing.T) {
	for _, name := range Names() {
		p, err := Get(name)
		if err != nil {
			t.Fatal(err)
		}
		all := []string{p.Selector}
		for _, m := range p.Metrics {
			all = append(all, m.Selector)
		}
		for _, l := range p.Limits {
			all = append(all, l.Selector)
		}
		for _, s := range all {
			if s == "" {
				continue
			}
			if _, err := queries.ParseSelector(s); err != nil {
				t.Errorf("%s: selector %q: %v", name, s, err)
			}
			if !strings.Contains(s, "{{ .") {
				t.Errorf("%s: selector %q names no fact of the arm", name, s)
			}
		}
	}
}

func TestUnknownFamily(t *testing.T) {
	for _, name := range []string{"linkerd3", "", "../presets", "http.yaml"} {
		_, err := Get(name)
		if err == nil || !strings.Contains(err.Error(), "go-sql, grpc, hikaricp, http") {
			t.Errorf("%q: got %v, want an error that names the known ones", name, err)
		}
	}
}

// TestBadFamilies ensures that a slip in a data file does not pass for a family.
func TestBadFamilies(t *testing.T) {
	good := "title: T\nabout: requests\nsource: S\nmetrics:\n- {name: a, title: A, reads: gauge, query: a}\n"
	if _, err := read("good", []byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", good + "metrix: []\n", "metrix"},
		{"misspelt field", "title: T\nabout: requests\nsource: S\nmetrics:\n- {name: a, title: A, reads: gauge, query: a, tolerence: 1%}\n", "tolerence"},
		{"no title", "about: requests\nsource: S\nmetrics:\n- {name: a, title: A, reads: gauge, query: a}\n", "title"},
		{"no metrics", "title: T\nabout: requests\nsource: S\n", "metrics of its own"},
		{"like and metrics", good + "like: http\n", "not both"},
		{"about nothing", "title: T\nsource: S\nlike: http\n", "about requests or resources"},
		{"no source", "title: T\nabout: requests\nlike: http\n", "no source"},
		{"no claim", "title: T\nabout: requests\nsource: S\nmetrics:\n- {name: a, title: A, query: a}\n", "reads"},
		{"two of a name", good + "- {name: a, title: A, reads: gauge, query: b}\n", "second metric"},
		{"limit of nothing", good + "limits:\n- {name: l, title: L, above: 1}\n", "metric and query"},
		{"limit of both", good + "limits:\n- {name: l, title: L, metric: a, query: a, above: 1}\n", "metric and query"},
		{"limit of another", good + "limits:\n- {name: l, title: L, metric: b, above: 1}\n", `no metric "b"`},
		{"limit without claim", good + "limits:\n- {name: l, title: L, query: b, above: 1}\n", "reads"},
		{"limit without bound", good + "limits:\n- {name: l, title: L, metric: a}\n", "above and below"},
		{"two limits of a name", good + "limits:\n- {name: l, title: L, metric: a, above: 1}\n- {name: l, title: L, metric: a, above: 1}\n", "second limit"},
		{"limit without title", good + "limits:\n- {name: l, metric: a, above: 1}\n", "title"},
		{"two documents", good + "---\n" + good, "second document"},
	} {
		_, err := read("bad", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `preset "bad"`) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}
