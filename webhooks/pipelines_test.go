package webhooks

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// pipelineExample reads one, with its expressions replaced.
func pipelineExample(t *testing.T, path string, with map[string]string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "examples", path))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for expression, value := range with {
		text = strings.ReplaceAll(text, expression, value)
	}
	return text
}

// jenkinsHook is the Webhook Step plugin's receiver (WebhookRootAction, read at
// 0ba96ad0): the header must be the whole auth token, and the first POST counts.
type jenkinsHook struct {
	authToken string
	told      []string
}

func (j *jenkinsHook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != j.authToken {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	b, _ := io.ReadAll(r.Body)
	j.told = append(j.told, string(b))
	if len(j.told) > 1 {
		w.WriteHeader(http.StatusAccepted)
	}
}

// The Jenkinsfile's requests are understood, and what it reads of the callback is
// there.
func TestJenkinsExample(t *testing.T) {
	hook := &jenkinsHook{authToken: "Bearer hook-token"}
	receiver := httptest.NewTLSServer(hook)
	defer receiver.Close()
	cb := someCallbacks(t, func(c *CallbackConfig) {
		c.Hosts, c.Client = []string{"127.0.0.1:*"}, receiver.Client().Transport.(*http.Transport)
		c.Bearers = []CallbackBearer{{Host: "127.0.0.1:*", Token: "hook-token"}}
	})
	w, d := newDeskWorld(t, func(c *Config) { c.Callbacks = cb })
	text := pipelineExample(t, "jenkins/Jenkinsfile", map[string]string{
		"${SERIN}": "http://localhost:8080", "${env.GIT_COMMIT}": "v2", "${hook.url}": receiver.URL + "/webhook-step/bef13807", "${TOKEN}": "token",
	})
	requests := regexp.MustCompile(`(?s)url: "([^"]+)", httpMode: '(\w+)'.*?validResponseCodes: '(\d+)'.*?customHeaders: \[(.*?)\],\n\s*requestBody: """(.*?)"""`).FindAllStringSubmatch(text, -1)
	if len(requests) != 2 {
		t.Fatalf("got %d requests in the Jenkinsfile, want one that begins and one that cancels", len(requests))
	}
	send := func(request []string) answer {
		r := httptest.NewRequest(request[2], request[1], strings.NewReader(request[5]))
		for _, h := range regexp.MustCompile(`name: '([^']+)', value: ["']([^"']+)["']`).FindAllStringSubmatch(request[4], -1) {
			if h[1] != "Authorization" {
				r.Header.Set(h[1], h[2])
			}
		}
		a := w.send(r)
		if fmt.Sprint(a.code) != request[3] {
			t.Fatalf("got %d %s, want %s", a.code, a.body, request[3])
		}
		return a
	}
	send(requests[0])
	if r := w.only().Rollout; r.Callback == "" || !r.Watch || r.Revision != "v2" {
		t.Errorf("got %+v, want a rollout that calls back", r)
	}
	w.judge.say(promoting)
	d.work(time.Minute)
	sum := w.only()
	jobs := cb.Follow(journal.Event{Kind: journal.EventLooked, At: start(), Rollout: sum.Rollout, Verdict: sum.Last})
	jobs = append(jobs, cb.Follow(journal.Event{Kind: journal.EventClosed, At: start(), Rollout: sum.Rollout, Why: sum.Why})...)
	for _, j := range jobs {
		if err := cb.Send(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	if len(hook.told) != 2 || sum.Why != whyGranted {
		t.Fatalf("got %d callbacks and %q, want the promotion and the end told", len(hook.told), sum.Why)
	}
	var told map[string]any
	if err := json.Unmarshal([]byte(hook.told[0]), &told); err != nil {
		t.Fatal(err)
	}
	if told["type"] != "rollout.promoted" || !strings.Contains(text, "told.type != 'rollout.promoted'") {
		t.Errorf("got %v, want the word of the Jenkinsfile", told["type"])
	}
	for _, path := range regexp.MustCompile(`told\.data\.(\w+)`).FindAllStringSubmatch(text, -1) {
		if _, ok := told["data"].(map[string]any)[path[1]]; !ok {
			t.Errorf("the Jenkinsfile reads data.%s, and the callback has %v", path[1], told["data"])
		}
	}
	if a := send(requests[1]).object(t); a["status"] != "promote" {
		t.Errorf("got %v, want nothing left to cancel", a)
	}
	// With another token it is refused, and tried again.
	hook.authToken = "Bearer other"
	if err := cb.Send(t.Context(), jobs[0]); err == nil || strings.Contains(err.Error(), "hook-token") {
		t.Errorf("got %v, want a refusal without the token in it", err)
	}
}

// The token goes where it is meant for, and only over TLS.
func TestTokensOfCallbacks(t *testing.T) {
	cb := someCallbacks(t, func(c *CallbackConfig) {
		c.Bearers = []CallbackBearer{{Host: "ci.example.com", Token: "one"}, {Host: "*.example.com", Token: "two"}}
	})
	for to, want := range map[string]string{
		"https://ci.example.com/x": "Bearer one", "https://a.example.com/": "Bearer two", "https://example.com/": "", "https://ci.example.com.evil.org/": "",
		"https://ci.example.com:8443/": "",
	} {
		r, err := cb.request(t.Context(), "key", callbackBody{URL: to, Payload: []byte(`{}`)})
		if err != nil || r.Header.Get("Authorization") != want {
			t.Errorf("%s: got %q, %v; want %q", to, r.Header.Get("Authorization"), err, want)
		}
	}
	if err := cb.Check("http://ci.example.com/x"); err == nil || !strings.Contains(err.Error(), "plain http would show") {
		t.Errorf("got %v, want it refused", err)
	}
	if err := cb.Check("http://elsewhere.org/x"); err != nil {
		t.Errorf("got %v, want plain http allowed without a token", err)
	}
	for _, b := range []CallbackBearer{{"*", "x"}, {"ci.example.com", ""}, {"ci.example.com", "a b"}, {"ci.example.com", "a\nb"}, {"", "x"}} {
		_, err := NewCallbacks(CallbackConfig{Secrets: []string{newSecret}, Hosts: []string{"*"}, Guard: anywhere, Bearers: []CallbackBearer{b}})
		if err == nil || strings.Contains(err.Error(), "a b") {
			t.Errorf("%q: got %v, want it refused without the token", b, err)
		}
	}
}

// shell runs a script of the examples against the real server, whose desk works while
// the script waits.
func shell(t *testing.T, w *world, d *desk, c *exec.Cmd) (code int, output string) {
	t.Helper()
	turns := make(chan struct{})
	var one sync.Mutex // the world's queue is for one at a time
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		one.Lock()
		w.server.Handler().ServeHTTP(rw, r)
		one.Unlock()
		if strings.HasSuffix(r.URL.Path, "/status") {
			turns <- struct{}{}
		}
	}))
	defer server.Close()
	c.Env = append(append(os.Environ(), c.Env...), "SERIN="+server.URL, "SERIN_TOKEN=token", "SERIN_POLL=0", "POLL=0", "TOKEN=token")
	for i, e := range c.Env {
		c.Env[i] = strings.ReplaceAll(e, "SERVER", server.URL)
	}
	done := make(chan error, 1)
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	go func() { done <- c.Run() }()
	for {
		select {
		case <-turns: // one poll has been answered; a minute passes
			one.Lock()
			d.work(time.Minute)
			one.Unlock()
		case <-done:
			return c.ProcessState.ExitCode(), out.String()
		}
	}
}

