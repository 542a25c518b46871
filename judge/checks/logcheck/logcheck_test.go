package logcheck_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/logcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at is what the runners' clock says.
func at() time.Time { return time.Unix(1_700_000_000, 0) }

// loki answers as Loki documents its API: by the query, newest lines first.
type loki struct {
	t     *testing.T
	lines map[string][]string // of queries, oldest first
}

func (l loki) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	start, err2 := strconv.ParseInt(q.Get("start"), 10, 64)
	if err != nil || err2 != nil || r.URL.Path != "/base/loki/api/v1/query_range" || q.Get("direction") != "backward" ||
		q.Get("end") != strconv.FormatInt(at().UnixNano(), 10) || at().UnixNano()-start != int64(10*time.Minute) || r.Header.Get("X-Scope-OrgID") != "shop" {
		l.t.Errorf("got %s with %v", r.URL, r.Header)
	}
	lines, ok := l.lines[q.Get("query")]
	if !ok {
		http.Error(w, "parse error at line 1: "+q.Get("query")+" password=hunter2", http.StatusBadRequest)
		return
	}
	values := [][]any{}
	for i := len(lines) - 1; i >= 0 && len(values) < limit; i-- {
		values = append(values, []any{strconv.FormatInt(at().UnixNano()-int64(len(lines)-i), 10), lines[i], map[string]any{"trace": "x"}}[:2+i%2])
	}
	json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{
		"resultType": "streams", "result": []any{map[string]any{"stream": map[string]any{"app": "shop"}, "values": values}}, "stats": map[string]any{},
	}})
}

func run(t *testing.T, cfg logcheck.Config, c checks.Logs) checks.Result {
	t.Helper()
	if c.Within == 0 {
		c.Within = 20 * time.Second
	}
	cfg.Clock.Now = at
	return logcheck.New(cfg).Run(t.Context(), checks.Spec{Name: "x", Logs: &c}, checks.Target{Canary: checks.Arm{Workload: "shop"}})
}

func TestLoki(t *testing.T) {
	const errs, all = `{app="shop"} |= "error"`, `{app="shop"}`
	many := make([]string, 500)
	for i := range many {
		many[i] = fmt.Sprintf("error %d", i)
	}
	for name, c := range map[string]struct {
		lines  map[string][]string
		check  checks.Logs
		status checks.Status
		said   string
	}{
		"no errors":        {map[string][]string{errs: nil, all: {"fine"}}, checks.Logs{}, checks.Passed, `logs {app="shop"} |= "error" has no such lines in the last 10m (there are others)`},
		"nothing at all":   {map[string][]string{errs: nil, all: nil}, checks.Logs{}, checks.Failed, "has no lines at all in the last 10m, so that nothing is known"},
		"quiet":            {map[string][]string{errs: nil, all: nil}, checks.Logs{Quiet: true}, checks.Passed, "(declared quiet)"},
		"one error":        {map[string][]string{errs: {"error: token=hunter2 \x1b[31m is stale"}}, checks.Logs{}, checks.Failed, `has 1 line in the last 10m, want at most 0; the last one is "error: token=(hidden) [31m is stale"`},
		"a few":            {map[string][]string{errs: {"error 1", "error 2"}}, checks.Logs{Max: 2}, checks.Passed, `has 2 lines in the last 10m, at most 2 are allowed; the last one is "error 2"`},
		"more than a few":  {map[string][]string{errs: many[:3]}, checks.Logs{Max: 2}, checks.Failed, `has 3 lines in the last 10m, want at most 2; the last one is "error 2"`},
		"many":             {map[string][]string{errs: many}, checks.Logs{}, checks.Failed, `has at least 100 lines in the last 10m, want at most 0; the last one is "error 499"`},
		"many are allowed": {map[string][]string{errs: many}, checks.Logs{Max: 1000}, checks.Passed, "has 500 lines"},
		"a bad query":      {nil, checks.Logs{}, checks.Broken, `was not counted: Loki answered 400: "parse error at line 1: `},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(loki{t, c.lines})
			defer s.Close()
			c.check.Loki, c.check.Query, c.check.Since = s.URL+"/base/", `{app="{{ .Canary.Workload }}"} |= "error"`, 10*time.Minute
			c.check.Headers = map[string]string{"X-Scope-OrgID": "{{ .Canary.Workload }}"}
			got := run(t, logcheck.Config{}, c.check)
			if got.Status != c.status || !strings.Contains(got.Reason, c.said) || strings.Contains(got.Reason, "hunter2") || strings.ContainsRune(got.Reason, '\x1b') {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.said)
			}
		})
	}
}

