package httpjson

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

const token = "a-token-0123456789"

func epoch() time.Time { return time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC) }

func window(blocks int) queries.Window {
	return queries.Window{Start: epoch(), End: epoch().Add(time.Duration(blocks) * time.Minute), Block: time.Minute}
}

// endpoint answers {"data": [[time, value], …]} out of values by name and version, one
// for each step from the epoch on.
type endpoint struct {
	series map[string][]string
	fault  http.HandlerFunc
	asked  []string
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		http.NotFound(w, r)
		return
	}
	e.asked = append(e.asked, r.URL.String())
	q := r.URL.Query()
	switch {
	case e.fault != nil:
		e.fault(w, r)
		return
	case r.Header.Get("Authorization") != "Bearer "+token || r.Header.Get("X-Team") != "shop":
		http.Error(w, "who are you? you sent "+r.Header.Get("Authorization"), http.StatusUnauthorized)
		return
	}
	from, _ := strconv.ParseInt(q.Get("from"), 10, 64)
	to, _ := strconv.ParseInt(q.Get("to"), 10, 64)
	var points []string
	for i, v := range e.series[strings.TrimPrefix(r.URL.Path, "/series/")+" "+q.Get("version")] {
		if at := epoch().Unix() + int64(i)*60; v != "" && at >= from && at < to {
			points = append(points, fmt.Sprintf("[%d,%s]", at, v))
		}
	}
	fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(points, ","))
}

