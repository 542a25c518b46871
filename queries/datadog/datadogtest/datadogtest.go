package datadogtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The keys that a Server takes.
const (
	APIKey = "fake-api-key-0123456789abcdef" //nolint:gosec // of the fake, and good for nothing else
	AppKey = "fake-app-key-0123456789abcdef"
)

// Fault is what goes wrong with calls.
type Fault struct {
	Status int               // answered in place of 200
	Header map[string]string // sent in any case
	Body   string            // in place of the answer
	Coarse time.Duration     // the finest step that is answered in
	Step   time.Duration     // the step that is answered in, whatever was asked
	Said   string            // errors beside the data of a 200
	Slow   bool              // no answer until the caller gives up
}

// Server is a fake of the API. Its fields are set before it is asked.
type Server struct {
	URL string
	// Limit, where positive, is how many calls there are in an hour.
	Limit int

	mu     sync.Mutex
	points map[string][]point
	calls  []Call
	fault  func(c Call) Fault
}

// Call is one call that was made.
type Call struct {
	Path     string
	From, To time.Time
	Interval time.Duration
	Queries  []string
	Formulas []string

	made int // how many there are with this one
}

// point is one reported value.
type point struct {
	tags  map[string]string
	at    int64 // milliseconds
	value float64
	n     float64 // how many observations of that value
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	s := &Server{points: map[string][]point{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	t.Setenv("FAKE_DD_API_KEY", APIKey)
	t.Setenv("FAKE_DD_APP_KEY", AppKey)
	s.URL = h.URL
	return s
}

// Add reports a value of a metric.
func (s *Server) Add(metric string, tags map[string]string, at time.Time, value float64) {
	s.Observe(Observation{metric, tags, at, value, 1})
}

// Observation is a value that a distribution was reported with N times.
type Observation struct {
	Metric string
	Tags   map[string]string
	At     time.Time
	Value  float64
	N      float64
}

// Observe reports a value many times.
func (s *Server) Observe(o Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.points[o.Metric] = append(s.points[o.Metric], point{o.Tags, o.At.UnixMilli(), o.Value, o.N})
}

// Fail makes calls go wrong as fault says; nil ends it.
func (s *Server) Fail(fault func(Call) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// Calls returns the calls to the timeseries API so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// body is the request of the timeseries API.
type body struct {
	Data struct {
		Type       string `json:"type"`
		Attributes struct {
			From     int64 `json:"from"`
			To       int64 `json:"to"`
			Interval int64 `json:"interval"`
			Queries  []struct {
				Source string `json:"data_source"`
				Name   string `json:"name"`
				Query  string `json:"query"`
			} `json:"queries"`
			Formulas []struct {
				Formula string `json:"formula"`
			} `json:"formulas"`
		} `json:"attributes"`
	} `json:"data"`
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("DD-API-KEY") != APIKey || r.Header.Get("DD-APPLICATION-KEY") != AppKey {
		refuse(w, http.StatusForbidden, "Forbidden")
		return
	}
	var b body
	var c Call
	switch r.Method + " " + r.URL.Path {
	case "GET /api/v1/validate":
	case "POST /api/v2/query/timeseries":
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil || b.Data.Type != "timeseries_request" {
			refuse(w, http.StatusBadRequest, "the body is not a timeseries_request")
			return
		}
	default:
		refuse(w, http.StatusNotFound, "Not found")
		return
	}
	c = callOf(r.URL.Path, b)
	s.mu.Lock()
	if len(c.Queries) > 0 {
		s.calls = append(s.calls, c)
	}
	c.made = len(s.calls)
	fault := Fault{}
	if s.fault != nil {
		fault = s.fault(c)
	}
	s.mu.Unlock()
	s.answer(w, r, c, fault)
}

func callOf(path string, b body) Call {
	a := b.Data.Attributes
	c := Call{Path: path, From: time.UnixMilli(a.From).UTC(), To: time.UnixMilli(a.To).UTC(), Interval: time.Duration(a.Interval) * time.Millisecond}
	for _, q := range a.Queries {
		c.Queries = append(c.Queries, q.Name+"="+q.Query)
	}
	for _, f := range a.Formulas {
		c.Formulas = append(c.Formulas, f.Formula)
	}
	return c
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, c Call, fault Fault) {
	for k, v := range fault.Header {
		w.Header().Set(k, v)
	}
	if s.Limit > 0 {
		for k, v := range map[string]int{"Limit": s.Limit, "Period": 3600, "Remaining": max(s.Limit-c.made, 0), "Reset": 600} {
			w.Header().Set("X-RateLimit-"+k, strconv.Itoa(v))
		}
		w.Header().Set("X-RateLimit-Name", "batch_query")
		if c.made > s.Limit {
			refuse(w, http.StatusTooManyRequests, "Rate limit of "+strconv.Itoa(s.Limit)+" requests in 3600 seconds reached")
			return
		}
	}
	switch {
	case fault.Slow:
		<-r.Context().Done()
	case fault.Body != "":
		if fault.Status != 0 {
			w.WriteHeader(fault.Status)
		}
		_, _ = w.Write([]byte(fault.Body))
	case fault.Status != 0:
		refuse(w, fault.Status, "injected: "+http.StatusText(fault.Status))
	case len(c.Queries) == 0:
		_, _ = w.Write([]byte(`{"valid":true}`))
	default:
		s.series(w, c, fault)
	}
}

func refuse(w http.ResponseWriter, status int, why string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{why}})
}

// series answers a call from what was reported.
func (s *Server) series(w http.ResponseWriter, c Call, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := max(c.Interval, fault.Coarse, time.Second)
	if fault.Step > 0 {
		step = fault.Step
	}
	var times []int64
	for t := c.From.Truncate(step); t.Before(c.To); t = t.Add(step) {
		times = append(times, t.UnixMilli())
	}
	found := map[string][]one{}
	for _, text := range c.Queries {
		series, name, err := s.evaluate(text, times, step, c.Interval)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		found[name] = series
	}
	var out struct {
		Data struct {
			Type       string `json:"type"`
			Attributes struct {
				Series []any        `json:"series"`
				Times  []int64      `json:"times"`
				Values [][]*float64 `json:"values"`
			} `json:"attributes"`
		} `json:"data"`
		Errors string `json:"errors,omitempty"`
	}
	out.Data.Type, out.Errors = "timeseries_response", fault.Said
	a := &out.Data.Attributes
	a.Series = []any{}
	for i, f := range c.Formulas {
		k, name, err := scaled(f)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		for _, one := range found[name] {
			values := make([]*float64, len(one.values))
			for j, v := range one.values {
				if v != nil {
					v := k * *v
					values[j] = &v
				}
			}
			a.Series = append(a.Series, map[string]any{"group_tags": one.tags, "query_index": i})
			a.Values = append(a.Values, values)
		}
	}
	if len(a.Values) > 0 {
		a.Times = times
	}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		panic(fmt.Sprint("datadogtest: ", err))
	}
}
