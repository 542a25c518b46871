package datadog

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/queries"
)

// formula is one line of a call: parts with arithmetic between them. There is one more
// piece of text than there are parts.
type formula struct {
	parts []string
	text  []string
}

// single is the formula of one part.
func single(part string) formula { return formula{parts: []string{part}, text: []string{"", ""}} }

// request is the body of POST /api/v2/query/timeseries.
type request struct {
	Data struct {
		Type       string            `json:"type"`
		Attributes requestAttributes `json:"attributes"`
	} `json:"data"`
}

type requestAttributes struct {
	From     int64             `json:"from"` // milliseconds, inclusive
	To       int64             `json:"to"`   // milliseconds, exclusive
	Interval int64             `json:"interval"`
	Queries  []requestQuery    `json:"queries"`
	Formulas []requestFormulas `json:"formulas"`
}

type requestQuery struct {
	Source string `json:"data_source"`
	Name   string `json:"name"`
	Query  string `json:"query"`
}

type requestFormulas struct {
	Formula string `json:"formula"`
}

// response is its answer. Errors is a text in a 200 and a list otherwise.
type response struct {
	Data struct {
		Attributes struct {
			Series []struct {
				Tags  []string `json:"group_tags"`
				Index *int     `json:"query_index"` // into the formulas
			} `json:"series"`
			Times  []int64      `json:"times"` // milliseconds
			Values [][]*float64 `json:"values"`
		} `json:"attributes"`
	} `json:"data"`
	Errors json.RawMessage `json:"errors"`
}

// newRequest writes formulas as one call; parts that several have are asked once.
func newRequest(fs []formula, from, to time.Time, step time.Duration) request {
	var r request
	r.Data.Type = "timeseries_request"
	a := &r.Data.Attributes
	a.From, a.To, a.Interval = from.UnixMilli(), to.UnixMilli(), step.Milliseconds()
	names := map[string]string{}
	for _, f := range fs {
		var text strings.Builder
		text.WriteString(f.text[0])
		for i, p := range f.parts {
			name, ok := names[p]
			if !ok {
				name = "q" + strconv.Itoa(len(names))
				names[p] = name
				a.Queries = append(a.Queries, requestQuery{Source: "metrics", Name: name, Query: p})
			}
			text.WriteString(name + f.text[i+1])
		}
		a.Formulas = append(a.Formulas, requestFormulas{Formula: text.String()})
	}
	return r
}

// series is one series of an answer, on the blocks of a window.
type series struct {
	tags   []string
	values queries.Column
}

// column puts values on the blocks: what lies outside is dropped, and what is finer is
// added up. Gauges are never added up.
func (a axis) column(values []*float64) queries.Column {
	c := queries.Gaps(a.window.Len())
	start, block := a.window.Start.UnixMilli(), a.window.Block.Milliseconds()
	for i, v := range values {
		at := a.times[i] - start
		if v == nil || at < 0 || at/block >= int64(len(c)) {
			continue
		}
		if b := at / block; queries.IsGap(c[b]) {
			c[b] = *v
		} else {
			c[b] += *v
		}
	}
	return c
}

// said returns the words of an answer's errors.
func said(raw json.RawMessage) string {
	var list []any
	if json.Unmarshal(raw, &list) == nil {
		var out []string
		for _, e := range list {
			switch e := e.(type) {
			case string:
				out = append(out, e)
			case map[string]any:
				for _, k := range []string{"title", "detail"} {
					if s, ok := e[k].(string); ok {
						out = append(out, s)
					}
				}
			}
		}
		return strings.Join(out, "; ")
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return one
	}
	return ""
}

// read puts an answer on a window: for each formula its series.
func (r response) read(w queries.Window, formulas int) ([][]series, int64, *queries.Error) {
	at := r.Data.Attributes
	a, fault := newAxis(at.Times, w)
	if fault != nil {
		return nil, 0, fault
	}
	if len(at.Series) != len(at.Values) {
		return nil, 0, malformed("it does not answer as many lists of values as series")
	}
	out := make([][]series, formulas)
	for i, s := range at.Series {
		switch {
		case s.Index == nil && formulas > 1, s.Index != nil && (*s.Index < 0 || *s.Index >= formulas):
			return nil, 0, malformed("a series does not say which question it answers")
		case len(at.Values[i]) != len(at.Times):
			return nil, 0, malformed("a series does not have as many values as there are times")
		}
		k := 0
		if s.Index != nil {
			k = *s.Index
		}
		out[k] = append(out[k], series{tags: slices.Clone(s.Tags), values: a.column(at.Values[i])})
	}
	return out, a.step, nil
}
