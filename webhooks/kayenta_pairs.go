package webhooks

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/aca"
)

// kayentaBody bounds bodies that carry samples, in bytes.
const kayentaBody = 8 << 20

const maxKayentaPairs = 2000

// kayentaPair is both sides of one series, as Kayenta writes it.
type kayentaPair struct {
	Name       string                   `json:"name"`
	ID         string                   `json:"id,omitempty"`
	Tags       map[string]string        `json:"tags,omitempty"`
	Values     kayentaValues            `json:"values"`
	Scopes     map[string]kayentaTiming `json:"scopes,omitempty"`
	Attributes map[string]kayentaAsked  `json:"attributes,omitempty"`

	// overlap is how many neighbouring samples rest on the same data, where that is
	// known; 0 and 1 mean one.
	overlap int
}

// kayentaValues are the samples of both sides.
type kayentaValues struct {
	Control    kayentaSamples `json:"control"`
	Experiment kayentaSamples `json:"experiment"`
}

// kayentaTiming is when the samples of one side were taken.
type kayentaTiming struct {
	StartIso    string `json:"startTimeIso,omitempty"`
	StartMillis int64  `json:"startTimeMillis,omitempty"`
	StepMillis  int64  `json:"stepMillis,omitempty"`
}

// kayentaAsked is what a store was asked for one side.
type kayentaAsked struct {
	Query string `json:"query,omitempty"`
}

// kayentaSamples are samples; gaps are NaN, which JSON has as a text.
type kayentaSamples []float64

// MarshalJSON writes the samples.
func (s kayentaSamples) MarshalJSON() ([]byte, error) {
	out := make([]aca.Number, len(s))
	for i, v := range s {
		out[i] = aca.Number(v)
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads samples. A null is a gap: it must not become a zero.
func (s *kayentaSamples) UnmarshalJSON(data []byte) error {
	var read []*aca.Number
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("samples are a list of numbers, with gaps as \"NaN\": %w", err)
	}
	*s = make(kayentaSamples, len(read))
	for i, v := range read {
		(*s)[i] = math.NaN()
		if v != nil {
			(*s)[i] = float64(*v)
		}
	}
	return nil
}

// checkPairs refuses series that cannot be judged by a config.
func checkPairs(pairs []kayentaPair, c kayentaConfig) error {
	if len(pairs) == 0 {
		return bad("send at least one", "metricSetPairList: there is no series to judge")
	}
	if err := sanePairs(pairs); err != nil {
		return err
	}
	for i, p := range pairs {
		if !slices.ContainsFunc(c.Metrics, func(m kayentaMetric) bool { return m.Name == p.Name }) {
			return bad("add the metric to the canary config, or leave the series out", "metricSetPairList[%d]: there is no metric %s in the canary config", i, quoted(p.Name))
		}
	}
	return nil
}

// sanePairs refuses what no series can be.
func sanePairs(pairs []kayentaPair) error {
	if len(pairs) > maxKayentaPairs {
		return bad("judge fewer at once", "more than %d series", maxKayentaPairs)
	}
	for i, p := range pairs {
		at := fmt.Sprintf("metricSetPairList[%d]", i)
		if err := checkText(at+".name", p.Name); err != nil {
			return err
		}
		if len(p.Values.Control) > maxKayentaPoints || len(p.Values.Experiment) > maxKayentaPoints {
			return bad("judge a shorter time, or take a larger step", "%s: more than %d samples", at, maxKayentaPoints)
		}
		for name, value := range p.Tags {
			if len(name) > maxFact || len(value) > 4*maxFact {
				return bad("shorten it", "%s.tags: longer than a tag can be", at)
			}
		}
	}
	return nil
}

// title names a series among those of its metric.
func (p kayentaPair) title() string {
	if len(p.Tags) == 0 {
		return p.Name
	}
	var tags []string
	for k, v := range p.Tags {
		tags = append(tags, k+"="+v)
	}
	slices.Sort(tags)
	return oneLine(p.Name+"{"+strings.Join(tags, ",")+"}", 200)
}

// timing is that of a window's samples.
func (s side) timing() kayentaTiming {
	return kayentaTiming{StartIso: iso(s.window.Start), StartMillis: s.window.Start.UnixMilli(), StepMillis: s.window.Block.Milliseconds()}
}

// iso writes a time as Kayenta does.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }
