package prometheus

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
	"github.com/serin-canary/serin/queries/promql"
)

// secrets stand wherever a configuration may hold one. No error may repeat them.
const (
	password = "hunter2-password"
	token    = "hunter2-bearer-token"
	apiKey   = "hunter2-api-key"
)

var grid = promql.Range{Start: 1_700_000_000_000, End: 1_700_000_120_000, Step: 60_000}

const answer = `{"status":"success","data":{"resultType":"matrix","result":[
	{"metric":{"__name__":"up","pod":"a"},"values":[[1700000000,"1"],[1700000060,"NaN"],[1700000120.5,"+Inf"]]}]}}`

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// source is a source of a handler, and of changes to its configuration.
func source(t *testing.T, h http.HandlerFunc, change ...func(*Config)) *Source {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c := Config{Name: "prom", URL: server.URL}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestRange(t *testing.T) {
	s := source(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/query_range" {
			t.Errorf("got %s %s, want a POST of a range query", r.Method, r.URL.Path)
		}
		for k, want := range map[string]string{"query": "up", "start": "1700000000", "end": "1700000120", "step": "60", "timeout": "30s"} {
			if got := r.FormValue(k); got != want {
				t.Errorf("got %s=%q, want %q", k, got, want)
			}
		}
		io.WriteString(w, `{"warnings":["store down"],"infos":["not a counter"],`+answer[1:])
	})
	m, warnings, err := s.Range(context.Background(), "up", grid)
	if err != nil {
		t.Fatal(err)
	}
	if len(m) != 1 || len(m[0].Values) != 3 || m[0].Metric["pod"] != "a" {
		t.Errorf("got %v, want the series", m)
	}
	if len(warnings) != 1 || warnings[0] != "store down" {
		t.Errorf("got warnings %q, want the store's own", warnings)
	}
}

func TestFallsBackToGet(t *testing.T) {
	var methods []string
	s := source(t, func(w http.ResponseWriter, r *http.Request) {
		methods = append(methods, r.Method)
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		if got := r.URL.Query().Get("query"); got != "up" {
			t.Errorf("got query %q, want it in the URL", got)
		}
		io.WriteString(w, answer)
	})
	if _, _, err := s.Range(context.Background(), "up", grid); err != nil || fmt.Sprint(methods) != "[POST GET]" {
		t.Errorf("got %v by %v, want POST, then GET", err, methods)
	}
}

