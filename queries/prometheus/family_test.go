package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// The stores that speak Prometheus' API are not here. What stands for them is a real
// Prometheus whose answers are rewritten on the way as those stores are known to write
// them; so what a store itself computes differently is not seen by these tests.

// style rewrites what a store answers.
type style struct {
	name   string
	prefix string                                                   // of paths
	before func(w http.ResponseWriter, r *http.Request) (done bool) // answers in its place
	after  func(path string, doc map[string]json.RawMessage)        // changes the answer
}

// styles are VictoriaMetrics (isPartial and stats in each answer, vectors for scalars,
// paths of a cluster), Thanos (warnings of its own) and Mimir (a tenant in each request,
// a path, infos).
func styles() []style {
	return []style{
		{name: "VictoriaMetrics", prefix: "/select/0/prometheus", after: func(_ string, doc map[string]json.RawMessage) {
			doc["isPartial"] = json.RawMessage("false")
			doc["stats"] = json.RawMessage(`{"seriesFetched":"12","executionTimeMsec":3}`)
			doc["data"] = vectorOf(doc["data"])
		}},
		{name: "Thanos", after: func(_ string, doc map[string]json.RawMessage) {
			doc["analysis"] = json.RawMessage(`{"name":"[*concurrencyOperator(buff=2)]"}`)
		}},
		{name: "Mimir", prefix: "/prometheus", before: tenant, after: func(_ string, doc map[string]json.RawMessage) {
			doc["infos"] = json.RawMessage(`["PromQL info: metric might not be a counter"]`)
		}},
	}
}

// vectorOf turns a scalar into a vector of one.
func vectorOf(data json.RawMessage) json.RawMessage {
	var d struct {
		ResultType string          `json:"resultType"`
		Result     json.RawMessage `json:"result"`
	}
	if json.Unmarshal(data, &d) != nil || d.ResultType != "scalar" {
		return data
	}
	return json.RawMessage(fmt.Sprintf(`{"resultType":"vector","result":[{"metric":{},"value":%s}]}`, d.Result))
}

// tenant refuses requests without one, as Mimir does.
func tenant(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("X-Scope-OrgID") == "shop" {
		return false
	}
	http.Error(w, "no org id", http.StatusUnauthorized)
	return true
}

// front puts a style before a server and returns its URL.
func (s style) front(t *testing.T, server string) string {
	t.Helper()
	f := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.before != nil && s.before(w, r) {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		path := strings.TrimPrefix(r.URL.Path, s.prefix)
		req, err := http.NewRequestWithContext(r.Context(), r.Method, server+path+"?"+r.URL.RawQuery, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header.Set("Content-Type", r.Header.Get("Content-Type"))
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		var doc map[string]json.RawMessage
		if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		s.after(path, doc)
		w.WriteHeader(resp.StatusCode)
		write := func(text string) { _, _ = io.WriteString(w, text) }
		// The order of keys is theirs: status first, then what is before the data.
		write(fmt.Sprintf(`{"status":%s`, doc["status"]))
		for _, key := range []string{"isPartial", "data", "errorType", "error", "warnings", "infos", "analysis", "stats"} {
			if doc[key] != nil {
				write(fmt.Sprintf(`,%q:%s`, key, doc[key]))
			}
		}
		write("}")
	}))
	t.Cleanup(f.Close)
	return f.URL + s.prefix
}