// open starts an endpoint and returns a source that asks it.
func open(t *testing.T, e *endpoint, edit func(*Config)) *Source {
	t.Helper()
	h := httptest.NewServer(e)
	t.Cleanup(h.Close)
	t.Setenv("HTTPJSON_TOKEN", token)
	c := Config{
		Name: "shop", URL: h.URL + "/series/{name}?from={from}&to={to}&step={step}&{labels}", Points: "$.data[*]",
		Bearer: "env:HTTPJSON_TOKEN", Headers: map[string]string{"X-Team": "shop"},
	}
	if edit != nil {
		edit(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func reading(t *testing.T, expr, version string) queries.Reading {
	t.Helper()
	q := queries.Query{Lang: queries.JSON, Expr: expr}
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
		if p.V != nil {
			out = append(out, fmt.Sprint([]float64(p.V)))
			continue
		}
		out = append(out, fmt.Sprintf("%v/%v", []float64(p.X), []float64(p.N)))
	}
	return strings.Join(out, " ")
}

func TestCounts(t *testing.T) {
	e := &endpoint{series: map[string][]string{
		"orders v1": {"100", "100", `"100"`, "100", "100"}, "failed v1": {"1", "0", "3", "null", ""},
		"depth v1": {"4.5", "", "null"}, "orders v2": {"", "10"}, "failed v2": {"", "11"},
	}}
	s := open(t, e, nil)
	for _, tt := range []struct{ name, query, version, want string }{
		{"share", "count(failed) / count(orders)", "v1", "[1 0 3 NaN NaN]/[100 100 100 100 100]"},
		{"counter", "count(orders)", "v2", "[]/[NaN 10 NaN NaN NaN]"},
		{"value", "value(depth)", "v1", "[4.5 NaN NaN NaN NaN]"},
		{"nothing", "count(failed) / count(orders)", "v3", ""},
		{"more failed than there were", "count(failed) / count(orders)", "v2", "[NaN NaN NaN NaN NaN]/[NaN NaN NaN NaN NaN]"},
	} {
		f, err := ask(t, s, tt.query, tt.version, window(5))
		if err != nil || text(f) != tt.want || f.Window != window(5) {
			t.Errorf("%s: got %q, %v, want %q", tt.name, text(f), err, tt.want)
		}
		if err := f.Validate(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := ask(t, s, "100 * value(depth)", "v1", window(1)); err == nil || !strings.Contains(err.Error(), "let the endpoint answer the value itself") {
		t.Errorf("got %v, want arithmetic of values refused", err)
	}
	if err := s.Ping(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestURL(t *testing.T) {
	for _, tt := range []struct {
		url, times, query, version, want string
	}{
		{"http://x/{name}?a={from}&b={to}&s={step}&v={version}", "", "count(a)", "v 1&x=y", "http://x/a?a=1772618400&b=1772618520&s=60&v=v+1%26x%3Dy"},
		{"http://x/{version}/{name}?a={from}&b={to}", "ms", "count(a/b)", "v/1", "http://x/v%2F1/a%2Fb?a=1772618400000&b=1772618520000"},
		{"http://x/{name}/{from}/{to}?{labels}", "rfc3339", `count(a{z="1"})`, "v1", "http://x/a/2026-03-04T10:00:00Z/2026-03-04T10:02:00Z?version=v1&z=1"},
		{"http://x/{version}/{name}?a={from}&b={to}", "", "count(a)", "..", "cannot stand in a path"},
		{"http://x/{name}?a={from}&b={to}", "", "count(a)", "v1", "neither {version} nor {labels}"},
		{"http://x/{name}?a={from}&b={to}&v={version}", "", "count(a)", "", "needs version"},
		{"http://x/{name}?a={from}&b={to}&{labels}", "", `count(a{from="1"})`, "", "name of a placeholder"},
	} {
		s, err := New(Config{Name: "x", URL: tt.url, Points: "$", Times: tt.times})
		if err != nil {
			t.Fatal(err)
		}
		p, err := queries.ReadPart(queries.JSON, reading(t, tt.query, tt.version).Total[0].Selector)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.fill(p, window(2))
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s with %s: got %q, want %q", tt.url, tt.query, got, tt.want)
		}
	}
}

func TestFaults(t *testing.T) {
	answer := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
	}
	for _, tt := range []struct {
		name  string
		fault http.HandlerFunc
		want  string
		kind  queries.Fault
	}{
		{"no JSON", answer("<html>"), "not JSON", queries.Malformed},
		{"two documents", answer("{} {}"), "more than one JSON document", queries.Malformed},
		{"no pairs", answer(`{"data":[1,2]}`), "not a list of [time, value]: number 1 is 1", queries.Malformed},
		{"a list too many", answer(`{"data":[[[1772618400,1],[1772618460,2]],[3]]}`), "the time of point 1", queries.Malformed},
		{"off the grid", answer(`{"data":[[1772618430,1]]}`), "is not the beginning of a block", queries.Malformed},
		{"twice", answer(`{"data":[[1772618400,1],[1772618400,2]]}`), "two points for 2026-03-04T10:00:00Z", queries.Malformed},
		{"no number", answer(`{"data":[[1772618400,"many"]]}`), `"many" is no number`, queries.Malformed},
		{"not finite", answer(`{"data":[[1772618400,"NaN"]]}`), `"NaN" is no number`, queries.Malformed},
		{"no time", answer(`{"data":[["noon",1]]}`), `"noon" is no time in s`, queries.Malformed},
		{"out of time", answer(`{"data":[[1e300,1]]}`), "is no time", queries.Malformed},
		{"negative", answer(`{"data":[[1772618400,-1]]}`), "", ""},
		{"deep", answer(strings.Repeat("[", 20_000)), "not JSON", queries.Malformed},
		{"long", func(w http.ResponseWriter, _ *http.Request) {
			chunk := []byte(strings.Repeat(" ", 1<<20))
			for range 40 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "longer than 32 MiB", queries.Rejected},
		{"throttled", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "9")
			http.Error(w, "slow down", http.StatusTooManyRequests)
		}, "asked less often (429): slow down", queries.Throttled},
		{"down", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oops", http.StatusBadGateway) }, "status 502: oops", queries.Unavailable},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.example/", http.StatusFound)
		}, "it redirects (302)", queries.Rejected},
		{"echo", func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "bad "+r.Header.Get("Authorization"), http.StatusForbidden)
		}, "refuses these credentials (403): bad Bearer ***", queries.Rejected},
		{"slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "did not answer in time (its timeout is 200ms)", queries.Unavailable},
		{"breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "{")
		}, "cannot be reached: unexpected EOF", queries.Unavailable},
	} {
		s := open(t, &endpoint{fault: tt.fault}, func(c *Config) {
			if tt.name == "slow" {
				c.Timeout = 200 * time.Millisecond
			}
		})
		f, err := ask(t, s, "count(orders)", "v1", window(2))
		if tt.want == "" {
			if err != nil || len(f.Notes) != 1 {
				t.Errorf("%s: got %v, %v, want a note", tt.name, f, err)
			}
			continue
		}
		var e *queries.Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), tt.want) || e.Fault != tt.kind || strings.Contains(e.Error(), token) {
			t.Errorf("%s: got %v, want %s with %q", tt.name, err, tt.kind, tt.want)
		}
		if tt.kind == queries.Throttled && e.RetryAfter != 9*time.Second {
			t.Errorf("%s: got a pause of %v, want 9 s", tt.name, e.RetryAfter)
		}
	}
}

