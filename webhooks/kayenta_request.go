package webhooks

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/aca"
	"github.com/serin-canary/serin/queries"
)

const (
	maxKayentaPoints = 5000           // of one series
	maxKayentaAhead  = 24 * time.Hour // by which an end may lie in the future
)

// kayentaRequest is what an execution is asked for.
type kayentaRequest struct {
	Scopes     map[string]kayentaScopes `json:"scopes"`
	Thresholds *kayentaThresholds       `json:"thresholds"`
}

// kayentaThresholds are the scores from which on a canary passes, or is not failed.
type kayentaThresholds struct {
	Pass     *float64 `json:"pass"`
	Marginal *float64 `json:"marginal"`
}

// kayentaScopes are the two arms.
type kayentaScopes struct {
	Control    kayentaScope `json:"controlScope"`
	Experiment kayentaScope `json:"experimentScope"`
}

// kayentaScope is one arm over one time. Argo up to 1.8 says region for location.
type kayentaScope struct {
	Scope    string            `json:"scope"`
	Location string            `json:"location"`
	Region   string            `json:"region"`
	Start    string            `json:"start"`
	End      string            `json:"end"`
	Step     int               `json:"step"`
	Extended map[string]string `json:"extendedScopeParams"`
}

// read returns the thresholds, or what is wrong with them.
func (t *kayentaThresholds) read(judge string) (aca.Thresholds, error) {
	if t == nil || t.Pass == nil || t.Marginal == nil {
		return aca.Thresholds{}, bad(`write {"pass": 95, "marginal": 75}`, "thresholds: pass and marginal are needed")
	}
	out := aca.Thresholds{Pass: *t.Pass, Marginal: *t.Marginal}
	if judge == judgeSerin && (out.Pass <= 0 || out.Marginal > out.Pass) {
		return out, bad("write marginal no higher than pass, and pass above 0", "thresholds: with these everything would pass, whatever was judged")
	}
	return out, nil
}

// bindings are what templates may ask for.
func (s kayentaScope) bindings(q kayentaQuery) map[string]string {
	out := maps.Clone(s.Extended)
	if out == nil {
		out = map[string]string{}
	}
	location := s.Location
	if location == "" {
		location = s.Region
	}
	out["scope"], out["location"], out["region"] = s.Scope, location, location
	if q.ResourceType != "" {
		out["resourceType"] = q.ResourceType
	}
	return out
}

// window returns the blocks of a scope: a sample stands at the end of each. Where the
// bounds do not lie on the step, what is cut is at both ends.
func (s kayentaScope) window(field string) (queries.Window, error) {
	start, err := readInstant(field+".start", s.Start)
	if err != nil {
		return queries.Window{}, err
	}
	end, err := readInstant(field+".end", s.End)
	if err != nil {
		return queries.Window{}, err
	}
	if s.Step < 1 || s.Step > 86400 {
		return queries.Window{}, bad("write seconds, like 60", "%s.step: %d is none", field, s.Step)
	}
	step := time.Duration(s.Step) * time.Second
	w := queries.Window{Start: start.Truncate(step), End: end.Truncate(step), Block: step}
	if w.Start.Before(start) {
		w.Start = w.Start.Add(step)
	}
	switch n := w.Len(); {
	case n < 1:
		return w, bad("judge a longer time, or take a smaller step", "%s: from %s to %s there is no whole step of %d s", field, s.Start, s.End, s.Step)
	case n > maxKayentaPoints:
		return w, bad("take a larger step", "%s: more than %d samples", field, maxKayentaPoints)
	}
	return w, nil
}

func readInstant(field, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1971 || t.Year() > 9998 {
		return time.Time{}, bad("write it like 2026-01-31T15:04:05Z", "%s: %s is no time", field, quoted(text))
	}
	return t.UTC(), nil
}

// asked is one metric of an execution: what is asked for both sides, and when.
type askedMetric struct {
	metric              kayentaMetric
	control, experiment side
}

// side is one arm's question.
type side struct {
	expression
	window queries.Window
}

// questions checks a request against its config and returns what is to be asked. It
// finds everything that can be found without a store, so that the caller that starts
// an execution is told.
func (c kayentaConfig) questions(r kayentaRequest, now time.Time) ([]askedMetric, error) {
	if len(c.Metrics) == 0 {
		return nil, bad("add one to the canary config", "the canary config has no metrics")
	}
	out := make([]askedMetric, 0, len(c.Metrics))
	for _, m := range c.Metrics {
		s, ok := r.Scopes[m.ScopeName]
		if !ok {
			return nil, bad("add it to the request's scopes, or correct the metric's scopeName",
				"metric %s has the scope %s, which the request does not give; it gives %s", quoted(m.Name), quoted(m.ScopeName), oneLine(strings.Join(slices.Sorted(maps.Keys(r.Scopes)), ", "), 200))
		}
		a := askedMetric{metric: m}
		for _, part := range [...]struct {
			name string
			from kayentaScope
			to   *side
		}{{"controlScope", s.Control, &a.control}, {"experimentScope", s.Experiment, &a.experiment}} {
			var err error
			if part.to.window, err = part.from.window(fmt.Sprintf("scopes.%s.%s", oneLine(m.ScopeName, 60), part.name)); err != nil {
				return nil, err
			}
			if part.to.window.End.After(now.Add(maxKayentaAhead)) {
				return nil, bad("ask when it is nearer", "scopes.%s.%s.end: more than a day ahead", oneLine(m.ScopeName, 60), part.name)
			}
			if part.to.expression, err = c.expression(m, part.from); err != nil {
				return nil, err
			}
		}
		if a.control.window.Block != a.experiment.window.Block {
			return nil, bad("give both sides one step", "metric %s: the sides have different steps", quoted(m.Name))
		}
		out = append(out, a)
	}
	return out, nil
}

// ready is when the last of the samples can be there.
func ready(asked []askedMetric) time.Time {
	var at time.Time
	for _, a := range asked {
		for _, s := range [...]side{a.control, a.experiment} {
			if s.window.End.After(at) {
				at = s.window.End
			}
		}
	}
	return at.Add(kayentaLag)
}

// kayentaLag is how long after its end a window's last samples may take to arrive.
const kayentaLag = 15 * time.Second

// duration returns how long all windows last, and false where they differ.
func duration(asked []askedMetric) (time.Duration, bool) {
	d := time.Duration(math.MinInt64)
	for _, a := range asked {
		for _, s := range [...]side{a.control, a.experiment} {
			length := s.window.End.Sub(s.window.Start)
			if d != math.MinInt64 && d != length {
				return 0, false
			}
			d = length
		}
	}
	return d, len(asked) > 0
}
