package dashboards

import (
	"fmt"
	"regexp"
	"slices"
)

func ruleVariables() rule {
	used := regexp.MustCompile(`\$(?:\{([a-zA-Z_][a-zA-Z0-9_.]*)\}|([a-zA-Z_][a-zA-Z0-9_]*))`)
	builtin := []string{"__rate_interval", "__interval", "__range", "__from", "__to", "__org.id"}
	return rule{
		name: "every variable that is used is defined",
		find: func(b read) []string {
			var defined, out []string
			for _, v := range b.Templating.List {
				defined = append(defined, v.Name)
				if v.Name != source && (v.Type != "constant" || v.Hide == nil || v.Hide == float64(0)) {
					out = append(out, fmt.Sprintf("the variable %s can be seen and changed", v.Name))
				}
			}
			for _, m := range used.FindAllStringSubmatch(b.raw, -1) {
				name := m[1] + m[2]
				if !slices.Contains(defined, name) && !slices.Contains(builtin, name) {
					out = append(out, fmt.Sprintf("$%s is used and not defined", name))
				}
			}
			return out
		},
		bites: map[string]bite{
			"undefined": {func(b map[string]any) { targetOf(b, 2)["expr"] = `x{pod="$pod"}` }, "$pod is used"},
			"visible": {func(b map[string]any) {
				b["templating"] = map[string]any{"list": []any{map[string]any{"name": "datasource", "type": "datasource"}, map[string]any{"name": "rollout", "type": "constant"}}}
			}, "rollout can be seen"},
		},
	}
}
