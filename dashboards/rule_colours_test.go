package dashboards

import "fmt"

// Whoever has learnt that orange is the canary must be right on every graph.
func ruleColours() rule {
	want := map[string]string{seriesCanary: orange, seriesBaseline: blue}
	return rule{
		name: "each arm has its colour on every graph that shows it",
		find: func(b read) []string {
			var out []string
			for _, p := range b.drawn() {
				for _, t := range p.Targets {
					colour, is := want[t.LegendFormat]
					if is && colourOf(p, t.LegendFormat) != colour {
						out = append(out, fmt.Sprintf("%q draws the %s in %q", p.Title, t.LegendFormat, colourOf(p, t.LegendFormat)))
					}
				}
			}
			return out
		},
		bites: map[string]bite{
			"without": {set(101, "fieldConfig", map[string]any{}), `draws the canary in ""`},
		},
	}
}

func colourOf(p readPanel, series string) string {
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.Options != series {
			continue
		}
		for _, s := range o.Properties {
			if c, ok := s.Value.(map[string]any); ok && s.ID == "color" {
				text, _ := c["fixedColor"].(string)
				return text
			}
		}
	}
	return ""
}
