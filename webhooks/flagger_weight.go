package webhooks

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// weightOfMetrics, as the metadata's weight, says that Flagger's own metric tells the
// weight, for Canaries without the event hook.
const weightOfMetrics = "metrics"

const (
	// weightBlock is how finely the metric is read: a source asks at whole blocks.
	weightBlock = 5 * time.Second
	// weightTime bounds the query, of which no answer is better than a late one.
	weightTime = 2 * time.Second
)

// learnWeight declares the weight that Flagger's metric has now, where it differs from
// what is known. It is asked at hooks that come with traffic only: a 0 is one that has
// not been scraped again, and so may be the weight of the revision before at others.
//
// Where nothing can be learnt, the weight stays unknown, which the judge can live with;
// an error is the journal's.
func (s *Server) learnWeight(ctx context.Context, p flaggerCall, r rollout.Rollout) error {
	at, percent := s.heardWeight(ctx, p, r)
	if !(percent > 0 && percent <= 100) { // a sample may be anything
		return nil
	}
	if n := len(r.Weights); n > 0 && (r.Weights[n-1].Percent == percent || !at.After(r.Weights[n-1].At)) {
		return nil
	}
	return s.cfg.Journal.Declare(ctx, r.ID, rollout.WeightAt{At: at, Percent: percent})
}

// heardWeight is the weight that Flagger's metric has now; 0 where it does not tell,
// which the log says and which is no failure of the hook.
func (s *Server) heardWeight(ctx context.Context, p flaggerCall, r rollout.Rollout) (time.Time, float64) {
	at, percent, err := s.flaggersWeight(ctx, p, r)
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "Flagger's own metric does not tell the weight", "rollout", r.ID, "namespace", r.Namespace,
			"service", r.Service, cause(err))
		return at, 0
	}
	return at, percent
}

// flaggersWeight reads flagger_canary_weight of the canary's workload, in percent. It
// is 0 where the plan's source has none.
func (s *Server) flaggersWeight(ctx context.Context, p flaggerCall, r rollout.Rollout) (time.Time, float64, error) {
	ctx, cancel := context.WithTimeout(ctx, weightTime)
	defer cancel()
	pl, err := s.planFor(p)
	if err != nil {
		return time.Time{}, 0, err
	}
	source := s.cfg.Sources[pl.Source]
	if source == nil {
		return time.Time{}, 0, fmt.Errorf("there is no source %q to read it from", pl.Source)
	}
	reading, err := queries.Understand(weightQuery(r))
	if err != nil {
		return time.Time{}, 0, err
	}
	end := s.now().Truncate(weightBlock)
	frame, err := source.Blocks(ctx, reading, queries.Window{Start: end.Add(-2 * weightBlock), End: end, Block: weightBlock})
	if err != nil {
		return time.Time{}, 0, err
	}
	for _, process := range frame.Processes {
		for i, v := range slices.Backward(process.V) {
			if !queries.IsGap(v) {
				return end.Add(-time.Duration(len(process.V)-1-i) * weightBlock), v, nil
			}
		}
	}
	return time.Time{}, 0, nil
}

// weightQuery asks for the weight of a rollout's canary. Where Prometheus gives the
// metric the namespace that Flagger itself runs in, the Canary's is in
// exported_namespace.
func weightQuery(r rollout.Rollout) queries.Query {
	workload, namespace := strconv.Quote(r.Canary.Workload), strconv.Quote(r.Namespace)
	return queries.Query{Lang: queries.PromQL, Expr: fmt.Sprintf(
		`max(flagger_canary_weight{workload=%[1]s,namespace=%[2]s} or flagger_canary_weight{workload=%[1]s,exported_namespace=%[2]s})`,
		workload, namespace)}
}
