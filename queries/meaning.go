package queries

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// sort of a meaning. The zero value is what cannot be read.
type sort int

const (
	opaque    sort = iota
	aNumber        // a constant
	aSum           // a sum of counters' growths, each times a factor
	aShare         // one such sum divided by another
	aQuantile      // a quantile of one histogram, times a factor
)

// meaning is what an expression comes to.
type meaning struct {
	kind   sort
	why    string  // opaque: the reason, in plain words
	number float64 // aNumber

	num terms // aSum, aShare; aQuantile: its one term
	den terms // aShare

	quantile, scale float64 // aQuantile

	// le says that the le label is still there; byLe that a sum was made by it.
	le, byLe bool
	// single says that there is at most one series; perLe that there is one for each
	// bucket; raw that there is one for each of a counter's, none of them summed.
	single, perLe, raw bool
	// guard says, where not empty, that the sum is kept from being zero, which only a
	// denominator may be, and how.
	guard string
}

func cannot(why string) meaning { return meaning{why: why} }

// term is a counter's growth per second, times a factor.
type term struct {
	selector string
	name     string
	byLe     bool // its selector has a matcher on le
	factor   float64
	window   time.Duration // of increase, over which it grew; 0 for rates
	native   bool          // it is the number of observations of a native histogram
}

func (t term) bucket() bool { return strings.HasSuffix(t.name, "_bucket") }

// terms is a sum. Each selector is there once for each window.
type terms []term

// plus returns a + k·b, without counters that cancel out.
func (a terms) plus(k float64, b terms) terms {
	out := slices.Clone(a)
	for _, t := range b {
		t.factor *= k
		i := slices.IndexFunc(out, func(o term) bool { return o.selector == t.selector && o.window == t.window && o.native == t.native })
		if i < 0 {
			out = append(out, t)
			continue
		}
		was := out[i].factor
		out[i].factor += t.factor
		if math.Abs(out[i].factor) < 1e-9*math.Abs(was) {
			out[i].factor = 0
		}
	}
	return out
}

// times returns k·a.
func (a terms) times(k float64) terms { return terms(nil).plus(k, a) }

// zero says whether every counter cancels out.
func (a terms) zero() bool {
	return !slices.ContainsFunc(a, func(t term) bool { return t.factor != 0 })
}

// counts writes a sum as k times counters that are added or subtracted once each;
// ok is false where that cannot be done. k is positive unless all are subtracted, and
// zero where all cancel out.
func (a terms) counts() (c Counts, k float64, ok bool) {
	for _, t := range a {
		if t.factor == 0 {
			continue
		}
		if k == 0 {
			k = math.Abs(t.factor)
		}
		if math.Abs(math.Abs(t.factor)-k) > 1e-9*k || math.IsInf(k, 0) || math.IsNaN(t.factor) {
			return nil, 0, false
		}
		c = append(c, Term{Selector: t.selector, Minus: t.factor < 0, Native: t.native})
	}
	slices.SortStableFunc(c, func(a, b Term) int { return minus(a) - minus(b) })
	if len(c) > 0 && c[0].Minus {
		k = -k
	}
	return c, k, true
}

// minus orders what is added before what is subtracted.
func minus(t Term) int {
	if t.Minus {
		return 1
	}
	return 0
}

// oneWindow says whether all counters grow over the same time.
func oneWindow(a terms) bool {
	return !slices.ContainsFunc(a, func(t term) bool { return t.window != a[0].window })
}

// unitOf names the unit that counters measure, where they do not count events:
// seconds of CPU divided by requests are no share of bad requests.
func unitOf(a terms) string {
	for _, t := range a {
		if t.native {
			continue // the name's unit is that of what is observed
		}
		name := strings.TrimSuffix(t.name, "_total")
		if strings.HasSuffix(name, "_sum") {
			return "a sum of observations (" + t.name + ")"
		}
		if i := strings.LastIndexByte(name, '_'); i >= 0 && slices.Contains(units(), name[i+1:]) {
			return name[i+1:] + " (" + t.name + ")"
		}
	}
	return ""
}

// units are the suffixes by which counters say that they do not count events.
func units() []string {
	return []string{"seconds", "milliseconds", "microseconds", "nanoseconds", "bytes", "bits", "joules", "meters", "grams", "volts", "amperes", "celsius", "ratio"}
}

// selectorTerm reads a counter's selector as a term.
func selectorTerm(v *parser.VectorSelector) term {
	t := term{selector: v.String(), factor: 1}
	for _, m := range v.LabelMatchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			t.name = m.Value
		}
		t.byLe = t.byLe || m.Name == labels.BucketLabel
	}
	return t
}
