package dashboards

import "fmt"

func rulePlaces() rule {
	return rule{
		name: "panels lie beside each other, within the grid",
		find: func(b read) []string {
			out := overlaps(b.Panels)
			for _, p := range b.Panels {
				out = append(out, overlaps(p.Panels)...)
			}
			return out
		},
		bites: map[string]bite{
			"over another":           {set(3, "gridPos", map[string]any{"x": 12, "y": 0, "w": 4, "h": 4}), "lies over"},
			"too wide":               {set(1, "gridPos", map[string]any{"x": 12, "y": 0, "w": 13, "h": 8}), "leaves the grid"},
			"without size":           {set(1, "gridPos", map[string]any{"x": 0, "y": 0, "w": 0, "h": 8}), "has no size"},
			"over another in a fold": {set(5002, "gridPos", map[string]any{"x": 1, "y": 0, "w": 12, "h": 999}), "lies over"},
		},
	}
}

func overlaps(ps []readPanel) []string {
	var out []string
	for i, p := range ps {
		g := p.GridPos
		if g.X < 0 || g.Y < 0 || g.X+g.W > width {
			out = append(out, fmt.Sprintf("%q leaves the grid", p.Title))
		}
		if g.W < 1 || g.H < 1 {
			out = append(out, fmt.Sprintf("%q has no size", p.Title))
		}
		for _, o := range ps[:i] {
			h := o.GridPos
			if g.X < h.X+h.W && h.X < g.X+g.W && g.Y < h.Y+h.H && h.Y < g.Y+g.H {
				out = append(out, fmt.Sprintf("%q lies over %q", p.Title, o.Title))
			}
		}
	}
	return out
}
