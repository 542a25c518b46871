package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/synthetics/synthtest"
	"github.com/serin-canary/serin/judge/loadcompare"
	"github.com/serin-canary/serin/judge/plan"
)

// myapp is one arm of the service that examples/checks speaks of, with what is wrong
// with it: the path that fails, and what it answers there; and how long its products take.
type myapp struct {
	path   string
	status int
	body   string
	slow   time.Duration
}

// ServeHTTP answers as the service does.
func (a myapp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == a.path {
		w.WriteHeader(a.status)
		fmt.Fprint(w, a.body)
		return
	}
	if r.URL.Path == "/api/products" {
		select { // the time that it takes
		case <-time.After(a.slow):
		case <-r.Context().Done():
		}
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /health":
		fmt.Fprint(w, `{"status": "ok", "database": "healthy", "cache": "healthy", "message_queue": "healthy"}`)
	case "GET /api/products":
		fmt.Fprint(w, `{"products": [{"id": 1, "name": "tea"}]}`)
	case "POST /api/login":
		var who struct{ Username, Password string }
		if json.NewDecoder(r.Body).Decode(&who) != nil || who.Username != "test" || who.Password != "test" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"token": "hunter2hunter2"}`)
	case "POST /api/users":
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id": 7}`)
	case "DELETE /api/users/7":
		w.WriteHeader(http.StatusNoContent)
	case "GET /debug/log":
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintln(w, "INFO started")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// serve starts an arm and returns its URL.
func (a myapp) serve(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	return s.URL
}

// checkExample runs the checks of an example by the command, in a process of its own.
func checkExample(t *testing.T, name string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if !filepath.IsAbs(name) {
		name = filepath.Join("..", "..", "examples", "checks", name)
	}
	all := append([]string{"check", "run", "-f", name}, args...)
	cmd := exec.CommandContext(ctx, "serin", all...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("serin %v did not end in time\n%s\n%s", all, out.String(), errs.String())
	}
	if text := out.String() + errs.String(); strings.Contains(text, "hunter2") {
		t.Errorf("serin %v shows a credential:\n%s", all, text)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// TestExampleOfASmokeTest breaks the service in each way that the smoke test looks for.
func TestExampleOfASmokeTest(t *testing.T) {
	for _, c := range []struct {
		name string
		arm  myapp
		code int
		says []string
	}{
		{"healthy", myapp{}, 0, []string{"All 3 checks passed"}},
		{"not ok", myapp{path: "/health", status: 200, body: `{"status": "starting"}`}, 1, []string{"✗ health: failed", `$.status is "starting", want "ok"`, "2 of 3 checks passed"}},
		{"down", myapp{path: "/health", status: 503, body: ``}, 1, []string{"✗ health: failed", "answered 503"}},
		{"no products", myapp{path: "/api/products", status: 200, body: `{"products": []}`}, 1, []string{"✗ list-products: failed", "json.products is []"}},
		{"products are no list", myapp{path: "/api/products", status: 200, body: `{}`}, 1, []string{"✗ list-products: failed", "products"}},
		{"nobody gets in", myapp{path: "/api/login", status: 401, body: `{}`}, 1, []string{"✗ login: failed", "answered 401"}},
		{"no token", myapp{path: "/api/login", status: 200, body: `{"session": "hunter2hunter2"}`}, 1, []string{"✗ login: failed", "token"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := checkExample(t, "smoke.yaml", "--target", c.arm.serve(t))
			if code != c.code {
				t.Errorf("exit: got %d, want %d", code, c.code)
			}
			for _, want := range c.says {
				if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
					t.Errorf("%q is not said:\n%s\n%s", want, out, errs)
				}
			}
		})
	}
}

// TestNothingIsPassedByAServiceThatIsNotThere asks a port that nobody listens on.
func TestNothingIsPassedByAServiceThatIsNotThere(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	code, out, _ := checkExample(t, "smoke.yaml", "--target", s.URL)
	if code != 1 || !strings.Contains(out, "0 of 3 checks passed; 3 failed") {
		t.Errorf("got exit %d, want 1:\n%s", code, out)
	}
}

// TestExamplesOfChecksLoad loads every plan of the folder.
func TestExamplesOfChecksLoad(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "..", "examples", "checks", "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, p := range paths {
		if _, err := plan.Load(p); err != nil {
			t.Error(err)
		}
	}
}

// greenNeeds is what the green environment is looked at for without a load.
const greenNeeds = "dependencies,test-user,no-errors-in-the-log"

// TestExampleOfAGreenEnvironment breaks the green environment in each way that is looked
// for, but for its speed.
func TestExampleOfAGreenEnvironment(t *testing.T) {
	for _, c := range []struct {
		name string
		arm  myapp
		code int
		says []string
	}{
		{"healthy", myapp{}, 0, []string{"All 3 checks passed"}},
		{"no database", myapp{path: "/health", status: 200, body: `{"database": "down", "cache": "healthy", "message_queue": "healthy"}`}, 1, []string{"✗ dependencies: failed", `$.database is "down", want "healthy"`}},
		{"a dependency is not told", myapp{path: "/health", status: 200, body: `{"database": "healthy", "cache": "healthy"}`}, 1, []string{"✗ dependencies: failed", "message_queue"}},
		{"no user", myapp{path: "/api/users", status: 500, body: `{}`}, 1, []string{"✗ test-user: failed", "(create)", "answered 500"}},
		{"a user without an ID", myapp{path: "/api/users", status: 201, body: `{"name": "smoke"}`}, 1, []string{"✗ test-user: failed", "(create)", "id"}},
		{"an error in the log", myapp{path: "/debug/log", status: 200, body: "INFO started\nERROR no stock\n"}, 1, []string{"✗ no-errors-in-the-log: failed", "no stock"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := checkExample(t, "green.yaml", "--target", c.arm.serve(t), "--only", greenNeeds)
			if code != c.code {
				t.Errorf("exit: got %d, want %d", code, c.code)
			}
			for _, want := range c.says {
				if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
					t.Errorf("%q is not said:\n%s\n%s", want, out, errs)
				}
			}
		})
	}
}

