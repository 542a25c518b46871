package plan

// The most blocks, and the least alpha, for which thresholds of a bounded number of
// looks were simulated (STATISTICS §3.8).
const (
	mostLooks  = 240
	leastAlpha = 0.005
)

// Looks returns how many blocks are looked at for harm in mode horizon: as many as
// maxDuration has. It is 0, no bound, in mode anytime.
func (p Plan) Looks() int {
	if p.Sequential.Mode != Horizon || p.Block <= 0 {
		return 0
	}
	return int((p.MaxDuration + p.Block - 1) / p.Block)
}

// IsExact reports whether a metric's evidence takes requests to fail independently,
// by its own word or by the plan's. A rate or gauge never does.
func (p Plan) IsExact(m Metric) bool {
	if m.Kind == Rate || m.Kind == Gauge {
		return false
	}
	if m.Dispersion == "" {
		return p.Sequential.Dispersion == Exact
	}
	return m.Dispersion == Exact
}

// sequential reads how evidence is turned into proof. The defaults are left empty, so
// that plans without the section are what they were before there was one.
func (b *builder) sequential() {
	f := b.f.Sequential
	if f == nil {
		return
	}
	if Looks(value(f.Mode, "")) == Horizon {
		b.p.Sequential.Mode = Horizon
		b.horizon()
	}
	if Dispersion(value(f.Dispersion, "")) == Exact {
		b.p.Sequential.Dispersion = Exact
		b.luckless()
	}
}

// luckless notes, once, a plan that wants what exact evidence does not give.
func (b *builder) luckless() {
	if b.f.Guarantee != nil && b.p.Guarantee == AllPods && !b.faulty("guarantee") {
		b.at("guarantee", "exact evidence makes no allowance for the luck of pods, so it speaks of these pods only; write these_pods, or dispersion: estimated")
	}
}

// horizon checks that there is a threshold for this many looks.
func (b *builder) horizon() {
	if n := b.p.Looks(); n > mostLooks && !b.faulty("maxDuration") && !b.faulty("block") {
		b.at("sequential.mode", "maxDuration is %d blocks of %s, and thresholds for a horizon are known up to %d; write longer blocks, a shorter maxDuration, or mode: anytime",
			n, b.p.Block, mostLooks)
	}
	if b.p.Alpha < leastAlpha && !b.faulty("alpha") {
		b.at("sequential.mode", "thresholds for a horizon are known down to an alpha of %s%%, and this plan's is %s%%; write a larger alpha, or mode: anytime",
			decimal(leastAlpha*100), decimal(b.p.Alpha*100))
	}
}

// dispersion settles whether a metric's noise is estimated. What decides and cannot be
// exact must say that it is not, or the plan would promise what it does not keep.
func (b *builder) dispersion(d draft[metricFile], m *Metric) {
	own := Dispersion(value(d.row.Dispersion, ""))
	whole := b.p.Sequential.Dispersion
	switch counts := m.Kind != Gauge && m.Kind != Rate; {
	case m.Kind == "" || b.blamed(d.origin, "dispersion"):
	case own == Exact && !counts:
		b.blame(d.origin, "dispersion", "only counts of requests have exact evidence, and this is a %s; delete the line", m.Kind)
	case own == "" && whole == Exact && m.Kind == Gauge && (m.Weight > 0 || m.Required):
		b.blame(d.origin, "dispersion", "is missing: the plan says sequential.dispersion: exact, but a gauge has no exact evidence; write dispersion: estimated, or weight: 0 and required: false")
	case own == Exact && whole != Exact:
		m.Dispersion = Exact
		b.luckless()
	case own == Estimated && whole == Exact && counts:
		m.Dispersion = Estimated
	}
}
