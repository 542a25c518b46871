package aca

import (
	"fmt"
	"slices"
)

// Name is the judge's name in Kayenta's configs and results.
const Name = "NetflixACAJudge-v1.0"

// Judge is NetflixACAJudge-v1.0. The zero value is ready, and may be used by many at
// once if NewNoise may.
type Judge struct {
	// NewNoise returns the noise for one pair, from its start: so no pair's label depends
	// on the others. Nil means a [JavaRandom] at [DefaultSeed], and verdicts that can be
	// reproduced; Kayenta draws from one generator without a seed.
	NewNoise func() Noise
}

// Request is what the judge is asked.
type Request struct {
	// Config is the canary config.
	Config Config
	// Thresholds turn the score into a word.
	Thresholds Thresholds
	// Pairs are the series, in the order in which results are wanted. A metric of which
	// several series exist has a pair for each, and each counts.
	Pairs []Pair
}

// Thresholds turn a score from 0 to 100 into a word. They come with the request;
// those in a config are for display.
type Thresholds struct {
	Pass     float64 `json:"pass"`     // Pass is the lowest score that passes.
	Marginal float64 `json:"marginal"` // Marginal is the lowest score that does not fail.
}

// Pair is both sides of one series. Gaps are NaN, or are not there.
type Pair struct {
	// Name is that of the metric's config.
	Name string
	// ID identifies the pair in the results.
	ID string
	// Tags tell the series of one metric apart.
	Tags map[string]string
	// Control and Experiment are the samples. Their order does not matter, nor do their
	// times.
	Control, Experiment []float64
}

// Result is the judge's answer, in Kayenta's JSON.
type Result struct {
	JudgeName   string         `json:"judgeName"`   // JudgeName is [Name].
	Results     []MetricResult `json:"results"`     // Results has one entry for each pair, muted ones too.
	GroupScores []GroupScore   `json:"groupScores"` // GroupScores are in the order in which groups appear.
	Score       SummaryScore   `json:"score"`       // Score is the answer.
}

// MetricResult is what became of one pair.
type MetricResult struct {
	Name           string            `json:"name"`                           // Name is the metric's.
	ID             string            `json:"id,omitempty"`                   // ID is the pair's.
	Tags           map[string]string `json:"tags,omitempty"`                 // Tags are the pair's.
	Groups         []string          `json:"groups,omitzero"`                // Groups are those in which the result counts.
	Muted          bool              `json:"muted"`                          // Muted says that it counts nowhere.
	Classification Label             `json:"classification"`                 // Classification is the label.
	Reason         string            `json:"classificationReason,omitempty"` // Reason is a sentence, or nothing.
	Critical       bool              `json:"critical"`                       // Critical says that it fails the whole canary unless it passed.
	Experiment     SideMetadata      `json:"experimentMetadata"`             // Experiment describes the experiment's values.
	Control        SideMetadata      `json:"controlMetadata"`                // Control describes the control's values.
	Metadata       *ResultMetadata   `json:"resultMetadata,omitempty"`       // Metadata is nil for the label Error.
	Evidence       *Evidence         `json:"-"`                              // Evidence is what Kayenta does not show; nil where nothing was compared.
}

// SideMetadata describes one side.
type SideMetadata struct {
	Stats Summary `json:"stats"` // Stats is of the values that were compared.
}

// ResultMetadata is the number that Kayenta shows beside a label.
type ResultMetadata struct {
	Ratio Number `json:"ratio"` // Ratio is mean(experiment) / mean(control); see [Classification].
}

// Judge classifies every pair, scores the groups and the whole. It is a pure function
// of the request and the noise.
//
// It fails where Kayenta's task fails as a whole: a pair without a metric config, an
// outlier factor that is not positive, a metric without a list of groups, weights or
// thresholds that are not finite.
func (j Judge) Judge(r Request) (Result, error) {
	out := Result{JudgeName: Name, Results: make([]MetricResult, 0, len(r.Pairs))}
	for _, p := range r.Pairs {
		one, err := j.classify(r.Config, p)
		if err != nil {
			return Result{}, err
		}
		out.Results = append(out.Results, one)
	}
	scores, err := Score(out.Results, r.Config.Classifier.GroupWeights)
	if err != nil {
		return Result{}, err
	}
	out.GroupScores = scores.Groups
	if out.Score, err = scores.summary(r.Thresholds); err != nil {
		return Result{}, err
	}
	return out, nil
}

// classify treats gaps and outliers and labels one pair.
func (j Judge) classify(c Config, p Pair) (MetricResult, error) {
	i := slices.IndexFunc(c.Metrics, func(m MetricConfig) bool { return m.Name == p.Name })
	if i < 0 {
		return MetricResult{}, fmt.Errorf("series %q has no metric of that name in the canary config; add one or leave the series out", p.Name)
	}
	m := c.Metrics[i]
	x, err := treatOutliers(treatGaps(p.Experiment, m.Canary.NaNStrategy), m.Canary.Outliers)
	if err != nil {
		return MetricResult{}, fmt.Errorf("metric %q: %w", p.Name, err)
	}
	y, err := treatOutliers(treatGaps(p.Control, m.Canary.NaNStrategy), m.Canary.Outliers)
	if err != nil {
		return MetricResult{}, fmt.Errorf("metric %q: %w", p.Name, err)
	}
	out := MetricResult{
		Name: p.Name, ID: p.ID, Tags: p.Tags, Groups: m.Groups, Muted: m.Canary.Muted,
		Experiment: SideMetadata{Stats: Summarise(x)}, Control: SideMetadata{Stats: Summarise(y)},
	}
	found, err := NetflixClassifier().Classify(Sides{Name: p.Name, Control: y, Experiment: x}, m.Canary, j.noise())
	if err != nil {
		// Kayenta loses the critical flag here and counts the result nowhere.
		out.Classification, out.Reason = Error, "Metric Classification Failed"
		return out, nil //nolint:nilerr // the label says it
	}
	out.Classification, out.Reason, out.Critical = found.Label, found.Reason, found.Critical
	out.Metadata, out.Evidence = &ResultMetadata{Ratio: Number(found.Ratio)}, found.Evidence
	return out, nil
}

func (j Judge) noise() Noise {
	if j.NewNoise != nil {
		return j.NewNoise()
	}
	return NewJavaRandom(DefaultSeed)
}