// TestExampleOfAGreenEnvironmentProvesIt ensures that the example's load is large enough
// to prove an equal green good, whose latencies spread as those of real services do: they
// are lognormal, with a sigma from narrow to wide. Fixed seeds.
func TestExampleOfAGreenEnvironmentProvesIt(t *testing.T) {
	p, err := plan.Load(filepath.Join("..", "..", "examples", "checks", "green.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(p.Checks, func(s checks.Spec) bool { return s.Load != nil })
	l := p.Checks[at].Load
	drawn := func(seed, arm uint64, sigma float64) []checks.LoadSample {
		r := rand.New(rand.NewPCG(seed, arm))
		out := make([]checks.LoadSample, int(l.Rate*l.Duration.Seconds()))
		for i := range out {
			out[i] = checks.LoadSample{Latency: time.Duration(.05 * math.Exp(sigma*r.NormFloat64()) * float64(time.Second)), Status: 200}
		}
		return out
	}
	const loads = 3
	for sigma, least := range map[float64]int{.4: loads, .7: loads, 1: loads - 1} {
		good := 0
		for seed := range uint64(loads) {
			v := loadcompare.Compare(checks.LoadRun{Rate: l.Rate, Canary: drawn(seed, 1, sigma), Baseline: drawn(seed, 2, sigma)},
				loadcompare.Rules{Slower: l.Latency.Tolerance.Relative, SlowerMargin: l.Latency.Margin.Relative})
			if v.Class == loadcompare.NotWorse {
				good++
			}
		}
		if good < least {
			t.Errorf("sigma %g: got %d of %d loads of an equal green proven good, want %d", sigma, good, loads, least)
		}
	}
}

// TestExampleOfAGreenEnvironmentUnderLoad sends a minute of the example's load, at half
// its rate, to an equal green and to one that is half as slow again: where all answers
// take the same time, so many tell as much.
func TestExampleOfAGreenEnvironmentUnderLoad(t *testing.T) {
	needsMinutes(t)
	const takes = 200 * time.Millisecond // long beside what a busy machine adds to it
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "checks", "green.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	smaller := strings.NewReplacer("rate: 200", "rate: 100", "duration: 240s", "duration: 60s").Replace(string(text))
	if smaller == string(text) {
		t.Fatal("the example's load has another size than this test thinks")
	}
	minute := filepath.Join(t.TempDir(), "green.yaml")
	if err := os.WriteFile(minute, []byte(smaller), 0o600); err != nil {
		t.Fatal(err)
	}
	local := func(a myapp) string { return strings.Replace(a.serve(t), "127.0.0.1", "localhost", 1) }
	for _, c := range []struct {
		name  string
		green time.Duration
		code  int
		says  string
	}{
		{"as fast", takes, 0, "All 4 checks passed"},
		{"half as slow again", takes * 3 / 2, 1, "✗ as-fast-under-load: failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := checkExample(t, minute, "-v", "--target", local(myapp{slow: c.green}), "--baseline", local(myapp{slow: takes}))
			t.Log(out)
			if code != c.code || !strings.Contains(out, c.says) {
				t.Errorf("got exit %d, want %d with %q:\n%s", code, c.code, c.says, errs)
			}
		})
	}
}

// TestExampleOfSynthetics makes a test at a stand-in for Datadog out of the example's
// check, as its comment says, and has it look at a canary that answers and one that does
// not.
func TestExampleOfSynthetics(t *testing.T) {
	dd := synthtest.New(t)
	t.Setenv("DD_API_KEY", synthtest.APIKey)
	t.Setenv("DD_APP_KEY", synthtest.AppKey)
	config := filepath.Join(t.TempDir(), "serin.yaml")
	text := fmt.Sprintf("datadog: { url: %q, apiKey: env:DD_API_KEY, appKey: env:DD_APP_KEY }\nsources: [{ name: prometheus, prometheus: { url: \"http://127.0.0.1:1\" } }]\n", dd.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	example := filepath.Join("..", "..", "examples", "checks", "synthetics.yaml")
	good := myapp{}.serve(t)
	var out, errs bytes.Buffer
	args := []string{"export", "synthetics", "-p", example, "-t", good, "--check", "health", "--location", "aws:us-east-1,aws:us-west-2", "--message", "failed @pagerduty", "--create", "-c", config}
	if code := run(t.Context(), args, &out, &errs); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	made, ok := dd.Created(strings.TrimSpace(out.String()))
	if !ok || len(made.Config.Assertions) != 3 {
		t.Fatalf("created %+v, %v", made, ok)
	}
	dd.Add("abc-def-ghi", made) // the ID that the example names
	for _, c := range []struct {
		name string
		url  string
		code int
		says string
	}{
		{"healthy", good, 0, "All 2 checks passed"},
		{"not ok", myapp{path: "/health", status: 200, body: "starting"}.serve(t), 1, "✗ health-from-outside: failed"},
		{"down", myapp{path: "/health", status: 503, body: "ok"}.serve(t), 1, "at aws:us-west-2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := checkExample(t, "synthetics.yaml", "--target", c.url, "-c", config)
			if code != c.code || !strings.Contains(strings.Join(strings.Fields(out), " "), c.says) {
				t.Errorf("got exit %d, want %d with %q:\n%s\n%s", code, c.code, c.says, out, errs)
			}
		})
	}
}
