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

// mayBeEmpty are queries that may find nothing here, and why. The words are parts of
// expressions, and of boards' names where only those are meant.
func mayBeEmpty() []struct{ expr, board, why string } {
	return []struct{ expr, board, why string }{
		{"serin_selfcheck_", "", "the judge compares the baseline with itself over days; the demo takes two minutes"},
		{"serin_rollouts_closed_total", "", "no rollout has ended while the standing boards are looked at"},
		{"serin_publish_failures_total", "", "nothing fails to be published here"},
		{"serin_work_jobs", "", "work that was done leaves no series"},
	}
}

// checkBoard asks every query of a board.
func checkBoard(t *testing.T, prometheus string, text []byte, now time.Time) {
	var b boardRead
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	from, to := now.Add(-90*time.Second), now
	if !strings.HasPrefix(b.Time.From, "now") { // a fixed time
		from, to = instant(t, b.Time.From), instant(t, b.Time.To)
	}
	q := asker{t: t, prometheus: prometheus, from: from, to: to, board: t.Name(), variables: map[string]string{
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
	variables  map[string]string
}

func (a asker) panel(p boardPanel) {
	for _, x := range p.Targets {
		found := a.ask(x.Expr, x.Instant)
		if len(found) == 0 {
			a.empty(p.Title, x.LegendFormat, x.Expr)
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

// empty complains of a query that finds nothing, unless it may.
func (a asker) empty(panel, legend, expr string) {
	for _, m := range mayBeEmpty() {
		if strings.Contains(expr, m.expr) && strings.Contains(a.board, m.board) {
			a.t.Logf("%s, %s: nothing found, as it may be: %s", panel, legend, m.why)
			return
		}
	}
	a.t.Errorf("%s, %s: nothing found by %s", panel, legend, a.expand(expr))
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
