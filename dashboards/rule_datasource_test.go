package dashboards

import "fmt"

// A UID of one Grafana is none of another.
func ruleDataSource() rule {
	const want = "${" + source + "}"
	return rule{
		name: "every panel and query takes its data source from the variable",
		find: func(b read) []string {
			var out []string
			for _, p := range b.drawn() {
				if p.DataSource.UID != want {
					out = append(out, fmt.Sprintf("%q names the data source %q", p.Title, p.DataSource.UID))
				}
				for _, t := range p.Targets {
					if t.DataSource.UID != want {
						out = append(out, fmt.Sprintf("%q asks the data source %q", p.Title, t.DataSource.UID))
					}
				}
			}
			return out
		},
		bites: map[string]bite{
			"panel": {set(2, "datasource", map[string]any{"uid": "P1809F7CD0C75ACF3"}), "names the data source"},
			"query": {func(b map[string]any) { targetOf(b, 2)["datasource"] = map[string]any{"uid": "x"} }, "asks the data source"},
		},
	}
}
