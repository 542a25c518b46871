package aca

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// UnmarshalJSON reads an entry of a canary config's metrics. Fields that the judge
// does not use are ignored, as Kayenta ignores them.
//
// It stops where Kayenta's judge stops: a flag that is not a JSON boolean, a number
// that is not one. It does not stop at unknown words; see the Parse functions.
func (m *MetricConfig) UnmarshalJSON(data []byte) error {
	var wire struct {
		Name                   string                     `json:"name"`
		Groups                 []string                   `json:"groups"`
		AnalysisConfigurations map[string]json.RawMessage `json:"analysisConfigurations"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return fmt.Errorf("a metric of the canary config is not readable: %w", err)
	}
	s, err := ParseSettings(wire.AnalysisConfigurations["canary"])
	if err != nil {
		return fmt.Errorf("metric %q: %w", wire.Name, err)
	}
	*m = MetricConfig{Name: wire.Name, Groups: wire.Groups, Canary: s}
	return nil
}

// ParseSettings reads the JSON object analysisConfigurations.canary. No text, null,
// and anything but an object mean the defaults.
func ParseSettings(data []byte) (Settings, error) {
	top := object(data)
	effect, outliers := object(top["effectSize"]), object(top["outliers"])
	var r reader
	s := Settings{
		Direction:    ParseDirection(word(top["direction"])),
		NaNStrategy:  ParseNaNStrategy(word(top["nanStrategy"])),
		Critical:     r.flag("critical", top["critical"]),
		MustHaveData: r.flag("mustHaveData", top["mustHaveData"]),
		Muted:        r.flag("muted", top["muted"]),
		Outliers: Outliers{
			Strategy: ParseOutlierStrategy(word(outliers["strategy"])),
			Factor:   r.number("outliers.outlierFactor", outliers["outlierFactor"]),
		},
		EffectSize: EffectSize{
			Measure:          ParseMeasure(word(effect["measure"])),
			AllowedIncrease:  r.number("effectSize.allowedIncrease", effect["allowedIncrease"]),
			AllowedDecrease:  r.number("effectSize.allowedDecrease", effect["allowedDecrease"]),
			CriticalIncrease: r.number("effectSize.criticalIncrease", effect["criticalIncrease"]),
			CriticalDecrease: r.number("effectSize.criticalDecrease", effect["criticalDecrease"]),
		},
	}
	if r.err != nil {
		return Settings{}, r.err
	}
	return s, nil
}

// object returns the fields of a JSON object, and none of anything else.
func object(data json.RawMessage) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return nil
	}
	return fields
}

// word returns a JSON string, and nothing of anything else: Kayenta turns other
// values into text, which is no word that it knows.
func word(data json.RawMessage) string {
	var s string
	if json.Unmarshal(data, &s) != nil {
		return ""
	}
	return s
}

// reader reads values whose type Kayenta insists on, and keeps the first complaint.
type reader struct{ err error }

func (r *reader) complain(name, want string, data json.RawMessage) {
	if r.err == nil {
		r.err = fmt.Errorf("canary.%s is %s; write %s, without quotation marks", name, data, want)
	}
}

func absent(data json.RawMessage) bool {
	return len(data) == 0 || bytes.Equal(data, []byte("null"))
}

func (r *reader) flag(name string, data json.RawMessage) bool {
	var v bool
	if !absent(data) && json.Unmarshal(data, &v) != nil {
		r.complain(name, "true or false", data)
	}
	return v
}

// number reads what the JVM holds as an Integer or a Double. A whole number beyond 32
// bits is a Long there, which Kayenta refuses.
func (r *reader) number(name string, data json.RawMessage) *float64 {
	if absent(data) {
		return nil
	}
	text := string(data)
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && !strings.ContainsAny(text, ".eE") {
		_, err = strconv.ParseInt(text, 10, 32)
	}
	if err != nil {
		r.complain(name, "a number", data)
		return nil
	}
	return &v
}
