package dashboards

import (
	"math"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// evidenceRow shows what the judge thought, over time, and the checks.
func (s Subject) evidenceRow(sh *sheet) {
	sh.row(idEvidence, "What the judge thought", false)
	sh.put(idEvidence+1, width, 4, panel{
		key: "outcomes", form: formStates, title: "Outcome over time", unit: "short", noValue: notHere, mappings: outcomes(), steps: steps(grey),
		description: "Each verdict from one look to the next. Rollback stays; promote may be taken back while the rollout goes on. The last verdict may have come between two scrapes: the first panel has it.",
		targets:     []target{{expr: s.outcome(), legend: "outcome"}},
	})
	alpha := s.Plan.Alpha
	if alpha <= 0 || alpha >= 1 {
		alpha = 0.05
	}
	full := math.Log10(1 / alpha)
	sh.put(idEvidence+2, 12, 8, panel{
		key: "evidence of harm", form: formStates, title: "Evidence of harm, by metric", unit: "short", decimals: cog.ToPtr(1.0), noValue: notHere,
		description: "Logarithm of the evidence (base 10) that a metric is worse than tolerated. 0 is even, 1 is ten to one. All metrics together roll back at the threshold.",
		targets:     []target{{expr: s.own("serin_finding_evidence_log10", []string{"finding"}, "about", "metric", "side", "worse"), legend: "{{finding}}"}},
		steps:       steps(green, 0.0, blue, full/2, yellow, full, red),
	})
	sh.put(idEvidence+3, 12, 8, panel{
		key: "evidence of health", form: formStates, title: "Evidence of health, by metric", unit: "short", decimals: cog.ToPtr(1.0), noValue: notHere,
		description: "Logarithm of the evidence (base 10) that a metric is not worse than its margin. Promotion needs every required one.",
		targets:     []target{{expr: s.own("serin_finding_evidence_log10", []string{"finding"}, "about", "metric", "side", "not-worse"), legend: "{{finding}}"}},
		steps:       steps(grey, 0.0, blue, full, green),
	})
	if len(s.Plan.Checks) == 0 {
		return
	}
	sh.put(idEvidence+4, width, uint32(min(4+len(s.Plan.Checks)/2, 10)), panel{
		key: "checks", form: formStates, title: "Checks", unit: "short", noValue: notHere, steps: steps(grey),
		description: "Each check at each look. One that could not be run, or fails on both arms, is not a pass.",
		targets:     []target{{expr: s.own("serin_check_status", []string{"check"}), legend: "{{check}}"}},
		mappings: valueMap(map[string]dashboard.ValueMappingResult{
			"1":  {Text: cog.ToPtr("passed"), Color: cog.ToPtr(green), Index: cog.ToPtr(int32(0))},
			"0":  {Text: cog.ToPtr("FAILED"), Color: cog.ToPtr(red), Index: cog.ToPtr(int32(1))},
			"-1": {Text: cog.ToPtr("could not be run"), Color: cog.ToPtr(yellow), Index: cog.ToPtr(int32(2))},
			"-2": {Text: cog.ToPtr("fails on both arms"), Color: cog.ToPtr(yellow), Index: cog.ToPtr(int32(3))},
		}),
	})
}
