package cloudwatch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/binned"
)

// sighting is whether a metric is listed, and when that was asked.
type sighting struct {
	seen bool
	at   time.Time
}

// Bounds of what is asked of ListMetrics.
const (
	blindFor  = 10 * time.Minute // it is believed that a metric is not listed
	listPages = 20               // of 500 metrics each
)

// silent lists the metrics of AWS that are reported where something happened only, so
// that a service without any is in good health. All of them are published for the same
// sets of dimensions as the requests beside them. What a load balancer answers by itself
// (HTTPCode_ELB_*, RejectedConnectionCount) is not: no target group has it, and a zero
// of it would be one for ever.
func silent() map[string][]string {
	return map[string][]string{
		"AWS/ApplicationELB": {"HTTPCode_Target_5XX_Count", "HTTPCode_Target_4XX_Count", "TargetConnectionErrorCount"},
		"AWS/Lambda":         {"Errors"},
		"AWS/ApiGateway":     {"5XXError", "4XXError", "5xx", "4xx"},
		"AWS/AppMesh":        {"HTTPCode_Target_5XX_Count", "HTTPCode_Target_4XX_Count"},
	}
}

// seenOf returns the parts of a denominator that have data.
func seenOf(total []binned.Term, parts []queries.Part) (out []queries.Part) {
	for i, t := range total {
		if t.Seen() {
			out = append(out, parts[i])
		}
	}
	return out
}

// believed reports whether a numerator without a value is none of what it counts, and
// no slip in its name or dimensions: one of AWS' own with the dimensions of a
// denominator that has data, or one that CloudWatch lists.
func (s *Source) believed(ctx context.Context, p queries.Part, beside []queries.Part) (bool, error) {
	alike := func(d queries.Part) bool { return d.Space == p.Space && sameDimensions(d, p) }
	if slices.Contains(silent()[p.Space], p.Name) && slices.ContainsFunc(beside, alike) {
		return true, nil
	}
	return s.listed(ctx, p, wantedOf(p, beside))
}

// wantedOf says what a listed metric must have for each dimension of a part. A value
// that a denominator with data has too is right, and a new arm has had no error under
// it yet: of such a dimension the name is enough.
func wantedOf(p queries.Part, beside []queries.Part) []types.DimensionFilter {
	var out []types.DimensionFilter
	for _, d := range p.Dims {
		f := types.DimensionFilter{Name: aws.String(d.Label)}
		if !slices.ContainsFunc(beside, func(b queries.Part) bool { return hasDimension(b, d) }) {
			f.Value = aws.String(d.Value)
		}
		out = append(out, f)
	}
	return out
}

// sameDimensions reports whether two parts have the same dimensions, in any order.
func sameDimensions(a, b queries.Part) bool {
	return len(a.Dims) == len(b.Dims) && !slices.ContainsFunc(a.Dims, func(d queries.Matcher) bool { return !hasDimension(b, d) })
}

func hasDimension(p queries.Part, d queries.Matcher) bool {
	return slices.ContainsFunc(p.Dims, func(o queries.Matcher) bool { return o.Label == d.Label && o.Value == d.Value })
}

// listed reports whether CloudWatch lists a metric of this name with these dimensions
// and no others: each set of dimensions is a metric of its own.
func (s *Source) listed(ctx context.Context, p queries.Part, wanted []types.DimensionFilter) (bool, error) {
	key := p.Space + ":" + p.Name
	for _, f := range wanted {
		key += fmt.Sprintf(" %q=%q", *f.Name, aws.ToString(f.Value))
	}
	s.mu.Lock()
	was, asked := s.seen[key]
	s.mu.Unlock()
	if asked && (was.seen || s.cfg.Now().Sub(was.at) < blindFor) {
		return was.seen, nil
	}
	seen, err := s.list(ctx, &api.ListMetricsInput{Namespace: aws.String(p.Space), MetricName: aws.String(p.Name), Dimensions: wanted})
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) > 1000 {
		clear(s.seen)
	}
	s.seen[key] = sighting{seen, s.cfg.Now()}
	return seen, nil
}

// list reads pages until one has a metric with as many dimensions as are asked for: the
// filter lets those with more of them through.
func (s *Source) list(ctx context.Context, in *api.ListMetricsInput) (bool, error) {
	for range listPages {
		out, err := s.api.ListMetrics(ctx, in)
		if err != nil {
			return false, s.fault(err)
		}
		if slices.ContainsFunc(out.Metrics, func(m types.Metric) bool { return len(m.Dimensions) == len(in.Dimensions) }) {
			return true, nil
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	return false, nil
}

// neverSeen says of a numerator why its zero is not believed.
func neverSeen(p queries.Part) string {
	var names []string
	for _, d := range p.Dims {
		names = append(names, d.Label)
	}
	with := "without dimensions"
	if len(names) > 0 {
		with = "with the dimensions " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("CloudWatch lists no metric %s in %s %s that could be meant; check its name, its namespace and the values of its dimensions (AWS publishes some metrics for a load balancer, and not for a target group)",
		p.Name, p.Space, with)
}