func TestTheScript(t *testing.T) {
	for name, c := range map[string]struct {
		says func(*judge.Verdict)
		code int
		body string
	}{
		"promote":      {promoting, 0, "announcement.json"},
		"rollback":     {func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, judge.Answer{Yes: true} }, 1, "announcement.json"},
		"inconclusive": {func(v *judge.Verdict) { v.Outcome = judge.Inconclusive }, 2, "announcement.json"},
		"misspelt":     {promoting, 3, "judge.sh"},
	} {
		t.Run(name, func(t *testing.T) {
			w, d := newDeskWorld(t)
			w.judge.say(c.says)
			code, out := shell(t, w, d, exec.CommandContext(t.Context(), "sh", "../examples/scripts/judge.sh", "../examples/scripts/"+c.body, "run-1"))
			if code != c.code {
				t.Errorf("got exit code %d, want %d:\n%s", code, c.code, out)
			}
			if c.code < 3 && !strings.Contains(out, "announced; no look yet") {
				t.Errorf("got %q, want the progress shown", out)
			}
		})
	}
}

// A server that is away for long ends the script, by a code of its own.
func TestTheScriptGivesUp(t *testing.T) {
	polls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("Location", "/v1/rollouts/abcdefghijklmnop/status?question=promotion.1")
			w.WriteHeader(http.StatusAccepted)
			return
		}
		polls++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	c := exec.CommandContext(t.Context(), "sh", "../examples/scripts/judge.sh", "../examples/scripts/announcement.json", "run-1")
	c.Env = append(os.Environ(), "SERIN="+server.URL, "SERIN_TOKEN=token", "SERIN_POLL=0")
	out, err := c.CombinedOutput()
	if c.ProcessState.ExitCode() != 3 || polls != 60 || !strings.Contains(string(out), "cannot be reached") {
		t.Errorf("got exit code %d (%v) after %d polls, want 3 after 60:\n%s", c.ProcessState.ExitCode(), err, polls, out)
	}
}

