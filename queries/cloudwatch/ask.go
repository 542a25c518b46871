package cloudwatch

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/serin-canary/serin/queries"
)

// The bounds of one GetMetricData.
const (
	mostMetrics = 500
	mostPoints  = 100_800
	mostPages   = 200
)

// question is what one reading wants of a call: statistics, or arithmetic over them.
type question struct {
	parts []queries.Part
	// text is what stands around the parts where CloudWatch is to do the arithmetic;
	// one piece more than there are parts.
	text []string
}

// answer has a column for each part of a question, or one for its arithmetic.
type answer struct {
	columns []queries.Column
	notes   []queries.Note
}

// result is what a call said of one metric or expression.
type result struct {
	column queries.Column
	notes  []queries.Note
}

// ask makes one call of many questions, or as many calls as its bounds want.
func (s *Source) ask(ctx context.Context, at span, qs []question) ([]answer, error) {
	w := queries.Window{Start: at.start, End: at.end, Block: at.block}
	if w.Len() > mostPoints {
		return nil, s.rejected(fmt.Sprintf("the window has %d blocks, and one call gives %d points", w.Len(), mostPoints), nil)
	}
	most := min(mostMetrics, mostPoints/w.Len())
	b := &book{ids: map[string]string{}}
	wanted := make([][]string, len(qs)) // the ids that answer each question
	found := map[string]result{}
	flush := func() error {
		if len(b.queries) == 0 {
			return nil
		}
		err := s.call(ctx, w, b.queries, found)
		*b = book{ids: map[string]string{}, next: b.next}
		return err
	}
	for i, q := range qs {
		if len(b.queries)+len(q.parts)+1 > most {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		wanted[i] = b.add(q, w.Block)
	}
	if err := flush(); err != nil {
		return nil, err
	}
	out := make([]answer, len(qs))
	for i, ids := range wanted {
		for _, id := range ids {
			r, ok := found[id]
			if !ok {
				return nil, s.malformed("it does not answer everything that it was asked")
			}
			out[i].columns = append(out[i].columns, r.column)
			out[i].notes = append(out[i].notes, r.notes...)
		}
	}
	return out, nil
}

// book is the list of one call. What several questions have in common is asked once.
type book struct {
	queries []types.MetricDataQuery
	ids     map[string]string // by the text of a part
	next    int               // ids are unique over all calls
}

// add writes a question into the call and returns the ids that answer it.
func (b *book) add(q question, block time.Duration) []string {
	var ids []string
	for _, p := range q.parts {
		key := p.String()
		id, ok := b.ids[key]
		if !ok {
			id = b.id("m")
			b.ids[key] = id
			b.queries = append(b.queries, metricQuery(id, p, block))
		}
		ids = append(ids, id)
	}
	if q.text == nil {
		return ids
	}
	var text strings.Builder
	text.WriteString(q.text[0])
	for i, id := range ids {
		text.WriteString(id + q.text[i+1])
	}
	id := b.id("e")
	b.queries = append(b.queries, types.MetricDataQuery{Id: aws.String(id), Expression: aws.String(text.String())})
	return []string{id}
}

func (b *book) id(prefix string) string {
	b.next++
	return prefix + strconv.Itoa(b.next)
}

func metricQuery(id string, p queries.Part, block time.Duration) types.MetricDataQuery {
	m := &types.Metric{Namespace: aws.String(p.Space), MetricName: aws.String(p.Name)}
	for _, d := range p.Dims {
		m.Dimensions = append(m.Dimensions, types.Dimension{Name: aws.String(d.Label), Value: aws.String(d.Value)})
	}
	return types.MetricDataQuery{Id: aws.String(id), MetricStat: &types.MetricStat{
		Metric: m, Stat: aws.String(p.Func), Period: aws.Int32(int32(block / time.Second)),
	}}
}

// call makes one GetMetricData with all of its pages.
func (s *Source) call(ctx context.Context, w queries.Window, qs []types.MetricDataQuery, into map[string]result) error {
	asked := map[string]bool{}
	for _, q := range qs {
		asked[*q.Id] = true
	}
	in := &api.GetMetricDataInput{
		StartTime: aws.Time(w.Start), EndTime: aws.Time(w.End), MetricDataQueries: qs, ScanBy: types.ScanByTimestampAscending,
	}
	last := map[string]types.StatusCode{}
	for page := 0; ; page++ {
		if page == mostPages {
			return s.malformed(fmt.Sprintf("its answer has more than %d pages", mostPages))
		}
		s.made.Add(1)
		out, err := s.api.GetMetricData(ctx, in)
		if err != nil {
			return s.fault(err)
		}
		if len(out.Messages) > 0 {
			return &queries.Error{Fault: queries.Rejected, Source: s.cfg.Name, Text: "it did not answer all of it: " + messages(out.Messages)}
		}
		for _, r := range out.MetricDataResults {
			id := aws.ToString(r.Id)
			if !asked[id] {
				return s.malformed("it answers what it was not asked")
			}
			if err := s.take(w, r, into); err != nil {
				return err
			}
			last[id] = r.StatusCode
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		if aws.ToString(in.NextToken) == *out.NextToken {
			return s.malformed("its pages go round in a circle")
		}
		in.NextToken = out.NextToken
	}
	return s.standing(last, into)
}

// take puts one result on the blocks of a window; a later page adds to it.
func (s *Source) take(w queries.Window, r types.MetricDataResult, into map[string]result) error {
	if len(r.Timestamps) != len(r.Values) {
		return s.malformed("it does not give as many values as times")
	}
	have, ok := into[*r.Id]
	if !ok {
		have.column = queries.Gaps(w.Len())
	}
	for i, at := range r.Timestamps {
		d := at.Sub(w.Start)
		if d%w.Block != 0 {
			return s.malformed(fmt.Sprintf("a time (%s) is not on the grid of %s blocks", at.UTC().Format(time.RFC3339), w.Block))
		}
		b := int(d / w.Block)
		if d < 0 || b >= w.Len() {
			continue // CloudWatch may round the start down
		}
		if !queries.IsGap(have.column[b]) {
			return s.malformed("it gives two values for one block")
		}
		if v := r.Values[i]; !math.IsNaN(v) {
			have.column[b] = v
		}
	}
	if text := messages(r.Messages); text != "" {
		have.notes = append(have.notes, queries.Note{Code: queries.NotePartial, Text: text})
	}
	into[*r.Id] = have
	return nil
}

// standing notes what is not complete after the last page.
func (s *Source) standing(last map[string]types.StatusCode, into map[string]result) error {
	for id, status := range last {
		text := ""
		switch status {
		case types.StatusCodeComplete:
			continue
		case types.StatusCodeForbidden:
			return s.rejected("the credentials may not read one of the metrics; they need cloudwatch:GetMetricData", nil)
		case types.StatusCodePartialData:
			text = "CloudWatch says that its answer is partial, and has no further page"
		case types.StatusCodeInternalError:
			text = "CloudWatch failed internally on a part of the answer"
		default:
			text = "CloudWatch does not say that its answer is complete"
		}
		r := into[id]
		r.notes = append(r.notes, queries.Note{Code: queries.NotePartial, Text: text})
		into[id] = r
	}
	return nil
}

func messages(ms []types.MessageData) string {
	var out []string
	for _, m := range ms {
		out = append(out, strings.TrimSpace(aws.ToString(m.Code)+" "+aws.ToString(m.Value)))
	}
	slices.Sort(out)
	return words(strings.Join(out, "; "))
}
