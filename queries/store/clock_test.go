package store

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestClockByDates(t *testing.T) {
	here := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	there := here.Add(-90 * time.Second) // the server's clock is behind
	header := map[string]string{}
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil // the server's own is left out
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	clock := &Clock{now: func() time.Time { return here }}
	client := NewClient(time.Minute, nil)
	clock.Watch(client)
	t.Cleanup(client.CloseIdleConnections)
	asked := 0
	ask := func(ctx context.Context) error {
		asked++
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	for _, step := range []struct {
		name   string
		after  time.Duration // goes by here
		date   time.Duration // what the server tells, after there; negative for none
		age    string
		status int
		answer bool // that comes by itself, to a question about something else
		want   time.Duration
		asked  int // in all
		fails  bool
	}{
		{name: "no date", date: -1, status: 200, asked: 1, fails: true},
		{name: "of a cache", date: 0, age: "30", status: 200, asked: 2, fails: true},
		{name: "of what stands between", date: 0, status: 502, asked: 3, fails: true},
		{name: "the first", date: 0, status: 200, want: 0, asked: 4},
		{name: "it goes on", after: 40 * time.Second, want: 40 * time.Second, asked: 4},
		{name: "a later one is nearer", date: 41 * time.Second, status: 200, answer: true, want: 41 * time.Second, asked: 5},
		{name: "an earlier one is not", date: 39 * time.Second, status: 200, answer: true, want: 41 * time.Second, asked: 6},
		{name: "unless the latest is old", after: 11 * time.Minute, date: 5 * time.Minute, status: 200, answer: true, want: 5 * time.Minute, asked: 7},
		{name: "after an hour it is asked", after: 61 * time.Minute, date: 66 * time.Minute, status: 200, want: 66 * time.Minute, asked: 8},
	} {
		here = here.Add(step.after)
		header, status = map[string]string{}, step.status
		if step.date >= 0 {
			header["Date"] = there.Add(step.date).Format(http.TimeFormat)
		}
		if step.age != "" {
			header["Age"] = step.age
		}
		if step.answer {
			if err := ask(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		got, err := clock.Ask(t.Context(), ask)
		if step.fails != (err != nil) || !step.fails && !got.Equal(there.Add(step.want)) || asked != step.asked {
			t.Errorf("%s: got %v, %v after %d questions, want %v after %d", step.name, got, err, asked, there.Add(step.want), step.asked)
		}
	}
	down := errors.New("down")
	if _, err := new(Clock).Ask(t.Context(), func(context.Context) error { return down }); !errors.Is(err, down) {
		t.Errorf("got %v, want why it could not be asked", err)
	}
}
