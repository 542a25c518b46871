package promql

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/queries"
)

// parsedSelector is an instant vector selector, taken apart.
type parsedSelector struct {
	name     string            // empty where it is not one name
	matchers []*labels.Matcher // all but the name's
}

// parseSelector takes a selector apart. Anything else, and whatever reads another
// time than its own, is refused.
func parseSelector(text string) (parsedSelector, error) {
	e, err := queries.ParsePromQL(text)
	if err != nil {
		return parsedSelector{}, err
	}
	v, ok := e.(*parser.VectorSelector)
	if !ok {
		return parsedSelector{}, fmt.Errorf("it is not an instant vector selector")
	}
	if v.OriginalOffset != 0 || v.OriginalOffsetExpr != nil || v.Timestamp != nil || v.StartOrEnd != 0 {
		return parsedSelector{}, fmt.Errorf("it has an offset or @ modifier")
	}
	var p parsedSelector
	for _, m := range v.LabelMatchers {
		if m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual {
			p.name = m.Value
			continue
		}
		p.matchers = append(p.matchers, m)
	}
	return p, nil
}

// text writes a selector with other matchers, or another name.
func (p parsedSelector) text() string {
	parts := []string{labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, p.name).String()}
	if p.name == "" {
		parts = nil
	}
	for _, m := range p.matchers {
		parts = append(parts, m.String())
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// needs lists the labels that a series must have to match.
func (p parsedSelector) needs() []string {
	var out []string
	for _, m := range p.matchers {
		if !m.Matches("") && !slices.Contains(out, m.Name) {
			out = append(out, m.Name)
		}
	}
	return out
}

// existence is the question whether a counter's name was ever seen with the
// labels that its selector needs.
type existence struct {
	arm    int
	ask    question
	exists bool
}

// existence asks after each counter whose name no other counter of the reading
// has. It is asked beside the counters themselves, to spend no round trip.
func (l *look) existence(arms []arm) []existence {
	var out []existence
	for i, a := range arms {
		if a.parsed.name == "" || len(arms) == 1 {
			continue
		}
		own := true
		for j, b := range arms {
			own = own && (i == j || b.parsed.name != a.parsed.name)
		}
		if own {
			out = append(out, existence{arm: i, ask: l.exists(arms, i)})
		}
	}
	return out
}

func questions(es []existence) []question {
	out := make([]question, len(es))
	for i, e := range es {
		out[i] = e.ask
	}
	return out
}

// exists asks whether any series has the name of a counter and the labels that it
// needs, whatever their values, among the series that all counters of the reading
// agree on. It looks back for at least an hour.
func (l *look) exists(arms []arm, k int) question {
	p := parsedSelector{name: arms[k].parsed.name}
	for _, m := range arms[k].parsed.matchers {
		if slices.ContainsFunc(arms, func(a arm) bool { return !has(a.parsed.matchers, m) }) {
			continue
		}
		p.matchers = append(p.matchers, m)
	}
	for _, name := range arms[k].parsed.needs() {
		if !slices.Contains(p.needs(), name) {
			p.matchers = append(p.matchers, labels.MustNewMatcher(labels.MatchNotEqual, name, ""))
		}
	}
	end := l.g.points() - 1
	span := max(time.Hour, time.Duration(l.g.at(end)-l.g.at(0)+l.g.step)*time.Millisecond)
	expr := "count(last_over_time(" + p.text() + "[" + model.Duration(span).String() + "]))"
	return question{expr, l.g.rangeOf(end, end)}
}

func has(ms []*labels.Matcher, want *labels.Matcher) bool {
	return slices.ContainsFunc(ms, func(m *labels.Matcher) bool {
		return m.Name == want.Name && m.Type == want.Type && m.Value == want.Value
	})
}

// neverSeen notes each counter that has no series beside others that have: its
// zeros are believed only where the same name, or the name itself, is there with the
// labels that it needs. A mistyped label or name is the other explanation.
func (l *look) neverSeen(ctx context.Context, arms []arm, as []answer, asked []existence) error {
	if !l.alive() {
		return nil
	}
	for i, a := range arms {
		if len(as[i].m) > 0 {
			continue
		}
		if l.narrowed(arms, as, i) {
			continue
		}
		k := slices.IndexFunc(asked, func(e existence) bool { return e.arm == i })
		exists := k >= 0 && asked[k].exists
		if k < 0 && l.summed && a.parsed.name != "" {
			got := l.r.ask(ctx, []question{l.exists(arms, i)})
			if err := firstError(got); err != nil {
				return err
			}
			exists = len(got[0].m) > 0
		}
		if !exists {
			l.note(queries.NoteNeverSeen, "no series was ever seen for %s; check its name and labels", a.text)
		}
	}
	return nil
}

// alive says whether any process has requests to speak of.
func (l *look) alive() bool {
	for _, p := range l.frame.Processes {
		for _, v := range p.N {
			if !math.IsNaN(v) {
				return true
			}
		}
	}
	return false
}

// narrowed says whether a counter is one of the others, narrowed on labels that
// are there.
func (l *look) narrowed(arms []arm, as []answer, k int) bool {
	if l.summed || arms[k].parsed.name == "" {
		return false // sums have lost their labels
	}
	for i, b := range arms {
		if i == k || b.parsed.name != arms[k].parsed.name {
			continue
		}
		missing := slices.ContainsFunc(arms[k].parsed.needs(), func(label string) bool {
			return !slices.ContainsFunc(as[i].m, func(s *model.SampleStream) bool { return s.Metric[model.LabelName(label)] != "" })
		})
		if !missing && len(as[i].m) > 0 {
			return true
		}
	}
	return false
}
