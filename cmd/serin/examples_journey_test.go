package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// journeyShop is an arm of the shop of examples/checks/journey.yaml. The step of
// that name fails.
type journeyShop struct {
	failing string
	orders  atomic.Int32
}

// ServeHTTP answers as the shop does. Its errors repeat what it was sent, as they
// should not.
func (s *journeyShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const password, token = "hunter2-of-smoke", "tk-0123456789-hunter2"
	step := map[string]string{"POST /login": "login", "POST /orders": "order", "GET /orders/7": "look", "DELETE /orders/7": "cancel"}[r.Method+" "+r.URL.Path]
	allowed := step == "login" && r.PostFormValue("password") == password || step == "order" && r.Header.Get("Authorization") == "Bearer "+token ||
		step == "look" || step == "cancel"
	switch {
	case step == s.failing || !allowed:
		http.Error(w, "out of order for "+r.PostFormValue("password")+r.Header.Get("Authorization"), http.StatusServiceUnavailable)
	case step == "login":
		fmt.Fprintf(w, `{"token": %q}`, token)
	case step == "order":
		s.orders.Add(1)
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id": 7}`)
	case step == "look":
		fmt.Fprint(w, `{"state": "placed"}`)
	case step == "cancel":
		s.orders.Add(-1)
	}
}

// TestExampleOfAJourney makes the journey by the command: through a shop that is well,
// and through shops that fail at each step.
func TestExampleOfAJourney(t *testing.T) {
	t.Setenv("SMOKE_PASSWORD", "hunter2-of-smoke")
	secret := "smoke-password=env:SMOKE_PASSWORD"
	for _, c := range []struct {
		canary, baseline, secret string
		code                     int
		says                     []string
	}{
		{"", "", secret, 0, []string{"The check passed"}},
		{"login", "", secret, 1, []string{"fails on the canary and not on the baseline", "failed at setup 1 of 1 (login): POST /login answered 503", `want 200; it says "out of order for (hidden)"`}},
		{"order", "", secret, 1, []string{"failed at step 1 of 2 (order): POST /orders answered 503", `want 201; it says "out of order for Bearer (hidden)"`}},
		{"look", "", secret, 1, []string{"failed at step 2 of 2 (look): GET /orders/7 answered 503", "want 200"}},
		{"look", "look", secret, 4, []string{"environment, not canary", "fails on both arms"}},
		{"", "look", secret, 0, []string{"The check passed"}},
		{"", "", "", 4, []string{`the secret "smoke-password" is not known here; add it under secrets: in the server's configuration, or give it to serin check run with --secret smoke-password=env:VARIABLE`}},
		{"", "", "smoke-password=env:SMOKE_NOTHING", 4, []string{`the secret at env:SMOKE_NOTHING is empty; mend env:SMOKE_NOTHING`}},
	} {
		t.Run(fmt.Sprintf("canary %s, baseline %s, %s", c.canary, c.baseline, c.secret), func(t *testing.T) {
			canary, baseline := &journeyShop{failing: c.canary}, &journeyShop{failing: c.baseline}
			green, blue := httptest.NewServer(canary), httptest.NewServer(baseline)
			defer green.Close()
			defer blue.Close()
			args := []string{"--target", green.URL, "--baseline", blue.URL}
			if c.secret != "" {
				args = append(args, "--secret", c.secret)
			}
			code, out, errs := checkExample(t, "journey.yaml", args...)
			if code != c.code {
				t.Errorf("exit: got %d, want %d:\n%s\n%s", code, c.code, out, errs)
			}
			for _, want := range c.says {
				if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
					t.Errorf("%q is not said:\n%s\n%s", want, out, errs)
				}
			}
			if canary.orders.Load() != 0 || baseline.orders.Load() != 0 {
				t.Errorf("got %d and %d orders left, want them cancelled", canary.orders.Load(), baseline.orders.Load())
			}
		})
	}
}

// TestStepsOfAJourney ensures that machines are told of each step, with its time.
func TestStepsOfAJourney(t *testing.T) {
	t.Setenv("SMOKE_PASSWORD", "hunter2-of-smoke")
	s := httptest.NewServer(&journeyShop{})
	defer s.Close()
	_, out, errs := checkExample(t, "journey.yaml", "--target", s.URL, "--baseline", s.URL, "--secret", "smoke-password=env:SMOKE_PASSWORD", "-o", "json")
	var got struct {
		Checks []struct {
			Canary struct {
				Steps []struct {
					Name, Part, Status string
					Seconds            float64
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Checks) != 1 {
		t.Fatalf("%v:\n%s\n%s", err, out, errs)
	}
	var steps []string
	for _, s := range got.Checks[0].Canary.Steps {
		if steps = append(steps, s.Part+" "+s.Name); s.Status != "passed" || s.Seconds <= 0 {
			t.Errorf("got %+v, want it passed, with its time", s)
		}
	}
	if want := "setup login, step order, step look, cleanup cancel"; strings.Join(steps, ", ") != want {
		t.Errorf("got %v, want %s", steps, want)
	}
}
