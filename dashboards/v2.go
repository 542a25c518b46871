package dashboards

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	v2 "github.com/grafana/grafana-foundation-sdk/go/dashboardv2beta1"
	"github.com/grafana/grafana-foundation-sdk/go/resource"
)

// ResourceAPI is the API that boards of the second format are sent to, from Grafana 12
// on.
const ResourceAPI = "dashboard.grafana.app/v2beta1"

// Manifest writes the board in the second format, as a resource of Grafana's own API:
// the same panels, in rows that keep their places by themselves.
func (b Board) Manifest(folder string) ([]byte, error) {
	spec, err := b.second()
	if err != nil {
		return nil, err
	}
	m := resource.NewManifest()
	m.ApiVersion, m.Kind, m.Spec = ResourceAPI, "Dashboard", spec
	m.Metadata.Name = b.UID
	if folder != "" {
		m.Metadata.Annotations = map[string]string{"grafana.app/folder": folder}
	}
	return indented(m)
}

// second converts the board: what was drawn once is not drawn again.
func (b Board) second() (v2.Dashboard, error) {
	d := v2.NewDashboard()
	d.Title, d.Description, d.Editable, d.Tags = b.Title, b.d.Description, b.d.Editable, b.d.Tags
	d.CursorSync = v2.DashboardCursorSyncCrosshair
	d.TimeSettings = *v2.NewTimeSettingsSpec()
	d.TimeSettings.Timezone = b.d.Timezone
	if b.d.Time != nil {
		d.TimeSettings.From, d.TimeSettings.To = b.d.Time.From, b.d.Time.To
	}
	if b.d.Refresh != nil {
		d.TimeSettings.AutoRefresh = *b.d.Refresh
	}
	d.Elements = map[string]v2.Element{}
	rows, err := b.rows(d.Elements)
	if err != nil {
		return *d, err
	}
	d.Layout = v2.GridLayoutKindOrRowsLayoutKindOrAutoGridLayoutKindOrTabsLayoutKind{RowsLayoutKind: rows}
	for _, v := range b.d.Templating.List {
		k, err := variable(v)
		if err != nil {
			return *d, err
		}
		d.Variables = append(d.Variables, k)
	}
	for _, a := range b.d.Annotations.List {
		d.Annotations = append(d.Annotations, annotation(a))
	}
	d.Links = []v2.DashboardLink{}
	return *d, convert(b.d.Links, &d.Links)
}

// rows lays the panels out: those before the first row are one without a header.
func (b Board) rows(elements map[string]v2.Element) (*v2.RowsLayoutKind, error) {
	layout := v2.NewRowsLayoutKind()
	var row *v2.RowsLayoutRowKind
	var top uint32
	begin := func(title string, folded, headless bool, y uint32) {
		layout.Spec.Rows = append(layout.Spec.Rows, *v2.NewRowsLayoutRowKind())
		row = &layout.Spec.Rows[len(layout.Spec.Rows)-1]
		row.Spec.Title, row.Spec.Collapse = &title, &folded
		if headless {
			row.Spec.HideHeader = &headless
		}
		row.Spec.Layout = v2.GridLayoutKindOrAutoGridLayoutKindOrTabsLayoutKindOrRowsLayoutKind{GridLayoutKind: v2.NewGridLayoutKind()}
		top = y
	}
	put := func(p dashboard.Panel) error {
		name := fmt.Sprintf("panel-%d", *p.Id)
		k, err := second(p)
		if err != nil {
			return err
		}
		elements[name] = v2.Element{PanelKind: k}
		item := v2.NewGridLayoutItemKind()
		item.Spec.X, item.Spec.Y = int64(p.GridPos.X), int64(p.GridPos.Y-top)
		item.Spec.Width, item.Spec.Height = int64(p.GridPos.W), int64(p.GridPos.H)
		item.Spec.Element = v2.ElementReference{Kind: "ElementReference", Name: name}
		grid := row.Spec.Layout.GridLayoutKind
		grid.Spec.Items = append(grid.Spec.Items, *item)
		return nil
	}
	for _, e := range b.d.Panels {
		switch {
		case e.RowPanel != nil:
			begin(*e.RowPanel.Title, e.RowPanel.Collapsed, false, e.RowPanel.GridPos.Y+1)
			for _, p := range e.RowPanel.Panels {
				if err := put(p); err != nil {
					return nil, err
				}
			}
		case e.Panel != nil:
			if row == nil {
				begin("Verdict", false, true, 0)
			}
			if err := put(*e.Panel); err != nil {
				return nil, err
			}
		}
	}
	return layout, nil
}

