package cloudwatch

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/binned"
)

// ranked is a part that is a percentage of samples.
func ranked(p queries.Part) bool { return strings.HasPrefix(p.Func, "PR(") }

// counts answers a Ratio or a Counter.
func (s *Source) counts(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	var q question
	var parts []queries.Part
	for _, t := range slices.Concat(r.Total, r.Bad) {
		p, err := queries.ReadPart(queries.CloudWatch, t.Selector)
		if err != nil {
			return queries.Frame{}, s.rejected("the query cannot be read: "+err.Error(), err)
		}
		parts = append(parts, p)
		q.parts = append(q.parts, p)
		if ranked(p) {
			samples := p
			samples.Func = "SampleCount"
			q.parts = append(q.parts, samples)
		}
	}
	a, err := s.join(ctx, q, w)
	if err != nil {
		return queries.Frame{}, err
	}
	terms := make([]binned.Term, len(parts))
	next := 0
	for i, t := range slices.Concat(r.Total, r.Bad) {
		c := a.columns[next]
		next++
		if ranked(parts[i]) {
			c = rankedCount(c, a.columns[next])
			next++
		}
		terms[i] = binned.Term{Minus: t.Minus}
		if seen := (binned.Term{Processes: map[string]queries.Column{"": c}}); seen.Seen() {
			terms[i].Processes = seen.Processes
		}
	}
	total, bad := terms[:len(r.Total)], terms[len(r.Total):]
	f := binned.Counts(w, total, bad, binned.None)
	f.Notes = append(f.Notes, a.notes...)
	for i, t := range bad {
		if t.Seen() || !slices.ContainsFunc(total, binned.Term.Seen) {
			continue
		}
		known, err := s.everSeen(ctx, parts[len(r.Total)+i])
		if err != nil {
			return queries.Frame{}, err
		}
		if !known {
			f.Notes = append(f.Notes, queries.Note{Code: queries.NoteNeverSeen,
				Text: fmt.Sprintf("CloudWatch lists no metric %s in %s; check its name and namespace", parts[len(r.Total)+i].Name, parts[len(r.Total)+i].Space)})
		}
	}
	return f, nil
}

// rankedCount is how many of the samples a percentage of them is. Samples without a
// percentage are no count: their block is made one that cannot be.
func rankedCount(percent, samples queries.Column) queries.Column {
	out := queries.Gaps(len(samples))
	for i, n := range samples {
		switch p := percent[i]; {
		case queries.IsGap(n):
		case n == 0:
			out[i] = 0
		case queries.IsGap(p):
			out[i] = math.Inf(1)
		default:
			out[i] = math.Round(p / 100 * n)
		}
	}
	return out
}

// gauge answers a Gauge: one statistic, or arithmetic that CloudWatch does.
func (s *Source) gauge(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	parts, err := queries.Parts(r.Query)
	if err != nil {
		return queries.Frame{}, s.rejected("the query cannot be read: "+err.Error(), err)
	}
	q := question{parts: parts}
	at := 0
	for _, p := range parts {
		q.text = append(q.text, r.Query.Expr[at:p.From])
		at = p.To
	}
	q.text = append(q.text, r.Query.Expr[at:])
	if len(parts) == 1 && strings.TrimSpace(q.text[0]+q.text[1]) == "" {
		q.text = nil
	}
	a, err := s.join(ctx, q, w)
	if err != nil {
		return queries.Frame{}, err
	}
	values := map[string]queries.Column{}
	if seen := (binned.Term{Processes: map[string]queries.Column{"": a.columns[0]}}); seen.Seen() {
		values = seen.Processes
	}
	f := binned.Values(w, values)
	f.Notes = append(f.Notes, a.notes...)
	return f, nil
}

// sighting is whether a metric is listed, and when that was asked.
type sighting struct {
	seen bool
	at   time.Time
}

// blindFor is for how long it is believed that a metric is not listed.
const blindFor = 10 * time.Minute

// silent lists the metrics of AWS that are reported where something happened only, so
// that a service without any is in good health.
func silent() map[string][]string {
	return map[string][]string{
		"AWS/ApplicationELB": {"HTTPCode_Target_5XX_Count", "HTTPCode_Target_4XX_Count", "HTTPCode_ELB_5XX_Count", "HTTPCode_ELB_4XX_Count", "TargetConnectionErrorCount", "RejectedConnectionCount"},
		"AWS/Lambda":         {"Errors", "Throttles", "DeadLetterErrors"},
		"AWS/ApiGateway":     {"5XXError", "4XXError", "5xx", "4xx"},
		"AWS/AppMesh":        {"HTTPCode_Target_5XX_Count", "HTTPCode_Target_4XX_Count"},
	}
}

// everSeen reports whether a numerator without a value now is believed: one of AWS'
// own, or one that CloudWatch lists, whatever its dimensions' values.
func (s *Source) everSeen(ctx context.Context, p queries.Part) (bool, error) {
	if slices.Contains(silent()[p.Space], p.Name) {
		return true, nil
	}
	key := p.Space + ":" + p.Name
	s.mu.Lock()
	was, asked := s.seen[key]
	s.mu.Unlock()
	if asked && (was.seen || s.cfg.Now().Sub(was.at) < blindFor) {
		return was.seen, nil
	}
	out, err := s.api.ListMetrics(ctx, &api.ListMetricsInput{Namespace: aws.String(p.Space), MetricName: aws.String(p.Name)})
	if err != nil {
		return false, s.fault(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) > 1000 {
		clear(s.seen)
	}
	s.seen[key] = sighting{len(out.Metrics) > 0, s.cfg.Now()}
	return len(out.Metrics) > 0, nil
}
