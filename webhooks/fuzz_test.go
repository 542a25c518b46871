package webhooks

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
)

// fuzzed is a server that is kept over all inputs. Its judge records nothing, or
// the looks would pile up.
func fuzzed(f *testing.F) *world {
	return newWorld(f, func(c *Config) { c.Judge = quick{judge.Verdict{Reason: "2 of 10 paired blocks"}} })
}

// try sends a body and checks what holds for any: an answer that is no fault of
// the server, and no panic.
func (w *world) try(t *testing.T, path, body string) answer {
	t.Helper()
	w.t = t
	a := w.send(httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
	if a.code >= 500 || a.code < 200 || a.code == http.StatusNoContent || a.code == http.StatusTooManyRequests {
		t.Fatalf("%s %q: got %d %q, want no fault of the server", path, body, a.code, a.body)
	}
	if !utf8.ValidString(a.body) {
		t.Fatalf("%s %q: got %q, want valid UTF-8", path, body, a.body)
	}
	return a
}

func FuzzFlagger(f *testing.F) {
	for _, seed := range [...]string{
		"", "null", "{}", "[]", "{", `{"name":"checkout"}`, "\xff", `{"name":"checkout","namespace":"shop","checksum":"1","metadata":null}`,
		`{"name":"checkout","namespace":"shop","phase":"Progressing","checksum":"5d59f87694","metadata":{"plan":"shop","weight":"20"}}`,
		`{"name":"checkout","namespace":"shop","phase":"Failed","checksum":"1","metadata":{"eventMessage":"Advance checkout.shop canary weight 1e400"}}`,
		`{"name":"checkout","namespace":"shop","checksum":"1","metadata":{"canary":"a","baseline":"b","url.canary":"http://%zz","comparison":"checks"}}`,
		`{"name":"a.b-c","namespace":"shop","checksum":"\u0000","metadata":{"plan":"shop"}}`,
	} {
		for i := range 8 {
			f.Add(byte(i), []byte(seed))
		}
	}
	w := fuzzed(f)
	f.Fuzz(func(t *testing.T, n byte, body []byte) {
		hooks := w.server.hooks()
		checkLine(t, w.try(t, "/flagger/"+hooks[int(n)%len(hooks)].name, string(body)))
	})
}

func FuzzArgo(f *testing.F) {
	for _, seed := range [...]string{
		"", "null", "{}", "[]", "7", `"x"`, argoArgs(nil), argoArgs(map[string]any{"step": 3, "revision": true, "weight": "5e1"}),
		argoArgs(map[string]any{"uid": "äöüäöüäöü", "gate": "guard", "plan": "shop"}),
		argoArgs(map[string]any{"canary": map[string]any{"podPattern": "(", "labels": map[string]any{"a": "b"}}}),
		`{"namespace":"shop","rollout":"checkout","revision":1e999}`, `{"namespace":"shop","namespace":"shop"}`, `{"step":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	w := fuzzed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		a := w.try(t, "/argo/analysis", string(body))
		m := a.object(t)
		for _, key := range [...]string{"verdict", "code", "score", "summary", "reason", "report", "retryAfterSeconds", "error", "next"} {
			if m[key] == nil {
				t.Fatalf("%q: got %s, want every key with a value", body, a.body)
			}
		}
		if s := m["summary"].(string); len(s) >= 1000 || !strings.HasPrefix(s, m["verdict"].(string)) {
			t.Fatalf("%q: got summary %q, want it short and the verdict first", body, s)
		}
	})
}

func FuzzAPI(f *testing.F) {
	for _, seed := range [...]string{
		"", "null", "{}", "[]", announced1, `{"percent": 20}`, `{"percent": 1e308, "at": "2026-03-01T12:00:00Z"}`, `{"final": true}`, `{"final": "yes"}`,
		`{"percent":20,"percent":30}`, `{"service":"checkout","revision":"v2","weights":[{"percent":1,"at":"0001-01-01T00:00:00Z"}]}`,
		`{"service":"checkout","revision":"v2","started":"9999-12-31T23:59:59Z"}`, `{"weights":{}}`, `{"canary":[]}`, `{"canary":{"labels":[]}}`,
	} {
		f.Add([]byte(seed))
	}
	w := fuzzed(f)
	path := w.announce(`{"service":"strict","revision":"v1","canary":{"workload":"a"}}`)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, p := range [...]string{"/v1/rollouts", "/v1/judge", path + "/judge", path + "/weights"} {
			w.try(t, p, string(body)).object(t)
		}
	})
}

// FuzzDecode holds that the strict reader takes nothing that encoding/json does
// not, and reads the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range [...]string{announced1, "{}", `{"service":"a","Service":"b"}`, `{"canary":{"labels":{"a":"b","a":"c"}}}`, `{"weights":[{}]}`, `{"started":null}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var a, b announcement
		if err := decode(body, &a, strict); err != nil {
			return
		}
		if err := json.Unmarshal(body, &b); err != nil {
			t.Fatalf("%q: got it read, want %v", body, err)
		}
		if got, want := mustJSON(t, a), mustJSON(t, b); got != want {
			t.Fatalf("%q: got %s, want %s", body, got, want)
		}
	})
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// FuzzOneLine holds what Kubernetes events and Argo's status need.
func FuzzOneLine(f *testing.F) {
	f.Add("a\nb\u2028c\xff", 5)
	f.Add("äöü…", 4)
	f.Fuzz(func(t *testing.T, text string, max int) {
		max = 3 + max&0x3ff
		got := oneLine(text, max)
		if len(got) > max || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x00\u2028") {
			t.Errorf("%q in %d bytes: got %q", text, max, got)
		}
	})
}

// FuzzOverride holds that a plan's facts win field by field.
func FuzzOverride(f *testing.F) {
	f.Add("a", "b", "k", "v")
	f.Fuzz(func(t *testing.T, old, given, key, value string) {
		base := rollout.Arm{Workload: old, URL: old, Labels: map[string]string{"kept": old, key: old}}
		got := override(base, rollout.Arm{Workload: given, Labels: map[string]string{key: value}})
		want := given
		if given == "" {
			want = old
		}
		if got.Workload != want || got.URL != old || got.Labels[key] != value || (key != "kept" && got.Labels["kept"] != old) || base.Labels[key] != old {
			t.Errorf("got %+v from %+v, want the given facts in it and the original untouched", got, base)
		}
	})
}