// second converts a panel. Options and fields are the plugins' own, and the same in
// both formats.
func second(p dashboard.Panel) (*v2.PanelKind, error) {
	k := v2.NewPanelKind()
	k.Spec.Id = float64(*p.Id)
	k.Spec.Title, k.Spec.Description = textOf(p.Title), textOf(p.Description)
	k.Spec.Links = []v2.DataLink{}
	for _, l := range p.Links {
		k.Spec.Links = append(k.Spec.Links, v2.DataLink{Title: l.Title, Url: textOf(l.Url), TargetBlank: cog.ToPtr(l.TargetBlank)})
	}
	k.Spec.VizConfig.Kind, k.Spec.VizConfig.Group = "VizConfig", p.Type
	k.Spec.VizConfig.Spec.Options = p.Options
	if p.Options == nil {
		k.Spec.VizConfig.Spec.Options = map[string]any{}
	}
	if p.FieldConfig != nil {
		if err := convert(p.FieldConfig, &k.Spec.VizConfig.Spec.FieldConfig); err != nil {
			return nil, err
		}
	}
	group := &k.Spec.Data.Spec
	group.Queries, group.Transformations = []v2.PanelQueryKind{}, []v2.TransformationKind{}
	for _, t := range p.Targets {
		var q map[string]any
		if err := convert(t, &q); err != nil {
			return nil, err
		}
		one := v2.NewPanelQueryKind()
		one.Spec.RefId, _ = q["refId"].(string)
		delete(q, "refId")
		delete(q, "datasource")
		one.Spec.Query = *v2.NewDataQueryKind()
		one.Spec.Query.Group, one.Spec.Query.Spec = "prometheus", q
		one.Spec.Query.Datasource = &v2.Dashboardv2beta1DataQueryKindDatasource{Name: cog.ToPtr("${" + source + "}")}
		group.Queries = append(group.Queries, *one)
	}
	return k, nil
}

// variable converts a variable: Serin's boards have two kinds.
func variable(v dashboard.VariableModel) (v2.VariableKind, error) {
	switch v.Type {
	case dashboard.VariableTypeDatasource:
		k := v2.NewDatasourceVariableKind()
		k.Spec.Name, k.Spec.PluginId, k.Spec.Label, k.Spec.Description = v.Name, "prometheus", v.Label, v.Description
		return v2.VariableKind{DatasourceVariableKind: k}, convert(v.Current, &k.Spec.Current)
	case dashboard.VariableTypeConstant:
		k := v2.NewConstantVariableKind()
		k.Spec.Name, k.Spec.Hide = v.Name, v2.VariableHideHideVariable
		if v.Query != nil {
			k.Spec.Query = textOf(v.Query.String)
		}
		return v2.VariableKind{ConstantVariableKind: k}, convert(v.Current, &k.Spec.Current)
	default:
		return v2.VariableKind{}, fmt.Errorf("dashboards: variable %s is of kind %s, which the second format is not written for", v.Name, v.Type)
	}
}

func annotation(a dashboard.AnnotationQuery) v2.AnnotationQueryKind {
	k := v2.NewAnnotationQueryKind()
	k.Spec.Name, k.Spec.Enable, k.Spec.IconColor = a.Name, a.Enable, a.IconColor
	k.Spec.Query = *v2.NewDataQueryKind()
	k.Spec.Query.Group, k.Spec.Query.Spec = "grafana", a.Target
	k.Spec.Query.Datasource = &v2.Dashboardv2beta1DataQueryKindDatasource{Name: cog.ToPtr("-- Grafana --")}
	return *k
}

// convert carries over what is written alike in both formats.
func convert(from, to any) error {
	b, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(b, to)
	}
	if err != nil {
		return fmt.Errorf("dashboards: convert to the second format: %w", err)
	}
	return nil
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(*s)
}
