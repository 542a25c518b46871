// Package synthtest stands in for Datadog's Synthetics API in tests. It knows what the
// contract says of triggering, polling and creating tests, and nothing else: a test that
// it holds is really run, by one HTTP request, against the URL that it is pointed at.
package synthtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// The keys that the stand-in takes. No text of Serin's may show them.
const (
	APIKey = "hunter2-api-key-0123456789abcdef"
	AppKey = "hunter2-app-key-0123456789abcdef"
)

// Fault is an answer that is given in place of the real one.
type Fault struct {
	Path    string // a part of the path; "" is every one
	Times   int    // how often; 0 is for ever
	Status  int
	Headers map[string]string
	Body    string
	Hang    bool // no answer until the caller gives up
}

// Test is a test as it is created.
type Test struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Subtype string `json:"subtype"`
	Message string `json:"message"`
	Config  struct {
		Request struct {
			Method  string            `json:"method"`
			URL     string            `json:"url"`
			Headers map[string]string `json:"headers"`
			Body    string            `json:"body"`
			Timeout float64           `json:"timeout"`
		} `json:"request"`
		Assertions []Assertion `json:"assertions"`
	} `json:"config"`
	Locations []string       `json:"locations"`
	Options   map[string]any `json:"options"`
	Tags      []string       `json:"tags"`
	Status    string         `json:"status"`
	PublicID  string         `json:"public_id,omitempty"`
	// Rule is what a failure of it means: blocking (default) or non_blocking.
	Rule string `json:"-"`
}

// Assertion is one of a test's.
type Assertion struct {
	Type     string `json:"type"`
	Operator string `json:"operator"`
	Property string `json:"property,omitempty"`
	Target   any    `json:"target"`
}

// Override is a test that is triggered.
type Override struct {
	PublicID  string            `json:"public_id"`
	StartURL  string            `json:"startUrl"`
	Headers   map[string]string `json:"headers"`
	Variables map[string]string `json:"variables"`
	Locations []string          `json:"locations"`
}

// Server is the stand-in.
type Server struct {
	URL string

	mu        sync.Mutex
	tests     map[string]*Test
	batches   map[string][]byte
	pending   int
	faults    []Fault
	triggered []Override
	calls     []string
}

// Cleaner is what a test cleans up by.
type Cleaner interface{ Cleanup(func()) }

// New starts a stand-in without tests.
func New(t Cleaner) *Server {
	s := &Server{tests: map[string]*Test{}, batches: map[string][]byte{}}
	h := httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = h.URL
	t.Cleanup(func() { h.CloseClientConnections(); h.Close() })
	return s
}

// Add adds a test under a public ID.
func (s *Server) Add(id string, t Test) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.PublicID = id
	s.tests[id] = &t
}

// Inject adds a fault; the first that fits is given.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Times == 0 {
		f.Times = -1
	}
	s.faults = append(s.faults, f)
}

// Pending lets each batch be in progress for so many looks.
func (s *Server) Pending(looks int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = looks
}

// Batch sets what the next batches are, whatever their tests come to.
func (s *Server) Batch(data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches[""] = []byte(data)
}

// Triggered returns what was triggered.
func (s *Server) Triggered() []Override {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Override(nil), s.triggered...)
}

// Created returns a test by its public ID.
func (s *Server) Created(id string) (Test, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tests[id]; t != nil {
		return *t, true
	}
	return Test{}, false
}

// Calls returns the calls so far, as method and path.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return
	}
	s.mu.Lock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	fault := s.fault(r.URL.Path)
	s.mu.Unlock()
	if fault != nil {
		if fault.Hang {
			<-r.Context().Done()
			return
		}
		for k, v := range fault.Headers {
			w.Header().Set(k, v)
		}
		w.WriteHeader(fault.Status)
		fmt.Fprint(w, fault.Body)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.Header.Get("DD-API-KEY") != APIKey || r.Header.Get("DD-APPLICATION-KEY") != AppKey {
		refuse(w, http.StatusForbidden, "Forbidden")
		return
	}
	id, isBatch := strings.CutPrefix(r.URL.Path, "/api/v1/synthetics/ci/batch/")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/api/v1/synthetics/tests/trigger/ci":
		s.trigger(w, body)
	case r.Method == http.MethodGet && isBatch:
		s.batch(w, id)
	case r.Method == http.MethodPost && r.URL.Path == "/api/v1/synthetics/tests/api":
		s.create(w, body)
	default:
		refuse(w, http.StatusNotFound, "Not found")
	}
}

