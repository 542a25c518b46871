package plan

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// most is the largest relative part of a margin: beyond a hundredfold nothing is compared.
const most = 100

// defaultMargins returns the tolerance and the margin of a kind (STATISTICS §3.7).
func defaultMargins(k Kind, strict bool) (tolerance, margin Margin) {
	switch k {
	case Errors, Proportion:
		tolerance, margin = Margin{0.1, 0.0005}, Margin{0.5, 0.005}
		if strict {
			margin = Margin{0.25, 0.002}
		}
		return tolerance, margin
	case Rate:
		tolerance = Margin{Relative: 0.2}
	default:
		tolerance = Margin{Relative: 0.1}
	}
	margin = Margin{Relative: 0.5}
	if strict {
		margin = Margin{Relative: 0.25}
	}
	return tolerance, margin
}

// objective reads what users were promised.
func (b *builder) objective(d draft[metricFile], m *Metric) {
	if d.row.Objective == nil || b.blamed(d.origin, "objective") {
		return
	}
	v, err := d.row.Objective.in("fraction")
	switch {
	case m.Kind != Errors:
		b.blame(d.origin, "objective", "is the promised share of good events, which only a metric of kind errors has; this one is of kind %s", m.Kind)
	case err != nil:
		b.blame(d.origin, "objective", "%v", err)
	case v < 0.5 || v >= 1:
		b.blame(d.origin, "objective", "%s cannot be promised; write the share of good events, for example 99.9%%", d.row.Objective.text)
	default:
		m.Objective = v
	}
}

// margins settles a metric's tolerance and margin.
func (b *builder) margins(d draft[metricFile], m *Metric) {
	strict := value(b.f.Profile, "") == "strict"
	m.Tolerance, m.Margin = defaultMargins(m.Kind, strict)
	ok := true
	for _, part := range []struct {
		field string
		text  *marginText
		to    *Margin
	}{{"tolerance", d.row.Tolerance, &m.Tolerance}, {"margin", d.row.Margin, &m.Margin}} {
		if part.text == nil {
			continue
		}
		if b.blamed(d.origin, part.field) {
			ok = false
			continue
		}
		v, err := part.text.of(m.Kind, m.Unit)
		if err == nil {
			err = possible(v, *m)
		}
		if err != nil {
			b.blame(d.origin, part.field, "%v", err)
			ok = false
		}
		*part.to = v
	}
	if ok && !wider(m.Margin, m.Tolerance) {
		b.narrowMargin(d, *m)
	}
}

// of returns the margin for a kind of metric and its unit.
func (t marginText) of(k Kind, unit string) (Margin, error) {
	m := Margin{Relative: t.relative}
	if t.absolute == nil {
		return m, nil
	}
	var err error
	switch k {
	case Errors, Proportion:
		if t.absolute.unit != "pp" {
			return m, fmt.Errorf("%s is no part of a share; write percentage points: 10%% + 0.05pp", t.absolute.text)
		}
		m.Absolute, err = t.absolute.in("fraction")
	case Gauge:
		m.Absolute, err = t.absolute.in(unit)
	default:
		if t.absolute.unit == "pp" {
			return m, fmt.Errorf("%s is percentage points, which only shares have; a %s takes a relative margin: 10%%", t.absolute.text, k)
		}
		return m, fmt.Errorf("%s is absolute; a %s takes a relative margin: 10%%", t.absolute.text, k)
	}
	return m, err
}

// possible checks that a margin leaves something to compare.
func possible(m Margin, of Metric) error {
	share := of.Kind == Errors || of.Kind == Proportion
	switch {
	case m.Relative > most:
		return fmt.Errorf("%s%% is more than a hundredfold, which excludes nothing; write less", decimal(m.Relative*100))
	case of.Worse == Lower && m.Relative >= 1:
		return fmt.Errorf("%s%% lower is nothing at all, which excludes nothing; write less than 100%%", decimal(m.Relative*100))
	case share && m.Absolute >= 1:
		return errors.New("100pp and more excludes nothing; write less")
	}
	return nil
}

// wider reports whether a margin is above a tolerance whatever the baseline is: in
// neither part smaller, and in one larger.
func wider(margin, tolerance Margin) bool {
	return margin.Relative >= tolerance.Relative && margin.Absolute >= tolerance.Absolute && margin != tolerance
}

// narrowMargin notes a margin that is not above the tolerance: what it asks to be
// excluded is tolerated.
func (b *builder) narrowMargin(d draft[metricFile], m Metric) {
	field, of := "margin", "the tolerance"
	margin := m.words(m.Margin)
	switch {
	case d.row.Margin == nil:
		field, margin = "tolerance", margin+" (the default)"
	case d.row.Tolerance == nil:
		of = "the default tolerance"
	}
	enough := m.Margin
	if enough.Relative <= m.Tolerance.Relative {
		enough.Relative = round(2 * m.Tolerance.Relative)
	}
	if m.Tolerance.Absolute > 0 && enough.Absolute <= m.Tolerance.Absolute {
		enough.Absolute = round(2 * m.Tolerance.Absolute)
	}
	if !wider(enough, m.Tolerance) {
		enough = Margin{Relative: 0.1}
	}
	b.blame(d.origin, field, "the margin %s is not above %s, %s, at every level of the baseline, so promotion could not be proven; write for example margin: %s",
		margin, of, m.words(m.Tolerance), m.words(enough))
}

// words writes a margin as a plan file would.
func (m Metric) words(v Margin) string {
	s := decimal(v.Relative*100) + "%"
	switch {
	case v.Absolute == 0:
		return s
	case m.Kind == Gauge:
		return s + " + " + decimal(v.Absolute) + m.Unit
	}
	return s + " + " + decimal(v.Absolute*100) + "pp"
}

func decimal(x float64) string {
	if math.Abs(x) < 1e-12 {
		return "0"
	}
	return strconv.FormatFloat(round(x), 'f', -1, 64)
}
