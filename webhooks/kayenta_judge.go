package webhooks

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/aca"
	"github.com/serin-canary/serin/judge/samples"
)

// kayentaJudgement is a judge's answer in Kayenta's form, with that of the other judge
// beside it. Kayenta's clients ignore fields that they do not know.
type kayentaJudgement struct {
	aca.Result
	// Others are the answers of the judges that were not asked.
	Others []aca.Result `json:"others,omitempty"`
	// Differences says where they disagree, a sentence each.
	Differences []string `json:"differences,omitempty"`
}

// kayentaCase is what is judged.
type kayentaCase struct {
	config     kayentaConfig
	thresholds aca.Thresholds
	pairs      []kayentaPair
}

// judged asks both judges. The one that the config names decides; where only the other
// cannot answer, that is a difference.
func (k kayentaCase) judged() (kayentaJudgement, error) {
	chosen, err := k.config.Judge.chosen()
	if err != nil {
		return kayentaJudgement{}, err
	}
	if !finiteThresholds(k.thresholds) {
		return kayentaJudgement{}, bad("write numbers from 0 to 100", "thresholds: pass and marginal are not numbers")
	}
	netflix, failed := k.netflix()
	own := k.serin()
	if chosen == judgeSerin {
		out := kayentaJudgement{Result: own}
		if failed != nil {
			out.Differences = []string{aca.Name + " cannot judge this: " + oneLine(failed.Error(), 300)}
			return out, nil
		}
		out.Others, out.Differences = []aca.Result{netflix}, differences(own, netflix)
		return out, nil
	}
	if failed != nil {
		return kayentaJudgement{}, bad("correct the canary config, or name the judge serin", "%s cannot judge this: %s", aca.Name, oneLine(failed.Error(), 300))
	}
	return kayentaJudgement{Result: netflix, Others: []aca.Result{own}, Differences: differences(netflix, own)}, nil
}

func finiteThresholds(t aca.Thresholds) bool {
	return !math.IsNaN(t.Pass+t.Marginal) && !math.IsInf(t.Pass+t.Marginal, 0)
}

// netflix is the answer of Kayenta's own judge.
func (k kayentaCase) netflix() (aca.Result, error) {
	r := aca.Request{Config: k.config.rules, Thresholds: k.thresholds}
	for _, p := range k.pairs {
		r.Pairs = append(r.Pairs, aca.Pair{Name: p.Name, ID: p.ID, Tags: p.Tags, Control: p.Values.Control, Experiment: p.Values.Experiment})
	}
	return aca.Judge{}.Judge(r)
}

// settings returns how a metric is judged.
func (k kayentaCase) settings(name string) aca.MetricConfig {
	i := slices.IndexFunc(k.config.rules.Metrics, func(m aca.MetricConfig) bool { return m.Name == name })
	if i < 0 {
		return aca.MetricConfig{Name: name}
	}
	return k.config.rules.Metrics[i]
}

// serin is the answer of Serin's judge of samples.
func (k kayentaCase) serin() aca.Result {
	ms := make([]samples.Metric, len(k.pairs))
	for i, p := range k.pairs {
		ms[i] = metricOf(p, k.settings(p.Name).Canary)
	}
	v := samples.Compare(ms, samples.Rules{})
	out := aca.Result{JudgeName: judgeSerin, Results: make([]aca.MetricResult, len(k.pairs)), GroupScores: []aca.GroupScore{}}
	for i, p := range k.pairs {
		out.Results[i] = serinResult(p, k.settings(p.Name), ms[i], v.Findings[i])
	}
	out.GroupScores = serinGroups(out.Results)
	out.Score = serinScore(v, k.thresholds)
	return out
}

// metricOf reads the settings of Kayenta's judge as those of Serin's. A floor for the
// effect becomes the tolerance; without one it is the default. Gaps are zeros where they
// are to be replaced.
func metricOf(p kayentaPair, s aca.Settings) samples.Metric {
	m := samples.Metric{Name: p.title(), Shown: s.Muted, Worse: samples.Either, Canary: p.Values.Experiment, Baseline: p.Values.Control}
	if s.NaNStrategy == aca.ReplaceNaN && len(known(m.Canary)) > 0 {
		m.Canary, m.Baseline = filled(m.Canary, 0), filled(m.Baseline, len(m.Canary))
	}
	up, down := s.EffectSize.AllowedIncrease, s.EffectSize.AllowedDecrease
	if s.EffectSize.Measure == aca.CLES {
		up, down = nil, nil // a probability says nothing of a size
	}
	switch s.Direction {
	case aca.Increase:
		m.Worse, m.Tolerance = samples.Higher, above(up)
	case aca.Decrease:
		m.Worse, m.Tolerance = samples.Lower, below(down)
	default:
		// One tolerance for both ways: the smaller of those given.
		m.Tolerance = above(up)
		if d := below(down); d > 0 && (m.Tolerance == 0 || d < m.Tolerance) {
			m.Tolerance = d
		}
	}
	if p.overlap > 1 {
		m.Canary, m.Baseline = every(m.Canary, p.overlap), every(m.Baseline, p.overlap)
	}
	return m
}

// filled returns samples with zeros for gaps; an empty list becomes n of them. It is
// not done where the canary has no sample at all: what is not there must not pass,
// although it does in Kayenta.
func filled(values []float64, n int) []float64 {
	out := slices.Clone(values)
	if len(out) == 0 {
		out = make([]float64, n)
	}
	for i, v := range out {
		if math.IsNaN(v) {
			out[i] = 0
		}
	}
	return out
}

