package prometheus

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

func TestClock(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       time.Time
	}{
		{"a server's time", `{"status":"success","data":{"resultType":"scalar","result":[1767225600.5,"1767225600.5"]}}`, time.Date(2026, 1, 1, 0, 0, 0, 5e8, time.UTC)},
		{"no number", `{"status":"success","data":{"resultType":"scalar","result":[1767225600,"NaN"]}}`, time.Time{}},
		{"no scalar", `{"status":"success","data":{"resultType":"vector","result":[]}}`, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := source(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.FormValue("time"); got != "" {
					t.Errorf("asked at time %q, want the server's own", got)
				}
				fmt.Fprint(w, c.body)
			})
			got, err := s.Clock(context.Background())
			if c.want.IsZero() {
				faulty(t, err, queries.Malformed, "time()")
				return
			}
			if err != nil || !got.Equal(c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestRealClock(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Name: "real", URL: promtest.Start(t, promtest.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := time.Now().Add(-time.Second)
	got, err := s.Clock(context.Background())
	if err != nil || got.Before(before) || got.After(time.Now().Add(time.Second)) {
		t.Errorf("got %v, %v, want about %v", got, err, before)
	}
}