func TestGuardAndCredentials(t *testing.T) {
	e := &endpoint{}
	s := open(t, e, func(c *Config) {
		c.Guard = func(to netip.AddrPort) error { return fmt.Errorf("%s is not for you", to.Addr()) }
	})
	if _, err := ask(t, s, "count(orders)", "v1", window(1)); err == nil || !strings.Contains(err.Error(), "127.0.0.1 is not for you") || len(e.asked) > 0 {
		t.Errorf("got %v and the requests %v, want nothing dialled", err, e.asked)
	}
	s = open(t, e, func(c *Config) { c.Bearer = "env:NOT_SET_ANYWHERE" })
	if _, err := ask(t, s, "count(orders)", "v1", window(1)); err == nil || !strings.Contains(err.Error(), "env:NOT_SET_ANYWHERE is empty") || len(e.asked) > 0 {
		t.Errorf("got %v and the requests %v, want nothing asked without the token", err, e.asked)
	}
	r := queries.Reading{Kind: queries.Gauge, Query: queries.Query{Lang: queries.PromQL, Expr: "up"}}
	if _, err := s.Blocks(context.Background(), r, window(1)); err == nil || !strings.Contains(err.Error(), "language: http-json") {
		t.Errorf("got %v, want PromQL refused", err)
	}
}

func TestConfig(t *testing.T) {
	good := Config{Name: "x", URL: "https://x.example/{name}?a={from}&b={to}", Points: "$[*]"}
	if fs := good.Check(); len(fs) > 0 {
		t.Errorf("got %v, want no faults", fs)
	}
	for field, edits := range map[string][]func(*Config){
		"url": {
			func(c *Config) { c.URL = "" }, func(c *Config) { c.URL = "ftp://x/{name}{from}{to}" },
			func(c *Config) { c.URL = "https://{name}.example/{from}{to}" }, func(c *Config) { c.URL = "https://u:p@x.example/{name}{from}{to}" },
			func(c *Config) { c.URL = "https://x.example/{name}?a={from}" }, func(c *Config) { c.URL = "https://x.example/{name?a={from}&b={to}" },
			func(c *Config) { c.URL = "https://x.example/name}?a={from}&b={to}" },
		},
		"points": {func(c *Config) { c.Points = "" }, func(c *Config) { c.Points = "$[" }},
		"times":  {func(c *Config) { c.Times = "us" }},
		"bearer": {func(c *Config) { c.Bearer = "eyJhbGciOi" }},
		"headers": {
			func(c *Config) { c.Headers = map[string]string{"authorization": "Bearer x"} }, func(c *Config) { c.Headers = map[string]string{"X-A": "b\r\nc"} },
			func(c *Config) { c.Headers = map[string]string{"Host": "b"} }, func(c *Config) { c.Headers = map[string]string{"a b": "b"} },
		},
		"timeout":     {func(c *Config) { c.Timeout = -1 }},
		"concurrency": {func(c *Config) { c.Concurrency = -1 }},
	} {
		for i, edit := range edits {
			c := good
			edit(&c)
			fs := c.Check()
			if len(fs) != 1 || fs[field] == nil || strings.Contains(fmt.Sprint(fs), "eyJ") {
				t.Errorf("%s %d: got %v, want one fault there, without what may be a secret", field, i, fs)
			}
			if _, err := New(c); err == nil {
				t.Errorf("%s %d: got a source, want the fault", field, i)
			}
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("https://x.example/{name}?a={from}&b={to}&{labels}", "v1")
	f.Add("https://x.example/{name}/{version}{from}{to}", "../..//@evil?#")
	f.Fuzz(func(t *testing.T, address, value string) {
		s, err := New(Config{Name: "x", URL: address, Points: "$"})
		if err != nil {
			return
		}
		got, err := s.fill(queries.Part{Name: "a", Dims: []queries.Matcher{{Label: "version", Op: queries.Equal, Value: value}}}, window(1))
		if err != nil {
			return
		}
		req, err := http.NewRequest(http.MethodGet, got, nil)
		if err != nil {
			return
		}
		plain, err := http.NewRequest(http.MethodGet, strings.NewReplacer("{", "x", "}", "x").Replace(address), nil)
		if err == nil && req.URL.Host != plain.URL.Host {
			t.Fatalf("%q with %q: got the host %q, want that of the configuration", address, value, req.URL.Host)
		}
	})
}

// TestClock ensures that the endpoint's server tells its time, whatever it answers.
func TestClock(t *testing.T) {
	got, err := open(t, &endpoint{}, nil).Clock(context.Background())
	if off := time.Since(got); err != nil || off < 0 || off > time.Minute {
		t.Errorf("got %v, %v, want about now", got, err)
	}
}
