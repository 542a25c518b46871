package dashboards

import (
	"fmt"
	"strings"
)

// The board shows what was judged: nothing else, and both arms of it.
func ruleSources() rule {
	return rule{
		name: "a comparison shows both arms, narrowed to each",
		find: func(b read) []string {
			var out []string
			for _, p := range b.drawn() {
				var arms [2]string
				for _, t := range p.Targets {
					switch t.LegendFormat {
					case seriesCanary:
						arms[0] = t.Expr
					case seriesBaseline:
						arms[1] = t.Expr
					}
				}
				switch {
				case arms[0] == "" && arms[1] == "" || strings.Contains(arms[0], "serin_"):
				case arms[0] == "" || arms[1] == "":
					out = append(out, fmt.Sprintf("%q shows one arm", p.Title))
				case arms[0] == arms[1]:
					out = append(out, fmt.Sprintf("%q shows the same series twice", p.Title))
				}
			}
			return out
		},
		bites: map[string]bite{
			"the same": {func(b map[string]any) {
				ts, _ := panelOf(b, 101)["targets"].([]any)
				first, _ := ts[0].(map[string]any)
				second, _ := ts[1].(map[string]any)
				second["expr"] = first["expr"]
			}, "the same series twice"},
			"one": {func(b map[string]any) {
				ts, _ := panelOf(b, 101)["targets"].([]any)
				panelOf(b, 101)["targets"] = ts[:1]
			}, "one arm"},
		},
	}
}
