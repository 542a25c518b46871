package dashboards

import "fmt"

func ruleThresholds() rule {
	return rule{
		name: "thresholds ascend from everything below the first",
		find: func(b read) []string {
			var out []string
			for _, p := range b.drawn() {
				for i, s := range p.FieldConfig.Defaults.Thresholds.Steps {
					before := p.FieldConfig.Defaults.Thresholds.Steps[max(i-1, 0)].Value
					switch {
					case i == 0 && s.Value != nil:
						out = append(out, fmt.Sprintf("%q has no colour below %v", p.Title, *s.Value))
					case i > 0 && s.Value == nil:
						out = append(out, fmt.Sprintf("%q has two steps for everything below", p.Title))
					case i > 1 && *s.Value <= *before:
						out = append(out, fmt.Sprintf("%q steps down to %v", p.Title, *s.Value))
					}
				}
			}
			return out
		},
		bites: map[string]bite{
			"no base":    {set(2, "fieldConfig", stepped(1.0, "red")), "no colour below 1"},
			"descending": {set(2, "fieldConfig", stepped(nil, "green", 2.0, "yellow", 1.0, "red")), "steps down to 1"},
			"two bases":  {set(2, "fieldConfig", stepped(nil, "green", nil, "red")), "two steps"},
		},
	}
}

func stepped(pairs ...any) map[string]any {
	var steps []any
	for i := 0; i < len(pairs); i += 2 {
		steps = append(steps, map[string]any{"value": pairs[i], "color": pairs[i+1]})
	}
	return map[string]any{"defaults": map[string]any{"thresholds": map[string]any{"steps": steps}}}
}
