package demo

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// boardRead is a board as Grafana reads it.
type boardRead struct {
	Title      string
	Panels     []boardPanel
	Templating struct {
		List []struct {
			Name, Type string
			Current    struct{ Value any }
		}
	}
	Time struct{ From, To string }
}

type boardPanel struct {
	Title, Type string
	Panels      []boardPanel
	Targets     []struct {
		Expr, LegendFormat string
		Instant            bool
	}
}

// emptiness is a query that finds nothing on some of the boards, and why that is right.
// Words are parts of expressions, and board is the part of the boards' names where
// nothing is found. There it must find nothing: what is on this list and finds something,
// or is asked for no more, fails the test.
type emptiness struct{ expr, board, why string }

func empty() []emptiness {
	return []emptiness{
		{"serin_selfcheck_metric_", "fleet-live", "no rollout has ended, so that no placebo was judged"},
		{"serin_publish_failures_total", "fleet", "nothing fails to be published here"},
	}
}

// seen is which of the list was needed.
type seen map[emptiness]bool

// check complains of what is on the list and was never empty.
func (s seen) check(t *testing.T) {
	for _, e := range empty() {
		if !s[e] {
			t.Errorf("%q on boards %q is listed as empty (%s), and no board has it: take it off the list", e.expr, e.board, e.why)
		}
	}
}

// looking is when a board is looked at, and what was empty on the boards so far.
type looking struct {
	now  time.Time
	seen seen
}

// checkBoard asks every query of a board.
func checkBoard(t *testing.T, prometheus string, text []byte, at looking) {
	now := at.now
	var b boardRead
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	from, to := now.Add(-90*time.Second), now
	if !strings.HasPrefix(b.Time.From, "now") { // a fixed time
		from, to = instant(t, b.Time.From), instant(t, b.Time.To)
	}
	q := asker{t: t, prometheus: prometheus, from: from, to: to, board: t.Name(), seen: at.seen, variables: map[string]string{
		"__rate_interval": "4s", "__range": fmt.Sprintf("%ds", int(to.Sub(from).Seconds())),
	}}
	for _, v := range b.Templating.List {
		q.variables[v.Name] = fmt.Sprint(v.Current.Value)
	}
	asked := 0
	for _, p := range b.Panels {
		for _, inner := range append([]boardPanel{p}, p.Panels...) {
			asked += len(inner.Targets)
			q.panel(inner)
		}
	}
	if asked < 4 {
		t.Errorf("%s: asked %d queries, want those of a whole board", b.Title, asked)
	}
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// asker asks Prometheus as Grafana does.
type asker struct {
	t          *testing.T
	prometheus string
	from, to   time.Time
	board      string
	seen       seen
	variables  map[string]string
}

func (a asker) panel(p boardPanel) {
	for _, x := range p.Targets {
		found := a.ask(x.Expr, x.Instant)
		if e, listed := a.listed(x.Expr); listed {
			if a.seen[e] = true; len(found) > 0 {
				a.t.Errorf("%s, %s: it found %d series, and is listed as empty (%s): take it off the list", p.Title, x.LegendFormat, len(found), e.why)
			}
			continue
		}
		if len(found) == 0 {
			a.t.Errorf("%s, %s: nothing found by %s", p.Title, x.LegendFormat, a.expand(x.Expr))
			continue
		}
		wanted := labelsOf(x.LegendFormat)
		if len(wanted) == 0 && len(found) > 1 {
			a.t.Errorf("%s, %s: %d series of one name", p.Title, x.LegendFormat, len(found))
		}
		for _, s := range found {
			a.series(p.Title, wanted, s)
		}
	}
}

// series holds one series against what its legend needs.
func (a asker) series(panel string, wanted []string, s promSeries) {
	named := len(wanted) == 0
	for _, l := range wanted {
		named = named || s.Metric[l] != ""
	}
	if !named {
		a.t.Errorf("%s: its legend needs one of %v, got labels %v", panel, wanted, s.Metric)
	}
	for _, v := range append(s.Values, s.Value) {
		if x, ok := v.number(); ok && !math.IsNaN(x) && !math.IsInf(x, 0) {
			return
		}
	}
	a.t.Errorf("%s: %v has no number that is finite", panel, s.Metric)
}

// listed returns the entry that says that a query finds nothing on this board.
func (a asker) listed(expr string) (emptiness, bool) {
	for _, e := range empty() {
		if strings.Contains(expr, e.expr) && strings.Contains(a.board, e.board) {
			return e, true
		}
	}
	return emptiness{}, false
}

// labelsOf lists the labels that a legend is made of.
func labelsOf(legend string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`).FindAllStringSubmatch(legend, -1) {
		out = append(out, m[1])
	}
	return out
}

// expand puts the values of variables in.
func (a asker) expand(expr string) string {
	return regexp.MustCompile(`\$(\w+)`).ReplaceAllStringFunc(expr, func(v string) string {
		value, there := a.variables[v[1:]]
		if !there {
			a.t.Errorf("%s is not defined, in %s", v, expr)
		}
		return value
	})
}

// promSeries is one series of an answer.
type promSeries struct {
	Metric map[string]string
	Values []promPoint
	Value  promPoint
}

// promPoint is a time and a number as text.
type promPoint []any

func (p promPoint) number() (float64, bool) {
	if len(p) != 2 {
		return 0, false
	}
	text, _ := p[1].(string)
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil
}

// ask asks one query, over the board's time or at its end.
func (a asker) ask(expr string, atEnd bool) []promSeries {
	a.t.Helper()
	v := url.Values{"query": {a.expand(expr)}}
	path := "/api/v1/query"
	switch {
	case atEnd:
		v.Set("time", strconv.FormatInt(a.to.Unix(), 10))
	default:
		path = "/api/v1/query_range"
		v.Set("start", strconv.FormatInt(a.from.Unix(), 10))
		v.Set("end", strconv.FormatInt(a.to.Unix(), 10))
		v.Set("step", "1")
	}
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.prometheus+path, strings.NewReader(v.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	var out struct {
		Status, Error string
		Data          struct{ Result []promSeries }
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.Status != "success" {
		a.t.Errorf("%s: got %s %q, error %v", v.Get("query"), out.Status, out.Error, err)
	}
	return out.Data.Result
}
