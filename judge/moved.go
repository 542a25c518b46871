package judge

import (
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/stats/sequential"
)

// Moved lists metrics that are worse than tolerated so that of such lists a fraction
// Level of the entries at most is expected to be wrong. It blames nobody: whom a
// rollback blames, [Latch] says, by a stricter rule and for the metrics that have weight.
type Moved struct {
	Metrics []string `json:"metrics"` // in the plan's order
	Level   float64  `json:"level"`   // false discovery rate, the plan's alpha
}

// moved lists the metrics, weighted or only shown, whose evidence puts them on a list
// (e-BH, STATISTICS §4). It is nil where the list is empty, or could not say more than
// the metric itself: with fewer than two metrics that have evidence. A rate is on no
// list, because its null moves with affinity and weights.
func (e *evaluator) moved() *Moved {
	var names []string
	var logs []float64
	for _, tr := range e.trials {
		if len(tr.worse) == 0 || tr.m.Kind == plan.Rate || tr.trouble == SameSeries || tr.trouble == NeverSeen {
			continue
		}
		names, logs = append(names, tr.m.Name), append(logs, valueAt(tr.worse, e.readAt()))
	}
	if len(names) < 2 {
		return nil
	}
	m := Moved{Level: e.p.Alpha}
	for _, i := range sequential.BH(logs, e.p.Alpha) {
		m.Metrics = append(m.Metrics, names[i])
	}
	if len(m.Metrics) == 0 {
		return nil
	}
	return &m
}
