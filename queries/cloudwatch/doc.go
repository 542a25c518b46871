// Package cloudwatch asks Amazon CloudWatch for binned counts.
//
// # What is asked
//
// All questions of a look over the same window, both arms and all metrics, go into one
// GetMetricData (two hundred questions; 500 metrics and 100,800 points a call, which a
// longer list is cut by). The period is a block. Answers are read in ascending order,
// page by page.
//
// # What no data means
//
// CloudWatch's own services report what happens and nothing where nothing does. A
// denominator without a value is a gap. A numerator without one is 0 beside a
// denominator that has one: of the well-known metrics of AWS where its dimensions are the
// denominator's, of others where ListMetrics knows the name with these dimensions;
// otherwise the frame has the note queries.NoteNeverSeen.
//
// # Percentile ranks
//
// PR(0.5:) is the percentage of a block's samples above half a second. Times SampleCount
// it is a count, rounded to a whole number, which can be compared; percentiles of
// blocks cannot be put together and are gauges. A block that has samples and no rank is
// a gap, and never 0.
//
// What CloudWatch marks as partial, internally failed or forbidden is never taken for
// an answer.
package cloudwatch
