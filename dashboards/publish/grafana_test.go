package publish_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/dashboards"
	"github.com/serin-canary/serin/dashboards/publish"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

func drawn(t testing.TB) dashboards.Board {
	t.Helper()
	p, err := plan.Parse("plan.yaml", []byte("service: checkout\npreset: http\n"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := dashboards.Draw(dashboards.Subject{Plan: p, Rollout: rollout.Rollout{
		ID: "abcdefghijklmnop", Service: "checkout", Revision: "1", Started: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
		Baseline: rollout.Arm{Namespace: "shop", PodPattern: "checkout-primary-.*"}, Canary: rollout.Arm{Namespace: "shop", PodPattern: "checkout-[0-9]+"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, s *httptest.Server, change func(*publish.Config)) *publish.Grafana {
	t.Helper()
	c := publish.Config{
		URL: s.URL + "/grafana", Client: s.Client(), Folder: "canaries", FolderTitle: "Canaries",
		Token: func() (string, error) { return secret, nil },
	}
	if change != nil {
		change(&c)
	}
	g, err := publish.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestPublish(t *testing.T) {
	fake, s := newGrafana(t)
	g, b := open(t, s, nil), drawn(t)
	for range 2 {
		url, err := g.Publish(t.Context(), b, "")
		if want := s.URL + "/grafana/d/" + b.UID + "/slug"; err != nil || url != want {
			t.Fatalf("got %q, error %v; want %q", url, err, want)
		}
	}
	if got := fake.boards[b.UID]; got.Version != 2 || got.Folder != "canaries" || fake.folders["canaries"] != "Canaries" {
		t.Errorf("got %d versions in folder %q of %v", got.Version, got.Folder, fake.folders)
	}
	if _, err := g.Publish(t.Context(), b, "own"); err != nil || fake.boards[b.UID].Folder != "own" || fake.folders["own"] != "own" {
		t.Errorf("got folder %q, error %v; want the plan's own", fake.boards[b.UID].Folder, err)
	}
	fake.boards["theirs"] = board{Body: map[string]any{"tags": []string{"x"}}}
	if got, err := g.Owned(t.Context()); err != nil || !reflect.DeepEqual(got, []string{b.UID}) {
		t.Errorf("got %v, error %v; want Serin's board alone", got, err)
	}
	for range 2 {
		if err := g.Remove(t.Context(), b.UID); err != nil {
			t.Errorf("got %v, want it gone, also the second time", err)
		}
	}
	if err := g.Remove(t.Context(), "theirs"); err == nil || len(fake.boards) != 1 {
		t.Errorf("got %v with %d boards left, want somebody else's left alone", err, len(fake.boards))
	}
}

func TestPublishResources(t *testing.T) {
	fake, s := newGrafana(t)
	g, b := open(t, s, func(c *publish.Config) { c.API, c.Namespace = publish.APIResources, "org-2" }), drawn(t)
	for n := range 3 {
		if _, err := g.Publish(t.Context(), b, ""); err != nil || fake.boards[b.UID].Version != n+1 {
			t.Fatalf("got version %d, error %v; want %d", fake.boards[b.UID].Version, err, n+1)
		}
	}
	// Somebody writes between the reading and the writing: it is tried again later.
	fake.fail = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			x := fake.boards[b.UID]
			x.Version++
			fake.boards[b.UID] = x
		}
		return false
	}
	_, err := g.Publish(t.Context(), b, "")
	var e *publish.Error
	if !errors.As(err, &e) || e.Permanent || !strings.Contains(err.Error(), "409") {
		t.Errorf("got %v, want a conflict that is tried again", err)
	}
	fake.fail = nil
	for range 2 {
		if err := g.Remove(t.Context(), b.UID); err != nil {
			t.Error(err)
		}
	}
	fake.boards[b.UID] = board{Body: map[string]any{"tags": []any{"x"}}, Version: 1}
	if _, err := g.Publish(t.Context(), b, ""); err == nil || !strings.Contains(err.Error(), "left alone") {
		t.Errorf("got %v, want somebody else's board left alone", err)
	}
	if err := g.Remove(t.Context(), b.UID); err == nil || len(fake.boards) != 1 {
		t.Errorf("got %v, want somebody else's board left alone", err)
	}
}

// What Grafana answers, and whether trying again helps. The token is in no error.
func TestRefusals(t *testing.T) {
	answer := func(code int, body string, headers ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet {
				return false
			}
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	for name, c := range map[string]struct {
		fail      func(http.ResponseWriter, *http.Request) bool
		permanent bool
		after     time.Duration
		want      string
	}{
		"no right":           {answer(403, `{"message":"You'll need additional permissions"}`), false, 0, "dashboards:create"},
		"expired":            {answer(401, `{"message":"Expired API key"}`), false, 0, "service account with the role Editor"},
		"version":            {answer(412, `{"message":"changed","status":"version-mismatch"}`), false, 0, "412: changed"},
		"title":              {answer(412, `{"message":"same name","status":"name-exists"}`), true, 0, "folder of their own"},
		"plugin":             {answer(412, `{"message":"x","status":"plugin-dashboard"}`), true, 0, "belongs to a plugin"},
		"not valid":          {answer(400, `{"message":"bad"}`), true, 0, "400: bad"},
		"too large":          {answer(413, `<html>Request Entity Too Large</html>`), true, 0, "413"},
		"slow down":          {answer(429, `{}`, "Retry-After", "7"), false, 7 * time.Second, "429"},
		"slow down until":    {answer(503, `{}`, "Retry-After", "Fri, 01 May 2026 12:00:30 GMT"), false, 30 * time.Second, "503"},
		"for ever":           {answer(429, `{}`, "Retry-After", "999999"), false, time.Hour, "429"},
		"broken":             {answer(500, `{"message":"db is locked"}`), false, 0, "500: db is locked"},
		"a login page":       {answer(200, `<html>Sign in</html>`), false, 0, "not its JSON"},
		"a long explanation": {answer(500, `{"message":"`+strings.Repeat("é", 400)+`"}`), false, 0, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			fake, s := newGrafana(t)
			fake.folders["canaries"] = "Canaries"
			fake.fail = c.fail
			g := open(t, s, func(c *publish.Config) {
				c.Now = func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }
			})
			_, err := g.Publish(t.Context(), drawn(t), "")
			var e *publish.Error
			if !errors.As(err, &e) || e.Permanent != c.permanent || e.After != c.after || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %#v: %v\nwant permanent %v, after %v, with %q", e, err, c.permanent, c.after, c.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Error("the token is in the error")
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	_, s := newGrafana(t)
	g := open(t, s, nil)
	s.Close()
	_, err := g.Publish(t.Context(), drawn(t), "")
	var e *publish.Error
	if !errors.As(err, &e) || e.Permanent || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v, want an error after which it is tried again", err)
	}
	broken := open(t, s, func(c *publish.Config) { c.Token = func() (string, error) { return "", errors.New("no file") } })
	if _, err := broken.Publish(t.Context(), drawn(t), ""); err == nil || !strings.Contains(err.Error(), "the token cannot be read: no file") {
		t.Errorf("got %v, want the token's trouble", err)
	}
}

func TestSomebodyElses(t *testing.T) {
	fake, s := newGrafana(t)
	g, b := open(t, s, nil), drawn(t)
	fake.boards[b.UID] = board{Body: map[string]any{"tags": []any{"x"}}, Version: 1}
	_, err := g.Publish(t.Context(), b, "")
	var e *publish.Error
	if !errors.As(err, &e) || !e.Permanent || fake.boards[b.UID].Version != 1 {
		t.Errorf("got %v, want somebody else's board left alone", err)
	}
	fake.boards[b.UID] = board{Body: map[string]any{"tags": []any{dashboards.Tag}}, Provisioned: true}
	for _, err := range []error{g.Remove(t.Context(), b.UID), func() error { _, err := g.Publish(t.Context(), b, ""); return err }()} {
		if !errors.As(err, &e) || !e.Permanent || !strings.Contains(err.Error(), "publish files instead") {
			t.Errorf("got %v, want a hint", err)
		}
	}
}

func TestAnnotate(t *testing.T) {
	fake, s := newGrafana(t)
	g := open(t, s, nil)
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	m := publish.Mark{Key: "abc-step-1", Tags: []string{"rollout:abc", "service:checkout"}, Text: "weight 10 %\n<script>", At: at}
	for range 2 {
		if err := g.Annotate(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if len(fake.marks) != 1 || fake.marks[1]["text"] != "weight 10 % &lt;script&gt;" || fake.marks[1]["time"] != float64(at.UnixMilli()) || fake.marks[1]["timeEnd"] != nil {
		t.Errorf("got %v, want one mark", fake.marks)
	}
	m.Until = at.Add(time.Minute)
	if err := g.Annotate(t.Context(), m); err != nil || fake.marks[1]["timeEnd"] != float64(m.Until.UnixMilli()) {
		t.Errorf("got %v, error %v; want the region closed", fake.marks, err)
	}
	// A moment that stays is not moved by those who tell of it later; another one is.
	later := m
	later.At, later.Stays = at.Add(time.Hour), true
	if err := g.Annotate(t.Context(), later); err != nil || fake.marks[1]["time"] != float64(at.UnixMilli()) {
		t.Errorf("got %v, error %v; want the time of before", fake.marks, err)
	}
	later.Stays = false
	if err := g.Annotate(t.Context(), later); err != nil || fake.marks[1]["time"] != float64(later.At.UnixMilli()) {
		t.Errorf("got %v, error %v; want it moved", fake.marks, err)
	}
	// Two replicas were equally fast.
	fake.marks[9] = map[string]any{"tags": []any{"serin-mark:abc-step-1", "rollout:abc"}}
	if err := g.Annotate(t.Context(), m); err != nil || len(fake.marks) != 1 {
		t.Errorf("got %v, error %v; want one mark again", fake.marks, err)
	}
	// Somebody has put a mark of their own beside it.
	fake.marks[77] = map[string]any{"tags": []any{"rollout:abc", "incident"}, "text": "the pager rang"}
	if err := g.RemoveMarks(t.Context(), "rollout:abc"); err != nil || len(fake.marks) != 1 || fake.marks[77] == nil {
		t.Errorf("got %v, error %v; want theirs alone", fake.marks, err)
	}
	if err := g.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	for want, change := range map[string]func(*publish.Config){
		"Grafana's URL is none":     func(c *publish.Config) { c.URL = "grafana:3000" },
		"credentials in it":         func(c *publish.Config) { c.URL = "https://admin:" + secret + "@grafana" },
		"no HTTP client":            func(c *publish.Config) { c.Client = nil },
		`"v9" is no API of Grafana`: func(c *publish.Config) { c.API = "v9" },
	} {
		c := publish.Config{URL: "https://grafana", Client: http.DefaultClient}
		change(&c)
		if _, err := publish.New(c); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
