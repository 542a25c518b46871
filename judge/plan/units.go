package plan

import (
	"fmt"
	"strconv"
	"time"
)

// Duration is a time.Duration that is written as text: 90s, 10m, 1h30m.
type Duration time.Duration

// D returns the duration as the standard library's type.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String writes it as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes it as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration; write for example 90s, 10m or 1h30m", b)
	}
	*d = Duration(v)
	return nil
}

// Margin is a worsening: the boundary for the canary is
// baseline × (1 + Relative) + Absolute where higher is worse, and
// baseline × (1 − Relative) − Absolute where lower is worse.
type Margin struct {
	Relative float64 `json:"relative"`           // a fraction: 0.1 is 10 %
	Absolute float64 `json:"absolute,omitempty"` // in the metric's unit; a fraction for ratios (0.01 is 1 pp)
}

// Ratio returns the boundary as canary over baseline, at a level of the baseline. Where
// that is not above 0, the absolute part has no ratio and is left out.
func (m Margin) Ratio(worse Direction, baseline float64) float64 {
	by := m.Relative
	if m.Absolute != 0 && baseline > 0 {
		by += m.Absolute / baseline
	}
	if worse == Lower {
		return 1 - by
	}
	return 1 + by
}

// IsZero reports whether no margin was given.
func (m Margin) IsZero() bool { return m == Margin{} }

// String writes a margin of a ratio: "10% + 0.05pp".
func (m Margin) String() string {
	s := strconv.FormatFloat(m.Relative*100, 'g', 6, 64) + "%"
	if m.Absolute != 0 {
		s += " + " + strconv.FormatFloat(m.Absolute*100, 'g', 6, 64) + "pp"
	}
	return s
}
