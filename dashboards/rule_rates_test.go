package dashboards

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/queries"
)

// A fixed range is too short where scrapes are slow, and too long where they are not.
func ruleRates() rule {
	return rule{
		name: "counters are rates, over the range that Grafana chooses",
		find: func(b read) []string {
			var out []string
			for _, p := range b.drawn() {
				if p.ID >= idResources && p.ID < idEvidence || strings.HasPrefix(p.Title, "Jobs that wait") {
					continue // values that are no counts keep their own text
				}
				for _, t := range p.Targets {
					for _, fault := range badRates(t.Expr) {
						out = append(out, fmt.Sprintf("%q %s", p.Title, fault))
					}
				}
			}
			return out
		},
		bites: map[string]bite{
			"fixed": {func(b map[string]any) { targetOf(b, 101)["expr"] = "sum(rate(x_total[5m]))" }, "fixed range"},
			"bare":  {func(b map[string]any) { targetOf(b, 101)["expr"] = "sum(x_total)" }, "the total of the counter x_total"},
		},
	}
}

// chosen stands for the range that Grafana chooses: no query has it by itself.
const chosen = 71 * time.Second

// badRates lists rates of a fixed range, and counters that are no rates.
func badRates(expr string) []string {
	e, err := queries.ParsePromQL(expanded(strings.ReplaceAll(expr, rateInterval, "71s")))
	if err != nil {
		return nil
	}
	var out []string
	parser.Inspect(e, func(n parser.Node, path []parser.Node) error {
		grows := ""
		for _, above := range path {
			if c, ok := above.(*parser.Call); ok && (c.Func.Name == "rate" || c.Func.Name == "increase" || c.Func.Name == "irate") {
				grows = c.Func.Name
			}
		}
		switch n := n.(type) {
		case *parser.MatrixSelector:
			if grows != "" && grows != "increase" && n.Range != chosen {
				out = append(out, "has a fixed range of "+n.Range.String())
			}
		case *parser.VectorSelector:
			// What Serin counts of itself since its start is meant as it is.
			if grows == "" && strings.HasSuffix(n.Name, "_total") && !strings.HasPrefix(n.Name, "serin_selfcheck_") {
				out = append(out, "shows the total of the counter "+n.Name)
			}
		}
		return nil
	})
	return out
}
