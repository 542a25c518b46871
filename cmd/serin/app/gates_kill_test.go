package app

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
)

const runToken = "eyJ0eXAiOiJKV1Qi.c2VjcmV0LXJ1bi10b2tlbg.c2lnbmF0dXJl"

// gatekeepers are Azure DevOps and GitHub in one server, as far as the contract tells. The
// first answer to each never comes, where hang is set: its sender is killed while it waits,
// and they are away at the second attempt. They take what comes else.
type gatekeepers struct {
	*httptest.Server
	hang bool
	gone chan struct{} // closed when nobody waits any more

	mu       sync.Mutex
	attempts map[string]int      // by who
	took     map[string][]string // bodies that were taken
	unknown  []string
}

func newGatekeepers(t *testing.T, hang bool) *gatekeepers {
	g := &gatekeepers{hang: hang, attempts: map[string]int{}, took: map[string][]string{}, gone: make(chan struct{})}
	g.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // its sender was killed
		}
		bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case r.URL.Path == "/api/v3/app/installations/42/access_tokens":
			w.WriteHeader(http.StatusCreated)
			fmt.Fprintf(w, `{"token":"ghs_installation","expires_at":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
		case strings.HasPrefix(r.URL.Path, "/contoso/") && bearer == runToken:
			g.take(w, r, "azure", body)
		case strings.HasSuffix(r.URL.Path, "/deployment_protection_rule") && bearer == "ghs_installation":
			g.take(w, r, "github", body)
		default:
			g.mu.Lock()
			defer g.mu.Unlock()
			g.unknown = append(g.unknown, r.URL.Path)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(g.Close)
	t.Cleanup(func() { close(g.gone) }) // before the server waits for its handlers
	return g
}

func (g *gatekeepers) take(w http.ResponseWriter, r *http.Request, who string, body []byte) {
	g.mu.Lock()
	g.attempts[who]++
	n := g.attempts[who]
	g.mu.Unlock()
	switch {
	case n == 1 && g.hang:
		select {
		case <-g.gone:
		case <-r.Context().Done():
		}
	case n == 2 && g.hang:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		g.mu.Lock()
		defer g.mu.Unlock()
		g.took[who] = append(g.took[who], string(body))
	}
}

// came returns how many attempts came.
func (g *gatekeepers) came(who string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.attempts[who]
}

// await waits until both were told.
func (g *gatekeepers) await(t *testing.T, most time.Duration) {
	t.Helper()
	began := time.Now()
	told := func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.took["azure"]) > 0 && len(g.took["github"]) > 0
	}
	for !told() {
		if time.Since(began) > most {
			t.Fatalf("they were not told within %s", most)
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Logf("both were told within %s", time.Since(began).Round(100*time.Millisecond))
}

// recording is what a server logs.
type recording struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *recording) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *recording) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

// gateWorld writes the configuration of a server whose canary fails its check. The
// server needs env to believe the gatekeepers.
func gateWorld(t *testing.T, g *gatekeepers) (config, journal string, env []string) {
	t.Helper()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintln(w, `http_requests_total{code="200"} 1`)
	}))
	t.Cleanup(page.Close)
	files, dir := newGateFiles(t), t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	plans := filepath.Join(dir, "plans")
	for _, err := range []error{
		os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.Certificate().Raw}), 0o600),
		os.Mkdir(plans, 0o700), os.WriteFile(filepath.Join(plans, "checkout.yaml"), fmt.Appendf(nil, killPlan, page.URL), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	journal = filepath.Join(dir, "serin.db")
	return fmt.Sprintf(`listen: 127.0.0.1:0
plans: %s
journal: %s
outgoing: { callbacks: [127.0.0.0/8] }
azure:
  hosts: [%q]
  keys: [{ id: "2026-05", file: %s }]
github:
  app: "12345"
  api: %s/api/v3
  keyFile: %s
  secretFiles: [%s]
  rules: [{ repository: shop/checkout, environment: prod, service: checkout, namespace: shop }]
sources:
  - name: pods
    scrape: { targets: [{ url: %s, labels: { arm: baseline } }, { url: %s, labels: { arm: canary } }] }
`, plans, journal, strings.TrimPrefix(g.URL, "https://"), files.seal, g.URL, files.key, files.secret, page.URL, page.URL), journal, []string{"SSL_CERT_FILE=" + ca}
}

// post sends a body with headers.
func post(t *testing.T, url, body string, headers map[string]string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// askGates asks as both do. Azure's arms are named apart, GitHub's by the plan.
func askGates(t *testing.T, server string, g *gatekeepers) {
	t.Helper()
	code, body := post(t, server+"/azure/check", `{"mode": "callback", "run": "1207", "namespace": "shop", "service": "checkout", "revision": "4711"}`, map[string]string{
		"Content-Type": "application/json", "PlanUrl": g.URL + "/contoso/", "HubName": "checks", "AuthToken": runToken,
		"ProjectId": "a1a1a1a1-0000-4000-8000-000000000001", "PlanId": "b2b2b2b2-0000-4000-8000-000000000002",
		"JobId": "c3c3c3c3-0000-4000-8000-000000000003", "TaskInstanceId": "e5e5e5e5-0000-4000-8000-000000000005",
	})
	if code != http.StatusOK || strings.Contains(body, runToken) {
		t.Fatalf("azure: got %d %s", code, body)
	}
	event := githubEvent(g.URL+"/api/v3", "shop/checkout", "prod", 99)
	for range 2 { // the second is a replay
		code, body = post(t, server+"/github/events", event, signedEvent(event))
		if code != http.StatusAccepted {
			t.Fatalf("github: got %d %s", code, body)
		}
	}
}

func TestGatesAreTold(t *testing.T) {
	g := newGatekeepers(t, false)
	config, journal, env := gateWorld(t, g)
	log := &recording{}
	server := &replica{t: t, config: config, env: env, log: log}
	server.start()
	askGates(t, server.url, g)
	g.await(t, 10*time.Second)
	server.end(syscall.SIGKILL)
	wantNoToken(t, journal, log)
	wantTaken(t, g)
}

// githubEvent is a deployment that waits at an environment.
func githubEvent(api, repository, environment string, deployment int) string {
	return fmt.Sprintf(`{"action": "requested", "environment": %q, "deployment": {"id": %d, "sha": %q}, "repository": {"full_name": %q}, "installation": {"id": 42},
		"deployment_callback_url": "%s/repos/%s/actions/runs/7/deployment_protection_rule"}`, environment, deployment, strings.Repeat("ab", 20), repository, api, repository)
}

// signedEvent returns the headers of an event.
func signedEvent(event string) map[string]string {
	mac := hmac.New(sha256.New, []byte(gateSecret))
	mac.Write([]byte(event))
	return map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": "deployment_protection_rule", "X-GitHub-Delivery": "72d3162e",
		"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
	}
}

// A server is killed while both callers are being told. The next one tells them, once,
// and the run's token is in no file and in no log.
func TestKill9BetweenVerdictAndReport(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("what a killed process had begun is taken over after 20 s; set SERIN_E2E=1 to run it")
	}
	t.Parallel()
	g := newGatekeepers(t, true)
	config, journal, env := gateWorld(t, g)
	log := &recording{}
	server := &replica{t: t, config: config, env: env, log: log}
	server.start()
	askGates(t, server.url, g)
	eventually(t, "both being told", func() bool { return g.came("azure") == 1 && g.came("github") == 1 })
	server.end(syscall.SIGKILL)
	wantNoToken(t, journal, log)

	server.start()
	g.await(t, 2*time.Minute)
	q := opened(t, journal)
	eventually(t, "nothing left to tell", func() bool {
		list, err := q.List(t.Context(), outbox.Filter{Kind: "answer"})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range list {
			if w.State != outbox.Done {
				return false
			}
		}
		return len(list) == 2
	})
	server.end(syscall.SIGKILL)
	wantNoToken(t, journal, log)
	wantTaken(t, g)
}

func wantTaken(t *testing.T, g *gatekeepers) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	want := `{"name":"TaskCompleted","taskId":"e5e5e5e5-0000-4000-8000-000000000005","jobId":"c3c3c3c3-0000-4000-8000-000000000003","result":"failed"}`
	if got := g.took["azure"]; len(got) != 1 || got[0] != want {
		t.Errorf("azure: got %v, want one event %s", got, want)
	}
	got := g.took["github"]
	if len(got) != 1 || !strings.Contains(got[0], `"environment_name":"prod","state":"rejected","comment":"**Serin: rejected: rollback**`) || !strings.Contains(got[0], "home") {
		t.Errorf("github: got %v, want one review that rejects and names the check", got)
	}
	if len(g.unknown) > 0 {
		t.Errorf("got requests to %v without a token that counts", g.unknown)
	}
}

// inBase64 returns what base64 makes of a text wherever it stands among others, less
// what its neighbours change, and the text.
func inBase64(text string) []string {
	out := []string{text}
	for before := range 3 {
		e := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + text))
		out = append(out, e[4:len(e)-4])
	}
	return out
}

// wantNoToken fails where a credential is in one of the journal's files or in the log.
func wantNoToken(t *testing.T, journal string, log *recording) {
	t.Helper()
	files, err := filepath.Glob(journal + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("got no journal: %v", err)
	}
	texts := map[string]string{"the log": log.String()}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(f)] = string(b)
	}
	found := false
	for where, text := range texts {
		found = found || strings.Contains(text, "azure/b2b2b2b2-0000-4000-8000-000000000002") && strings.Contains(where, "serin.db")
		for _, secret := range append(strings.Split(runToken, "."), slices.Concat(inBase64(runToken), []string{"ghs_installation", gateSecret, sealKey})...) {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %q in it", where, secret)
			}
		}
	}
	if !found {
		t.Error("the question is in no file, so that this test looks in the wrong place")
	}
}
