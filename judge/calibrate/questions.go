package calibrate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// Question is one thing that is asked of the baseline's past.
type Question struct {
	// Key tells questions apart: two plans that ask the same have the same key.
	Key     string
	Name    string // of the metric, or "limit:" and the limit's
	Reading queries.Reading
	Block   time.Duration
}

// Questions are what a plan asks about its baseline. An error names every metric whose
// query cannot be narrowed to the baseline.
func Questions(p plan.Plan, baseline rollout.Arm) ([]Question, error) {
	var out []Question
	var errs []error
	add := func(name string, block time.Duration, r queries.Reading, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		q := Question{Name: name, Reading: r, Block: block}
		q.Key = keyOf(r, block)
		out = append(out, q)
	}
	for _, m := range p.Metrics {
		r, err := m.Scoped(plan.Arm(baseline))
		add(m.Name, max(m.Block, p.Block).D(), r, err)
	}
	for _, l := range p.Limits {
		if l.Metric == "" {
			r, err := l.Scoped(plan.Arm(baseline))
			add("limit:"+l.Name, p.Block.D(), r, err)
		}
	}
	if len(out) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("calibrate: the plan has no metric"))
	}
	return out, errors.Join(errs...)
}

// keyOf is the same for the same question, whatever a metric is called.
func keyOf(r queries.Reading, block time.Duration) string {
	r.Bounds, r.Why = nil, ""
	b, err := json.Marshal(struct {
		Reading queries.Reading
		Block   time.Duration
	}{r, block})
	if err != nil {
		return "" // a reading holds texts and finite numbers
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// pretended is the arm of a canary that there is not: every fact of the baseline's,
// changed, so that its queries are others. They are never sent to a source.
func pretended(baseline rollout.Arm) rollout.Arm {
	const mark = "-pretended"
	a := baseline
	for _, s := range []*string{&a.Workload, &a.PodPattern, &a.Hash, &a.Version, &a.Namespace, &a.URL} {
		if *s != "" {
			*s += mark
		}
	}
	if a.Version == "" {
		a.Version = "canary" + mark
	}
	a.Labels = maps.Clone(a.Labels)
	for k, v := range a.Labels {
		a.Labels[k] = v + mark
	}
	return a
}

// ErrSameArms says that a plan's queries do not depend on the arm.
var ErrSameArms = errors.New("the plan's queries are the same for every arm, so that no pods can be taken out of the baseline; name its series with arms.baseline or --baseline-label")

// distinct reports what a canary's reading would be like, by the key of the baseline's.
func distinct(p plan.Plan, baseline rollout.Arm) (map[string]string, error) {
	of, err := Questions(p, baseline)
	if err != nil {
		return nil, err
	}
	canary, err := Questions(p, pretended(baseline))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	var same []string
	for i, q := range of {
		if q.Key == canary[i].Key {
			same = append(same, q.Name)
		}
		out[canary[i].Key] = q.Key
	}
	if len(same) > 0 {
		slices.Sort(same)
		return nil, fmt.Errorf("%w (%s)", ErrSameArms, strings.Join(same, ", "))
	}
	return out, nil
}

// trafficOf is the question whose processes are the pods: the first metric that counts
// requests, the required ones first, else the first metric.
func trafficOf(p plan.Plan, qs []Question) Question {
	best, rank := qs[0], 5
	for i, m := range p.Metrics {
		if i >= len(qs) {
			break
		}
		r := 4
		if k := m.Reading.Kind; k == queries.Ratio || k == queries.Histogram {
			if r = 0; m.Kind == plan.Proportion {
				r = 2
			}
			if !m.Required {
				r++
			}
		}
		if r < rank {
			best, rank = qs[i], r
		}
	}
	return best
}