// fault takes the first fault that fits. The lock is held.
func (s *Server) fault(path string) *Fault {
	for i := range s.faults {
		f := &s.faults[i]
		if f.Times != 0 && strings.Contains(path, f.Path) {
			f.Times--
			return f
		}
	}
	return nil
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{text}})
}

func strict(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (s *Server) trigger(w http.ResponseWriter, body []byte) {
	var in struct {
		Tests []Override `json:"tests"`
	}
	if err := strict(body, &in); err != nil || len(in.Tests) == 0 {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("Invalid body: %v", err))
		return
	}
	type line struct {
		PublicID string `json:"public_id"`
		ResultID string `json:"result_id"`
		Location int    `json:"location"`
	}
	var results []line
	var data []map[string]any
	status := "passed"
	for i, o := range in.Tests {
		s.mu.Lock()
		test := s.tests[o.PublicID]
		s.triggered = append(s.triggered, o)
		s.mu.Unlock()
		if test == nil {
			refuse(w, http.StatusNotFound, "Synthetics test not found")
			return
		}
		where := o.Locations
		if where == nil {
			where = test.Locations
		}
		for j, l := range where {
			one := test.run(o, l)
			if one["status"] == "failed" && one["execution_rule"] == "blocking" {
				status = "failed"
			}
			data = append(data, one)
			results = append(results, line{o.PublicID, fmt.Sprintf("%d%d", i, j), 30000 + j})
		}
	}
	out, err := json.Marshal(map[string]any{"data": map[string]any{"status": status, "results": data}})
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	s.mu.Lock()
	id := fmt.Sprintf("batch-%d", len(s.batches)+1)
	if set, ok := s.batches[""]; ok {
		out = set
	}
	s.batches[id] = out
	s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]any{"batch_id": id, "triggered_check_ids": []string{}, "results": results, "locations": []any{}})
}

func (s *Server) batch(w http.ResponseWriter, id string) {
	s.mu.Lock()
	out, known := s.batches[id]
	running := s.pending > 0
	if running {
		s.pending--
	}
	s.mu.Unlock()
	switch {
	case !known || id == "":
		refuse(w, http.StatusNotFound, "Batch not found")
	case running:
		fmt.Fprint(w, `{"data":{"status":"in_progress","results":[]}}`)
	default:
		_, _ = w.Write(out)
	}
}

func (s *Server) create(w http.ResponseWriter, body []byte) {
	var t Test
	if err := strict(body, &t); err != nil {
		refuse(w, http.StatusBadRequest, "Invalid body: "+err.Error())
		return
	}
	for what, missing := range map[string]bool{
		"name": t.Name == "", "type": t.Type != "api", "subtype": t.Subtype != "http", "locations": len(t.Locations) == 0,
		"options": t.Options == nil, "config.request.url": t.Config.Request.URL == "", "config.assertions": len(t.Config.Assertions) == 0,
	} {
		if missing {
			refuse(w, http.StatusBadRequest, "Missing or wrong: "+what)
			return
		}
	}
	s.mu.Lock()
	id := fmt.Sprintf("new-%03d-tst", len(s.tests)+1)
	s.mu.Unlock()
	s.Add(id, t)
	t.PublicID = id
	_ = json.NewEncoder(w).Encode(t)
}

// run makes the test's request and holds the answer against its assertions.
func (t *Test) run(o Override, location string) map[string]any {
	url := t.Config.Request.URL
	if o.StartURL != "" {
		url = o.StartURL
	}
	rule := t.Rule
	if rule == "" {
		rule = "blocking"
	}
	began := time.Now()
	status := "passed"
	if !t.holds(url, o.Headers) {
		status = "failed"
	}
	return map[string]any{
		"test_public_id": o.PublicID, "test_name": t.Name, "test_type": "api", "status": status, "location": location, "execution_rule": rule,
		"duration": float64(time.Since(began).Milliseconds()), "result_id": "1", "retries": 0, "device": "",
	}
}

func (t *Test) holds(url string, headers map[string]string) bool {
	method := t.Config.Request.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(t.Config.Request.Body))
	if err != nil {
		return false
	}
	for _, h := range []map[string]string{t.Config.Request.Headers, headers} {
		for k, v := range h {
			req.Header.Set(k, v)
		}
	}
	began := time.Now()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return false
	}
	for _, a := range t.Config.Assertions {
		number, _ := a.Target.(float64)
		text, _ := a.Target.(string)
		ok := false
		switch a.Type + " " + a.Operator {
		case "statusCode is":
			ok = resp.StatusCode == int(number)
		case "responseTime lessThan":
			ok = float64(time.Since(began).Milliseconds()) < number
		case "body contains":
			ok = strings.Contains(string(body), text)
		}
		if !ok {
			return false
		}
	}
	return true
}
