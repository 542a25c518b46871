package app

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries/store"
)

func TestSecretsOfChecks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	keep := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keep("first\n")
	t.Setenv("SERIN_TEST_SHOP", "of the environment")
	all := Secrets{
		{Name: "file", From: store.Secret("file:" + file)},
		{Name: "env", From: "env:SERIN_TEST_SHOP"},
		{Name: "narrow", From: "env:SERIN_TEST_SHOP", Services: []string{"checkout"}, Namespaces: []string{"shop"}},
		{Name: "gone", From: store.Secret("file:" + file + ".gone")},
		{Name: "unset", From: "env:SERIN_TEST_NOTHING"},
	}
	for name, c := range map[string]struct {
		target checks.Target
		secret string
		want   string
		says   string
	}{
		"a file":              {checks.Target{}, "file", "first", ""},
		"a variable":          {checks.Target{}, "env", "of the environment", ""},
		"its service":         {checks.Target{Service: "checkout", Namespace: "shop"}, "narrow", "of the environment", ""},
		"another service":     {checks.Target{Service: "cart", Namespace: "shop"}, "narrow", "", "is not for checks of cart; add the service"},
		"another namespace":   {checks.Target{Service: "checkout"}, "narrow", "", `is not for checks in the namespace ""; add it`},
		"an unknown one":      {checks.Target{}, "other", "", "is not known here; add it under secrets: in the server's configuration, or give it to serin check run with --secret other=env:VARIABLE"},
		"no file":             {checks.Target{}, "gone", "", "mend file:"},
		"a variable unset":    {checks.Target{}, "unset", "", "env:SERIN_TEST_NOTHING is empty; mend"},
		"a name with an path": {checks.Target{}, "../file", "", "is not known here"},
	} {
		got, err := all.Give(c.target, c.secret)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %q, %v, want %q, %s", name, got, err, c.want, c.says)
		}
	}
	keep("second")
	if got, err := all.Give(checks.Target{}, "file"); got != "second" || err != nil {
		t.Errorf("got %q, %v of a file that was changed, want what is in it now", got, err)
	}
}

func TestSecretsInTheConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		secrets Secrets
		path    string
	}{
		"good":        {Secrets{{Name: "a", From: "env:A"}, {Name: "b.c-d_e", From: "file:/run/secrets/b"}}, ""},
		"no name":     {Secrets{{From: "env:A"}}, "secrets[0].name"},
		"a bad name":  {Secrets{{Name: "hunter2/../x", From: "env:A"}}, "secrets[0].name"},
		"twice":       {Secrets{{Name: "a", From: "env:A"}, {Name: "a", From: "env:B"}}, "secrets[1].name"},
		"no place":    {Secrets{{Name: "a"}}, "secrets[0].from"},
		"itself":      {Secrets{{Name: "a", From: "hunter2"}}, "secrets[0].from"},
		"other place": {Secrets{{Name: "a", From: "vault:hunter2"}}, "secrets[0].from"},
	} {
		var fs plan.Faults
		c.secrets.check(func(path, format string, args ...any) {
			fs = append(fs, plan.Fault{Path: path, Text: fmt.Sprintf(format, args...)})
		})
		if (c.path == "") != (len(fs) == 0) || c.path != "" && (len(fs) != 1 || fs[0].Path != c.path) || strings.Contains(fmt.Sprint(fs), "hunter2") {
			t.Errorf("%s: got %v, want a fault at %q that repeats nothing", name, fs, c.path)
		}
	}
	if got, err := ReadSecrets([]string{"a=env:A", "b=file:/x=y"}); err != nil || len(got) != 2 || got[1].From != "file:/x=y" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, flag := range []string{"a", "a=hunter2", "=env:A", "a b=env:A"} {
		if _, err := ReadSecrets([]string{flag}); err == nil || !strings.Contains(err.Error(), "write --secret NAME=env:VARIABLE") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("--secret %s: got %v", flag, err)
		}
	}
}