// above is an allowed ratio of 1.2 as a tolerance of 0.2; 0 where there is none.
func above(ratio *float64) float64 {
	if ratio == nil || !(*ratio > 1) {
		return 0
	}
	return *ratio - 1
}

func below(ratio *float64) float64 {
	if ratio == nil || !(*ratio < 1 && *ratio > 0) {
		return 0
	}
	return 1 - *ratio
}

// every returns each n-th value.
func every(values []float64, n int) []float64 {
	var out []float64
	for i := 0; i < len(values); i += n {
		out = append(out, values[i])
	}
	return out
}

// serinResult says a finding in Kayenta's words. Kayenta has none for what is neither
// proven good nor bad; the label for missing data comes nearest, and the reason says
// what is meant.
func serinResult(p kayentaPair, c aca.MetricConfig, m samples.Metric, f samples.Finding) aca.MetricResult {
	out := aca.MetricResult{
		Name: p.Name, ID: p.ID, Tags: p.Tags, Groups: c.Groups, Muted: c.Canary.Muted, Reason: f.Reason,
		Experiment:     aca.SideMetadata{Stats: aca.Summarise(known(m.Canary))},
		Control:        aca.SideMetadata{Stats: aca.Summarise(known(m.Baseline))},
		Classification: aca.Nodata, Metadata: &aca.ResultMetadata{Ratio: aca.Number(f.Ratio)},
	}
	switch f.Class {
	case judge.NotWorse:
		out.Classification = aca.Pass
	case judge.Worse:
		out.Classification, out.Critical = aca.Low, c.Canary.Critical
		if f.Up {
			out.Classification = aca.High
		}
	case judge.SameSeries, judge.CannotJudge:
		out.Classification = aca.Error
	case judge.Undecided:
		out.Reason = "Undecided, not without data: " + f.Reason
	}
	return out
}

// known returns the values that are numbers.
func known(values []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

// serinGroups scores groups by the share of their results that are proven good. What
// is not proven does not count as good.
func serinGroups(results []aca.MetricResult) []aca.GroupScore {
	out := []aca.GroupScore{}
	passed, all := map[string]int{}, map[string]int{}
	for _, r := range results {
		for _, g := range r.Groups {
			if r.Muted {
				continue
			}
			if all[g]++; all[g] == 1 {
				out = append(out, aca.GroupScore{Name: g})
			}
			if r.Classification == aca.Pass {
				passed[g]++
			}
		}
	}
	for i, g := range out {
		out[i].Score = 100 * float64(passed[g.Name]) / float64(all[g.Name])
	}
	return out
}

// serinScore says an outcome as a score: 100 promotes, 0 rolls back, and between the
// thresholds stands what is neither.
func serinScore(v samples.Verdict, t aca.Thresholds) aca.SummaryScore {
	out := aca.SummaryScore{Score: undecidedScore(t), Reason: v.Reason}
	switch v.Outcome {
	case judge.Promote:
		out.Score = 100
	case judge.Rollback:
		out.Score = 0
	}
	out.Classification = t.Classify(out.Score)
	return out
}

// undecidedScore is a whole number that no client takes for a pass and, where there is
// room between the thresholds, none for a failure: Orca fails what is not above
// marginal, and both cut fractions off.
func undecidedScore(t aca.Thresholds) float64 {
	low, high := math.Floor(t.Marginal)+1, math.Ceil(t.Pass)-1
	switch {
	case low <= high:
		return math.Floor((max(low, 0) + min(high, 100)) / 2)
	default:
		return min(math.Floor(t.Marginal), high)
	}
}

// differences says where two judges disagree.
func differences(a, b aca.Result) []string {
	var out []string
	if a.Score.Classification != b.Score.Classification {
		out = append(out, fmt.Sprintf("the canary: %s says %s (%s), %s says %s (%s)%s", a.JudgeName, a.Score.Classification, number(a.Score.Score),
			b.JudgeName, b.Score.Classification, number(b.Score.Score), because(b.Score.Reason)))
	}
	for i := range min(len(a.Results), len(b.Results)) {
		x, y := a.Results[i], b.Results[i]
		if x.Classification != y.Classification {
			out = append(out, fmt.Sprintf("%s: %s says %s, %s says %s%s", x.Name, a.JudgeName, x.Classification, b.JudgeName, y.Classification, because(y.Reason)))
		}
	}
	return out
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + oneLine(reason, 300)
}

// remoteCall is the body of POST /kayenta/judge.
type remoteCall struct {
	Config     json.RawMessage    `json:"canaryConfig"`
	Thresholds *kayentaThresholds `json:"scoreThresholds"`
	Pairs      []kayentaPair      `json:"metricSetPairList"`
}

// readRemote reads a call of Kayenta that keeps this server as its remote judge.
func readRemote(body []byte) (kayentaCase, error) {
	var call remoteCall
	if err := decode(body, &call, tolerant); err != nil {
		return kayentaCase{}, err
	}
	if len(call.Config) == 0 {
		return kayentaCase{}, bad("send it", "canaryConfig: missing")
	}
	k := kayentaCase{pairs: call.Pairs}
	var err error
	if k.config, err = readKayentaConfig(call.Config); err != nil {
		return k, err
	}
	name, err := k.config.Judge.chosen()
	if err != nil {
		return k, err
	}
	if k.thresholds, err = call.Thresholds.read(name); err != nil {
		return k, err
	}
	return k, checkPairs(k.pairs, k.config)
}
