package presets

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/serin-canary/serin/queries/presets/presettest"
)

const page = "../../docs/presets.md"

var update = flag.Bool("update", false, "write the tables of docs/presets.md")

// TestEveryRowIsProven ensures that no family and no row of one goes without a proof:
// cmd/serin/discover holds the proofs against a real server.
func TestEveryRowIsProven(t *testing.T) {
	proofs := map[string][]presettest.Proof{}
	for _, p := range append(presettest.Load(t, "../.."), presettest.LoadNative(t, "../..")...) {
		proofs[p.Family] = append(proofs[p.Family], p)
	}
	for _, name := range Names() {
		p, err := Get(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(proofs[name]) == 0 {
			t.Errorf("%s: no proof: write testdata/proofs/%s.yaml", name, name)
		}
		for _, proof := range proofs[name] {
			proves(t, p, proof)
		}
		delete(proofs, name)
	}
	for name := range proofs {
		t.Errorf("%s: a proof of no family", name)
	}
}

// proves ensures that a proof wants something of each row.
func proves(t *testing.T, p Preset, proof presettest.Proof) {
	t.Helper()
	for _, m := range p.Metrics {
		if w := proof.Want[m.Name]; len(w) != 2 || w[0] == w[1] || slices.Contains(w, "nothing") {
			t.Errorf("%s: metric %s of %s: got the proof %q, want two arms that differ", p.Name, m.Name, proof.Service, w)
		}
	}
	for _, l := range p.Limits {
		if l.Query != "" && len(proof.Want[l.Name]) != 1 {
			t.Errorf("%s: limit %s of %s: got the proof %q, want the canary's", p.Name, l.Name, proof.Service, proof.Want[l.Name])
		}
	}
}

// table writes the families of a kind as rows of docs/presets.md.
func table(t *testing.T, about About) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("| preset | what it asks | the arms differ by | names from |\n|---|---|---|---|\n")
	for _, name := range Names() {
		p, err := Get(name)
		if err != nil {
			t.Fatal(err)
		}
		if p.About != about {
			continue
		}
		var asks []string
		for _, m := range p.Metrics {
			asks = append(asks, "`"+m.Name+"`")
		}
		for _, l := range p.Limits {
			asks = append(asks, "limit `"+l.Name+"`")
		}
		by := "`" + strings.ReplaceAll(p.Selector, "|", `\|`) + "`"
		switch {
		case p.Blend != "":
			by = "nothing of its own: " + strings.TrimSpace(p.Blend)
		case p.Selector == "":
			by = "the plan's `selector`, else the arm's labels, else its pods"
		}
		fmt.Fprintf(&out, "| `%s` | %s: %s | %s | %s |\n", name, p.Title, strings.Join(asks, ", "), by, p.Source)
	}
	return out.String()
}

// TestTablesOfTheDocumentation ensures that the page lists the families as they are.
func TestTablesOfTheDocumentation(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for _, about := range []About{Requests, Resources} {
		between := regexp.MustCompile(`(?s)(<!-- ` + string(about) + `: [^\n]*-->\n\n).*?(<!-- end -->)`)
		if !between.MatchString(got) {
			t.Fatalf("the page has no table of %s", about)
		}
		rows := table(t, about)
		got = between.ReplaceAllStringFunc(got, func(m string) string {
			parts := between.FindStringSubmatch(m)
			return parts[1] + rows + "\n" + parts[2]
		})
	}
	if got == string(text) {
		return
	}
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Error("docs/presets.md lists other families than there are: run go test ./queries/presets -update")
}