// TestFamilyCounts puts every rule of counting to each of the stores' ways of answering.
func TestFamilyCounts(t *testing.T) {
	t.Parallel()
	cases := promtest.Cases(t, "../../testdata/counting.txt")
	var h promtest.History
	for _, c := range cases {
		c.Record(&h)
	}
	server := promtest.Start(t, promtest.Config{History: h.String()})
	for _, st := range styles() {
		t.Run(st.name, func(t *testing.T) {
			url := st.front(t, server)
			for _, c := range cases {
				s, err := New(Config{Name: "family", URL: url, SeriesLimit: c.Limit, Headers: map[string]string{"X-Scope-OrgID": "shop"}})
				if err != nil {
					t.Fatal(err)
				}
				rd := c.Reading(t)
				rd.Bounds = c.Bounds
				got, err := s.Blocks(t.Context(), rd, c.Window())
				if err != nil {
					t.Fatalf("%s: %v", c.Name, err)
				}
				same(t, got.Processes, c.Want)
				same(t, got.Bounds, c.Bounds)
				same(t, codes(got), c.Notes)
				s.Close()
			}
			s, err := New(Config{Name: "family", URL: url, Headers: map[string]string{"X-Scope-OrgID": "shop"}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if at, err := s.Clock(t.Context()); err != nil || time.Since(at).Abs() > time.Minute {
				t.Errorf("got the clock %v, %v, want about now", at, err)
			}
			if err := s.Ping(t.Context()); err != nil {
				t.Errorf("ping: %v", err)
			}
			over := Since{Start: promtest.Epoch().Add(-time.Hour), End: promtest.Epoch().Add(time.Hour)}
			if names, _, err := s.Names(t.Context(), "", over, 100); err != nil || len(names) < 3 {
				t.Errorf("got names %v, %v, want those of the cases", names, err)
			}
		})
	}
}

const wholeData = `{"resultType":"matrix","result":[{"metric":{"__name__":"up","pod":"a"},"values":[[1700000040,"1"]]}]}`

// TestFamilySaysWhatIsMissing holds how each store says that its answer lacks a part, or
// what it wants: nothing of it may pass for a whole answer.
func TestFamilySaysWhatIsMissing(t *testing.T) {
	rd := queries.Reading{Kind: queries.Gauge, Query: queries.Query{Lang: queries.PromQL, Expr: "up"}, Scale: 1}
	w := queries.Window{Start: promtest.Epoch(), End: promtest.Epoch().Add(time.Minute), Block: time.Minute}
	for _, c := range []struct {
		name, body string
		status     int
		note       queries.NoteCode
		fault      queries.Fault
		text       string
	}{
		{name: "VictoriaMetrics, whole", body: `{"status":"success","isPartial":false,"data":` + wholeData + `,"stats":{"seriesFetched":"1"}}`},
		{name: "VictoriaMetrics, a storage node is away", body: `{"status":"success","isPartial":true,"data":` + wholeData + `,"stats":{"seriesFetched":"1"}}`,
			note: queries.NotePartial, text: "isPartial"},
		{name: "isPartial behind the data", body: `{"status":"success","data":` + wholeData + `, "isPartial" : true}`, note: queries.NotePartial, text: "isPartial"},
		{name: "a label called so", body: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"\"isPartial\":true"},"values":[[1700000040,"1"]]}]}}`},
		{name: "Thanos, a store is away", body: `{"status":"success","data":` + wholeData + `,"warnings":["No StoreAPIs matched for this query"]}`,
			note: queries.NotePartial, text: "No StoreAPIs matched"},
		{name: "Prometheus, a remote read is away", body: `{"status":"success","data":` + wholeData + `,"warnings":["remote_read: connection refused"]}`,
			note: queries.NotePartial, text: "remote_read"},
		{name: "an info is no warning", body: `{"status":"success","data":` + wholeData + `,"infos":["PromQL info: metric might not be a counter"]}`},
		{name: "Thanos, partial answers forbidden", status: 503, body: `{"status":"error","errorType":"internal","error":"fetch series for {a=\"b\"}: no store"}`,
			fault: queries.Unavailable, text: "no store"},
		{name: "Mimir, no tenant", status: 401, body: "no org id\n", fault: queries.Rejected, text: "X-Scope-OrgID"},
		{name: "Mimir, too many chunks", status: 422, body: `{"status":"error","errorType":"execution","error":"the query exceeded the maximum number of chunks (err-mimir-max-chunks-per-query)"}`,
			fault: queries.Rejected, text: "err-mimir-max-chunks-per-query"},
		{name: "Mimir, too many requests", status: 429, body: `{"status":"error","errorType":"too_many_requests","error":"the request has been rejected because the tenant exceeded the request rate limit"}`,
			fault: queries.Throttled, text: "less often"},
		{name: "VictoriaMetrics, a bad query", status: 422, body: `{"status":"error","errorType":"422","error":"cannot parse up{"}`,
			fault: queries.Rejected, text: "cannot parse"},
		{name: "VictoriaMetrics, out of time", status: 503, body: `{"status":"error","errorType":"503","error":"timeout exceeded"}`,
			fault: queries.Unavailable, text: "timeout exceeded"},
	} {
		s := source(t, func(w http.ResponseWriter, _ *http.Request) {
			if c.status != 0 {
				w.WriteHeader(c.status)
			}
			_, _ = io.WriteString(w, c.body)
		})
		f, err := s.Blocks(context.Background(), rd, w)
		switch {
		case c.fault != "":
			if err == nil || queries.FaultOf(err) != c.fault || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: got %v, want %s with %q", c.name, err, c.fault, c.text)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.note == "" && len(f.Notes) > 0:
			t.Errorf("%s: got notes %v, want none", c.name, f.Notes)
		case c.note != "" && (len(f.Notes) != 1 || f.Notes[0].Code != c.note || !strings.Contains(f.Notes[0].Text, c.text)):
			t.Errorf("%s: got notes %v, want %s with %q", c.name, f.Notes, c.note, c.text)
		}
	}
}

// TestThinnedData asks a real server for blocks that are shorter than its samples are
// apart, as those of a store that has downsampled its past: gaps, never counts.
func TestThinnedData(t *testing.T) {
	t.Parallel()
	var h promtest.History
	for i := range 25 {
		h.Add(promtest.Metric{Family: "requests_total", Kind: "unknown", Labels: `pod="a",job="shop"`},
			promtest.Epoch().Add(time.Duration(i)*5*time.Minute-20*time.Second), float64(500*i))
	}
	s, err := New(Config{Name: "thin", URL: promtest.Start(t, promtest.Config{History: h.String()})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rd := queries.Reading{Kind: queries.Counter, Total: queries.Counts{{Selector: "requests_total"}}, Scale: 1,
		Query: queries.Query{Lang: queries.PromQL, Expr: "sum(rate(requests_total[1m]))"}}
	end := promtest.Epoch().Add(2 * time.Hour).Truncate(5 * time.Minute)
	for block, want := range map[time.Duration]float64{time.Minute: queries.Gap(), 5 * time.Minute: 500} {
		f, err := s.Blocks(t.Context(), rd, queries.Window{Start: end.Add(-2 * block), End: end, Block: block})
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range f.Total().N {
			if got != want && !(queries.IsGap(got) && queries.IsGap(want)) {
				t.Errorf("block %d of %s: got %v, want %v", i, block, got, want)
			}
		}
	}
	if apart, err := s.ScrapeInterval(t.Context(), "requests_total", end, 30*time.Minute); err != nil || apart != 5*time.Minute {
		t.Errorf("got samples %s apart, %v, want 5m", apart, err)
	}
	if apart, err := s.ScrapeInterval(t.Context(), "nothing_total", end, 30*time.Minute); err != nil || apart != 0 {
		t.Errorf("got samples of nothing %s apart, %v, want 0", apart, err)
	}
}
