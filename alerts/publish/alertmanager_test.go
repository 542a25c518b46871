package publish_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/alerts/publish"
)

// TestAlertmanager has a fake that answers as the API's description says; the tests of
// the whole loop have a real one.
func TestAlertmanager(t *testing.T) {
	var path, kind, auth, body string
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		path, kind, auth, body = r.Method+" "+r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), string(b)
		w.WriteHeader(status)
	}))
	defer s.Close()
	a, err := publish.NewAlertmanager(publish.Server{URL: s.URL + "/prefix/", Client: s.Client(), Authorize: func(r *http.Request) error {
		r.Header.Set("Authorization", "Bearer hunter2")
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	alert := publish.Fired{Labels: map[string]string{"alertname": "x"}, StartsAt: at, EndsAt: at.Add(time.Minute), GeneratorURL: "https://serin.example.com"}
	if err := a.Tell(t.Context(), alert); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil || len(got) != 1 || got[0]["startsAt"] != "2026-05-01T12:00:00Z" || got[0]["endsAt"] != "2026-05-01T12:01:00Z" {
		t.Errorf("got %s (%v), want the alert in a list", body, err)
	}
	if path != "POST /prefix/api/v2/alerts" || kind != "application/json" || auth != "Bearer hunter2" {
		t.Errorf("got %s, %s, %s; want the API's address, JSON and the token", path, kind, auth)
	}
	for code, permanent := range map[int]bool{400: true, 401: false, 403: false, 404: true, 429: false, 500: false, 503: false} {
		status = code
		err := a.Tell(t.Context(), alert)
		var e *publish.Error
		if !errors.As(err, &e) || e.Permanent != permanent || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%d: got %v, want it permanent: %v", code, err, permanent)
		}
	}
	for _, url := range []string{"", "alertmanager:9093", "http://bob:hunter2@alertmanager", "http://alertmanager?x=1"} {
		if _, err := publish.NewAlertmanager(publish.Server{URL: url, Client: s.Client()}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v, want it refused", url, err)
		}
	}
}
