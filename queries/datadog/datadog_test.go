package datadog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/datadog/datadogtest"
)

// epoch is where the windows of the tests begin.
func epoch() time.Time { return time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC) }

func window(blocks int) queries.Window {
	return queries.Window{Start: epoch(), End: epoch().Add(time.Duration(blocks) * time.Minute), Block: time.Minute}
}

// open returns a source that asks the fake.
func open(t *testing.T, s *datadogtest.Server, edit func(*Config)) *Source {
	t.Helper()
	c := Config{Name: "dd", URL: s.URL, APIKey: "env:FAKE_DD_API_KEY", AppKey: "env:FAKE_DD_APP_KEY"}
	if edit != nil {
		edit(&c)
	}
	src, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.Close)
	return src
}

// reading understands a query, narrowed to a version where one is given.
func reading(t *testing.T, expr, version string) queries.Reading {
	t.Helper()
	q := queries.Query{Lang: queries.Datadog, Expr: expr}
	if version != "" {
		var err error
		if q, err = q.Scoped([]queries.Matcher{{Label: "version", Op: queries.Equal, Value: version}}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := queries.Understand(q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ask(t *testing.T, s *Source, expr, version string, w queries.Window) (queries.Frame, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return s.Blocks(ctx, reading(t, expr, version), w)
}

func text(f queries.Frame) string {
	var out []string
	for _, p := range f.Processes {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %v/%v", p.Name, []float64(p.X), []float64(p.N))))
		if p.V != nil {
			out[len(out)-1] = strings.TrimSpace(fmt.Sprintf("%s %v", p.Name, []float64(p.V)))
		}
	}
	for _, n := range f.Notes {
		out = append(out, string(n.Code))
	}
	return strings.Join(out, " ")
}

const errorShare = "sum:errors{service:shop}.as_count() / sum:hits{service:shop}.as_count()"

// at is second s of block b.
func at(b, s int) time.Time {
	return epoch().Add(time.Duration(b)*time.Minute + time.Duration(s)*time.Second)
}

func tags(version string, more ...string) map[string]string {
	m := map[string]string{"service": "shop", "version": version}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

func TestCounts(t *testing.T) {
	s := datadogtest.New(t)
	for b := -3; b < 4; b++ { // blocks around the window are not counted
		s.Add("hits", tags("v1"), at(b, 10), 60)
		s.Add("hits", tags("v1"), at(b, 50), 40)
	}
	s.Add("errors", tags("v1"), at(1, 59), 5)
	s.Add("errors", tags("v1"), at(3, 0), 7)
	s.Add("hits", tags("v2"), at(1, 0), 10)
	s.Add("latency", tags("v1", "pod_name", "a"), at(0, 1), 0.2)
	s.Add("latency", tags("v1", "pod_name", "a"), at(0, 2), 0.7)
	s.Add("latency", tags("v1", "pod_name", "b"), at(0, 3), 0.9)
	s.Add("latency", tags("v1", "pod_name", "b"), at(2, 3), 0.5)
	src := open(t, s, nil)
	for _, tt := range []struct{ name, query, version, want string }{
		{"share", errorShare, "v1", "[0 5 0]/[100 100 100]"},
		{"no requests are a gap", errorShare, "v2", "[NaN 0 NaN]/[NaN 10 NaN]"},
		{"no series at all", errorShare, "v3", ""},
		{"counter", "sum:hits{*}.as_count()", "v2", "[]/[NaN 10 NaN]"},
		{"by pod", "count(v: v>0.5):latency{service:shop} by {pod_name}.as_count() / count:latency{service:shop} by {pod_name}.as_count()", "v1",
			"a [1 NaN NaN]/[2 NaN NaN] b [1 NaN 0]/[1 NaN 1]"},
		{"groups that are no processes", "sum:hits{*} by {service}.as_count()", "v1", "[]/[100 100 100]"},
		{"typo", "sum:erorrs{*}.as_count() / sum:hits{*}.as_count()", "v1", "[0 0 0]/[100 100 100] never-seen"},
		{"typo in a tag", "sum:hits{sttaus:500}.as_count() / sum:hits{*}.as_count()", "v1", "[0 0 0]/[100 100 100] never-seen"},
		{"percentile", "p99:latency{service:shop} by {pod_name}", "v1", "a [0.7 NaN NaN] b [0.9 NaN 0.5]"},
		{"gauge with arithmetic", "100 * avg:latency{service:shop}", "v1", "[60 NaN 50]"},
	} {
		f, err := ask(t, src, tt.query, tt.version, window(3))
		if got := text(f); err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v, want %q", tt.name, got, err, tt.want)
		}
		if err := f.Validate(); err != nil || f.Window != window(3) && len(f.Processes) > 0 {
			t.Errorf("%s: got window %v, %v", tt.name, f.Window, err)
		}
	}
	if _, err := ask(t, src, "avg:hits{*} by {version}", "", window(3)); err == nil || !strings.Contains(err.Error(), "several series") {
		t.Errorf("got %v, want several series for one arm refused", err)
	}
}

func TestALookIsOneCall(t *testing.T) {
	s := datadogtest.New(t)
	for b := range 10 {
		for _, v := range []string{"v1", "v2"} {
			s.Add("hits", tags(v), at(b, 30), 100)
			s.Add("errors", tags(v), at(b, 30), 1)
			s.Add("slow", tags(v), at(b, 30), 2)
		}
	}
	src := open(t, s, func(c *Config) { c.Pause = 2 * time.Second })
	var wg sync.WaitGroup
	for _, q := range []string{errorShare, "sum:slow{*}.as_count() / sum:hits{service:shop}.as_count()", "sum:hits{service:shop}.as_count()"} {
		for _, v := range []string{"v1", "v2"} {
			wg.Go(func() {
				if f, err := ask(t, src, q, v, window(5)); err != nil || len(f.Processes) != 1 {
					t.Errorf("%s of %s: got %s, %v", q, v, text(f), err)
				}
			})
		}
	}
	wg.Wait()
	calls := s.Calls()
	if len(calls) != 1 {
		t.Fatalf("got %d calls, want both arms and all metrics in one", len(calls))
	}
	if n := len(calls[0].Queries); n != 6 {
		t.Errorf("got the queries %q, want 6: what several ask for is asked once", calls[0].Queries)
	}
	if c := calls[0]; c.Interval != time.Minute || !c.To.Equal(window(5).End) || !strings.Contains(c.Queries[0], ".rollup(sum, 60)") {
		t.Errorf("got %+v, want the window's end, its block as interval and rollup", c)
	}
}

func TestALongWindowIsCut(t *testing.T) {
	s := datadogtest.New(t)
	for b := range 700 {
		s.Add("hits", tags("v1"), at(b, 30), 1)
	}
	src := open(t, s, nil)
	f, err := ask(t, src, "sum:hits{*}.as_count()", "v1", window(700))
	if err != nil || f.Window != window(700) || len(s.Calls()) != 3 {
		t.Fatalf("got %v, %v in %d calls, want 700 blocks in 3", f.Window, err, len(s.Calls()))
	}
	for i, v := range f.Processes[0].N {
		if v != 1 {
			t.Fatalf("got %v in block %d, want 1", v, i)
		}
	}
}

func TestStepsThatWereNotAsked(t *testing.T) {
	s := datadogtest.New(t)
	for b := -10; b < 10; b++ {
		s.Add("hits", tags("v1"), at(b, 5), 60)
		s.Add("hits", tags("v1"), at(b, 45), 40)
		s.Add("depth", tags("v1"), at(b, 45), 4)
	}
	for _, tt := range []struct {
		name, query string
		fault       datadogtest.Fault
		want        string
		kind        queries.Fault
	}{
		{"coarse", "sum:hits{*}.as_count()", datadogtest.Fault{Coarse: 5 * time.Minute}, "in steps of 5m0s where blocks are 1m0s, so that its counts belong to no one block; or nothing", queries.Rejected},
		{"so coarse that there is one point", "sum:hits{*}.as_count()", datadogtest.Fault{Coarse: 24 * time.Hour}, "one point only", queries.Malformed},
		{"odd", "sum:hits{*}.as_count()", datadogtest.Fault{Step: 40 * time.Second}, "do not divide", queries.Malformed},
		{"finer gauge", "avg:depth{*}", datadogtest.Fault{Step: 30 * time.Second}, "finer steps", queries.Malformed},
		{"finer counts", "sum:hits{*}.as_count()", datadogtest.Fault{Step: 30 * time.Second}, "", ""},
	} {
		s.Fail(func(datadogtest.Call) datadogtest.Fault { return tt.fault })
		f, err := ask(t, open(t, s, nil), tt.query, "v1", window(2))
		if tt.want == "" {
			if err != nil || text(f) != "[]/[100 100]" {
				t.Errorf("%s: got %s, %v, want the sums", tt.name, text(f), err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || queries.FaultOf(err) != tt.kind {
			t.Errorf("%s: got %v, want %s with %q", tt.name, err, tt.kind, tt.want)
		}
	}
}

func TestFaults(t *testing.T) {
	s := datadogtest.New(t)
	for b := -5; b < 5; b++ {
		s.Add("hits", tags("v1"), at(b, 5), 100)
	}
	values := `{"data":{"attributes":{"series":[{"group_tags":[],"query_index":0}],"times":%s,"values":%s}}}`
	for _, tt := range []struct {
		name  string
		fault datadogtest.Fault
		want  string
		kind  queries.Fault
		after time.Duration
	}{
		{"throttled", datadogtest.Fault{Status: 429, Header: map[string]string{"X-RateLimit-Reset": "17"}}, "asked less often (429): injected: Too Many Requests", queries.Throttled, 17 * time.Second},
		{"throttled without a word", datadogtest.Fault{Status: 429, Body: " "}, "no word of why", queries.Throttled, 0},
		{"forbidden", datadogtest.Fault{Status: 403}, "refuses these credentials (403): injected: Forbidden", queries.Rejected, 0},
		{"bad", datadogtest.Fault{Status: 400, Body: `{"errors":[{"title":"Parse","detail":"unexpected x"}]}`}, "refuses the question (400): Parse; unexpected x", queries.Rejected, 0},
		{"down", datadogtest.Fault{Status: 503}, "status 503", queries.Unavailable, 0},
		{"redirect", datadogtest.Fault{Status: 302, Header: map[string]string{"Location": "http://elsewhere.example/"}}, "it redirects", queries.Rejected, 0},
		{"echo of a key", datadogtest.Fault{Status: 500, Body: "key " + datadogtest.APIKey + " and " + datadogtest.AppKey}, "key *** and ***", queries.Unavailable, 0},
		{"no JSON", datadogtest.Fault{Body: "<html>"}, "not the JSON", queries.Malformed, 0},
		{"another shape", datadogtest.Fault{Body: `[1]`}, "not the JSON", queries.Malformed, 0},
		{"times go back", datadogtest.Fault{Body: fmt.Sprintf(values, "[120000,60000]", "[[1,1]]")}, "not ascending", queries.Malformed, 0},
		{"times off the grid", datadogtest.Fault{Body: fmt.Sprintf(values, "[60001,120001]", "[[1,1]]")}, "not aligned", queries.Malformed, 0},
		{"too few values", datadogtest.Fault{Body: fmt.Sprintf(values, "[60000,120000]", "[[1]]")}, "as many values", queries.Malformed, 0},
		{"series without values", datadogtest.Fault{Body: fmt.Sprintf(values, "[60000,120000]", "[]")}, "lists of values", queries.Malformed, 0},
		{"slow", datadogtest.Fault{Slow: true}, "did not answer in time (its timeout is 200ms)", queries.Unavailable, 0},
	} {
		s.Fail(func(datadogtest.Call) datadogtest.Fault { return tt.fault })
		src := open(t, s, func(c *Config) {
			if tt.fault.Slow {
				c.Timeout = 200 * time.Millisecond
			}
		})
		_, err := ask(t, src, "sum:hits{*}.as_count()", "v1", window(2))
		var e *queries.Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) || e.Fault != tt.kind || e.RetryAfter != tt.after {
			t.Errorf("%s: got %v (%+v), want %s with %q, again after %v", tt.name, err, e, tt.kind, tt.want, tt.after)
		}
		if err != nil && (strings.Contains(err.Error(), datadogtest.APIKey) || strings.Contains(err.Error(), datadogtest.AppKey)) {
			t.Errorf("%s: the error holds a key: %v", tt.name, err)
		}
	}
	s.Fail(func(datadogtest.Call) datadogtest.Fault {
		return datadogtest.Fault{Said: "1 of 4 shards did not answer"}
	})
	f, err := ask(t, open(t, s, nil), "sum:hits{*}.as_count()", "v1", window(2))
	if err != nil || len(f.Notes) != 1 || f.Notes[0] != (queries.Note{Code: queries.NotePartial, Text: "1 of 4 shards did not answer"}) {
		t.Errorf("partial: got %v, %v, want a note in Datadog's words", f.Notes, err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := open(t, s, nil).Blocks(gone, reading(t, errorShare, "v1"), window(2)); !errors.Is(err, context.Canceled) || queries.FaultOf(err) != queries.Unavailable {
		t.Errorf("got %v, want the caller's end as unavailable", err)
	}
}

func TestARefusedQuestionIsNobodyElses(t *testing.T) {
	s := datadogtest.New(t)
	for b := -5; b < 5; b++ {
		s.Add("hits", tags("v1"), at(b, 5), 100)
	}
	s.Fail(func(c datadogtest.Call) datadogtest.Fault {
		if strings.Contains(strings.Join(c.Queries, " "), "forbidden.metric") {
			return datadogtest.Fault{Status: 400}
		}
		return datadogtest.Fault{}
	})
	src := open(t, s, func(c *Config) { c.Pause = 300 * time.Millisecond })
	var wg sync.WaitGroup
	for _, q := range []string{"sum:hits{*}.as_count()", "sum:forbidden.metric{*}.as_count()", "sum:hits{service:shop}.as_count()"} {
		wg.Go(func() {
			_, err := ask(t, src, q, "v1", window(2))
			if bad := strings.Contains(q, "forbidden"); bad != (queries.FaultOf(err) == queries.Rejected && err != nil) {
				t.Errorf("%s: got %v", q, err)
			}
		})
	}
	wg.Wait()
}

func TestTheBudgetIsKept(t *testing.T) {
	s := datadogtest.New(t)
	s.Limit = 10
	for b := -5; b < 20; b++ {
		s.Add("hits", tags("v1"), at(b, 5), 100)
	}
	now := epoch()
	src := open(t, s, func(c *Config) { c.Now = func() time.Time { return now }; c.Reserve = 0.3 })
	var err error
	asked := 0
	for ; asked < 20; asked++ {
		if _, err = ask(t, src, "sum:hits{*}.as_count()", "v1", window(1+asked)); err != nil {
			break
		}
	}
	var e *queries.Error
	if !errors.As(err, &e) || e.Fault != queries.Throttled || e.RetryAfter != 600*time.Second || !strings.Contains(e.Text, `"batch_query" has 3 of 10 calls left, and 30% are reserved`) {
		t.Errorf("got %v, want a refusal before the reserve is touched", err)
	}
	if asked != 7 || len(s.Calls()) != 7 {
		t.Errorf("got %d answers in %d calls, want 7", asked, len(s.Calls()))
	}
	now = now.Add(10 * time.Minute)
	if _, err := ask(t, src, "sum:hits{*}.as_count()", "v1", window(1)); err != nil {
		t.Errorf("after the reset: %v", err)
	}
}

func TestNeverSeenIsAskedOnce(t *testing.T) {
	s := datadogtest.New(t)
	for b := -5; b < 5; b++ {
		s.Add("hits", tags("v1"), at(b, 5), 100)
	}
	s.Add("errors", tags("v1"), at(-600, 0), 1) // ten hours ago
	src := open(t, s, nil)
	for range 3 {
		if f, err := ask(t, src, errorShare, "v1", window(2)); err != nil || text(f) != "[0 0]/[100 100]" {
			t.Errorf("got %s, %v, want zeros, since there were errors ten hours ago", text(f), err)
		}
	}
	if n := len(s.Calls()); n != 4 {
		t.Errorf("got %d calls, want 3 and one that asked whether there ever were errors", n)
	}
}

func TestVersions(t *testing.T) {
	s := datadogtest.New(t)
	for b := -5; b < 5; b++ {
		s.Add("hits", tags("v1"), at(b, 5), 100)
		s.Add("hits", tags("v2"), at(b, 5), 7)
		s.Add("hits", map[string]string{"service": "other", "version": "v9"}, at(b, 5), 500)
	}
	got, err := open(t, s, nil).Versions(context.Background(), "hits", "service:shop", "version", window(5))
	if err != nil || fmt.Sprint(got) != "[v1 v2]" {
		t.Errorf("got %v, %v, want the versions of the service, the busiest first", got, err)
	}
}

func TestPing(t *testing.T) {
	s := datadogtest.New(t)
	if err := open(t, s, nil).Ping(context.Background()); err != nil {
		t.Error(err)
	}
	t.Setenv("OTHER_KEY", "a-key-that-is-wrong")
	src := open(t, s, func(c *Config) { c.APIKey = "env:OTHER_KEY" })
	if err := src.Ping(context.Background()); err == nil || strings.Contains(err.Error(), "a-key-that-is-wrong") || queries.FaultOf(err) != queries.Rejected {
		t.Errorf("got %v, want a refusal without the key", err)
	}
}

func TestConfig(t *testing.T) {
	good := Config{Name: "dd", APIKey: "env:A", AppKey: "file:/b"}
	if fs := good.Check(); len(fs) > 0 || good.withDefaults().URL != "https://api.datadoghq.com" {
		t.Errorf("got %v and %s, want no faults and the usual site", fs, good.withDefaults().URL)
	}
	for _, tt := range []struct {
		field string
		c     Config
	}{
		{"apiKey", Config{AppKey: "env:A"}},
		{"apiKey", Config{APIKey: "0123456789abcdef0123456789abcdef", AppKey: "env:A"}},
		{"appKey", Config{APIKey: "env:A", AppKey: "vault:x"}},
		{"site", Config{APIKey: "env:A", AppKey: "env:A", Site: "datadog.example.com"}},
		{"url", Config{APIKey: "env:A", AppKey: "env:A", URL: "https://u:p@example.com"}},
		{"url", Config{APIKey: "env:A", AppKey: "env:A", URL: "https://example.com", Site: "datadoghq.eu"}},
		{"reserve", Config{APIKey: "env:A", AppKey: "env:A", Reserve: 1}},
		{"timeout", Config{APIKey: "env:A", AppKey: "env:A", Timeout: -1}},
	} {
		fs := tt.c.Check()
		if len(fs) != 1 || fs[tt.field] == nil || strings.Contains(fmt.Sprint(fs), "0123456789") {
			t.Errorf("%+v: got %v, want one fault of %s, without what may be a key", tt.c, fs, tt.field)
		}
		if _, err := New(tt.c); err == nil {
			t.Errorf("%+v: got a source, want the fault", tt.c)
		}
	}
	s := datadogtest.New(t)
	src := open(t, s, func(c *Config) { c.AppKey = "env:NOT_SET_ANYWHERE" })
	if _, err := ask(t, src, errorShare, "v1", window(1)); err == nil || !strings.Contains(err.Error(), "env:NOT_SET_ANYWHERE is empty") {
		t.Errorf("got %v, want the place of the key that is missing", err)
	}
	if _, err := src.Blocks(context.Background(), queries.Reading{Kind: queries.Gauge, Query: queries.Query{Lang: queries.PromQL, Expr: "up"}}, window(1)); err == nil || !strings.Contains(err.Error(), "language: datadog") {
		t.Errorf("got %v, want PromQL refused", err)
	}
}

func FuzzResponse(f *testing.F) {
	f.Add(`{"data":{"attributes":{"series":[{"group_tags":["a:b"],"query_index":0}],"times":[1772618400000,1772618460000],"values":[[1,null]]}}}`)
	f.Add(`{"errors":["a"],"data":null}`)
	f.Add(`{"data":{"attributes":{"series":[{}],"times":[60000,-60000],"values":[[]]}}}`)
	f.Fuzz(func(t *testing.T, body string) {
		var r response
		if json.Unmarshal([]byte(body), &r) != nil {
			return
		}
		out, _, fault := r.read(window(3), 1)
		_ = said(r.Errors)
		if fault != nil {
			return
		}
		for _, s := range out[0] {
			if len(s.values) != 3 {
				t.Fatalf("got %d values, want one a block", len(s.values))
			}
		}
	})
}
