package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/report"
)

// shelves says what is not published.
type shelves struct {
	missing []report.Unpublished
	err     error
	asked   string
}

func (s *shelves) Unpublished(_ context.Context, rollout string) ([]report.Unpublished, error) {
	s.asked = rollout
	return s.missing, s.err
}

// reported returns a rollout's report in the form that Accept asks for.
func (w *world) reported(id, accept string) answer {
	w.t.Helper()
	r := httptest.NewRequest("GET", "/v1/rollouts/"+id, nil)
	r.Header.Set("Accept", accept)
	return w.want(w.send(r), 200)
}

// TestWhatIsNotPublishedIsInTheReport holds that a report says what failed to be
// published, beside the verdict, whose bytes are the same with and without.
func TestWhatIsNotPublishedIsInTheReport(t *testing.T) {
	places := &shelves{}
	w := newWorld(t, func(c *Config) { c.Publishing = places })
	w.judge.verdict.Outcome, w.judge.verdict.RollBack, w.judge.verdict.Reason = judge.Rollback, yes("errors"), "errors are 3.1× baseline"
	id := strings.TrimPrefix(w.announce(announced1), "/v1/rollouts/")
	w.want(w.do("POST", "/v1/rollouts/"+id+"/judge", ""), 200)
	parts := func() (verdict, missing string) {
		var b struct {
			Last        json.RawMessage `json:"last"`
			Unpublished json.RawMessage `json:"unpublished"`
		}
		if err := json.Unmarshal([]byte(w.reported(id, "application/json").body), &b); err != nil {
			t.Fatal(err)
		}
		return string(b.Last), string(b.Unpublished)
	}
	before, missing := parts()
	if missing != "[]" || places.asked != id {
		t.Errorf("got %s of rollout %q, want an empty list of %s", missing, places.asked, id)
	}
	verdicts := w.do("GET", "/v1/rollouts/"+id+"/verdicts", "").body
	if text := w.reported(id, "text/plain").body; strings.Contains(text, "Not published") || !strings.Contains(text, "ROLLBACK") {
		t.Errorf("got %s, want the verdict alone", text)
	}

	places.missing = []report.Unpublished{{What: "alert rules", Where: "ruler", Why: "ruler answered with 400", Since: start(), Attempts: 3, Next: start().Add(time.Minute), Work: "qk3v5zgq7xmh2b4t"}}
	after, missing := parts()
	if want := `{"what":"alert rules","where":"ruler","why":"ruler answered with 400","since":"2026-03-01T12:00:00Z","attempts":3,"next":"2026-03-01T12:01:00Z","work":"qk3v5zgq7xmh2b4t"}`; missing != "["+want+"]" {
		t.Errorf("got %s, want %s", missing, want)
	}
	if after != before || w.do("GET", "/v1/rollouts/"+id+"/verdicts", "").body != verdicts {
		t.Errorf("got the verdict %s, want it as it was: %s", after, before)
	}
	for accept, want := range map[string]string{"text/plain": "  ! alert rules (ruler): ruler answered with 400; missing since", "text/markdown, */*": "### Not published"} {
		a := w.reported(id, accept)
		if !strings.Contains(a.body, want) || !strings.Contains(strings.ToLower(a.body), "rollback") || !strings.HasPrefix(a.header.Get("Content-Type"), accept[:9]) || a.header.Get("Vary") == "" {
			t.Errorf("%s: got %v\n%s\nwant the verdict, and %q", accept, a.header, a.body, want)
		}
	}

	places.err = errors.New("the database of 10.0.0.7 is away")
	for _, accept := range []string{"application/json", "text/plain"} {
		if a := w.reported(id, accept); !strings.Contains(a.body, "cannot be read") || strings.Contains(a.body, "10.0.0.7") || !strings.Contains(a.body, "3.1×") {
			t.Errorf("got %s, want the verdict, and that the rest is not known", a.body)
		}
	}
}

func TestReportsOfWhatIsNotJudgedOrOver(t *testing.T) {
	w := newWorld(t)
	id := strings.TrimPrefix(w.announce(announced1), "/v1/rollouts/")
	if text := w.reported(id, "text/plain").body; !strings.Contains(text, "nobody has looked yet") {
		t.Errorf("got %q", text)
	}
	w.want(w.do("DELETE", "/v1/rollouts/"+id, ""), 200)
	if text := w.reported(id, "text/markdown").body; !strings.Contains(text, "over since 2026-03-01T12:00:00Z") {
		t.Errorf("got %q", text)
	}
}

func TestFormsOfAReport(t *testing.T) {
	for accept, want := range map[string]string{
		"": "", "*/*": "", "application/json": "", "text/html": "", ";": "", "text/plain": formText, "text/plain; charset=utf-8": formText,
		"text/html, text/markdown;q=0.9, */*": formMarkdown, "application/json, text/plain": "", "text/*": "",
	} {
		if got := formOf(accept); got != want {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
	}
}
