package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// form is what kind of panel one is.
type form int

// The forms.
const (
	formGraph form = iota
	formStat
	formText
	formHeat
	formStates
)

// target is one query of a panel.
type target struct {
	expr, legend string
	instant      bool
	heat         bool // buckets
}

// panel is a panel before it has a place.
type panel struct {
	key         string // tells it from the board's other panels
	form        form
	title       string
	description string
	unit        string
	targets     []target
	steps       []step
	lines       bool // draw the steps as lines
	overrides   []override
	patterns    []override // by regular expression
	mappings    []dashboard.ValueMapping
	links       []link
	content     string   // of a text
	max         *float64 // of the axis, where the data stay below
	noValue     string
	decimals    *float64
	nameOnly    bool   // a stat shows which series it is, and not its value
	scheme      string // of a heatmap: the arm's colour
}

// link is where a panel leads.
type link struct{ title, url string }

// source is the variable that names the data source.
const source = "datasource"

func sourceRef() common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${" + source + "}")}
}

// queries builds a panel's targets.
func (p panel) queries() []cog.Builder[variants.Dataquery] {
	var out []cog.Builder[variants.Dataquery]
	for i, t := range p.targets {
		q := prometheus.NewDataqueryBuilder().RefId(refID(i)).Expr(t.expr).LegendFormat(t.legend).Datasource(sourceRef())
		switch {
		case t.instant:
			q = q.Instant()
		default:
			q = q.Range()
		}
		if t.heat {
			q = q.Format(prometheus.PromQueryFormatHeatmap)
		}
		out = append(out, q)
	}
	return out
}

// refID names the n-th query: A to Z, then A1.
func refID(n int) string {
	id := string(rune('A' + n%26))
	if n >= 26 {
		id += fmt.Sprint(n / 26)
	}
	return id
}

func (p panel) missing() string {
	if p.noValue == "" {
		return "no data"
	}
	return p.noValue
}

// builder is what every panel builder of the SDK can do, in its own type.
type builder[B any] interface {
	Title(title string) B
	Description(description string) B
	Datasource(ref common.DataSourceRef) B
}

// build makes the SDK's panel.
func (p panel) build() (dashboard.Panel, error) {
	var b cog.Builder[dashboard.Panel]
	switch p.form {
	case formGraph:
		b = p.graph()
	case formStat:
		b = p.stat()
	case formText:
		b = named(text.NewPanelBuilder(), p).Mode(text.TextModeMarkdown).Content(p.content)
	case formHeat:
		b = p.heat()
	case formStates:
		b = p.states()
	}
	built, err := b.Build()
	if err != nil {
		return built, fmt.Errorf("dashboards: panel %s: %w", p.key, err)
	}
	for _, l := range p.links {
		built.Links = append(built.Links, dashboard.DashboardLink{
			Title: l.title, Type: dashboard.DashboardLinkTypeLink, Url: &l.url, TargetBlank: true, Tags: []string{},
		})
	}
	return built, nil
}

// named sets what all panels have.
func named[B builder[B]](b B, p panel) B {
	return b.Title(p.title).Description(p.description).Datasource(sourceRef())
}

func (p panel) graph() *timeseries.PanelBuilder {
	mode := common.LegendDisplayModeList // a table of four lines is cut off in a panel of this height
	if len(p.patterns) > 0 {
		mode = common.LegendDisplayModeTable
	}
	legend := common.NewVizLegendOptionsBuilder().DisplayMode(mode).
		Placement(common.LegendPlacementBottom).ShowLegend(true).Calcs([]string{"lastNotNull", "max"})
	b := named(timeseries.NewPanelBuilder(), p).Targets(p.queries()).Unit(p.unit).NoValue(p.missing()).
		LineWidth(2).FillOpacity(0).ShowPoints(common.VisibilityModeNever).
		LineInterpolation(common.LineInterpolationLinear).AxisSoftMin(0).Legend(legend).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderNone))
	for _, o := range p.overrides {
		b = b.OverrideByName(o.series, o.properties)
	}
	for _, o := range p.patterns {
		b = b.OverrideByRegexp(o.series, o.properties)
	}
	if len(p.steps) > 0 {
		b = b.Thresholds(thresholds(p.steps))
	}
	if p.lines {
		b = b.ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
	if p.max != nil {
		b = b.AxisSoftMax(*p.max)
	}
	if p.decimals != nil {
		b = b.Decimals(*p.decimals)
	}
	return b
}

func (p panel) stat() *stat.PanelBuilder {
	reduce := common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})
	b := named(stat.NewPanelBuilder(), p).Targets(p.queries()).Unit(p.unit).NoValue(p.missing()).
		ReduceOptions(reduce).ColorMode(common.BigValueColorModeValue).GraphMode(common.BigValueGraphModeNone).
		Mappings(p.mappings).JustifyMode(common.BigValueJustifyModeAuto).Orientation(common.VizOrientationAuto)
	if len(p.steps) > 0 {
		b = b.Thresholds(thresholds(p.steps))
	}
	for _, o := range p.overrides {
		b = b.OverrideByName(o.series, o.properties)
	}
	switch {
	case p.nameOnly:
		b = b.TextMode(common.BigValueTextModeName)
	case len(p.targets) > 1:
		b = b.TextMode(common.BigValueTextModeValueAndName)
	}
	if p.decimals != nil {
		b = b.Decimals(*p.decimals)
	}
	return b
}

func (p panel) heat() *heatmap.PanelBuilder {
	return named(heatmap.NewPanelBuilder(), p).Targets(p.queries()).
		YAxis(heatmap.NewYAxisConfigBuilder().Unit(p.unit).AxisPlacement(common.AxisPlacementLeft)).
		Color(heatmap.NewHeatmapColorOptionsBuilder().Mode(heatmap.HeatmapColorModeScheme).Scheme(p.scheme).Steps(64)).
		Tooltip(heatmap.NewHeatmapTooltipBuilder().Mode(common.TooltipDisplayModeSingle)). // the SDK leaves a mode that no Grafana knows
		NoValue(p.missing())
}

func (p panel) states() *statetimeline.PanelBuilder {
	b := named(statetimeline.NewPanelBuilder(), p).Targets(p.queries()).NoValue(p.missing()).Unit(p.unit).
		MergeValues(true).ShowValue(common.VisibilityModeAuto).RowHeight(0.85).FillOpacity(80).Mappings(p.mappings).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeSingle).Sort(common.SortOrderNone))
	if len(p.steps) > 0 {
		b = b.Thresholds(thresholds(p.steps)).ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds))
	}
	if p.decimals != nil {
		b = b.Decimals(*p.decimals)
	}
	return b
}