// TestDocumentedSecretsLoad ensures that the configuration that the page of checks shows
// can be used.
func TestDocumentedSecretsLoad(t *testing.T) {
	page, err := os.ReadFile("../../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```yaml\nsecrets:")
	example, _, ended := strings.Cut(rest, "```")
	file := filepath.Join(t.TempDir(), "serin.yaml")
	if err := os.WriteFile(file, []byte("secrets:"+example), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Read(file)
	if err != nil || !ok || !ended || len(c.Secrets) != 2 || c.Secrets[1].Services[0] != "checkout" {
		t.Errorf("got %+v, %v, want the two secrets of the page", c.Secrets, err)
	}
}

func TestDoctorTriesSecrets(t *testing.T) {
	t.Setenv("SERIN_TEST_SHOP", "hunter2-hunter2")
	x := examination{c: Config{Secrets: Secrets{{Name: "a", From: "env:SERIN_TEST_SHOP"}, {Name: "b", From: "env:SERIN_TEST_NOTHING"}}}}
	x.secrets()
	if len(x.found) != 2 || x.found[0].Health != Well || x.found[1].Health != Ill || strings.Contains(fmt.Sprint(x.found), "hunter2") {
		t.Errorf("got %+v, want one that can be read and one that cannot", x.found)
	}
}

// TestSecretsOfChecksLeaveNoTrace runs a server whose plan has a journey with a secret,
// through a service that echoes all that it is sent in several spellings, and looks for
// the secret and for the token that the service gave in everything that comes out:
// answers, pages, metrics, logs, and the bytes of the journal.
func TestSecretsOfChecksLeaveNoTrace(t *testing.T) {
	const secret, token = "Sentinel-of-a-file-0123456789", "Sentoken-of-a-login-9876543210"
	used := make(chan string, 64)
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		used <- r.URL.Path + " " + r.PostFormValue("password") + r.Header.Get("Authorization")
		if r.URL.Path == "/login" {
			fmt.Fprintf(w, `{"access_token": %q}`, token)
			return
		}
		all := r.Header.Get("Authorization") + " and " + secret
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "%s %s %s %x", base64.StdEncoding.EncodeToString([]byte(all)), all, strings.ToUpper(all), all)
	}))
	t.Cleanup(shop.Close)
	c := world(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Secrets = Secrets{{Name: "shop", From: store.Secret("file:" + password), Services: []string{"checkout"}}}
	text := planYAML + `checks:
  - name: buy
    arms: both
    journey:
      steps:
        - name: login
          http: { post: "{{ .Arm.URL }}/login", form: { password: '{{ secret "shop" }}' } }
          extract: { token: $.access_token }
        - name: order
          http: { get: "{{ .Arm.URL }}/orders/{{ .Values.token }}", headers: { Authorization: "Bearer {{ .Values.token }}" } }
  - name: missing
    http: { get: "{{ .Canary.URL }}/", headers: { X-Key: '{{ secret "other" }}' } }
`
	if err := os.WriteFile(filepath.Join(c.Plans, "checkout.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := &writer{}
	a, err := New(t.Context(), Options{Config: c, Log: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	var out strings.Builder
	ask := func(method, path, body string) string {
		status, said := call(t, method, a.URL()+path, body)
		fmt.Fprintln(&out, method, path, status, said)
		return said
	}
	announced := ask("POST", "/v1/rollouts", `{"service":"checkout","namespace":"shop","revision":"v2","baseline":{"url":"`+shop.URL+`"},"canary":{"url":"`+shop.URL+`"}}`)
	var opened struct{ Rollout struct{ ID string } }
	if err := json.Unmarshal([]byte(announced), &opened); err != nil || opened.Rollout.ID == "" {
		t.Fatalf("got %s, %v, want a rollout", announced, err)
	}
	at := "/v1/rollouts/" + opened.Rollout.ID
	verdict := ask("POST", at+"/judge", "")
	for _, path := range []string{at, at + "/verdicts", "/v1/rollouts", "/v1/plans", "/", "/rollouts/" + opened.Rollout.ID, "/metrics", "/v1/audit"} {
		ask("GET", path, "")
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
	sent := ""
	for len(used) > 0 {
		sent += <-used + "\n"
	}
	if !strings.Contains(sent, "/login "+secret) || !strings.Contains(sent, "Bearer "+token) {
		t.Fatalf("got %s, want the secret and the token sent", sent)
	}
	for _, want := range []string{"environment, not canary", "step 2 of 2 (order)", "(hidden)", `the secret \"other\" is not known here; add it under secrets:`} {
		if !strings.Contains(verdict, want) {
			t.Errorf("got %s\nwant it to say %q", verdict, want)
		}
	}
	for what, where := range map[string]string{"the answers": out.String(), "the log": logs.String(), "the journal": journalBytes(t, c.Journal)} {
		for _, s := range []string{secret, token} {
			for _, spelt := range append(inBase64(s), s[:12], strings.ToUpper(s), fmt.Sprintf("%x", s)) {
				if strings.Contains(where, spelt) {
					t.Errorf("%q is in %s", spelt, what)
				}
			}
		}
	}
}

// journalBytes returns all that a journal's files hold.
func journalBytes(t *testing.T, path string) string {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no journal at %s: %v", path, err)
	}
	var all strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
