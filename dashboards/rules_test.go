package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rule is something that holds of every board. Each has a file of its own, with a table
// of boards that break it.
type rule struct {
	name string
	find func(b read) []string
	// bites are edits of a sound board with what the rule says then.
	bites map[string]bite
}

// bite is a board that breaks a rule.
type bite struct {
	edit func(b map[string]any)
	want string
}

func rules() []rule {
	return []rule{
		ruleIDs(), rulePlaces(), ruleUID(), ruleDataSource(), ruleWords(), ruleUnits(), ruleTargets(), rulePromQL(),
		ruleRates(), ruleVariables(), ruleThresholds(), ruleReadOnly(), ruleColours(), ruleSources(),
	}
}

// read is a board as Grafana reads it.
type read struct {
	UID, Title, Refresh string
	Editable            *bool
	Tags                []string
	Panels              []readPanel
	Templating          struct {
		List []struct {
			Name, Type string
			Hide       any
		}
	}
	raw string
}

type readPanel struct {
	ID          int
	Type, Title string
	Description string
	Collapsed   bool
	DataSource  struct{ UID string }
	GridPos     struct{ X, Y, W, H int }
	Panels      []readPanel
	Targets     []readTarget
	Options     map[string]any
	FieldConfig readFields
}

type readTarget struct {
	RefID, Expr, LegendFormat string
	DataSource                struct{ UID string }
}

type readFields struct {
	Defaults struct {
		Unit       string
		NoValue    string
		Thresholds struct {
			Steps []struct {
				Value *float64
				Color string
			}
		}
	}
	Overrides []struct {
		Matcher    struct{ ID, Options string }
		Properties []struct {
			ID    string
			Value any
		}
	}
}

// all lists panels and rows, those inside folded rows included.
func (b read) all() []readPanel {
	var out []readPanel
	for _, p := range b.Panels {
		out = append(append(out, p), p.Panels...)
	}
	return out
}

// drawn lists the panels that are no rows.
func (b read) drawn() []readPanel {
	var out []readPanel
	for _, p := range b.all() {
		if p.Type != "row" {
			out = append(out, p)
		}
	}
	return out
}

func readBoard(t testing.TB, text []byte) read {
	t.Helper()
	b := read{raw: string(text)}
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// Every board that is recorded keeps every rule, and so does every one of the folder that
// SERIN_BOARDS names, such as the demo's.
func TestRules(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 6 {
		t.Fatalf("got %d boards, error %v; want those of the golden test", len(files), err)
	}
	if dir := os.Getenv("SERIN_BOARDS"); dir != "" {
		others, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(others) == 0 {
			t.Fatalf("got %d boards in %s, error %v", len(others), dir, err)
		}
		files = append(files, others...)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "-v2.json") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b := readBoard(t, text)
		for _, r := range rules() {
			for _, fault := range r.find(b) {
				t.Errorf("%s: %s: %s", f, r.name, fault)
			}
		}
	}
}

// Every rule finds what it is for.
func TestRulesBite(t *testing.T) {
	sound, err := os.ReadFile("testdata/http.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules() {
		if len(r.bites) == 0 {
			t.Errorf("%s: nothing shows that it can fail", r.name)
		}
		for name, c := range r.bites {
			var b map[string]any
			if err := json.Unmarshal(sound, &b); err != nil {
				t.Fatal(err)
			}
			c.edit(b)
			text, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(r.find(readBoard(t, text)), "\n")
			if !strings.Contains(got, c.want) {
				t.Errorf("%s: %s: got %q, want a fault with %q", r.name, name, got, c.want)
			}
		}
	}
}

// panelOf finds a panel of a board that is edited, by its number.
func panelOf(b map[string]any, id int) map[string]any {
	var in func(list any) map[string]any
	in = func(list any) map[string]any {
		panels, _ := list.([]any)
		for _, e := range panels {
			p, _ := e.(map[string]any)
			if p["id"] == float64(id) {
				return p
			}
			if found := in(p["panels"]); found != nil {
				return found
			}
		}
		return nil
	}
	p := in(b["panels"])
	if p == nil {
		panic(fmt.Sprintf("no panel %d", id))
	}
	return p
}

// targetOf is the first query of a panel that is edited.
func targetOf(b map[string]any, id int) map[string]any {
	ts, _ := panelOf(b, id)["targets"].([]any)
	t, _ := ts[0].(map[string]any)
	return t
}

// set edits one key of a panel.
func set(id int, key string, value any) func(map[string]any) {
	return func(b map[string]any) { panelOf(b, id)[key] = value }
}
