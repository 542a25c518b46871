package dashboards

import (
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/serin-canary/serin/queries"
)

// notHere is what panels of Serin's own metrics say where there are none.
const notHere = "Serin's metrics are not in this store"

// rolloutVariable stands for the rollout's ID in queries.
const rolloutVariable = "$rollout"

// own selects one of Serin's metrics of the board's rollout, whichever replica shows
// it, and keeps some labels.
func (s Subject) own(name string, by []string, pairs ...string) string {
	return ownSeries(s.Self, name, by, append([]string{"rollout", rolloutVariable}, pairs...)...)
}

// ownSeries selects one of Serin's metrics.
func ownSeries(self []queries.Matcher, name string, by []string, pairs ...string) string {
	return (&parser.AggregateExpr{Op: parser.MAX, Expr: selector(self, name, pairs...), Grouping: by}).String()
}

// selector selects one of Serin's metrics of every replica.
func selector(self []queries.Matcher, name string, pairs ...string) *parser.VectorSelector {
	v := &parser.VectorSelector{Name: name}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.LabelMatchers = append(v.LabelMatchers, labels.MustNewMatcher(labels.MatchEqual, pairs[i], pairs[i+1]))
	}
	ops := map[queries.Op]labels.MatchType{
		queries.Equal: labels.MatchEqual, queries.NotEqual: labels.MatchNotEqual, queries.Match: labels.MatchRegexp, queries.NotMatch: labels.MatchNotRegexp,
	}
	for _, m := range self {
		if own, err := labels.NewMatcher(ops[m.Op], m.Label, m.Value); err == nil {
			v.LabelMatchers = append(v.LabelMatchers, own)
		}
	}
	v.LabelMatchers = append(v.LabelMatchers, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
	return v
}

// outcomes are what the numbers of an outcome mean: told by word and colour.
func outcomes() []dashboard.ValueMapping {
	return valueMap(map[string]dashboard.ValueMappingResult{
		"0": {Text: cog.ToPtr("CONTINUE"), Color: cog.ToPtr(blue), Index: cog.ToPtr(int32(0))},
		"1": {Text: cog.ToPtr("PROMOTE"), Color: cog.ToPtr(green), Index: cog.ToPtr(int32(1))},
		"2": {Text: cog.ToPtr("INCONCLUSIVE"), Color: cog.ToPtr(yellow), Index: cog.ToPtr(int32(2))},
		"3": {Text: cog.ToPtr("ROLLBACK"), Color: cog.ToPtr(red), Index: cog.ToPtr(int32(3))},
	})
}

// outcomeNumbers are the numbers that [outcomes] names.
func outcomeNumbers() map[string]float64 {
	return map[string]float64{"continue": 0, "promote": 1, "inconclusive": 2, "rollback": 3}
}

func valueMap(m map[string]dashboard.ValueMappingResult) []dashboard.ValueMapping {
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: m}}}
}

// outcome is the outcome as a number that [outcomes] names.
func (s Subject) outcome() string {
	one := func(word, times string) string {
		return times + s.own("serin_rollout_outcome", nil, "outcome", word)
	}
	return one("promote", "") + " + " + one("inconclusive", "2 * ") + " + " + one("rollback", "3 * ")
}
