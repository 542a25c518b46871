package queries

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser/posrange"
)

// JSON is the language of stores that answer a list of times and values: counts or
// values of named series, with arithmetic between them.
const JSON Lang = "http-json"

// Part is one question to a store inside a query that is not PromQL. What stands
// between the parts is arithmetic, which [Understand] follows and the store need not
// know.
type Part struct {
	From, To int // where it stands in the query, in bytes

	// Func is what is made of the samples of a block: sum, p99 (Datadog), Sum,
	// PR(0.5:) (CloudWatch), count or value (http-json).
	Func string
	// Space is CloudWatch's namespace, such as AWS/ApplicationELB.
	Space string
	// Name is the metric's.
	Name string
	// Filter is what stands in Datadog's braces; Dims in those of the others.
	Filter string
	Dims   []Matcher
	// By are the tags that Datadog groups by.
	By []string
	// Count says that it is asked for as a count in each block.
	Count bool
}

// String writes the part as it can be read again.
func (p Part) String() string {
	var dims []string
	for _, d := range p.Dims {
		dims = append(dims, d.Label+string(d.Op)+quoted(d.Value))
	}
	braces := "{" + strings.Join(dims, ",") + "}"
	if p.Space != "" {
		return p.Func + "(" + wordOrQuoted(p.Space) + ":" + wordOrQuoted(p.Name) + braces + ")"
	}
	if p.Filter == "" {
		return p.Func + "(" + p.Name + braces + ")"
	}
	text := p.Func + ":" + p.Name + "{" + p.Filter + "}"
	if len(p.By) > 0 {
		text += " by {" + strings.Join(p.By, ",") + "}"
	}
	if p.Count {
		text += ".as_count()"
	}
	return text
}

// Parts lists the questions inside a query in any language but PromQL, in the order
// in which they are written. Every failure is a *[SyntaxError].
func Parts(q Query) ([]Part, error) {
	_, parts, err := readParts(q)
	return parts, err
}

// ReadPart reads the text of one [Term], as [Understand] writes it.
func ReadPart(lang Lang, text string) (Part, error) {
	parts, err := Parts(Query{Lang: lang, Expr: text})
	if err != nil {
		return Part{}, err
	}
	if len(parts) != 1 || parts[0].From != 0 || parts[0].To != len(text) {
		return Part{}, &SyntaxError{Expr: text, Text: fmt.Sprintf("%q is not one question to the store", text)}
	}
	return parts[0], nil
}

// readParts parses a query and says what it comes to.
func readParts(q Query) (meaning, []Part, error) {
	if len(q.Expr) > maxQuery {
		return meaning{}, nil, &SyntaxError{Text: fmt.Sprintf("the query has %d bytes; at most %d are read", len(q.Expr), maxQuery)}
	}
	a := &arithmetic{text: q.Expr}
	switch q.Lang {
	case Datadog:
		a.part = a.datadog
	case CloudWatch:
		a.part = a.cloudwatch
	case JSON:
		a.part = a.json
	default:
		return meaning{}, nil, &SyntaxError{Expr: q.Expr, Text: fmt.Sprintf("%q is not a language of queries", q.Lang)}
	}
	m := a.whole()
	if a.fault != nil {
		return meaning{}, nil, a.fault
	}
	return m, a.parts, nil
}

// understandParts is Understand of a language that is not PromQL.
func understandParts(q Query) (Reading, error) {
	m, parts, err := readParts(q)
	if err != nil {
		return Reading{}, err
	}
	if len(parts) == 0 {
		return Reading{}, &SyntaxError{Expr: q.Expr, Line: 1, Column: 1, Text: "it asks nothing of the store"}
	}
	r := m.reading()
	r.Query = q
	return r, nil
}

// scopeParts is Scoped of a language that is not PromQL.
func scopeParts(q Query, matchers []Matcher) (Query, error) {
	if _, err := compile(matchers); err != nil {
		return Query{}, err
	}
	parts, err := Parts(q)
	if err != nil {
		return Query{}, err
	}
	var out strings.Builder
	at := 0
	for _, p := range parts {
		narrow := p.withDims
		if q.Lang == Datadog {
			narrow = p.withTags
		}
		n, err := narrow(matchers)
		if err != nil {
			return Query{}, faultAt(q.Expr, posrange.Pos(p.From), err.Error())
		}
		out.WriteString(q.Expr[at:p.From] + n.String())
		at = p.To
	}
	out.WriteString(q.Expr[at:])
	scoped := Query{Lang: q.Lang, Expr: out.String()}
	if _, err := Parts(scoped); err != nil { // nothing that is written here is believed unread
		return Query{}, err
	}
	return scoped, nil
}

// withDims adds dimensions, of which a store knows no more than equality.
func (p Part) withDims(matchers []Matcher) (Part, error) {
	p.Dims = slices.Clone(p.Dims)
	for _, m := range matchers {
		if m.Op != Equal {
			return Part{}, fmt.Errorf("the arm's %s%s%q cannot be asked here: dimensions are compared by = only", m.Label, m.Op, m.Value)
		}
		i := slices.IndexFunc(p.Dims, func(d Matcher) bool { return d.Label == m.Label })
		switch {
		case i < 0:
			p.Dims = append(p.Dims, m)
		case p.Dims[i].Value != m.Value:
			return Part{}, fmt.Errorf("the query asks for %s=%q, which contradicts the arm's %s=%q: remove it from the query, or scope by another dimension",
				m.Label, p.Dims[i].Value, m.Label, m.Value)
		}
	}
	return p, nil
}

// eventless returns the name under which a sum of a metric is no count of events:
// seconds divided by requests are no share of bad requests.
func eventless(name string) string {
	last := name
	if i := strings.LastIndexAny(name, "._"); i >= 0 {
		last = name[i+1:]
	}
	for _, unit := range append(units(), "time", "duration", "latency", "utilization") {
		if strings.HasSuffix(strings.ToLower(last), unit) {
			return name + "_sum"
		}
	}
	return name
}
