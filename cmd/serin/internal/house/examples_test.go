package house

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

func exampleRules() []rule {
	return []rule{
		{
			name:   "examples are YAML",
			advice: "mend the file; users copy it",
			find:   findBadYAML,
		},
		{
			name:   "the plan of the README is an example",
			advice: "change both, so that a test of judge/plan loads what the README shows",
			find:   findPlanDrift,
		},
	}
}

func findBadYAML(t *tree) []fault {
	var faults []fault
	for _, p := range t.paths() {
		if !strings.HasPrefix(p, "examples/") || path.Ext(p) != ".yaml" {
			continue
		}
		var any map[string]any
		if err := yaml.Unmarshal(t.texts[p], &any); err != nil {
			faults = append(faults, fault{key: p, at: p, text: err.Error()})
		}
	}
	return faults
}

// findPlanDrift compares the README's plan, which begins with the key "service",
// with the example that it was taken from. The example's first comment is its own.
func findPlanDrift(t *tree) []fault {
	const readme, example = "README.md", "examples/plans/checkout.yaml"
	_, rest, found := strings.Cut(string(t.texts[readme]), "```yaml\nservice:")
	block, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		return []fault{{key: readme, at: readme, text: "shows no plan"}}
	}
	_, want, _ := strings.Cut("\n"+string(t.texts[example]), "\nservice:")
	if block != want {
		return []fault{{key: readme, at: readme, text: "shows another plan than " + example}}
	}
	return nil
}

func exampleBites() []bite {
	const valid, drift = "examples are YAML", "the plan of the README is an example"
	both := func(shown string) map[string]string {
		return map[string]string{
			"README.md":                    "A plan:\n\n```yaml\n" + shown + "```\n",
			"examples/plans/checkout.yaml": "# A plan.\nservice: checkout\n",
		}
	}
	return []bite{
		{name: "good", rule: valid, file: map[string]string{"examples/a.yaml": "a: 1\n"}},
		{name: "bad", rule: valid, file: map[string]string{"examples/a.yaml": "a: [1\n"}, want: []string{"examples/a.yaml: yaml:"}},
		{name: "same", rule: drift, file: both("service: checkout\n")},
		{name: "other", rule: drift, file: both("service: cart\n"), want: []string{"another plan"}},
		{name: "none", rule: drift, file: both("source: prometheus\n"), want: []string{"shows no plan"}},
	}
}
