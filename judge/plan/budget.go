package plan

import "slices"

// criticalShare is what critical metrics take of the error budget together, where the
// plan gives no weights (STATISTICS §4).
const criticalShare = 0.7

// share gives weights to the metrics that the plan gives none. Errors, latencies
// and proportions spend the error budget, and whatever is critical; rates, other gauges
// and what says weight: 0 are shown only.
func (b *builder) share(drafts []draft[metricFile]) {
	var critical, normal []int
	for i := range b.p.Metrics {
		m, d := &b.p.Metrics[i], drafts[i]
		switch {
		case m.Kind == Rate && (m.Critical || m.Weight > 0):
			field := "weight"
			if m.Critical {
				field = "critical"
			}
			b.blame(d.origin, field, "a rate cannot spend the error budget: it moves with affinity and weights; it holds promotion and is shown. Delete this line")
		case m.Kind == Rate || m.Kind == "":
		case d.row.Weight != nil && m.Critical && m.Weight == 0:
			b.blame(d.origin, "critical", "a metric without weight cannot roll back, so it is not critical; give it a weight as well, or delete this line")
		case d.row.Weight != nil:
		case m.Critical:
			critical = append(critical, i)
		case m.Kind != Gauge:
			normal = append(normal, i)
		}
	}
	ofCritical, ofNormal := criticalShare, 1-criticalShare
	switch {
	case len(critical) == 0:
		ofNormal = 1
	case len(normal) == 0:
		ofCritical = 1
	}
	for _, i := range critical {
		b.p.Metrics[i].Weight = round(ofCritical / float64(len(critical)))
	}
	for _, i := range normal {
		b.p.Metrics[i].Weight = round(ofNormal / float64(len(normal)))
	}
	b.decisive()
}

// decisive checks that something can roll back and something can promote.
func (b *builder) decisive() {
	if len(b.p.Metrics) == 0 || b.faulty("metrics") || b.faulty("preset") {
		return
	}
	if !slices.ContainsFunc(b.p.Metrics, func(m Metric) bool { return m.Weight > 0 }) {
		b.at("metrics", "all have weight 0, so none could roll back; give one a weight")
	}
	if !slices.ContainsFunc(b.p.Metrics, func(m Metric) bool { return m.Required }) {
		b.at("metrics", "none is required, so promotion would need no proof; write required: true for one")
	}
}
