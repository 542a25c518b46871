package dashboards

import "fmt"

// Alerts and links name panels by their numbers.
func ruleIDs() rule {
	return rule{
		name: "every panel has a number of its own",
		find: func(b read) []string {
			var out []string
			seen := map[int]string{}
			for _, p := range b.all() {
				if p.ID <= 0 {
					out = append(out, fmt.Sprintf("%q has no number", p.Title))
				}
				if before, there := seen[p.ID]; there {
					out = append(out, fmt.Sprintf("%q has the number %d of %q", p.Title, p.ID, before))
				}
				seen[p.ID] = p.Title
			}
			return out
		},
		bites: map[string]bite{
			"twice": {set(3, "id", 2), "has the number 2"},
			"none":  {set(3, "id", 0), "has no number"},
		},
	}
}
