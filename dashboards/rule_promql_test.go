package dashboards

import (
	"fmt"
	"strings"

	"github.com/serin-canary/serin/queries"
)

// expanded is a query as Grafana sends it.
func expanded(expr string) string {
	return strings.NewReplacer(rateInterval, "1m", "$__range", "1h", "$rollout", "abc", "$service", "checkout", "$namespace", "shop").Replace(expr)
}

func rulePromQL() rule {
	return rule{
		name: "every query is PromQL",
		find: func(b read) []string {
			var out []string
			for _, p := range b.drawn() {
				for _, t := range p.Targets {
					if _, err := queries.ParsePromQL(expanded(t.Expr)); err != nil {
						out = append(out, fmt.Sprintf("%q: %s: %v", p.Title, t.Expr, err))
					}
				}
			}
			return out
		},
		bites: map[string]bite{
			"half": {func(b map[string]any) { targetOf(b, 2)["expr"] = "sum(rate(x[$__rate_interval])" }, "unclosed"},
			"none": {func(b map[string]any) { targetOf(b, 2)["expr"] = "" }, "no expression"},
		},
	}
}
