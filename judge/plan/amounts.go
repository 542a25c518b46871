package plan

import (
	"fmt"
	"strings"
)

// in returns the quantity in another unit. A quantity without a unit is taken to be
// in the other unit only where that is no unit with a scale of its own (a count, a
// name): of seconds and fractions nothing is guessed.
func (q quantity) in(unit string) (float64, error) {
	kind, to := dimension(unit)
	mine, from := dimension(q.unit)
	switch {
	case q.unit == unit, q.unit == "" && kind == "":
		return q.value, nil
	case q.unit == "":
		if kind == "share" && q.value <= 1 {
			return 0, fmt.Errorf("%s has no unit, so it may mean a fraction or percent; write %s%% or %s%%", q.text, decimal(q.value*100), decimal(q.value))
		}
		return 0, fmt.Errorf("%s has no unit; write for example %s%s", q.text, q.text, sign(unit))
	case kind != "" && kind == mine:
		return round(q.value * from / to), nil
	case unit == "":
		return 0, fmt.Errorf("%s has the unit %s, but the query's unit is not known; give it one with unit:", q.text, q.unit)
	}
	return 0, fmt.Errorf("%s has the unit %s, but the query's unit is %s", q.text, q.unit, unit)
}

// dimension returns what a unit measures and how many of the base unit (seconds,
// bytes, one) it is. Units that it does not know measure nothing but themselves.
func dimension(unit string) (kind string, factor float64) {
	switch strings.ToLower(unit) {
	case "ns", "nanoseconds":
		return "time", 1e-9
	case "us", "µs", "microseconds":
		return "time", 1e-6
	case "ms", "milliseconds":
		return "time", 1e-3
	case "s", "seconds":
		return "time", 1
	case "m", "minutes":
		return "time", 60
	case "h", "hours":
		return "time", 3600
	case "b", "bytes":
		return "bytes", 1
	case "kb":
		return "bytes", 1e3
	case "mb":
		return "bytes", 1e6
	case "gb":
		return "bytes", 1e9
	case "kib":
		return "bytes", 1 << 10
	case "mib":
		return "bytes", 1 << 20
	case "gib":
		return "bytes", 1 << 30
	case "%", "percent", "pp":
		return "share", 0.01
	case "fraction", "ratio":
		return "share", 1
	}
	return "", 1
}

// sign returns the sign of a unit, for advice.
func sign(unit string) string {
	switch kind, factor := dimension(unit); {
	case kind == "time" && factor == 1:
		return "s"
	case kind == "time" && factor == 1e-3:
		return "ms"
	case kind == "share":
		return "%"
	case kind == "bytes" && factor == 1:
		return "B"
	}
	return unit
}
