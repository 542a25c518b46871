package aca

// Config is the part of a Kayenta canary config that its judge reads.
type Config struct {
	// Metrics are found by name; of two with one name the first counts.
	Metrics []MetricConfig `json:"metrics"`
	// Classifier holds the weights of the groups.
	Classifier ClassifierConfig `json:"classifier"`
}

// ClassifierConfig weighs groups. The score thresholds that Kayenta's configs carry
// beside the weights are not read: those of the request count.
type ClassifierConfig struct {
	// GroupWeights are percentages by group. Their sum is not checked.
	GroupWeights map[string]float64 `json:"groupWeights"`
}

// MetricConfig says how one metric is judged. It is read from JSON by
// [MetricConfig.UnmarshalJSON].
type MetricConfig struct {
	// Name is matched against [Pair.Name].
	Name string
	// Groups are those in which each result of this metric counts. Empty means that it
	// counts nowhere; nil stops the judge, as a missing list stops Kayenta's.
	Groups []string
	// Canary is analysisConfigurations.canary.
	Canary Settings
}

// Settings is how a metric is classified. The zero value is what Kayenta does
// without any settings.
type Settings struct {
	// Direction is which changes are bad.
	Direction Direction
	// NaNStrategy is what becomes of gaps.
	NaNStrategy NaNStrategy
	// Outliers says whether extreme values are dropped.
	Outliers Outliers
	// Critical fails the whole canary when the metric fails beyond its critical limits.
	Critical bool
	// MustHaveData makes an empty side count as a failure, unless the metric is critical
	// (then it is Nodata, and fails everything) or gaps are replaced (then it passes).
	MustHaveData bool
	// Muted leaves results out of every score.
	Muted bool
	// EffectSize limits what counts as a change.
	EffectSize EffectSize
}

// Outliers says whether, and how far out, values are dropped.
type Outliers struct {
	// Strategy is whether they are dropped at all.
	Strategy OutlierStrategy
	// Factor is how many interquartile ranges beyond the quartiles a fence stands.
	// Nil means 3. Zero or less stops the judge.
	Factor *float64
}

// EffectSize limits what counts as a change. A nil limit means "no change": 1 for a
// ratio of means, 0.5 for a probability.
type EffectSize struct {
	// Measure is how effects are measured.
	Measure Measure
	// AllowedIncrease is the smallest effect that can be High.
	AllowedIncrease *float64
	// AllowedDecrease is the largest effect that can be Low.
	AllowedDecrease *float64
	// CriticalIncrease is the smallest effect at which a High critical metric is critical.
	CriticalIncrease *float64
	// CriticalDecrease is the largest effect at which a Low critical metric is critical.
	CriticalDecrease *float64
}

// neutral returns the effect size of no change.
func (e EffectSize) neutral() float64 {
	if e.Measure == CLES {
		return 0.5
	}
	return 1
}

// limit returns a limit, or that of no change.
func (e EffectSize) limit(v *float64) float64 {
	if v == nil {
		return e.neutral()
	}
	return *v
}

// Direction is which changes of a metric are bad.
type Direction uint8

// The directions. The zero value sees the most.
const (
	Either Direction = iota
	Increase
	Decrease
)

// String returns Kayenta's word.
func (d Direction) String() string {
	switch d {
	case Increase:
		return "increase"
	case Decrease:
		return "decrease"
	default:
		return "either"
	}
}

// ParseDirection reads "increase" and "decrease", in small letters. Everything else
// means [Either], without a word of warning: a defect of Kayenta's, kept.
func ParseDirection(s string) Direction {
	switch s {
	case "increase":
		return Increase
	case "decrease":
		return Decrease
	default:
		return Either
	}
}

// NaNStrategy is what becomes of gaps, which Kayenta writes as NaN. Infinities are
// left alone by either.
type NaNStrategy uint8

// The strategies for gaps.
const (
	// RemoveNaN drops them.
	RemoveNaN NaNStrategy = iota
	// ReplaceNaN makes them zero, and makes an empty side pass.
	ReplaceNaN
)

// String returns Kayenta's word.
func (s NaNStrategy) String() string {
	if s == ReplaceNaN {
		return "replace"
	}
	return "remove"
}

// ParseNaNStrategy reads "replace". Everything else means [RemoveNaN], without a word
// of warning: a defect of Kayenta's, kept.
func ParseNaNStrategy(s string) NaNStrategy {
	if s == "replace" {
		return ReplaceNaN
	}
	return RemoveNaN
}

// OutlierStrategy is whether outliers are dropped.
type OutlierStrategy uint8

// The strategies for outliers.
const (
	// KeepOutliers leaves them.
	KeepOutliers OutlierStrategy = iota
	// RemoveOutliers drops what [IQR] finds with reduced sensitivity.
	RemoveOutliers
)

// String returns Kayenta's word.
func (s OutlierStrategy) String() string {
	if s == RemoveOutliers {
		return "remove"
	}
	return "keep"
}

// ParseOutlierStrategy reads "remove". Everything else means [KeepOutliers], without a
// word of warning: a defect of Kayenta's, kept.
func ParseOutlierStrategy(s string) OutlierStrategy {
	if s == "remove" {
		return RemoveOutliers
	}
	return KeepOutliers
}

// Measure is how the size of an effect is measured.
type Measure uint8

// The measures.
const (
	// MeanRatioMeasure is the ratio of the means: see [MeanRatio].
	MeanRatioMeasure Measure = iota
	// CLES is the common language effect size: see [CommonLanguage].
	CLES
)

// String returns Kayenta's word.
func (m Measure) String() string {
	if m == CLES {
		return "cles"
	}
	return "meanRatio"
}

// ParseMeasure reads "cles". Everything else means [MeanRatioMeasure], without a word
// of warning: a defect of Kayenta's, kept.
func ParseMeasure(s string) Measure {
	if s == "cles" {
		return CLES
	}
	return MeanRatioMeasure
}
