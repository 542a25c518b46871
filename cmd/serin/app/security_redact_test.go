package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/webhooks"
)

// TestSecretsStayWhereTheyAre runs a server that holds a secret in every place where
// one may be, has callers try and fail in every way, and looks for the secrets in
// all that comes out of it.
func TestSecretsStayWhereTheyAre(t *testing.T) {
	const (
		full     = "Sentinel-token-of-a-file"
		env      = "Sentinel-token-of-the-environment"
		source   = "Sentinel-token-of-a-source"
		wrong    = "Sentinel-token-that-is-wrong"
		header   = "Sentinel-header-of-a-check"
		password = "Sentinel-password-in-an-address"
	)
	hashed := webhooks.NewSecret()
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A source that repeats what it was sent, as some do.
		http.Error(w, `{"status":"error","errorType":"execution","error":"no access for `+r.Header.Get("Authorization")+`"}`, http.StatusUnprocessableEntity)
	}))
	t.Cleanup(store.Close)
	checked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "not for "+r.Header.Get("X-Api-Key"), http.StatusForbidden)
	}))
	t.Cleanup(checked.Close)

	dir := t.TempDir()
	write := func(name, text string) string {
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	t.Setenv("SERIN_TEST_SENTINEL", env)
	plans := t.TempDir()
	if err := os.WriteFile(filepath.Join(plans, "checkout.yaml"), []byte(`service: checkout
source: prometheus
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
checks:
  - name: home
    http: { url: "`+checked.URL+`/?key=`+password+`", headers: { X-Api-Key: `+header+` }, status: [200] }
`), 0o600); err != nil {
		t.Fatal(err)
	}
	every := Token{Namespaces: []string{"*"}, Callers: []string{"*"}, Allow: webhooks.Rights()}
	fromEnv, fromHash := every, every
	fromEnv.Name, fromEnv.Env = "env", "SERIN_TEST_SENTINEL"
	fromHash.Name, fromHash.Hash = "hash", webhooks.HashToken(hashed).String()
	journal := filepath.Join(t.TempDir(), "serin.db")
	logs := &writer{}
	a, err := New(t.Context(), Options{
		Config: Config{
			Listen: "127.0.0.1:0", Plans: plans, Journal: journal, TokenFiles: []string{write("full", full)}, Tokens: []Token{fromEnv, fromHash},
			Sources: []Source{{Name: "prometheus", Prometheus: &prometheus.Config{URL: store.URL, BearerFile: write("source", source)}}},
		},
		Log: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	var out strings.Builder
	ask := func(token, method, path, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, a.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		r.Header.Set("X-Secret", wrong)
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		fmt.Fprintf(&out, "%s %s: %s %v ", method, path[:min(len(path), 12)], resp.Status, resp.Header)
		if _, err := fmt.Fprintln(&out, body2text(resp)); err != nil {
			t.Fatal(err)
		}
	}
	announcement := `{"service":"checkout","namespace":"shop","revision":"v2","baseline":{"workload":"a"},"canary":{"workload":"b"}}`
	hook := func(token string) string {
		return `{"name":"checkout","namespace":"shop","checksum":"1","phase":"Progressing","metadata":{"token":"` + token + `","note":"` + token + `"}}`
	}
	for _, token := range []string{full, env, hashed, wrong, ""} {
		ask(token, "POST", "/v1/judge", announcement)
		ask(token, "POST", "/v1/rollouts?token="+wrong, `{"token":"`+wrong+`"}`)
		ask(token, "GET", "/none/"+wrong+"?key="+wrong, "")
		for _, h := range []string{"pre-rollout", "rollout", "confirm-promotion", "rollback", "event", "post-rollout"} {
			ask("", "POST", "/flagger/"+h, hook(token))
		}
		ask(token, "POST", "/argo/analysis", `{"namespace":"shop","rollout":"checkout","revision":"1","canaryHash":"a","stableHash":"b"}`)
	}
	for _, path := range []string{"/v1/rollouts", "/v1/plans", "/v1/audit?limit=1000", "/v1/work", "/metrics", "/readyz", "/openapi.json"} {
		ask(full, "GET", path, "")
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
	var recorded strings.Builder
	files, err := filepath.Glob(journal + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %v %v, want the journal's files", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		recorded.Write(b)
	}
	if !strings.Contains(out.String(), "200 OK") || !strings.Contains(out.String(), "401 Unauthorized") || !strings.Contains(logs.String(), "home") {
		t.Errorf("got neither answers nor refusals, or no check was run:\n%s\n%s", out.String(), logs.String())
	}
	for where, text := range map[string]string{"an answer": out.String(), "the log": logs.String(), "the journal": recorded.String()} {
		for _, secret := range []string{full, env, hashed, source, wrong, header, password} {
			if where == "the journal" && (secret == header || secret == password) {
				continue // a plan is pinned as it is written: SECURITY.md says so
			}
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s is in %s: …%s…", secret, where, text[max(0, i-200):min(len(text), i+len(secret)+50)])
			}
		}
	}
}

// body2text reads an answer.
func body2text(resp *http.Response) string {
	var b strings.Builder
	if err := resp.Write(&b); err != nil {
		return err.Error()
	}
	return b.String()
}