// TestFaults has every kind of answer. In each, the server repeats the secrets that
// it was sent: none may come back in an error.
func TestFaults(t *testing.T) {
	api := func(kind, text string) string {
		return fmt.Sprintf(`{"status":"error","errorType":%q,"error":%q}`, kind, text)
	}
	for name, tt := range map[string]struct {
		status int
		body   string
		want   queries.Fault
		says   string
	}{
		"bad query":        {400, api("bad_data", "1:3: parse error"), queries.Rejected, "1:3: parse error"},
		"too many samples": {422, api("execution", "query processing would load too many samples"), queries.Rejected, "too many samples"},
		"gave up":          {422, api("timeout", "query timed out"), queries.Unavailable, "query timed out"},
		"bad, not JSON":    {400, "<html>", queries.Rejected, "refused"},
		"no credentials":   {401, "login", queries.Rejected, "refused the credentials (401)"},
		"not allowed":      {403, "no", queries.Rejected, "refused the credentials (403)"},
		"wrong path":       {404, "not found", queries.Rejected, "no Prometheus API at this url"},
		"conflict":         {409, "", queries.Rejected, "409 Conflict"},
		"slow request":     {408, "", queries.Unavailable, "408"},
		"throttled":        {429, "slow down", queries.Throttled, "less often"},
		"broken":           {500, "stack trace", queries.Unavailable, "500 Internal Server Error"},
		"no upstream":      {502, "", queries.Unavailable, "502"},
		"server timeout":   {503, api("timeout", "query timed out in expression evaluation"), queries.Unavailable, "query timed out in expression"},
		"gateway timeout":  {504, "", queries.Unavailable, "504"},
		"redirect":         {302, "", queries.Rejected, "redirect (302), which is not followed"},
		"error in 200":     {200, api("execution", "boom"), queries.Rejected, "boom"},
		"timeout in 200":   {200, api("timeout", "boom"), queries.Unavailable, "boom"},
		"cut off":          {200, answer[:len(answer)/2], queries.Malformed, "cannot be read"},
		"empty":            {200, "", queries.Malformed, "cannot be read"},
		"no content":       {204, "", queries.Malformed, "cannot be read"},
		"a login page":     {200, "<!doctype html><title>Log in</title>", queries.Malformed, "login page"},
		"another JSON":     {200, `{"hello":"world"}`, queries.Malformed, "not a list of series"},
		"no data":          {200, `{"status":"success"}`, queries.Malformed, "not a list of series"},
		"a vector":         {200, `{"status":"success","data":{"resultType":"vector","result":[]}}`, queries.Malformed, "not a list of series"},
		"unknown type":     {200, `{"status":"success","data":{"resultType":"tensor","result":[]}}`, queries.Malformed, "tensor"},
		"no number":        {200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"x"]]}]}}`, queries.Malformed, "cannot be read"},
		"odd sample":       {200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[["1",{}]]}]}}`, queries.Malformed, "cannot be read"},
		"odd histogram":    {200, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[[1,{"buckets":[[0]]}]]}]}}`, queries.Malformed, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t, func(w http.ResponseWriter, r *http.Request) {
				user, pass, _ := r.BasicAuth()
				echo := strings.Join([]string{user, pass, r.Header.Get("Authorization"), r.Header.Get("X-Api-Key")}, " ")
				if tt.status/100 == 3 {
					w.Header().Set("Location", "http://"+user+":"+pass+"@elsewhere.invalid/?key="+r.Header.Get("X-Api-Key"))
				}
				w.WriteHeader(tt.status)
				io.WriteString(w, strings.Replace(tt.body, `"error":"`, `"error":"`+echo+" ", 1))
			}, func(c *Config) {
				c.Username, c.PasswordFile = "serin", write(t, "password", password+"\n")
				c.Headers = map[string]string{"x-api-key": apiKey}
			})
			m, _, err := s.Range(context.Background(), "up", grid)
			faulty(t, err, tt.want, tt.says)
			if m != nil {
				t.Errorf("got data %v beside the error", m)
			}
			clean(t, err)
		})
	}
}

// faulty fails unless an error has a fault and says a text.
func faulty(t *testing.T, err error, want queries.Fault, says string) {
	t.Helper()
	var e *queries.Error
	if !errors.As(err, &e) || e.Fault != want || !strings.Contains(e.Text, says) || e.Source != "prom" {
		t.Errorf("got %v, want fault %s that says %q", err, want, says)
	}
}

// clean fails where an error, or any that it wraps, has a secret in it.
func clean(t *testing.T, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, secret := range []string{password, token, apiKey, "c2VyaW46aHVudGVyMi1wYXNzd29yZA=="} {
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
				t.Errorf("the error has the secret %q in it: %#v", secret, err)
			}
		}
	}
}

func TestUnreachable(t *testing.T) {
	refused := source(t, nil, func(c *Config) {
		c.URL = "http://127.0.0.1:1/prefix-" + apiKey // nothing listens there
		c.BearerFile = write(t, "token", token)
	})
	_, _, err := refused.Range(context.Background(), "up", grid)
	faulty(t, err, queries.Unavailable, "refused")
	clean(t, err)

	nowhere := source(t, nil, func(c *Config) { c.URL = "http://nowhere.invalid:9090" })
	_, _, err = nowhere.Range(context.Background(), "up", grid)
	faulty(t, err, queries.Unavailable, "cannot be reached")

	hang := make(chan struct{})
	slow := source(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}, func(c *Config) { c.Timeout = 50 * time.Millisecond })
	defer close(hang)
	_, _, err = slow.Range(context.Background(), "up", grid)
	faulty(t, err, queries.Unavailable, "did not answer in time (its timeout is 50ms)")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want it to be a deadline's", err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err = slow.Range(ctx, "up", grid)
	faulty(t, err, queries.Unavailable, "given up")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it to be a cancellation", err)
	}

	cut := source(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		io.WriteString(w, answer)
	})
	_, _, err = cut.Range(context.Background(), "up", grid)
	faulty(t, err, queries.Unavailable, "unexpected EOF")
}

func TestCredentials(t *testing.T) {
	path := write(t, "token", token+"\n")
	var got []string
	s := source(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization")+"|"+r.Header.Get("X-Scope-OrgID")+"|"+r.Header.Get("User-Agent"))
		io.WriteString(w, answer)
	}, func(c *Config) {
		c.BearerFile = path
		c.Headers = map[string]string{"X-Scope-OrgID": "shop"}
	})
	ask := func() error {
		_, _, err := s.Range(context.Background(), "up", grid)
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("rotated-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	want := []string{"Bearer " + token + "|shop|serin", "Bearer rotated-token|shop|serin"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for text, says := range map[string]string{"": "is empty", "a\nb": "more than one line"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		faulty(t, ask(), queries.Rejected, says)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	faulty(t, ask(), queries.Rejected, "bearerFile cannot be read")
	if len(got) != 2 {
		t.Errorf("got %d requests, want none without its credentials", len(got))
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 0 {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		io.WriteString(w, answer)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()
	ca := write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	cert, key := keyPair(t)
	for _, tt := range []struct {
		c    Config
		want queries.Fault
		says string
	}{
		{Config{CAFile: ca, CertFile: cert, KeyFile: key}, "", ""},
		{Config{CAFile: ca}, queries.Rejected, "403"},
		{Config{}, queries.Unavailable, "certificate"},
	} {
		tt.c.Name, tt.c.URL = "prom", server.URL
		s, err := New(tt.c)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Range(context.Background(), "up", grid)
		s.Close()
		if tt.want == "" {
			if err != nil {
				t.Errorf("got %v, want an answer", err)
			}
			continue
		}
		faulty(t, err, tt.want, tt.says)
	}
}

func TestPing(t *testing.T) {
	const one = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"1"]}]}}`
	for body, want := range map[string]queries.Fault{
		one:                                   "",
		strings.Replace(one, `"1"`, `"0"`, 1): queries.Malformed,
		answer:                                queries.Malformed,
		"not JSON":                            queries.Malformed,
		`{"status":"error","errorType":"server_error","error":"x"}`: queries.Unavailable,
	} {
		s := source(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) })
		err := s.Ping(context.Background())
		if want == "" && err != nil || want != "" && (err == nil || queries.FaultOf(err) != want) {
			t.Errorf("%s: got %v, want fault %q", body, err, want)
		}
	}
}

func TestRealPing(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Name: "real", URL: promtest.Start(t, promtest.Config{}) + "/"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ping(context.Background()); err != nil {
		t.Error(err)
	}
	_, _, err = s.Range(context.Background(), "sum(", grid)
	var e *queries.Error
	if !errors.As(err, &e) || e.Fault != queries.Rejected || !strings.Contains(e.Text, "unclosed left parenthesis") {
		t.Errorf("got %v, want the query rejected with the server's reason", err)
	}
}
