package dashboards

import "fmt"

func ruleWords() rule {
	return rule{
		name: "every panel says what it shows, and what a gap means",
		find: func(b read) []string {
			var out []string
			for _, p := range b.drawn() {
				if p.Title == "" || p.Description == "" {
					out = append(out, fmt.Sprintf("panel %d has no title or no description", p.ID))
				}
				if len(p.Description) > 0 && len(p.Description) < 20 {
					out = append(out, fmt.Sprintf("%q: %q explains nothing", p.Title, p.Description))
				}
				if p.Type != "text" && p.FieldConfig.Defaults.NoValue == "" {
					out = append(out, fmt.Sprintf("%q shows nothing where there is nothing", p.Title))
				}
			}
			return out
		},
		bites: map[string]bite{
			"no title":       {set(2, "title", ""), "no title"},
			"no description": {set(2, "description", ""), "no description"},
			"too short":      {set(2, "description", "Outcome."), "explains nothing"},
			"silent gap":     {set(2, "fieldConfig", map[string]any{}), "shows nothing"},
		},
	}
}
