package aca

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Series is what one query of one side returned.
type Series struct {
	// Name is the metric's.
	Name string
	// Tags tell the series of one query apart. None means that the source did not split.
	Tags map[string]string
	// Values are samples at Start, Start + Step, …; gaps are NaN.
	Values []float64
	// Start and End bound the series, End excluded.
	Start, End time.Time
	// Step is the time between samples. Zero means that the length is not known.
	Step time.Duration
}

// expected is how many values the bounds have room for.
func (s Series) expected() int {
	if s.Step <= 0 || !s.End.After(s.Start) {
		return 0
	}
	return int(s.End.Sub(s.Start) / s.Step)
}

// maxPadding bounds how many gaps are written for a series that claims a long time.
const maxPadding = 1 << 20

// padded returns the values with NaN behind them, up to the expected number.
func (s Series) padded() []float64 {
	out := slices.Clone(s.Values)
	if out == nil {
		out = []float64{}
	}
	for n := min(s.expected(), maxPadding); len(out) < n; {
		out = append(out, math.NaN())
	}
	return out
}

// void returns a series of gaps alone, bounded like s.
func (s Series) void(tags map[string]string) Series {
	s.Values, s.Tags = nil, tags
	return s
}

// MixOne pairs two series of one name and one set of tags, and fails for others.
// Short ones are padded with gaps to the length that their bounds imply.
func MixOne(control, experiment Series) (Pair, error) {
	if control.Name != experiment.Name {
		return Pair{}, fmt.Errorf("control has metric %q and experiment %q; only series of one metric make a pair", control.Name, experiment.Name)
	}
	if !maps.Equal(control.Tags, experiment.Tags) {
		return Pair{}, fmt.Errorf("metric %q has tags %v on the control and %v on the experiment; only series with the same tags make a pair",
			control.Name, control.Tags, experiment.Tags)
	}
	return Pair{Name: control.Name, Tags: control.Tags, Control: control.padded(), Experiment: experiment.padded()}, nil
}

// Mix pairs the series of both sides as Kayenta does before it judges: metrics in the
// order of names, within a metric by equal tags in order of appearance, control first.
// A series without a partner gets one of gaps. Where one side has tags and the other
// has one series without, that one's values are dropped and it lends its bounds to the
// partners: a defect of Kayenta's, kept. Different keys of tags are an error.
func Mix(names []string, control, experiment []Series) ([]Pair, error) {
	var out []Pair
	for _, name := range names {
		named := func(s Series) bool { return s.Name != name }
		c := slices.DeleteFunc(slices.Clone(control), named)
		e := slices.DeleteFunc(slices.Clone(experiment), named)
		pairs, err := mixMetric(c, e)
		if err != nil {
			return nil, err
		}
		out = append(out, pairs...)
	}
	return out, nil
}

// mixMetric pairs the series of one metric.
func mixMetric(control, experiment []Series) ([]Pair, error) {
	all := append(slices.Clone(control), experiment...)
	tagged := slices.IndexFunc(all, func(s Series) bool { return len(s.Tags) > 0 })
	var out []Pair
	var done []map[string]string
	for _, s := range all {
		if tagged >= 0 && len(s.Tags) == 0 {
			continue // a template
		}
		if tagged >= 0 && !sameKeys(s.Tags, all[tagged].Tags) {
			return nil, fmt.Errorf("metric %q has series with the tags %v and with %v; group both sides by the same labels", s.Name, s.Tags, all[tagged].Tags)
		}
		if slices.ContainsFunc(done, func(t map[string]string) bool { return maps.Equal(t, s.Tags) }) {
			continue
		}
		done = append(done, s.Tags)
		p, err := MixOne(partner(control, s), partner(experiment, s))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func sameKeys(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k := range a {
		if _, ok := b[k]; !ok {
			return false
		}
	}
	return true
}

// partner returns the series of a side with the tags of s; failing that, gaps with the
// bounds of the side's series without tags; failing that, gaps with the bounds of s.
func partner(side []Series, s Series) Series {
	if i := slices.IndexFunc(side, func(o Series) bool { return maps.Equal(o.Tags, s.Tags) }); i >= 0 {
		return side[i]
	}
	if i := slices.IndexFunc(side, func(o Series) bool { return len(o.Tags) == 0 }); i >= 0 {
		return side[i].void(s.Tags)
	}
	return s.void(s.Tags)
}
