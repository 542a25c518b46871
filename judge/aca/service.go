package aca

import (
	"errors"
	"math"
	"strconv"
	"time"
)

// Timetable is when a canary analysis of several judgements looks at what.
type Timetable struct {
	// Start is when the experiment begins. The zero time means Now.
	Start time.Time
	// End is when it ends, if it lies in the past or is known: then no warm-up applies.
	End time.Time
	// Now is when the analysis was asked for.
	Now time.Time
	// Warmup delays every window (beginAfterMins).
	Warmup time.Duration
	// Lookback makes every window end as before and last this long (lookbackMins). Zero
	// makes windows grow from the start.
	Lookback time.Duration
	// Interval is the time between judgements (analysisIntervalMins).
	Interval time.Duration
	// ControlOffset is how much earlier the control's windows lie.
	ControlOffset time.Duration
}

// Windows are the times that one judgement compares. Start is included, End is not.
type Windows struct {
	ExperimentStart, ExperimentEnd time.Time
	ControlStart, ControlEnd       time.Time
}

// Window returns the windows of a judgement, counted from 1. The windows of
// successive judgements overlap, and nothing pays for looking again. A look back
// further than the start is not cut off.
func (t Timetable) Window(judgement int) Windows {
	start := t.Start
	if start.IsZero() {
		start = t.Now
	}
	if t.End.IsZero() {
		start = start.Add(t.Warmup)
	}
	end := start.Add(time.Duration(judgement) * t.Interval)
	if t.Lookback > 0 {
		start = end.Add(-t.Lookback)
	}
	return Windows{
		ExperimentStart: start, ExperimentEnd: end,
		ControlStart: start.Add(-t.ControlOffset), ControlEnd: end.Add(-t.ControlOffset),
	}
}

// Gates are the thresholds of the services around the judge. Nil is a gate that does
// not exist.
type Gates struct {
	Pass     *float64 `json:"pass,omitempty"`     // Pass is the lowest last score that succeeds.
	Marginal *float64 `json:"marginal,omitempty"` // Marginal is a score that every judgement must exceed.
}

// FailsFast reports whether a judgement before the last ends the analysis: its score
// is not above the marginal gate.
func (g Gates) FailsFast(score float64) bool { return g.Marginal != nil && score <= *g.Marginal }

// Aggregate makes one answer of the scores of an analysis, as Orca and Kayenta's
// standalone analysis do: the last score alone decides. A score equal to the marginal
// gate fails, although the judge itself calls it Marginal; the layers of Kayenta
// disagree there. Without any gate everything succeeds. The message is Kayenta's.
//
// It fails without scores, and where the last is not a number.
func Aggregate(scores []float64, g Gates) (passed bool, message string, err error) {
	if len(scores) == 0 {
		return false, "", errors.New("there are no canary scores; run at least one judgement before aggregating")
	}
	last := scores[len(scores)-1]
	if math.IsNaN(last) {
		return false, "", errors.New("the last canary score is not a number; look for group weights out of range")
	}
	text := "Final canary score " + javaDouble(last)
	switch {
	case g.Pass == nil && g.Marginal == nil:
		return true, "No score thresholds were specified.", nil
	case g.FailsFast(last):
		return false, text + " is not above the marginal score threshold.", nil
	case g.Pass == nil:
		return true, "No pass score threshold was specified.", nil
	case last < *g.Pass:
		return false, text + " is below the pass score threshold.", nil
	default:
		return true, text + " met or exceeded the pass score threshold.", nil
	}
}

// javaDouble writes a score as the JVM does, with a decimal always.
func javaDouble(v float64) string {
	if v == float64(int64(v)) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
