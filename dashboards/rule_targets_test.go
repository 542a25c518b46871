package dashboards

import "fmt"

func ruleTargets() rule {
	return rule{
		name: "every panel asks something, each question under a name of its own",
		find: func(b read) []string {
			var out []string
			for _, p := range b.drawn() {
				if p.Type != "text" && len(p.Targets) == 0 {
					out = append(out, fmt.Sprintf("%q asks nothing", p.Title))
				}
				seen := map[string]bool{}
				for _, t := range p.Targets {
					if t.RefID == "" || seen[t.RefID] {
						out = append(out, fmt.Sprintf("%q has the query %q twice, or without a name", p.Title, t.RefID))
					}
					seen[t.RefID] = true
				}
			}
			return out
		},
		bites: map[string]bite{
			"nothing": {set(2, "targets", []any{}), "asks nothing"},
			"twice": {func(b map[string]any) {
				ts, _ := panelOf(b, 6)["targets"].([]any)
				second, _ := ts[1].(map[string]any)
				second["refId"] = "A"
			}, `the query "A" twice`},
		},
	}
}