// blockOfYAML returns the text of a block (key: |) without its indentation. The house
// test reads the whole file as YAML.
func blockOfYAML(t *testing.T, text, key string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, key+": |\n")
	if !found {
		t.Fatalf("there is no block %s", key)
	}
	indent := len(rest) - len(strings.TrimLeft(rest, " "))
	var lines []string
	for _, line := range strings.Split(rest, "\n") {
		if strings.TrimSpace(line) != "" && len(line)-len(strings.TrimLeft(line, " ")) < indent {
			break
		}
		lines = append(lines, line[min(indent, len(line)):])
	}
	return strings.Join(lines, "\n")
}

// The first step's request is understood, and its answer has what the second needs;
// the second's script comes to an end with each status.
func TestHarnessExample(t *testing.T) {
	text := pipelineExample(t, "harness/judge.yaml", map[string]string{"<+artifact.tag>": "v2", "<+pipeline.executionId>": "run-1"})
	field := func(key string) string {
		m := regexp.MustCompile(`\n\s+` + key + `: (.+)\n`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("there is no %s", key)
		}
		return m[1]
	}
	u, err := url.Parse(field("url"))
	if err != nil {
		t.Fatal(err)
	}
	for want, say := range map[int]func(*judge.Verdict){0: promoting, 1: func(v *judge.Verdict) { v.Outcome, v.RollBack = judge.Rollback, judge.Answer{Yes: true} }} {
		w, d := newDeskWorld(t)
		w.judge.say(say)
		r := httptest.NewRequest(field("method"), u.RequestURI(), strings.NewReader(blockOfYAML(t, text, "requestBody")))
		for _, h := range regexp.MustCompile(`\{ key: ([\w-]+), value: ([^'\n]+) \}`).FindAllStringSubmatch(text, -1) {
			r.Header.Set(h[1], h[2])
		}
		a := w.send(r)
		if !strings.HasSuffix(field("assertion"), fmt.Sprintf("== %d", a.code)) {
			t.Fatalf("got %d %s, want %s", a.code, a.body, field("assertion"))
		}
		c := exec.CommandContext(t.Context(), "bash", "-c", blockOfYAML(t, text, "script"))
		c.Env = []string{"STATUS=SERVER" + a.object(t)["self"].(string)}
		if code, out := shell(t, w, d, c); code != want || !strings.Contains(out, "announced; no look yet") {
			t.Errorf("got exit code %d, want %d:\n%s", code, want, out)
		}
	}
}

// gh-ost is given an address that the server answers.
func TestGhostExample(t *testing.T) {
	found := regexp.MustCompile(`--throttle-http="https://[^@"]+@serin\.example\.com([^"]+)"`).FindStringSubmatch(pipelineExample(t, "gh-ost/migrate.sh", nil))
	if found == nil {
		t.Fatal("the example has no --throttle-http")
	}
	w := newWorld(t)
	w.judge.say(func(v *judge.Verdict) { v.Advance, v.Progress.Paired = judge.Answer{Yes: true}, 3 })
	w.want(w.do("POST", w.announce(announced1)+"/judge", ""), 200)
	if ok, a := w.migrates(found[1]); !ok {
		t.Errorf("got %d, want a go", a.code)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-n", "../examples/gh-ost/migrate.sh").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// The page has a table for each caller, and names only words that there are.
func TestThePageOfPipelines(t *testing.T) {
	b, err := os.ReadFile("../docs/pipelines.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, section := range []string{"## Spinnaker", "## Harness", "## Jenkins", "## Scripts", "## gh-ost"} {
		_, rest, found := strings.Cut(text, "\n"+section)
		part, _, _ := strings.Cut(rest, "\n## ")
		if !found || !strings.Contains(part, "|---|") {
			t.Errorf("%s has no table of outcomes", section)
		}
	}
	for _, word := range []string{statusRunning, statusPromote, statusAdvance, statusRollback, statusInconclusive, statusClosed} {
		if !strings.Contains(text, "| `"+word+"` |") {
			t.Errorf("the page has no row for status %s", word)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(\.\./(examples/[^)]+)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat("../" + m[1]); err != nil {
			t.Error(err)
		}
	}
}
