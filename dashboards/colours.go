package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The colours. Each arm has its own on every board; red and green are for verdicts
// only, and nothing is told by colour alone.
const (
	blue   = "#5794F2" // the baseline
	orange = "#FF9830" // the canary
	green  = "#73BF69"
	yellow = "#FADE2A"
	red    = "#F2495C"
	grey   = "#8E8E8E"
)

// The names of series, by which overrides find them.
const (
	seriesBaseline = "baseline"
	seriesCanary   = "canary"
	seriesTolerate = "tolerated"
	seriesMargin   = "promotion must exclude"
)

// step is a threshold: from is nil for everything below the first number.
type step struct {
	from   *float64
	colour string
}

// steps makes thresholds ascending: a base colour, then pairs of number and colour.
func steps(base string, more ...any) []step {
	out := []step{{nil, base}}
	for i := 0; i+1 < len(more); i += 2 {
		from, _ := more[i].(float64)
		colour, _ := more[i+1].(string)
		out = append(out, step{&from, colour})
	}
	return out
}

// thresholds writes steps for the SDK.
func thresholds(ss []step) cog.Builder[dashboard.ThresholdsConfig] {
	var out []dashboard.Threshold
	for _, s := range ss {
		out = append(out, dashboard.Threshold{Value: s.from, Color: s.colour})
	}
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(out)
}

// property is one setting of an override.
func property(id string, value any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: id, Value: value}
}

// fixed is a series' own colour.
func fixed(colour string) dashboard.DynamicConfigValue {
	return property("color", map[string]any{"mode": "fixed", "fixedColor": colour})
}

// override is the settings of the series of a name.
type override struct {
	series     string
	properties []dashboard.DynamicConfigValue
}

// dashed is how a bound is drawn.
func dashed(colour string) []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{
		fixed(colour), property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{10, 10}}),
		property("custom.lineWidth", 1), property("custom.fillOpacity", 0),
	}
}

// arms are the overrides of every graph that shows both arms.
func arms() []override {
	return []override{
		{seriesBaseline, []dashboard.DynamicConfigValue{fixed(blue), property("custom.lineWidth", 2)}},
		{seriesCanary, []dashboard.DynamicConfigValue{fixed(orange), property("custom.lineWidth", 2)}},
		{seriesTolerate, dashed(grey)},
		{seriesMargin, dashed(red)},
	}
}
