package discover

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries/presets/presettest"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// TestEveryFamilyIsFound loads all proofs into one server and looks for each service in
// it: its family, both of its arms the right way round, and what is beside it.
func TestEveryFamilyIsFound(t *testing.T) {
	t.Parallel()
	proofs := withPrefixed(presettest.Load(t, root))
	end := promtest.Epoch().Add(20 * time.Minute)
	src := open(t, promtest.Start(t, promtest.Config{History: presettest.History(t, proofs, presettest.Span{
		Start: promtest.Epoch(), End: end, Step: 15 * time.Second, Block: time.Minute,
	})}))
	for _, proof := range proofs {
		if os.Getenv("SERIN_E2E") == "" && !slices.Contains([]string{"istio", "nginx", "http", "jvm-client", "apisix"}, proof.Family) && proof.Service != "pay-traefik" {
			continue // on a busy machine the others take minutes
		}
		t.Run(proof.Service, func(t *testing.T) {
			var steps []string
			found, err := Find(t.Context(), src, Options{Service: proof.Service, At: end, Progress: func(_ float64, text string) { steps = append(steps, text) }})
			if err != nil {
				t.Fatal(err)
			}
			if proof.Family == "apisix" {
				if found.Preset != "" || !strings.Contains(strings.Join(found.Missing, "\n"), "cannot be compared as it is") {
					t.Errorf("got %+v, want that it cannot be compared", found)
				}
				return
			}
			got := []string{found.Preset}
			for _, b := range found.Beside {
				got = append(got, b.Preset)
			}
			if want := append(slices.Clone(proof.With), proof.Family); !slices.Equal(got, want) {
				t.Errorf("got presets %v, want %v; missing %q", got, want, found.Missing)
			}
			p, err := plan.Parse("proposed.yaml", []byte(found.YAML()))
			if err != nil {
				t.Fatalf("%v\n%s", err, found.YAML())
			}
			want, err := plan.Parse("proof.yaml", []byte(proof.YAML(t)))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want.Arms, p.Arms); d != "" {
				t.Errorf("arms (-want +got):\n%s\n%s", d, found.YAML())
			}
			if found.Interval < 14*time.Second || found.Interval > 16*time.Second {
				t.Errorf("got samples %s apart, want 15s", found.Interval)
			}
			if arms, err := Look(t.Context(), src, p, p.Metrics[0], end); err != nil || len(arms.Faults) > 0 {
				t.Errorf("got %q, %v, want arms that have nothing in common", arms.Faults, err)
			}
			if len(steps) < 10 {
				t.Errorf("got progress %q, want each family", steps)
			}
		})
	}
}
