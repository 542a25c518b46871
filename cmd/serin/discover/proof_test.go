package discover

import (
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets/presettest"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// root leads to the module's folder.
const root = "../../.."

// question is one row of a family, put to one arm.
type question struct {
	row     string
	arm     int // 0 baseline, 1 canary
	reading queries.Reading
}

// questions are a plan's metrics for both arms and its limits for the canary, as far as
// a proof wants something of them.
func questions(t *testing.T, p plan.Plan, proof presettest.Proof) []question {
	t.Helper()
	var out []question
	arms := []plan.Arm{p.Arms.Baseline, p.Arms.Canary}
	scoped := func(row string, arm int, of func(plan.Arm) (queries.Reading, error)) {
		if arm >= len(proof.Want[row]) {
			t.Errorf("%s: the proof wants nothing of %s", proof.Family, row)
			return
		}
		r, err := of(arms[arm])
		if err != nil {
			t.Fatalf("%s: %v", proof.Family, err)
		}
		out = append(out, question{row, arm, r})
	}
	for _, m := range p.Metrics {
		scoped(m.Name, 0, m.Scoped)
		scoped(m.Name, 1, m.Scoped)
	}
	for _, l := range p.Limits {
		if l.Query.Expr != "" {
			scoped(l.Name, 0, func(plan.Arm) (queries.Reading, error) { return l.Scoped(arms[1]) })
		}
	}
	return out
}

// prove puts every row of a proof to a server and compares what is counted.
func prove(t *testing.T, src queries.Source, proof presettest.Proof, w queries.Window) {
	t.Helper()
	p, err := plan.Parse(proof.Family+".yaml", []byte(proof.YAML(t)))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, q := range questions(t, p, proof) {
		f, err := src.Blocks(t.Context(), q.reading, w)
		if err != nil {
			t.Errorf("%s: %v", q.row, err)
			continue
		}
		if got, want := presettest.Count(q.reading.Kind, f), proof.Want[q.row][q.arm]; got != want {
			t.Errorf("%s of the %s: got %q, want %q; asked %s", q.row, []string{"baseline", "canary"}[q.arm], got, want, q.reading.Query.Expr)
		}
		for _, n := range f.Notes {
			t.Errorf("%s: got the note %q, want none", q.row, n.Text)
		}
		rows++
	}
	if rows < 4 {
		t.Errorf("only %d rows were proven", rows)
	}
}

// TestPresetsCountARecordedHistory loads all proofs into one server and asks for one
// block of each: every family finds its own arms among all the others' series, and
// counts what they grew by, to the last request.
func TestPresetsCountARecordedHistory(t *testing.T) {
	t.Parallel()
	proofs := withPrefixed(presettest.Load(t, root))
	end := promtest.Epoch().Add(10 * time.Minute)
	history := presettest.History(t, proofs, presettest.Span{
		Start: promtest.Epoch(), End: end, Step: 15 * time.Second, Block: time.Minute,
	})
	src := open(t, promtest.Start(t, promtest.Config{History: history}))
	for _, proof := range proofs {
		t.Run(proof.Service, func(t *testing.T) {
			prove(t, src, proof, queries.Window{Start: end.Add(-2 * time.Minute), End: end.Add(-time.Minute), Block: time.Minute})
		})
	}
}

// withPrefixed adds proofs in which the baseline's name is how the canary's begins.
func withPrefixed(ps []presettest.Proof) []presettest.Proof {
	for _, p := range ps {
		if more, ok := presettest.Prefixed(p); ok {
			ps = append(ps, more)
		}
	}
	return ps
}

func open(t *testing.T, url string) *prometheus.Source {
	t.Helper()
	src, err := prometheus.New(prometheus.Config{Name: "prometheus", URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.Close)
	return src
}
