package promtest

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

// Case is recorded samples, a question about them, and the counts that must come of
// it: one rule of counting. Every store that speaks PromQL must give the same.
type Case struct {
	Name   string // unique; also the value of the label "case" on all its series
	Why    string // what would be lost or invented without the rule
	Query  string // PromQL, to be scoped by [Case.Matcher] and understood
	Limit  int    // the series limit, where the case has its own
	Bounds []float64
	Series []Series
	Want   []queries.Process
	Notes  []string // codes
}

// Series is one series of a case: its last sample in each block.
type Series struct {
	Name    string
	Labels  [][2]string
	Samples []Sample
}

// Sample is the last sample of a block. Block 0 ends where the case's window starts;
// block 1 is the window's first.
type Sample struct {
	Block int
	Value float64
}

// Block is the length of the cases' blocks.
const Block = time.Minute

// Epoch is where the cases' windows start.
func Epoch() time.Time { return time.Unix(1_700_000_040, 0).UTC() }

// Blocks is the number of blocks in the case's window.
func (c Case) Blocks() int {
	for _, p := range c.Want {
		return max(len(p.N), len(p.V))
	}
	return 1
}

// Window is the case's window.
func (c Case) Window() queries.Window {
	return queries.Window{Start: Epoch(), End: Epoch().Add(time.Duration(c.Blocks()) * Block), Block: Block}
}

// Matcher tells the series of a case from those of others in one store.
func (c Case) Matcher() queries.Matcher {
	return queries.Matcher{Label: "case", Op: queries.Equal, Value: c.Name}
}

// Reading is what the case's query asks for.
func (c Case) Reading(t testing.TB) queries.Reading {
	t.Helper()
	q, err := queries.Query{Lang: queries.PromQL, Expr: c.Query}.Scoped([]queries.Matcher{c.Matcher()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := queries.Understand(q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Cases reads a file of cases. Its form is told at its top.
func Cases(t testing.TB, path string) []Case {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []Case
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := add(&out, line); err != nil {
			t.Fatalf("%s:%d: %v", path, i+1, err)
		}
	}
	return out
}

// add reads one line.
func add(out *[]Case, line string) error {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	if word == "case" {
		*out = append(*out, Case{Name: rest})
		return nil
	}
	if len(*out) == 0 {
		return fmt.Errorf("%q comes before the first case", word)
	}
	c := &(*out)[len(*out)-1]
	var err error
	switch word {
	case "why":
		c.Why = rest
	case "query":
		c.Query = rest
	case "limit":
		c.Limit, err = strconv.Atoi(rest)
	case "bounds":
		c.Bounds, err = numbers(rest)
	case "notes":
		c.Notes = strings.Fields(rest)
	case "series":
		var s Series
		s, err = series(rest)
		c.Series = append(c.Series, s)
	case "want":
		err = c.want(rest)
	default:
		err = fmt.Errorf("%q is not a word of this file", word)
	}
	return err
}

// series reads: name{label="value",...} : samples.
func series(text string) (Series, error) {
	head, samples, ok := strings.Cut(text, " : ")
	name, labels, okName := strings.Cut(strings.TrimSuffix(strings.TrimSpace(head), "}"), "{")
	if !ok || !okName {
		return Series{}, fmt.Errorf("a series is written name{labels} : samples")
	}
	s := Series{Name: name}
	ms, err := queries.ParseSelector(labels)
	if err != nil {
		return Series{}, err
	}
	for _, m := range ms {
		s.Labels = append(s.Labels, [2]string{m.Label, m.Value})
	}
	before, after, ok := strings.Cut(samples, "|")
	if !ok {
		before, after = "", samples
	}
	block := -len(strings.Fields(before))
	for _, f := range slices.Concat(strings.Fields(before), strings.Fields(after)) {
		if f != "_" {
			v, err := strconv.ParseFloat(f, 64)
			if err != nil {
				return Series{}, err
			}
			s.Samples = append(s.Samples, Sample{block, v})
		}
		block++
	}
	return s, nil
}

// want reads: process column : numbers.
func (c *Case) want(text string) error {
	head, values, ok := strings.Cut(text, " : ")
	name, column, okName := strings.Cut(strings.TrimSpace(head), " ")
	if !ok || !okName {
		return fmt.Errorf("what is wanted is written: process column : numbers")
	}
	if name == "-" {
		name = ""
	}
	vs, err := numbers(values)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(c.Want, func(p queries.Process) bool { return p.Name == name })
	if i < 0 {
		i = len(c.Want)
		c.Want = append(c.Want, queries.Process{Name: name})
	}
	at, ok := map[string]*queries.Column{
		"n": &c.Want[i].N, "x": &c.Want[i].X, "sum": &c.Want[i].Sum, "over": &c.Want[i].Over, "v": &c.Want[i].V,
	}[strings.TrimSpace(column)]
	if !ok {
		return fmt.Errorf("%q is not a column", column)
	}
	*at = vs
	return nil
}

// numbers reads numbers; "_" is a gap.
func numbers(text string) ([]float64, error) {
	var out []float64
	for _, f := range strings.Fields(text) {
		v := queries.Gap()
		if f != "_" {
			var err error
			if v, err = strconv.ParseFloat(f, 64); err != nil {
				return nil, err
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// Record adds the samples of a case to a history, as a scrape every half minute
// would have seen them: the first scrape of a block still has the value of the last.
func (c Case) Record(h *History) {
	for _, s := range c.Series {
		labels := fmt.Sprintf("case=%q", c.Name)
		for _, l := range s.Labels {
			labels += fmt.Sprintf(",%s=%q", l[0], l[1])
		}
		m := Metric{Family: s.Name, Kind: "unknown", Labels: labels}
		for i, p := range s.Samples {
			at := Epoch().Add(time.Duration(p.Block) * Block)
			if i > 0 && s.Samples[i-1].Block == p.Block-1 {
				h.Add(m, at.Add(-38*time.Second), s.Samples[i-1].Value)
			}
			h.Add(m, at.Add(-8*time.Second), p.Value)
		}
	}
}