// TestNoLoki ensures that no answer that is none counts as no lines.
func TestNoLoki(t *testing.T) {
	for body, want := range map[string]string{
		``: "it is not the JSON of a query's answer", `<html>`: "it is not the JSON", `{}`: "it does not say success", `null`: "it does not say success",
		`{"status":"success"}`:                                                                              "it does not say success",
		`{"status":"success","data":{}}`:                                                                    "it has no lines but numbers",
		`{"status":"success","data":{"resultType":"matrix","result":[]}}`:                                   "it has no lines but numbers",
		`{"status":"success","data":{"resultType":"streams","result":[{"values":[["1"]]}]}}`:                "one of its lines is none",
		`{"status":"success","data":{"resultType":"streams","result":[{"values":[[1,"a"]]}]}}`:              "one of its lines is none",
		`{"status":"success","data":{"resultType":"streams","result":[{"values":[["x","a"]]}]}}`:            "one of its lines has no time",
		`{"status":"success","data":{"resultType":"streams","result":7}}`:                                   "it is not the JSON",
		strings.Repeat("[", 100_000):                                                                        "it is not the JSON",
		`{"status":"success","data":{"resultType":"streams","result":[],"a":"` + strings.Repeat("x", 5<<20): "more than 4 MiB",
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }))
		got := run(t, logcheck.Config{}, checks.Logs{Loki: s.URL, Query: `{a="b"}`, Quiet: true})
		s.Close()
		if got.Status != checks.Broken || !strings.Contains(got.Reason, want) {
			t.Errorf("%.80s: got %s: %s, want broken: %s", body, got.Status, got.Reason, want)
		}
	}
	if got := run(t, logcheck.Config{}, checks.Logs{Loki: "http://127.0.0.1:1", Query: `{a="b"}`, Quiet: true}); got.Status != checks.Broken || !strings.Contains(got.Reason, "was not answered by Loki") {
		t.Errorf("got %s: %s, want it broken", got.Status, got.Reason)
	}
}

func TestTexts(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		check  checks.Logs
		want   checks.Status
		said   string
	}{
		"no errors":       {200, "INFO a\r\nINFO b\n", checks.Logs{}, checks.Passed, "logs /logs?… has no such lines (there are others)"},
		"errors":          {200, "ERROR a\nINFO b\nERROR c password=hunter2\n", checks.Logs{}, checks.Failed, `has 2 lines, want at most 0; the last one is "ERROR c password=(hidden)"`},
		"as many as may":  {200, "ERROR a\nINFO b\n", checks.Logs{Max: 1}, checks.Passed, `has 1 line, at most 1 are allowed; the last one is "ERROR a"`},
		"an empty text":   {200, " \n\n", checks.Logs{}, checks.Failed, "has no lines at all, so that nothing is known"},
		"may be empty":    {200, "", checks.Logs{Quiet: true}, checks.Passed, "has no such lines (declared quiet)"},
		"another status":  {404, "INFO", checks.Logs{}, checks.Failed, "answered 404, want 200"},
		"a redirect":      {302, "INFO", checks.Logs{}, checks.Failed, "answered 302, want 200"},
		"too long a text": {200, strings.Repeat("INFO 12345\n", 400_000), checks.Logs{}, checks.Failed, "no more of it is read, so that it is not known whether there are more than 0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/logs" {
					t.Errorf("got a request of %s after a redirect, want none", r.URL.Path)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			defer s.Close()
			c.check.URL, c.check.Pattern = s.URL+"/logs?key=hunter2", "^ERROR"
			got := run(t, logcheck.Config{}, c.check)
			if got.Status != c.want || !strings.Contains(got.Reason, c.said) || strings.Contains(got.Reason, "hunter2") {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.want, c.said)
			}
		})
	}
}

func TestGuard(t *testing.T) {
	cfg := logcheck.Config{Guard: func(a netip.AddrPort) error {
		if !a.Addr().IsLoopback() {
			t.Errorf("asked of %s, want the address that the name stands for", a)
		}
		return errors.New("not there")
	}}
	for _, c := range []checks.Logs{{URL: "http://localhost:1/", Pattern: "x"}, {Loki: "http://localhost:1/", Query: `{a="b"}`}} {
		if got := run(t, cfg, c); got.Status != checks.Broken || !strings.Contains(got.Reason, "was not tried: not there") {
			t.Errorf("got %s: %s, want it broken by the guard", got.Status, got.Reason)
		}
	}
}

func TestWhatIsNoCheck(t *testing.T) {
	for want, c := range map[string]checks.Logs{
		"its URL must start with http:// or https:// and a host": {URL: "ftp://a/", Pattern: "x"},
		"its pattern is no regular expression":                   {URL: "http://a/", Pattern: "("},
		"or there is none":                                       {URL: "http://a/"},
		"its query does not begin with a selector":               {Loki: "http://a/", Query: `rate({a="b"}[1m])`},
		"its query names a fact with characters":                 {Loki: "http://a/", Query: `{a="{{ .Service }}"}`},
		"its header a cannot be filled in":                       {URL: "http://a/", Pattern: "x", Headers: map[string]string{"a": "{{ .Nope }}"}},
		"its loki cannot be filled in":                           {Loki: "{{ .Nope }}"},
		"it allows 1001 lines":                                   {Max: 1001},
	} {
		r := logcheck.New(logcheck.Config{})
		if got := r.Run(t.Context(), checks.Spec{Logs: &c}, checks.Target{Service: `"} or`}); got.Status != checks.Broken || !strings.Contains(got.Reason, want) {
			t.Errorf("got %s: %s, want %s", got.Status, got.Reason, want)
		}
	}
	if got := logcheck.New(logcheck.Config{}).Run(t.Context(), checks.Spec{}, checks.Target{}); got.Status != checks.Broken {
		t.Errorf("got %s: %s of another kind, want it broken", got.Status, got.Reason)
	}
}
