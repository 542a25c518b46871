package dashboards

import (
	"fmt"
	"slices"
)

func ruleUnits() rule {
	known := []string{"short", "percentunit", "percent", "reqps", "s", "ms", "bytes"}
	return rule{
		name: "every number has a unit that Grafana knows",
		find: func(b read) []string {
			var out []string
			for _, p := range b.drawn() {
				unit := p.FieldConfig.Defaults.Unit
				if p.Type == "heatmap" {
					axis, _ := p.Options["yAxis"].(map[string]any)
					unit, _ = axis["unit"].(string)
				}
				if p.Type != "text" && !slices.Contains(known, unit) {
					out = append(out, fmt.Sprintf("%q has the unit %q", p.Title, unit))
				}
			}
			return out
		},
		bites: map[string]bite{
			"none":    {set(2, "fieldConfig", map[string]any{"defaults": map[string]any{}}), `the unit ""`},
			"unknown": {set(2, "fieldConfig", map[string]any{"defaults": map[string]any{"unit": "jobs"}}), `the unit "jobs"`},
		},
	}
}
