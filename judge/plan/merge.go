package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/serin-canary/serin/queries/presets"

	"go.yaml.in/yaml/v3"
)

// draft is one metric or limit with a preset's row merged under what the plan says.
type draft[T any] struct {
	origin
	row T
}

// origin is where a draft comes from, which is where its faults are noted.
type origin struct {
	what   string // metric or limit
	name   string
	preset string // the family it comes from, or ""
	path   string // metrics[i], or empty where the plan does not mention it
}

// field is the path of one of its fields: the plan's own, or the preset's name.
func (o origin) field(name string) string {
	if o.path == "" {
		return "preset"
	}
	return o.path + "." + name
}

// blame notes a fault of a draft's field.
func (b *builder) blame(o origin, field, format string, args ...any) {
	if o.path == "" {
		format = fmt.Sprintf("%s %s of preset %s: ", o.what, o.name, o.preset) + format
	}
	b.at(o.field(field), format, args...)
}

// blamed reports whether the plan's own field has a fault already. Presets have none of
// their own: a fault at their name is about something else.
func (b *builder) blamed(o origin, field string) bool {
	return o.path != "" && b.faulty(o.field(field))
}

// overlay returns a preset's row with every field replaced that the plan gives.
func overlay[T any](row, own T) T {
	to, from := reflect.ValueOf(&row).Elem(), reflect.ValueOf(own)
	for i := range from.NumField() {
		if f := from.Field(i); !f.IsNil() {
			to.Field(i).Set(f)
		}
	}
	return row
}

// families loads the presets that the plan names.
func (b *builder) families() []presets.Preset {
	var out []presets.Preset
	for i, name := range b.f.Preset {
		path := "preset"
		if b.nodes[path] != nil && b.nodes[path].Kind == yaml.SequenceNode {
			path = fmt.Sprintf("preset[%d]", i)
		}
		if b.faulty(path) || name == "" {
			continue
		}
		if slices.Contains([]string(b.f.Preset[:i]), name) {
			b.at(path, "%s is listed already; delete this line", name)
			continue
		}
		if !slices.Contains(presets.Names(), name) {
			b.at(path, "no preset is called %q%s (there are %s)", name, nearestOnly(name, presets.Names()), strings.Join(presets.Names(), ", "))
			continue
		}
		if b.foreign(path, name) {
			continue
		}
		p, err := presets.Get(name)
		if err != nil {
			b.at(path, "%v", err)
			continue
		}
		if !b.separable(path, p) {
			continue
		}
		out = append(out, p)
	}
	return out
}

// mergeMetrics lays the plan's metrics over its presets': first the presets' in their
// order, then the plan's own.
func (b *builder) mergeMetrics(families []presets.Preset) []draft[metricFile] {
	var out []draft[metricFile]
	for _, p := range families {
		for _, m := range p.Metrics {
			row, err := metricRow(m, p)
			if err != nil {
				b.at("preset", "metric %s of preset %s: %v", m.Name, p.Name, err)
				continue
			}
			out = append(out, draft[metricFile]{origin{"metric", m.Name, p.Name, ""}, row})
		}
	}
	own := make([]draft[metricFile], len(b.f.Metrics))
	for i, m := range b.f.Metrics {
		own[i] = draft[metricFile]{origin{"metric", value(m.Name, ""), "", fmt.Sprintf("metrics[%d]", i)}, m}
		b.name(own[i].path+".name", m.Name)
	}
	return mergeRows(b, out, own, func(row, own metricFile) metricFile {
		if own.Query != nil { // the unit was that of the preset's query
			row.Unit = nil
		}
		return overlay(row, own)
	})
}

// mergeLimits lays the plan's limits over its presets'.
func (b *builder) mergeLimits(families []presets.Preset) []draft[limitFile] {
	var out []draft[limitFile]
	for _, p := range families {
		for _, l := range p.Limits {
			row, err := limitRow(l, p)
			if err != nil {
				b.at("preset", "limit %s of preset %s: %v", l.Name, p.Name, err)
				continue
			}
			out = append(out, draft[limitFile]{origin{"limit", l.Name, p.Name, ""}, row})
		}
	}
	own := make([]draft[limitFile], len(b.f.Limits))
	for i, l := range b.f.Limits {
		own[i] = draft[limitFile]{origin{"limit", value(l.Name, ""), "", fmt.Sprintf("limits[%d]", i)}, l}
		b.name(own[i].path+".name", l.Name)
	}
	return mergeRows(b, out, own, func(row, own limitFile) limitFile {
		switch { // the other way of saying the same is gone
		case own.Metric != nil:
			row.Query, row.Unit = nil, nil
		case own.Query != nil:
			row.Metric, row.Unit = nil, nil
		}
		switch {
		case own.Above != nil:
			row.Below = nil
		case own.Below != nil:
			row.Above = nil
		}
		return overlay(row, own)
	})
}

// mergeRows puts each of the plan's own rows over the preset's of that name, or behind
// them all. Two of one name are a fault, whoever brought them.
func mergeRows[T any](b *builder, rows, own []draft[T], over func(row, own T) T) []draft[T] {
	index := map[string]int{}
	for i, d := range rows {
		if first, taken := index[d.name]; taken {
			b.at("preset", "presets %s and %s both have a %s called %s; name only one of them",
				rows[first].preset, d.preset, d.what, d.name)
		}
		index[d.name] = i
	}
	names := map[string]string{}
	for _, d := range own {
		if !b.once(names, d.what, d.name, d.path) {
			continue
		}
		if i, ok := index[d.name]; ok {
			rows[i].row, rows[i].path = over(rows[i].row, d.row), d.path
			continue
		}
		rows = append(rows, d)
	}
	return rows
}

// metricRow turns a preset's row into what a plan file would say.
func metricRow(m presets.Metric, p presets.Preset) (metricFile, error) {
	tolerance, err := rowMargin(m.Tolerance)
	if err != nil {
		return metricFile{}, err
	}
	margin, err := rowMargin(m.Margin)
	if err != nil {
		return metricFile{}, err
	}
	return metricFile{
		Name: &m.Name, Kind: given(m.Kind), Query: given(m.Query), Select: given(orWord(m.Selector, p.Selector)),
		Of: given(m.Of), Worse: given(m.Worse), Tolerance: tolerance, Margin: margin,
		Weight: m.Weight, Critical: m.Critical, Required: m.Required,
		Unit: given(m.Unit), Title: given(m.Title), Description: given(m.Description),
	}, nil
}

func limitRow(l presets.Limit, p presets.Preset) (limitFile, error) {
	above, err := rowQuantity(l.Above)
	if err != nil {
		return limitFile{}, err
	}
	below, err := rowQuantity(l.Below)
	if err != nil {
		return limitFile{}, err
	}
	row := limitFile{
		Name: &l.Name, Metric: given(l.Metric), Query: given(l.Query), Above: above, Below: below,
		Blocks: l.Blocks, Each: l.Each, Growth: l.Growth, Fraction: l.Fraction, Unit: given(l.Unit), Title: given(l.Title),
	}
	if l.Query != "" {
		row.Select = given(orWord(l.Selector, p.Selector))
	}
	return row, nil
}

func rowMargin(text string) (*marginText, error) {
	if text == "" {
		return nil, nil
	}
	m, err := parseMargin(text)
	return &m, err
}

func rowQuantity(text string) (*quantityText, error) {
	if text == "" {
		return nil, nil
	}
	q, err := parseQuantity(text)
	return &quantityText{q}, err
}

// given is a pointer to s, or nil where it is empty.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
